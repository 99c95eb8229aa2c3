// Read and check form fields, and show messages beside invalid fields.

import { text } from "./text.js";

const FIELDS = {
  "/arrival": "arrival", "/nights": "departure", "/guest/name": "name", "/guest/email": "email",
};

/** Show each field's message beside it, clear all others, and focus the first invalid field. */
export function showFaults(form, faults) {
  for (const field of form.elements) {
    const place = document.getElementById(`${field.id}-error`);
    if (!place) continue;
    place.textContent = faults[field.name] ?? "";
    if (faults[field.name]) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }
  form.querySelector("[aria-invalid]")?.focus();
}

/** Return whether all fields of a form are valid; show a message beside each invalid field. */
export function check(form, faults = {}) {
  for (const field of form.elements) {
    const isBlank = field.required && !field.value.trim();
    if (field.name && (isBlank || !field.checkValidity())) faults[field.name] ??= text(`fault.${field.name}`);
  }
  showFaults(form, faults);
  return Object.keys(faults).length === 0;
}

/** Show the errors of a problem beside their fields; return whether all fields are in this form. */
export function showProblem(form, problem) {
  const faults = {};
  for (const pointer of problem.pointers) {
    const name = FIELDS[pointer];
    if (form.elements[name]) faults[name] = text(`fault.${name}`);
  }
  showFaults(form, faults);
  return problem.pointers.length > 0 && Object.keys(faults).length === problem.pointers.length;
}

/** Return a local date in the format of a date field. */
export const isoDay = (date) =>
  [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0")).join("-");

export function addDays(iso, days) {
  const date = new Date(iso);
  date.setUTCDate(date.getUTCDate() + days);
  return date.toISOString().slice(0, 10);
}

export const countNights = (from, to) => (new Date(to) - new Date(from)) / 86_400_000;
