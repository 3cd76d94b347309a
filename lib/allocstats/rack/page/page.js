// Keeps the page fresh: asks for it anew and changes in place what has changed, so that what is open stays open, what has
// the focus keeps it, and a screen reader hears of the verdict only when that has changed. Nothing here makes HTML of
// figures but the account of arenas and bins, which only comes when it is asked for.
"use strict";

// Milliseconds from one refresh to the next, and at most where the server does not answer; how long one may take; after how
// many answers of another process the page turns to that one. A page that is hidden asks for nothing.
const EVERY = 5000;
const SELDOM = 60000;
const LONGEST = 15000;
const PATIENCE = 2;

const live = document.getElementById("live");
const words = document.getElementById("live-words");
const button = document.getElementById("live-button");
let paused = false;
let purging = false;
let strangers = 0;
let pause = EVERY;

// What a refusal says for people, where it is the endpoint's own: those say when to come again. What a host or a proxy writes
// under the same path is no sentence of ours, and only its status is told.
async function refusal(answer) {
  const plain = [429, 503].includes(answer.status) && answer.headers.has("retry-after") && answer.headers.get("content-type")?.startsWith("text/plain");
  const error = new Error(plain ? (await answer.text()).trim() : `the server answered ${answer.status}`);
  return Object.assign(error, { later: answer.status === 429 });
}

// A fetch that answers a document; an answer without permission, or of a server that is gone, is an error with a sentence.
async function ask(url, options = {}) {
  const answer = await fetch(url, { headers: { Accept: "text/html" }, cache: "no-store", credentials: "same-origin", ...options });
  if (!answer.ok) throw await refusal(answer);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

// Makes `old` what `fresh` is. What belongs to the reader stays: an open <details>, and whatever is marked data-keep.
function become(old, fresh, foreign) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.id !== fresh.id) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) return void (old.nodeValue = fresh.nodeValue);
  if (old.hasAttribute("data-keep") || (foreign && old.dataset.of === "process")) return;

  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const children = [...fresh.childNodes];
  [...old.childNodes].forEach((child, index) => (children[index] ? become(child, children[index], foreign) : child.remove()));
  old.append(...children.slice(old.childNodes.length));
}

// Any worker of a cluster may answer. What speaks of one process goes on speaking of the same, so that it does not jump
// to and fro, until only others answer.
function take(page) {
  const foreign = page.body.dataset.pid !== document.body.dataset.pid;
  strangers = foreign ? strangers + 1 : 0;
  const stay = foreign && strangers < PATIENCE;
  become(document.getElementById("main"), page.getElementById("main"), stay);
  if (stay) return;
  strangers = 0;
  document.body.dataset.pid = page.body.dataset.pid;
  document.title = page.title;
}

function say(text) {
  if (words.textContent !== text) words.textContent = text;
}

// What came of something that was asked for, for those who do not see it.
function tell(text) {
  document.getElementById("told").textContent = text;
}

async function refresh() {
  if (paused || purging || document.hidden) return;
  try {
    const page = await ask(document.body.dataset.url, { signal: AbortSignal.timeout(LONGEST) });
    if (paused || purging) return;
    take(page);
    say("Live");
    pause = EVERY;
  } catch (error) {
    pause = Math.min(pause * 2, SELDOM);
    if (!paused) say(`Not fresh: ${error.message}`);
  }
}

async function tick() {
  await refresh();
  setTimeout(tick, pause);
}

button.addEventListener("click", () => {
  paused = !paused;
  button.textContent = paused ? "Go on" : "Pause";
  say(paused ? "Paused" : "Live");
  refresh();
});
document.addEventListener("visibilitychange", refresh);

// A purge without leaving the page: what came of it is shown where it was asked for.
document.addEventListener("submit", async (event) => {
  if (event.target.id !== "purge-form") return;
  event.preventDefault();
  const outcome = document.getElementById("purge-outcome");
  const buttons = event.target.querySelectorAll("button");
  const body = new URLSearchParams(new FormData(event.target, event.submitter));
  purging = true;
  buttons.forEach((each) => (each.disabled = true));
  try {
    const page = await ask(event.target.action, { method: "POST", body });
    outcome.replaceChildren(...page.getElementById("purge-outcome").childNodes);
    take(page);
  } catch (error) {
    outcome.textContent = error.later ? `Nothing was purged: ${error.message}.` : `Nothing is known of the purge: ${error.message}.`;
  }
  tell((outcome.querySelector(".sentence") ?? outcome).textContent);
  purging = false;
  buttons.forEach((each) => (each.disabled = false));
  event.submitter?.focus();
});

// The account of arenas and bins: rows with the allocator's own keys, which differ from one to the next.
function table(caption, rows) {
  const element = (name, text, attributes = {}) => Object.assign(document.createElement(name), { textContent: text, ...attributes });
  const made = document.createElement("table");
  const keys = [...new Set(rows.flatMap(Object.keys))].filter((key) => rows.some((row) => typeof row[key] === "number"));
  const line = (cells) => {
    const row = document.createElement("tr");
    row.append(...cells);
    return row;
  };
  made.createCaption().textContent = caption;
  made.createTHead().append(line(keys.map((key) => element("th", key.replaceAll("_", " "), { scope: "col", className: "number" }))));
  made.createTBody().append(...rows.map((row) => line(keys.map((key) => element("td", row[key]?.toLocaleString("en") ?? "", { className: "number" })))));

  const region = Object.assign(document.createElement("div"), { className: "scroll", tabIndex: 0 });
  region.setAttribute("role", "region");
  region.setAttribute("aria-label", caption);
  region.append(made);
  return region;
}

const census = document.getElementById("census-tables");
census?.addEventListener("toggle", async () => {
  if (!census.open) return;
  const place = document.getElementById("census-words");
  try {
    const answer = await fetch(census.dataset.census, { credentials: "same-origin", cache: "no-store" });
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    const account = await answer.json();
    const parts = ["arenas", "bins"].filter((part) => account[part]?.length).map((part) => [`${account[part].length} ${part}`, account[part]]);
    document.getElementById("census-rows").replaceChildren(...parts.map(([caption, rows]) => table(caption, rows)));
    const found = parts.map(([caption]) => caption).join(" and ") || "No arenas and no bins are told of";
    place.textContent = `${found}, in bytes and counts; the reading took ${(account.seconds * 1000).toFixed(1)} ms.`;
  } catch (error) {
    place.textContent = `It could not be read: ${error.message}.`;
  }
  tell(place.textContent);
});

live.hidden = false;
say("Live");
setTimeout(tick, EVERY);
