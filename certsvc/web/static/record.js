// The page of one certificate, with a script: checks the QR's own signature in the browser and sets it against what the
// server said; a mismatch is red. With the server gone it answers "signature genuine, status as of …" (R11, offline).
// Reading the code is qr.js, loaded when there is one.
// Words stand in templates/public/qr.html, which is part of the shell: a page that has none of its own fetches it there.

const LAST = "certsvc:last:";
const KEYS = "/.well-known/certsvc-keys.json";
const place = document.getElementById("qr");
const verdict = document.getElementById("verdict");
let fragment = "";
try { fragment = decodeURIComponent(location.hash.slice(1)).trim(); } catch { /* no code of ours */ }
const token = (place?.dataset.token || location.pathname.split("/")[2] || "").toLowerCase();
const scanned = /^[A-Za-z2-7]{60,220}$/.test(fragment);

const keepFragment = (part) => {
  for (const link of part.querySelectorAll("[data-keep-fragment]")) {
    // Otherwise the switch of language, or a retry, would lose what only the fragment holds.
    if (link.action) link.addEventListener("submit", () => { link.action = link.action.split("#")[0] + location.hash; });
    else link.addEventListener("click", () => { link.hash = location.hash; });
  }
};
keepFragment(document);

// Keys are pinned at first sight: a key once seen never changes under its name.
async function pinnedKeys() {
  const store = "caches" in self ? await caches.open("certsvc-keys").catch(() => null) : null; // none in private browsing
  const kept = store && await (await store.match(KEYS))?.json();
  try {
    const answer = await fetch(KEYS, { cache: "no-store" });
    if (!answer.ok) throw new Error("keys");
    const fresh = await answer.clone().json();
    for (const [kid, key] of Object.entries(kept?.keys ?? {})) {
      if (fresh.keys[kid] && fresh.keys[kid] !== key) return { ...fresh, changed: true };
    }
    await store?.put(KEYS, answer);
    return fresh;
  } catch {
    return kept;
  }
}

