// One function, shown whole.

import { code, el, inline, json, prose } from "./dom.js";
import { bounds, fields, kind } from "./schema.js";
import { trial } from "./trial.js";

/** Return the article of a function; `key()` gives the key that was typed. */
export function article(api, operation, key) {
  const form = trial(api, operation, key);
  // The last paragraph says who may call: that stands among the facts.
  const told = prose(operation.description).slice(0, -1);
  return el(
    "article",
    { class: "function" },
    el(
      "div",
      { class: "told" },
      el("p", { class: "place" }, operation.service, el("span", { class: "quiet" }, ` / ${operation.operationId}`)),
      el("h1", { tabindex: "-1" }, badge(operation.method), " ", path(operation.path)),
      el("p", { class: "lead" }, inline(operation.summary)),
      operation.deprecated ? el("p", { class: "warn" }, "Deprecated: do not build on it any more.") : null,
      told,
      facts(operation),
      el("button", { type: "button", onclick: () => reach(form) }, "Try it"),
      parameters(api, operation),
      body(api, operation),
      replies(api, operation),
    ),
    el("div", { class: "side" }, form),
  );
}

/** Go to a form that stands below. */
function reach(form) {
  form.scrollIntoView();
  form.querySelector("input, select, textarea, button").focus({ preventScroll: true });
}

/** Return a method as a badge. */
export function badge(method) {
  return el("span", { class: `method ${method.toLowerCase()}` }, method);
}

/** Return a path, its parameters marked. It breaks after slashes. */
export function path(text) {
  const parts = text.split(/(\{[^}]*\}|\/)/).map((part) => {
    if (part === "/") return ["/", el("wbr")];
    return part.startsWith("{") ? el("span", { class: "hole" }, part) : part;
  });
  return el("span", { class: "path" }, parts);
}

function facts(operation) {
  const scopes = operation["x-neurova-scopes"] || [];
  const pairs = [
    [
      "Who may call",
      !operation.security.length
        ? "anybody"
        : scopes.length
          ? ["a key with ", scopes.map((scope, at) => [at ? " and " : "", el("code", {}, scope)])]
          : "any key",
    ],
    ["Limit", operation["x-neurova-limit"]],
    ["Cost", operation["x-neurova-cost"] && `${operation["x-neurova-cost"]} units a call`],
    ["Deadline", operation["x-neurova-timeout"] && `${operation["x-neurova-timeout"]} s`],
    ["Stays fresh", operation["x-neurova-cache"]],
    ["Answered until", operation["x-neurova-sunset"]],
    ["Tags", operation.tags.slice(1).join(", ")],
  ];
  return el(
    "dl",
    { class: "facts" },
    pairs.filter(([, said]) => said).map(([name, said]) => el("div", {}, el("dt", {}, name), el("dd", {}, said))),
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
            parameter.required ? el("span", { class: "need" }, " required") : "",
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
  const need = operation.requestBody.required ? "" : ", may be left out";
  return [el("h2", {}, "Body", el("span", { class: "quiet" }, ` application/json${need}`)), shape(api, content, true)];
}

function shape(api, content, asked) {
  const schema = content.schema || {};
  const about = asked && api.resolve(schema).description;  // a reply's stands before it
  const listed = fields(api, schema, asked);
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

function replies(api, operation) {
  const all = Object.entries(operation.responses);
  const good = all.filter(([status]) => /^[23]/.test(status));
  const bad = all.filter(([status]) => !/^[23]/.test(status));
  return [
    el("h2", {}, "Replies"),
    good.map(([status, response]) => reply(api, status, api.resolve(response))),
    el("h2", {}, "Problems", el("span", { class: "quiet" }, " application/problem+json")),
    el(
      "dl",
      { class: "problems card" },
      bad.map(([status, response]) =>
        el("div", {}, el("dt", {}, status === "default" ? "other" : status), el("dd", {}, inline(api.resolve(response).description))),
      ),
    ),
  ];
}

function reply(api, status, response) {
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
