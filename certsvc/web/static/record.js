// The page of one certificate, with a script: checks the QR's own signature in the browser and sets it against what the
// server said; a mismatch is red. With the server gone it answers "signature genuine, status as of …" (R11, offline).
// Words stand in templates/public/qr.html.
import { check, differences } from "./qr.js";

const LAST = "certsvc:last:";
const KEYS = "/.well-known/certsvc-keys.json";
const place = document.getElementById("qr");
const verdict = document.getElementById("verdict");
const fragment = decodeURIComponent(location.hash.slice(1)).trim();
const token = (place?.dataset.token || location.pathname.split("/")[2] || "").toLowerCase();
const scanned = /^[A-Za-z2-7]{60,220}$/.test(fragment);

for (const link of document.querySelectorAll("[data-keep-fragment]")) {
  // Otherwise the switch of language, or a retry, would lose what only the fragment holds.
  link.addEventListener("click", () => { link.hash = location.hash; });
}
document.querySelector("[data-print]")?.addEventListener("click", () => print());

// Keys are pinned at first sight: a key once seen never changes under its name.
async function pinnedKeys() {
  const store = "caches" in self ? await caches.open("certsvc-keys") : null;
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

const show = (id) => {
  const part = document.getElementById(id).content.cloneNode(true);
  place.replaceChildren(part);
  return place;
};

function remember(state, at) {
  try {
    const names = Object.keys(localStorage).filter((name) => name.startsWith(LAST));
    if (names.length > 300) names.forEach((name) => localStorage.removeItem(name));
    localStorage.setItem(LAST + token, JSON.stringify({ state, at }));
  } catch { /* private browsing: nothing is kept */ }
}

function recalled() {
  try { return JSON.parse(localStorage.getItem(LAST + token)); } catch { return null; }
}

function showForged(detail) {
  const part = show("qr-forged");
  part.querySelector("[data-why]").textContent = detail ? `(${detail})` : "";
  verdict.hidden = true;
  // What was said of a genuine certificate must not stand beside it.
  for (const id of ["meaning", "who", "match"]) document.getElementById(id)?.remove();
}

function showOffline(claims, keys) {
  const last = recalled(), part = show("qr-offline");
  const local = (moment) => new Date(moment).toLocaleString("sv-SE", { timeZone: "Asia/Shanghai" }); // 2026-01-31 08:00:00, as the server writes it
  const fill = (name, value) => { part.querySelector(name).textContent = value; };
  fill("[data-as-of]", last ? local(last.at) : claims.issued_on);
  fill("[data-last]", last ? last.state : "");
  fill("[data-now]", local(Date.now()));
  fill("[data-keys-at]", local(keys.at));
  fill('[data-f="name"]', claims.whole ? claims.name : claims.name + "…");
  fill('[data-f="number"]', claims.number);
  fill('[data-f="level"]', claims.level);
  fill('[data-f="issued_on"]', claims.issued_on);
  verdict.hidden = true;
  document.getElementById("else")?.remove();
}

async function compare() {
  const state = verdict.dataset.state;
  if (!["unknown", "unavailable"].includes(state)) {
    remember(verdict.querySelector("h1").textContent, verdict.querySelector("time").dateTime);
  }
  if (!scanned) return;
  const keys = await pinnedKeys();
  if (!keys) { show("qr-unsupported"); return; }
  if (keys.changed) { showForged("key"); return; }
  const found = await check(fragment, keys);
  if (!found.ok && found.why === "unsupported") show("qr-unsupported");
  else if (!found.ok) showForged(found.why);
  else if (state === "unavailable") showOffline(found.claims, keys);
  else if (state === "unknown") show("qr-unregistered");
  else {
    const said = place.dataset;
    const differ = differences(found.claims, {
      number: said.number, issued_on: said.issued, level: Number(said.level), name: said.name, digest8: said.digest,
    });
    if (differ.length && state !== "forged") showForged(differ.join(", "));
    else if (state !== "forged") show("qr-same");
  }
}

if (place && verdict) compare();
if ("serviceWorker" in navigator) navigator.serviceWorker.register("/sw.js").catch(() => {});
