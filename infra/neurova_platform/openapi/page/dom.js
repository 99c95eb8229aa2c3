// Elements, made without markup: what a document says is only ever text.

/** Return an element. `set`: attributes by name, listeners as `onclick`; children: nodes or text. */
export function el(tag, set = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(set)) {
    if (value === false || value === undefined || value === null) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

/** Return the nodes of a line of text in which `code` stands between backticks. */
export function inline(text) {
  return text.split(/(`[^`]+`)/).map((part) =>
    part.length > 2 && part.startsWith("`") ? el("code", {}, part.slice(1, -1)) : part,
  );
}

/** Return paragraphs, which blank lines separate. */
export function prose(text) {
  return (text || "")
    .split(/\n\s*\n/)
    .filter((paragraph) => paragraph.trim())
    .map((paragraph) => el("p", {}, inline(paragraph.replace(/\s*\n\s*/g, " ").trim())));
}

/** Return a box of code that scrolls, and so takes the focus. */
export function code(label, ...children) {
  return el("pre", { tabindex: "0", role: "group", "aria-label": label }, el("code", {}, ...children));
}

/** Return JSON text as nodes, its names, texts and other values each in a colour of its own. */
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
