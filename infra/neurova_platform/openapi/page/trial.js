// Try a function: a form of its values, the call, and its answer.

import { code, el, json } from "./dom.js";
import { curl, limits, request } from "./request.js";
import { kind } from "./schema.js";

const SHOWN = 256 * 1024; // characters of an answer, above which a page is slow to show them

/** Return the form of a function; `key()` gives the key that was typed, told of by an "input". */
export function trial(api, operation, key) {
  const inputs = new Map();
  const rows = (operation.parameters || []).map((parameter) => {
    const id = `try-${parameter.in}-${parameter.name}`;
    const input = control(api, parameter, id);
    inputs.set(`${parameter.in} ${parameter.name}`, input);
    const label = [el("code", {}, parameter.name), el("span", { class: "kind" }, ` ${parameter.in}`)];
    return el("div", { class: "row" }, el("label", { for: id }, label), input);
  });
  const content = operation.requestBody?.content?.["application/json"];
  const body = content
    ? el("textarea", { id: "try-body", spellcheck: "false", rows: "8", autocomplete: "off" })
    : null;
  if (body) {
    body.value = content.example === undefined ? "" : JSON.stringify(content.example, null, 2);
    body.rows = Math.min(18, Math.max(5, body.value.split("\n").length + 1));
    rows.push(el("div", { class: "row" }, el("label", { for: "try-body" }, "Body, JSON"), body));
  }
  const line = el("code", {});
  const answer = el("div", { class: "answer" });
  const status = el("p", { class: "status", role: "status" });
  const send = el("button", { type: "submit", class: "send" }, "Send");
  const stop = el("button", { type: "button", hidden: true }, "Stop");
  const copy = el("button", { type: "button", class: "small" }, "Copy");
  const note = el("span", { class: "quiet" });

  const made = () => {
    const values = new Map([...inputs].map(([name, input]) => [name, input.value]));
    return request(operation, values, body ? body.value : null, key(), api);
  };
  const show = () => {
    const planned = made();
    if (operation.security.length && !key()) planned.fields.unshift(["X-API-Key", ""]);
    line.textContent = curl(planned);
    note.textContent = operation.security.length && !key() ? "Give a key above first." : "";
  };
  const form = el(
    "form",
    { class: "try", "aria-labelledby": "try-title", novalidate: true, oninput: show },
    el("h2", { id: "try-title" }, "Try it"),
    rows,
    el("div", { class: "actions" }, send, stop, note),
    el(
      "div",
      { class: "curl" },
      el("div", { class: "curl-head" }, el("h3", {}, "As curl"), copy),
      el("pre", { tabindex: "0", role: "group", "aria-label": "The call as curl" }, line),
    ),
    status,
    answer,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const abort = new AbortController();
    stop.onclick = () => abort.abort();
    stop.hidden = false;
    send.disabled = true;
    answer.replaceChildren();
    status.className = "status";
    status.textContent = "Sent, waiting…";
    try {
      await call(made(), abort.signal, status, answer);
    } catch (error) {
      const stopped = error.name === "AbortError";
      status.textContent = stopped ? "Stopped." : `The call did not arrive: ${error.message}`;
      status.classList.toggle("bad", !stopped);
    }
    stop.hidden = true;
    send.disabled = false;
  });
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(line.textContent);
      copy.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(line); // no clipboard without TLS: it is selected instead
      copy.textContent = "Selected";
    }
    setTimeout(() => (copy.textContent = "Copy"), 1500);
  });
  show();
  return form;
}

function control(api, parameter, id) {
  const schema = api.resolve(parameter.schema);
  const need = Boolean(parameter.required);
  const choices = schema.enum || (schema.type === "boolean" ? [true, false] : null);
  if (choices) {
    const none = need ? [] : [el("option", { value: "" }, "–")];
    const options = choices.filter((value) => value !== null).map((value) => el("option", { value: String(value) }, String(value)));
    return el("select", { id, required: need }, none, options);
  }
  const many = schema.type === "array";
  const input = el("input", {
    id,
    type: "text",
    required: need,
    autocomplete: "off",
    spellcheck: "false",
    placeholder: many ? "a, b, …" : String(schema.default ?? parameter.example ?? kind(api, schema)),
  });
  if (need && parameter.example !== undefined) input.value = String(parameter.example);
  return input;
}

/** Make the call and show its answer, as it comes. */
async function call(made, signal, status, place) {
  const headers = new Headers(made.fields);
  const began = performance.now();
  const answer = await fetch(made.url, {
    method: made.method,
    headers,
    body: made.body ?? undefined,
    credentials: "omit",
    cache: "no-store",
    redirect: "manual",
    signal,
  });
  const first = performance.now() - began;
  const tell = (size, more) => {
    status.replaceChildren(
      el("strong", {}, `${answer.status || "3xx"} ${answer.statusText}`.trim()),
      ` in ${first < 10 ? first.toFixed(1) : Math.round(first)} ms, ${bytes(size)}${more}`,
    );
  };
  status.classList.add(answer.ok ? "good" : "bad");
  const left = limits(answer);
  if (left.length) place.append(meters(left));
  const fields = [...answer.headers].map(([name, value]) => `${name}: ${value}\n`).join("");
  const shown = el("code", {});
  place.append(
    el("h3", {}, "Body"),
    el("pre", { class: "body", tabindex: "0", role: "group", "aria-label": "Body of the answer" }, shown),
    el("details", {}, el("summary", {}, "Fields"), code("Fields of the answer", fields)),
  );
  const type = answer.headers.get("content-type") || "";
  const readable = /^text\/|json|xml|event-stream/.test(type);
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  tell(size, "");
  const reader = answer.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (readable && text.length < SHOWN) {
      text += decoder.decode(value, { stream: true });
      shown.textContent = text;
    }
    tell(size, "…");
  }
  tell(size, "");
  if (!size) shown.textContent = "(none)";
  else if (!readable) shown.textContent = `(${bytes(size)} of ${type || "no stated type"})`;
  else if (/json/.test(type) && !/ndjson/.test(type)) shown.replaceChildren(...pretty(text));
}

function pretty(text) {
  try {
    return json(JSON.stringify(JSON.parse(text), null, 2));
  } catch {
    return [text];
  }
}

function meters(left) {
  return el(
    "ul",
    { class: "limits", "aria-label": "Limits left" },
    left.map(({ name, left: rest, of, seconds }) =>
      el(
        "li",
        {},
        of ? el("meter", { min: "0", max: String(of), value: String(rest), "aria-label": `Left of ${name}` }) : null,
        ` ${rest}${of ? ` of ${of}` : ""} left, ${name}, whole again in ${seconds} s at most`,
      ),
    ),
  );
}

function bytes(size) {
  if (size < 1000) return `${size} B`;
  return size < 1e6 ? `${(size / 1e3).toFixed(1)} kB` : `${(size / 1e6).toFixed(1)} MB`;
}
