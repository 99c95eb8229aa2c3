// The description of one function.

import { code, el, inline, json, prose } from "./dom.js";
import { bounds, fields, kind } from "./schema.js";
import { trial } from "./trial.js";

/** Return the article of a function; `key()` returns the key of the user. */
export function article(api, operation, key) {
  const form = trial(api, operation, key);
  // The last paragraph describes access, which is shown separately.
  const description = prose(operation.description).slice(0, -1);
  return el(
    "article",
    { class: "function" },
    el(
      "div",
      { class: "description" },
      el("p", { class: "place" }, operation.service, el("span", { class: "quiet" }, ` / ${operation.operationId}`)),
      el("h1", { tabindex: "-1" }, badge(operation.method), " ", path(operation.path)),
      el("p", { class: "lead" }, inline(operation.summary)),
      operation.deprecated ? el("p", { class: "warn" }, "Deprecated: do not use it in new code.") : null,
      description,
      facts(operation),
      el("button", { type: "button", onclick: () => focusForm(form) }, "Try it"),
      parameters(api, operation),
      body(api, operation),
      responses(api, operation),
    ),
    el("div", { class: "side" }, form),
  );
}

/** Scroll to a form and focus its first field. */
function focusForm(form) {
  form.scrollIntoView();
  form.querySelector("input, select, textarea, button").focus({ preventScroll: true });
}

/** Return a method as a badge. */
export function badge(method) {
  return el("span", { class: `method ${method.toLowerCase()}` }, method);
}

/** Return a path with its parameters marked; it may break after slashes. */
export function path(text) {
  const parts = text.split(/(\{[^}]*\}|\/)/).map((part) => {
    if (part === "/") return ["/", el("wbr")];
    return part.startsWith("{") ? el("span", { class: "parameter" }, part) : part;
  });
  return el("span", { class: "path" }, parts);
}

function facts(operation) {
  const scopes = operation["x-neurova-scopes"] || [];
  const pairs = [
    [
      "Access",
      !operation.security.length
        ? "public"
        : scopes.length
          ? ["a key with ", scopes.map((scope, at) => [at ? " and " : "", el("code", {}, scope)])]
          : "any key",
    ],
    ["Limit", operation["x-neurova-limit"]],
    ["Cost", operation["x-neurova-cost"] && `${operation["x-neurova-cost"]} units per call`],
    ["Timeout", operation["x-neurova-timeout"] && `${operation["x-neurova-timeout"]} s`],
    ["Cached for", operation["x-neurova-cache"]],
    ["Available until", operation["x-neurova-sunset"]],
    ["Tags", operation.tags.slice(1).join(", ")],
  ];
  return el(
    "dl",
    { class: "facts" },
    pairs.filter(([, value]) => value).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
  );
}

function parameters(api, operation) {
  if (!operation.parameters?.length) return null;
  return [
    el("h2", {}, "Parameters"),
    el(
      "ul",
      { class: "fields card" },
      operation.parameters.map((parameter) => {
        const schema = parameter.schema;
        const about = [kind(api, schema), ...bounds(api.resolve(schema), parameter.description)].join(", ");
        return el(
          "li",
          {},
          el(
            "div",
            {},
            el("code", { class: "member" }, parameter.name),
            " ",
            el("span", { class: "where" }, parameter.in),
            " ",
            el("span", { class: "kind" }, about),
            parameter.required ? el("span", { class: "required" }, " required") : "",
          ),
          parameter.description ? el("p", { class: "about" }, inline(parameter.description)) : null,
        );
      }),
    ),
  ];
}

function body(api, operation) {
  const content = operation.requestBody?.content?.["application/json"];
  if (!content) return null;
  const optional = operation.requestBody.required ? "" : ", optional";
  return [el("h2", {}, "Body", el("span", { class: "quiet" }, ` application/json${optional}`)), shape(api, content, true)];
}

function shape(api, content, isRequest) {
  const schema = content.schema || {};
  const about = isRequest && api.resolve(schema).description;  // the description of a response is shown above
  const listed = fields(api, schema, isRequest);
  const example = content.example;
  return el(
    "div",
    { class: "card" },
    el("p", { class: "type" }, [kind(api, schema), ...bounds(schema)].join(", ")),
    about ? el("p", { class: "about" }, inline(about)) : null,
    listed,
    example === undefined
      ? null
      : el("details", {}, el("summary", {}, "Example"), code("Example", json(JSON.stringify(example, null, 2)))),
  );
}

function responses(api, operation) {
  const all = Object.entries(operation.responses);
  const successes = all.filter(([status]) => /^[23]/.test(status));
  const problems = all.filter(([status]) => !/^[23]/.test(status));
  return [
    el("h2", {}, "Responses"),
    successes.map(([status, response]) => success(api, status, api.resolve(response))),
    el("h2", {}, "Problems", el("span", { class: "quiet" }, " application/problem+json")),
    el(
      "dl",
      { class: "problems card" },
      problems.map(([status, response]) =>
        el("div", {}, el("dt", {}, status === "default" ? "other" : status), el("dd", {}, inline(api.resolve(response).description))),
      ),
    ),
  ];
}

function success(api, status, response) {
  const media = Object.entries(response.content || {});
  return [
    el(
      "p",
      { class: "reply" },
      el("strong", {}, status),
      " ",
      media.map(([type]) => el("span", { class: "where" }, type)),
      " ",
      inline(response.description),
    ),
    media.filter(([, content]) => content.schema).map(([, content]) => shape(api, content, false)),
  ];
}
