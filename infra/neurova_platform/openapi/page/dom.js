// Create elements without parsing HTML, so that text from the document always stays text.

/** Return an element. `attributes` may hold listeners, like `onclick`; children: nodes or text. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === undefined || value === null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

/** Return the nodes of a line of text, with `code` between backticks. */
export function inline(text) {
  return text.split(/(`[^`]+`)/).map((part) =>
    part.length > 2 && part.startsWith("`") ? el("code", {}, part.slice(1, -1)) : part,
  );
}

/** Return the paragraphs of a text, separated by blank lines. */
export function prose(text) {
  return (text || "")
    .split(/\n\s*\n/)
    .filter((paragraph) => paragraph.trim())
    .map((paragraph) => el("p", {}, inline(paragraph.replace(/\s*\n\s*/g, " ").trim())));
}

/** Return a focusable block of code, so that it can be scrolled with the keyboard. */
export function code(label, ...children) {
  return el("pre", { tabindex: "0", role: "group", "aria-label": label }, el("code", {}, ...children));
}

/** Return JSON text as nodes, with classes for names, texts and other values. */
export function json(text) {
  const token = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d[\d.eE+-]*/g;
  const nodes = [];
  let end = 0;
  for (const found of text.matchAll(token)) {
    nodes.push(text.slice(end, found.index));
    const [whole, string, colon] = found;
    const kind = string === undefined ? "value" : colon === undefined ? "text" : "member";
    nodes.push(el("span", { class: kind }, string ?? whole), colon ?? "");
    end = found.index + whole.length;
  }
  return [...nodes, text.slice(end)];
}
