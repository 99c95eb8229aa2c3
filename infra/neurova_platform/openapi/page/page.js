// The page: which function is shown, the list and its search, the key.

import { Refused, read } from "./api.js";
import { el, prose } from "./dom.js";
import { article, badge, path } from "./operation.js";

const at = (id) => document.getElementById(id);
const [main, list, search, key] = [at("main"), at("functions"), at("search"), at("key")];
const nav = list.closest("nav");
let api = null;

// The key is in this field and nowhere else: no storage, no cookie, no URL.
const typed = () => key.value.trim();

async function start() {
  try {
    api = await read(typed());
  } catch (error) {
    api = null;
    list.replaceChildren();
    refused(error);
    return;
  }
  at("name").textContent = api.info.title;
  at("version").textContent = api.info.version;
  show();
  select(false);
}

function refused(error) {
  const needed = error instanceof Refused && (error.status === 401 || error.status === 403);
  main.replaceChildren(
    el(
      "div",
      { class: "welcome" },
      el("h1", {}, needed ? "This document needs a key" : "The document cannot be read"),
      el("p", { role: "alert" }, needed && !typed() ? "Give one above: any key of this project will do." : error.message),
      needed ? null : el("button", { type: "button", onclick: start }, "Try again"),
    ),
  );
  if (needed) key.focus();
}

/** Show the list, as far as it matches the search. */
function show() {
  if (!api) return;
  const found = api.matching(search.value);
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
  at("count").textContent = `${count} functions`;
  list.replaceChildren(...(groups.length ? groups : [el("p", { class: "quiet" }, "No function matches.")]));
  mark();
}

function mark() {
  for (const link of list.querySelectorAll("a")) {
    if (link.getAttribute("href") === location.hash) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** Show the function that the address names, or all of them in short. */
function select(moved = true) {
  if (!api || (moved && location.hash === "#main")) return;
  const operation = api.named(decodeURIComponent(location.hash.slice(1)));
  main.replaceChildren(operation ? article(api, operation, typed) : welcome());
  document.title = operation ? `${operation.method} ${operation.path} · ${api.info.title}` : api.info.title;
  mark();
  if (moved) {
    nav.classList.remove("open");
    scrollTo(0, 0);
    main.querySelector("h1")?.focus({ preventScroll: true });
  }
}

function welcome() {
  const cards = [...api.matching("")].map(([service, operations]) =>
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
    cards.length ? cards : el("p", {}, "There is no function yet."),
  );
}

/** Save the document as a file; a link to it would not bring the key along. */
function save() {
  const text = JSON.stringify(api.said, null, 2);
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  el("a", { href: url, download: "openapi.json" }).click();
  URL.revokeObjectURL(url);
}

addEventListener("hashchange", () => select());
search.addEventListener("input", show);
search.addEventListener("focus", () => nav.classList.add("open")); // where there is no room for both
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
at("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!api) start();
});
key.addEventListener("change", () => {
  if (!api && typed()) start();
});
at("key-show").addEventListener("click", () => {
  const shown = key.type === "password";
  key.type = shown ? "text" : "password";
  at("key-show").setAttribute("aria-pressed", String(shown));
  at("key-show").textContent = shown ? "Hide" : "Show";
});
start();
