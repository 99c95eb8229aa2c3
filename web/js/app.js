// The steps of a guest: search, choose, book, see the booking, find it again.

import { Problem, book, findBooking, findOffers, makeNumber, readNumber } from "./api.js";
import { addDays, check, countNights, isoDay, showProblem } from "./fields.js";
import { chooseLanguage, setLanguage, text } from "./text.js";
import { showBooking, showOffers, showStay } from "./views.js";

const { search, book: details, find } = document.forms;
const status = document.getElementById("status");
const alert = document.getElementById("alert");
const STORED = "booking"; // the storage key of the booking number; kept until the tab is closed

let results = null; // {stay, found}
let draft = null; // the stay to book, with its number
let booking = null;
let email = ""; // the email address of the booking that was just made
let isBusy = false;
let notice = ""; // a message to show in the next view

function showAlert(message) {
  alert.textContent = message;
  alert.hidden = !message;
}

/** Run `work` for a form, one at a time; show an error beside its fields, or above the form. */
async function send(form, busyText, work, explain = () => "") {
  if (isBusy) return;
  isBusy = true;
  form.ariaBusy = "true";
  status.textContent = text(busyText);
  showAlert("");
  try {
    await work();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    status.textContent = "";
    if (!showProblem(form, problem)) showAlert(await explain(problem) || describe(problem));
  } finally {
    isBusy = false;
    form.ariaBusy = "false";
  }
}

function rememberNumber(number) {
  sessionStorage.setItem(STORED, number);
  find.elements.number.value = number;
}

function describe(problem) {
  if (problem.status === 0) return text("fault.offline");
  return problem.status === 429 ? text("fault.limit") : text("fault.other", { trace: problem.trace });
}

async function searchRooms() {
  const { arrival, departure, adults, children } = Object.fromEntries(new FormData(search));
  const stay = { arrival, nights: countNights(arrival, departure), adults, children };
  results = { stay, found: await findOffers(stay) };
  showOffers(results, choose);
  status.textContent = document.getElementById("results-title").textContent;
}

function choose(offer) {
  const { arrival, nights, adults, children } = results.stay;
  draft = {
    number: makeNumber(), // sent again with each retry, so that the room is booked once
    room_type: offer.room_type, total: offer.total,
    arrival, nights, adults: Number(adults), children: Number(children),
  };
  location.hash = "#/book";
}

/** Search again if the offer is sold out or its price has changed. */
async function explainBooking(problem) {
  if (problem.status !== 409) return "";
  await searchRooms();
  notice = text("fault.gone");
  location.hash = "#/";
  return notice;
}

search.addEventListener("submit", (event) => {
  event.preventDefault();
  const { arrival, departure } = search.elements;
  const nights = countNights(arrival.value, departure.value);
  if (!check(search, nights >= 1 && nights <= 30 ? {} : { departure: text("fault.departure") })) return;
  send(search, "search.busy", async () => {
    await searchRooms();
    document.getElementById("results-title").focus();
  });
});

search.elements.arrival.addEventListener("change", ({ target }) => {
  if (!target.value) return;
  const { departure } = search.elements;
  departure.min = addDays(target.value, 1);
  departure.max = addDays(target.value, 30);
  if (departure.value < departure.min) departure.value = departure.min;
});

details.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!check(details)) return;
  const guest = Object.fromEntries(new FormData(details));
  send(details, "book.busy", async () => {
    booking = await book({ ...draft, guest });
    email = guest.email;
    draft = results = null;
    document.getElementById("results").hidden = true;
    rememberNumber(booking.number);
    location.replace("#/booking");
  }, explainBooking);
});

find.addEventListener("submit", (event) => {
  event.preventDefault();
  const number = readNumber(find.elements.number.value);
  if (!check(find, number ? {} : { number: text("fault.number") })) return;
  send(find, "find.busy", async () => {
    booking = await findBooking(number);
    email = "";
    rememberNumber(number);
    location.hash = "#/booking";
  }, (problem) => (problem.status === 404 ? text("fault.unknown") : ""));
});

document.getElementById("copy").addEventListener("click", async ({ target }) => {
  await navigator.clipboard.writeText(booking.number);
  target.textContent = status.textContent = text("copied");
});

for (const button of document.querySelectorAll(".languages button")) {
  button.addEventListener("click", () => {
    setLanguage(button.lang, true);
    for (const form of document.forms) if (form.querySelector("[aria-invalid]")) check(form);
    showAlert("");
    render();
  });
}

function render() {
  if (results) showOffers(results, choose);
  if (draft) showStay(document.getElementById("stay"), { ...draft, departure: addDays(draft.arrival, draft.nights) });
  if (booking) showBooking(booking, email);
}

/** Show the view that the URL fragment names, and focus its heading. */
async function route(event) {
  let view = location.hash.replace(/^#\/?/, "") || "search";
  if (view === "main") return; // the target of the skip link
  if (view === "booking" && !booking) await restore();
  if ((view === "book" && !draft) || !document.querySelector(`[data-view="${CSS.escape(view)}"]`)) view = "search";
  if (view === "booking" && !booking) view = "find";
  render();
  if (event) showAlert(notice);
  notice = "";
  for (const each of document.querySelectorAll("[data-view]")) each.hidden = each.dataset.view !== view;
  for (const link of document.querySelectorAll("nav a")) {
    const isCurrent = link.hash === (view === "search" ? "#/" : `#/${view}`);
    if (isCurrent) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const title = document.getElementById(`${view}-title`);
  document.title = `${title.textContent} · Hotel Neurova`;
  if (event) title.focus();
}

/** Load the booking of this tab again after a page reload. */
async function restore() {
  const number = sessionStorage.getItem(STORED);
  if (number) await send(find, "find.busy", async () => { booking = await findBooking(number); });
}

function start() {
  const today = isoDay(new Date());
  const { arrival, departure } = search.elements;
  arrival.min = today;
  arrival.max = addDays(today, 549);
  arrival.value = addDays(today, 1);
  departure.min = addDays(today, 2);
  departure.max = addDays(today, 31);
  departure.value = addDays(today, 3);
  find.elements.number.value = sessionStorage.getItem(STORED) ?? "";
  setLanguage(chooseLanguage());
  addEventListener("hashchange", route);
  route();
}

start();
