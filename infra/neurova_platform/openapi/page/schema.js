// Readable schemas: one line per field; nested ones open on demand.

import { el, inline } from "./dom.js";

const PLAIN = { integer: "integer", number: "number", string: "text", boolean: "boolean" };

// The default patterns of text in a path or query, which are not shown.
const PLAIN_TEXT = new Set([String.raw`^(?!\.{1,2}$)[^\x00-\x1f\x7f/\\]+$`, String.raw`^[^\x00]*$`]);

/** Return a short description of the values of a schema. */
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

/** Return the constraints of a value; a pattern only without a `description`. */
export function bounds(schema, description = schema.description) {
  const texts = [];
  const low = schema.minimum ?? schema.exclusiveMinimum;
  const high = schema.maximum ?? schema.exclusiveMaximum;
  const above = schema.exclusiveMinimum === undefined ? "" : "above ";
  const below = schema.exclusiveMaximum === undefined ? "" : "below ";
  if (low !== undefined && high !== undefined) texts.push(`${above}${low} to ${below}${high}`);
  else if (low !== undefined) texts.push(above ? `above ${low}` : `from ${low}`);
  else if (high !== undefined) texts.push(below ? `below ${high}` : `up to ${high}`);
  if (schema.multipleOf !== undefined) texts.push(`a multiple of ${schema.multipleOf}`);
  texts.push(...span(schema.minLength, schema.maxLength, "characters"));
  texts.push(...span(schema.minItems, schema.maxItems, "values"));
  if (schema.pattern && !description && !PLAIN_TEXT.has(schema.pattern)) texts.push(`pattern ${schema.pattern}`);
  if (schema.default !== undefined && schema.default !== null && schema.default !== "")
    texts.push(`default ${JSON.stringify(schema.default)}`);
  return texts;
}

function span(least, most, what) {
  if (least && most !== undefined) return [`${least} to ${most} ${what}`];
  if (least) return [`at least ${least} ${what}`];
  return most !== undefined ? [`up to ${most} ${what}`] : [];
}

/** Return the fields of an object, null without any. `isRequest`: mark required fields. */
export function fields(api, schema, isRequest) {
  const found = api.resolve(schema);
  const nested = inside(found);
  if (found.properties && Object.keys(found.properties).length) {
    return el(
      "ul",
      { class: "fields" },
      Object.entries(found.properties).map(([name, part]) =>
        field(api, name, part, isRequest && (found.required || []).includes(name), isRequest),
      ),
    );
  }
  if (nested.length === 1) return fields(api, nested[0], isRequest);
  if (nested.length > 1) {
    return el(
      "div",
      {},
      nested.map((branch) => [el("p", { class: "branch" }, kind(api, branch)), fields(api, branch, isRequest)]),
    );
  }
  return null;
}

/** Return the nested schemas that may have fields. */
function inside(schema) {
  const below = [
    ...(schema.anyOf || []),
    ...(schema.prefixItems || []),
    ...(schema.items ? [schema.items] : []),
    ...(typeof schema.additionalProperties === "object" ? [schema.additionalProperties] : []),
  ];
  return below.filter((part) => part.$ref || inside(part).length);
}

function field(api, name, schema, required, isRequest) {
  const summary = [kind(api, schema), ...bounds(schema)].join(", ");
  const head = [
    el("code", { class: "member" }, name),
    " ",
    el("span", { class: "kind" }, summary),
    required ? el("span", { class: "required" }, " required") : "",
  ];
  const about = schema.description ? el("p", { class: "about" }, inline(schema.description)) : null;
  const deeper = inside(schema).length || schema.properties || (schema.$ref && api.resolve(schema).properties);
  if (!deeper) return el("li", {}, el("div", {}, head), about);
  const details = el("details", {}, el("summary", {}, head));
  // Create the nested schema only when it is opened, because a type may contain itself.
  details.addEventListener("toggle", () => details.append(fields(api, schema, isRequest) ?? ""), { once: true });
  return el("li", {}, details, about);
}
