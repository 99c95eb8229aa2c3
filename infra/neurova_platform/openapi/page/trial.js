// Try a function: a form for its values, the request and the response.

import { code, el, json } from "./dom.js";
import { curl, limits, request } from "./request.js";
import { kind } from "./schema.js";

const MAX_SHOWN = 256 * 1024; // characters of a response; longer text renders slowly

/** Return the form of a function; `key()` returns the key of the user, changed by an "input". */
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
    rows.push(el("div", { class: "row" }, el("label", { for: "try-body" }, "JSON body"), body));
  }
  const line = el("code", {});
  const output = el("div", { class: "answer" });
  const status = el("p", { class: "status", role: "status" });
  const send = el("button", { type: "submit", class: "send" }, "Send");
  const stop = el("button", { type: "button", hidden: true }, "Stop");
  const copy = el("button", { type: "button", class: "small" }, "Copy");
  const note = el("span", { class: "quiet" });

  const planned = () => {
    const values = new Map([...inputs].map(([name, input]) => [name, input.value]));
    return request(operation, values, body ? body.value : null, key(), api);
  };
  const show = () => {
    const shown = planned();
    if (operation.security.length && !key()) shown.headers.unshift(["X-API-Key", ""]);
    line.textContent = curl(shown);
    note.textContent = operation.security.length && !key() ? "Enter a key above first." : "";
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
      el("pre", { tabindex: "0", role: "group", "aria-label": "The request as curl" }, line),
    ),
    status,
    output,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const abort = new AbortController();
    stop.onclick = () => abort.abort();
    stop.hidden = false;
    send.disabled = true;
    output.replaceChildren();
    status.className = "status";
    status.textContent = "Sent, waiting…";
    try {
      await call(planned(), abort.signal, status, output);
    } catch (error) {
      const stopped = error.name === "AbortError";
      status.textContent = stopped ? "Stopped." : `The request failed: ${error.message}`;
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
      getSelection().selectAllChildren(line); // browsers offer no clipboard without TLS
      copy.textContent = "Selected";
    }
    setTimeout(() => (copy.textContent = "Copy"), 1500);
  });
  show();
  return form;
}

function control(api, parameter, id) {
  const schema = api.resolve(parameter.schema);
  const required = Boolean(parameter.required);
  const choices = schema.enum || (schema.type === "boolean" ? [true, false] : null);
  if (choices) {
    const none = required ? [] : [el("option", { value: "" }, "–")];
    const options = choices.filter((value) => value !== null).map((value) => el("option", { value: String(value) }, String(value)));
    return el("select", { id, required }, none, options);
  }
  const many = schema.type === "array";
  const input = el("input", {
    id,
    type: "text",
    required,
    autocomplete: "off",
    spellcheck: "false",
    placeholder: many ? "a, b, …" : String(schema.default ?? parameter.example ?? kind(api, schema)),
  });
  if (required && parameter.example !== undefined) input.value = String(parameter.example);
  return input;
}

/** Send a request and show its response as it arrives. */
async function call(request, signal, status, place) {
  const headers = new Headers(request.headers);
  const start = performance.now();
  const response = await fetch(request.url, {
    method: request.method,
    headers,
    body: request.body ?? undefined,
    credentials: "omit",
    cache: "no-store",
    redirect: "manual",
    signal,
  });
  const first = performance.now() - start;
  const showStatus = (size, more) => {
    status.replaceChildren(
      el("strong", {}, `${response.status || "3xx"} ${response.statusText}`.trim()),
      ` in ${first < 10 ? first.toFixed(1) : Math.round(first)} ms, ${bytes(size)}${more}`,
    );
  };
  status.classList.add(response.ok ? "good" : "bad");
  const left = limits(response);
  if (left.length) place.append(meters(left));
  const headerLines = [...response.headers].map(([name, value]) => `${name}: ${value}\n`).join("");
  const shown = el("code", {});
  place.append(
    el("h3", {}, "Body"),
    el("pre", { class: "body", tabindex: "0", role: "group", "aria-label": "Response body" }, shown),
    el("details", {}, el("summary", {}, "Headers"), code("Response headers", headerLines)),
  );
  const type = response.headers.get("content-type") || "";
  const readable = /^text\/|json|xml|event-stream/.test(type);
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  showStatus(size, "");
  const reader = response.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (readable && text.length < MAX_SHOWN) {
      text += decoder.decode(value, { stream: true });
      shown.textContent = text;
    }
    showStatus(size, "…");
  }
  showStatus(size, "");
  if (!size) shown.textContent = "(none)";
  else if (!readable) shown.textContent = `(${bytes(size)} of ${type || "unknown type"})`;
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
    { class: "limits", "aria-label": "Remaining limits" },
    left.map(({ name, left: rest, of, seconds }) =>
      el(
        "li",
        {},
        of ? el("meter", { min: "0", max: String(of), value: String(rest), "aria-label": `Remaining of ${name}` }) : null,
        ` ${rest}${of ? ` of ${of}` : ""} left, ${name}, reset within ${seconds} s`,
      ),
    ),
  );
}

function bytes(size) {
  if (size < 1000) return `${size} B`;
  return size < 1e6 ? `${(size / 1e3).toFixed(1)} kB` : `${(size / 1e6).toFixed(1)} MB`;
}