// The words: of this page where it is the shell itself, else the shell's. Throws where they cannot be had.
async function wordsOf() {
  if (!place.dataset.words) return document;
  const answer = await fetch(place.dataset.words);
  if (!answer.ok) throw new Error("words");
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

// Kept by what was signed, not by the address: an address can be put before any code, and would lend it its status.
function remember(state, at) {
  const digest = place.dataset.digest;
  if (!digest) return; // paper, and what is broken, have no code of theirs
  try {
    const names = Object.keys(localStorage).filter((name) => name.startsWith(LAST));
    if (names.length > 300) names.forEach((name) => localStorage.removeItem(name));
    localStorage.setItem(LAST + digest, JSON.stringify({ state, at, token }));
  } catch { /* private browsing: nothing is kept */ }
}

function recalled(digest) {
  try { return JSON.parse(localStorage.getItem(LAST + digest)); } catch { return null; }
}

// In place of the server's answer, and of all that stands beside it: nothing said of a genuine certificate may remain.
function instead() {
  verdict.hidden = true;
  document.getElementById("rest")?.remove();
  document.querySelector("main > .sample")?.remove();
  document.querySelector("main > .paper")?.remove();
}

function show(words, id) {
  place.replaceChildren(document.importNode(words.getElementById(id).content, true));
  keepFragment(place);
  return place;
}

function span(text, name = "") {
  const made = document.createElement("span");
  made.textContent = text;
  made.className = name;
  return made;
}

function title() {
  document.title = `${place.querySelector("h1").textContent} · ${document.title.split(" · ").pop()}`;
}

function showForged(words, reasons) {
  const part = show(words, "qr-forged");
  for (const [why, pair] of reasons) {
    const line = part.querySelector(`[data-why="${why}"]`);
    if (!line) continue;
    line.hidden = false;
    if (!pair) continue;
    line.querySelector(".pair").hidden = false;
    line.querySelector("[data-scanned]").textContent = pair[0];
    line.querySelector("[data-served]").textContent = pair[1];
  }
  // The register says another thing than the code, or the code's own signature is wrong: R11's words for forged.
  const differs = reasons.some(([, pair]) => pair !== undefined);
  part.querySelector("[data-register]").hidden = !differs;
  part.querySelector("[data-signature]").hidden = differs;
  const when = verdict.querySelector(".when span");
  if (when) part.querySelector(".when").append(when.cloneNode(true));
  instead();
  title();
}

function showOffline(words, claims, keys) {
  const last = recalled(claims.digest8), part = show(words, "qr-offline");
  const local = (moment) => new Date(moment).toLocaleString("sv-SE", { timeZone: "Asia/Shanghai" }); // 2026-01-31 08:00:00, as the server writes it
  const fill = (name, value) => { part.querySelector(name).textContent = value; };
  part.querySelector("[data-as-of]").replaceChildren(...(last ? local(last.at) : claims.issued_on).split(" ").flatMap((piece) => [" ", span(piece, "nb")]));
  fill("[data-last]", last ? last.state : "");
  part.querySelector("[data-seen]").hidden = !last;
  part.querySelector("[data-unseen]").hidden = Boolean(last);
  part.querySelector("[data-unbound]").hidden = last?.token === token;
  part.querySelector("[data-sample]").hidden = !claims.sample;
  fill("[data-now]", local(Date.now()));
  fill("[data-keys-at]", local(keys.at));
  fill('[data-f="name"]', claims.whole ? claims.name : claims.name + "…");
  part.querySelector('[data-f="number"]').replaceChildren(...claims.number.match(/.{1,4}/g).map((group) => span(group)));
  fill('[data-f="level"]', claims.level);
  fill('[data-f="issued_on"]', claims.issued_on);
  instead();
  title();
}

// The full name in the first view, from the code's own payload, checked here: nothing of it is sent.
function showName({ name, whole }) {
  const masked = document.querySelector("[data-masked]");
  if (!masked || !name) return;
  for (const part of document.querySelectorAll("[data-holder],#facts .mask")) part.textContent = whole ? name : name + "…";
  masked.hidden = true;
  document.querySelector(whole ? "[data-whole]" : "[data-begun]").hidden = false;
  if (whole) readAloud(name).catch(() => {});
}

// On the English page, how the name is read.
async function readAloud(name) {
  const aid = document.querySelector("[data-aid]");
  if (!aid) return;
  const { romanise } = await import(aid.dataset.module);
  const read = await romanise(name, aid.dataset.table);
  aid.hidden = !read;
  aid.firstChild.textContent = read;
}
const named = document.querySelector("[data-full]");
if (named) readAloud(named.textContent).catch(() => {});

// What is to be shown beside or in place of the server's answer; decided before any word of it is fetched.
async function judge(state) {
  const keys = await pinnedKeys();
  if (!keys) return { part: "qr-unsupported" };
  if (keys.changed) return { reasons: [["changed"]] };
  const { check, differences } = await import(place.dataset.reader);
  const found = await check(fragment, keys);
  if (!found.ok) {
    if (found.why === "unsupported") return { part: "qr-unsupported" };
    return { reasons: [[["key", "signature"].includes(found.why) ? found.why : "malformed"]] };
  }
  if (state === "unavailable") return { offline: found.claims, keys };
  if (state === "unknown") return { part: "qr-unregistered" };
  const said = place.dataset;
  const served = { number: said.number, issued_on: said.issued, level: Number(said.level), name: said.name, digest8: said.digest };
  const differ = state === "forged" ? [] : differences(found.claims, served);
  if (differ.length) return { reasons: differ.map((name) => [name, name === "content" ? null : [found.claims[name], served[name]]]) };
  return state === "forged" ? {} : { part: "qr-same", claims: found.claims };
}

async function compare() {
  const state = verdict.dataset.state;
  if (!["unknown", "unavailable"].includes(state)) {
    remember(verdict.querySelector("h1").textContent, verdict.querySelector("time").dateTime);
  }
  if (!scanned) return;
  const judged = await judge(state);
  if (judged.part === "qr-same") showName(judged.claims);
  let words;
  try {
    words = await wordsOf();
  } catch {
    if (judged.part) return; // nothing against the server's answer, which stands
    // The code is not this certificate's, and there are no words to say so: then nothing is said, least of all "valid".
    instead();
    const unread = document.getElementById("unread");
    if (unread) unread.hidden = false;
    return;
  }
  if (judged.reasons) showForged(words, judged.reasons);
  else if (judged.offline) showOffline(words, judged.offline, judged.keys);
  else if (judged.part) show(words, judged.part);
}

if (place && verdict) compare().catch(() => {}); // what cannot be read here leaves the server's answer as it is
if ("caches" in self) {
  // For the worker: the language chosen stays, also offline.
  (async () => {
    const store = await caches.open("certsvc-keys"), kept = await (await store.match("/language"))?.text();
    if (kept !== document.documentElement.lang) await store.put("/language", new Response(document.documentElement.lang));
  })().catch(() => {});
}
if ("serviceWorker" in navigator) navigator.serviceWorker.register("/sw.js").catch(() => {});
