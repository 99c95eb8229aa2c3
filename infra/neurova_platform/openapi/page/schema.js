// Schemas, for people: a line a field, and what is nested opens on demand.

import { el, inline } from "./dom.js";

const PLAIN = { integer: "whole number", number: "number", string: "text", boolean: "true or false" };

// What any text in a path or a query is: to say so would help nobody.
const PLAIN_TEXT = new Set([String.raw`^(?!\.{1,2}$)[^\x00-\x1f\x7f/\\]+$`, String.raw`^[^\x00]*$`]);

/** Say what a schema takes, in a few words. */
export function kind(api, schema) {
  if (schema.$ref) {
    const named = api.resolve(schema);
    return named.title || schema.$ref.split("/").pop();
  }
  if (schema.anyOf) return schema.anyOf.map((branch) => kind(api, branch)).join(" or ");
  if (schema.enum) return `${schema.enum.length > 1 ? "one of " : ""}${schema.enum.join(", ")}`;
  if (schema.type === "array") {
    if (schema.prefixItems) return `list of ${schema.prefixItems.length} values`;
    return schema.items ? `list of ${kind(api, schema.items)}` : "list";
  }
  if (schema.type === "object") {
    const values = schema.additionalProperties;
    return schema.title || (values?.$ref || values?.type ? `map to ${kind(api, values)}` : "object");
  }
  if (schema.contentEncoding) return schema.contentEncoding;
  return schema.format || PLAIN[schema.type] || schema.type || "anything";
}

/** Say what bounds a value; a pattern only when no `words` say it. */
export function bounds(schema, words = schema.description) {
  const said = [];
  const low = schema.minimum ?? schema.exclusiveMinimum;
  const high = schema.maximum ?? schema.exclusiveMaximum;
  const above = schema.exclusiveMinimum === undefined ? "" : "above ";
  const below = schema.exclusiveMaximum === undefined ? "" : "below ";
  if (low !== undefined && high !== undefined) said.push(`${above}${low} to ${below}${high}`);
  else if (low !== undefined) said.push(above ? `above ${low}` : `from ${low}`);
  else if (high !== undefined) said.push(below ? `below ${high}` : `up to ${high}`);
  if (schema.multipleOf !== undefined) said.push(`a multiple of ${schema.multipleOf}`);
  said.push(...span(schema.minLength, schema.maxLength, "characters"));
  said.push(...span(schema.minItems, schema.maxItems, "values"));
  if (schema.pattern && !words && !PLAIN_TEXT.has(schema.pattern)) said.push(`like ${schema.pattern}`);
  if (schema.default !== undefined && schema.default !== null && schema.default !== "")
    said.push(`else ${JSON.stringify(schema.default)}`);
  return said;
}

function span(least, most, what) {
  if (least && most !== undefined) return [`${least} to ${most} ${what}`];
  if (least) return [`at least ${least} ${what}`];
  return most !== undefined ? [`up to ${most} ${what}`] : [];
}

/** Return a list of an object's fields; null for what has none. `asked`: mark those that must be. */
export function fields(api, schema, asked) {
  const found = api.resolve(schema);
  const nested = inside(found);
  if (found.properties && Object.keys(found.properties).length) {
    return el(
      "ul",
      { class: "fields" },
      Object.entries(found.properties).map(([name, part]) =>
        field(api, name, part, asked && (found.required || []).includes(name), asked),
      ),
    );
  }
  if (nested.length === 1) return fields(api, nested[0], asked);
  if (nested.length > 1) {
    return el(
      "div",
      {},
      nested.map((branch) => [el("p", { class: "branch" }, kind(api, branch)), fields(api, branch, asked)]),
    );
  }
  return null;
}

/** Return the schemas below one that may have fields of their own. */
function inside(schema) {
  const below = [
    ...(schema.anyOf || []),
    ...(schema.prefixItems || []),
    ...(schema.items ? [schema.items] : []),
    ...(typeof schema.additionalProperties === "object" ? [schema.additionalProperties] : []),
  ];
  return below.filter((part) => part.$ref || inside(part).length);
}

function field(api, name, schema, required, asked) {
  const about = [kind(api, schema), ...bounds(schema)].join(", ");
  const head = [
    el("code", { class: "member" }, name),
    " ",
    el("span", { class: "kind" }, about),
    required ? el("span", { class: "need" }, " required") : "",
  ];
  const said = schema.description ? el("p", { class: "about" }, inline(schema.description)) : null;
  const deeper = inside(schema).length || schema.properties || (schema.$ref && api.resolve(schema).properties);
  if (!deeper) return el("li", {}, el("div", {}, head), said);
  const details = el("details", {}, el("summary", {}, head));
  // Made when it is opened: a type may hold itself.
  details.addEventListener("toggle", () => details.append(fields(api, schema, asked) ?? ""), { once: true });
  return el("li", {}, details, said);
}
