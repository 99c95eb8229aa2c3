// The page: the selected function, the list and its search, the key.

import { DocumentError, fetchDocument } from "./api.js";
import { el, prose } from "./dom.js";
import { article, badge, path } from "./operation.js";

const byId = (id) => document.getElementById(id);
const [main, list, search, key] = [byId("main"), byId("functions"), byId("search"), byId("key")];
const nav = list.closest("nav");
let api = null;

// The key is kept only in this field, never in storage, cookies or URLs.
const keyValue = () => key.value.trim();

async function start() {
  try {
    api = await fetchDocument(keyValue());
  } catch (error) {
    api = null;
    list.replaceChildren();
    showError(error);
    return;
  }
  byId("name").textContent = api.info.title;
  byId("version").textContent = api.info.version;
  showList();
  select(false);
}

function showError(error) {
  const needsKey = error instanceof DocumentError && (error.status === 401 || error.status === 403);
  main.replaceChildren(
    el(
      "div",
      { class: "welcome" },
      el("h1", {}, needsKey ? "This document needs a key" : "The document cannot be loaded"),
      el("p", { role: "alert" }, needsKey && !keyValue() ? "Enter any key of this project above." : error.message),
      needsKey ? null : el("button", { type: "button", onclick: start }, "Retry"),
    ),
  );
  if (needsKey) key.focus();
}

/** Show the functions that match the search. */
function showList() {
  if (!api) return;
  const found = api.search(search.value);
  const groups = [...found].map(([service, operations], index) =>
    el(
      "section",
      { "aria-labelledby": `service-${index}` },
      el("h2", { id: `service-${index}` }, service),
      el(
        "ul",
        {},
        operations.map((each) =>
          el(
            "li",
            {},
            el(
              "a",
              { href: `#${each.operationId}`, title: each.summary, class: each.deprecated ? "old" : false },
              badge(each.method),
              path(each.path),
            ),
          ),
        ),
      ),
    ),
  );
  const count = [...found.values()].flat().length;
  byId("count").textContent = `${count} functions`;
  list.replaceChildren(...(groups.length ? groups : [el("p", { class: "quiet" }, "No function matches.")]));
  mark();
}

function mark() {
  for (const link of list.querySelectorAll("a")) {
    if (link.getAttribute("href") === location.hash) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** Show the function in the URL fragment, or the overview. */
function select(navigated = true) {
  if (!api || (navigated && location.hash === "#main")) return;
  const operation = api.find(decodeURIComponent(location.hash.slice(1)));
  main.replaceChildren(operation ? article(api, operation, keyValue) : welcome());
  document.title = operation ? `${operation.method} ${operation.path} · ${api.info.title}` : api.info.title;
  mark();
  if (navigated) {
    nav.classList.remove("open");
    scrollTo(0, 0);
    main.querySelector("h1")?.focus({ preventScroll: true });
  }
}

function welcome() {
  const cards = [...api.search("")].map(([service, operations]) =>
    el(
      "section",
      { class: "card service" },
      el("h2", {}, service),
      el(
        "ul",
        {},
        operations.map((each) =>
          el(
            "li",
            {},
            el("a", { href: `#${each.operationId}` }, badge(each.method), path(each.path)),
            el("p", { class: "about" }, each.summary),
          ),
        ),
      ),
    ),
  );
  return el(
    "div",
    { class: "welcome" },
    el("h1", { tabindex: "-1" }, api.info.title),
    prose(api.info.description),
    el("button", { type: "button", onclick: save }, "Save openapi.json"),
    cards.length ? cards : el("p", {}, "There are no functions yet."),
  );
}

/** Save the document as a file; a link to it would not send the key. */
function save() {
  const text = JSON.stringify(api.content, null, 2);
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  el("a", { href: url, download: "openapi.json" }).click();
  URL.revokeObjectURL(url);
}

addEventListener("hashchange", () => select());
search.addEventListener("input", showList);
search.addEventListener("focus", () => nav.classList.add("open")); // on a narrow window
search.addEventListener("keydown", (event) => {
  if (event.key === "Enter") list.querySelector("a")?.click();
  if (event.key === "ArrowDown") list.querySelector("a")?.focus();
  if (event.key === "ArrowDown") event.preventDefault();
});
list.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const links = [...list.querySelectorAll("a")];
  const next = links.indexOf(document.activeElement) + step;
  event.preventDefault();
  (next < 0 ? search : links[next])?.focus();
});
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.matches("input, textarea, select")) return;
  event.preventDefault();
  search.focus();
});
key.addEventListener("input", () => main.querySelector(".try")?.dispatchEvent(new Event("input")));
byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!api) start();
});
key.addEventListener("change", () => {
  if (!api && keyValue()) start();
});
byId("key-show").addEventListener("click", () => {
  const show = key.type === "password";
  key.type = show ? "text" : "password";
  byId("key-show").setAttribute("aria-pressed", String(show));
  byId("key-show").textContent = show ? "Hide" : "Show";
});
start();
