// Keeps the shell, so that a scanned QR is answered with the server gone. Never keeps an answer about a status.
// VERSION, KEPT (scripts), READER (the page with the scanner, and what reads codes) and SHELLS (Chinese, English) are
// written before this by the server.
const CACHE = `certsvc-shell-${VERSION}`;
const PATIENCE_MS = 15000;
// Kept by address alone, which names language and version; what headers a page was asked with must not hide it.
const kept = (request, more = {}) => caches.match(request, { ignoreVary: true, ...more });

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(CACHE);
    await cache.addAll([...KEPT, ...SHELLS]);
    await (await caches.open("certsvc-keys")).add("/.well-known/certsvc-keys.json").catch(() => {});
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("certsvc-shell-") && name !== CACHE) await caches.delete(name);
    }
    await self.clients.claim();
  })());
});

// Kept once the page with the scanner was opened, not with a scan: it is some hundred kilobytes more.
self.addEventListener("message", (event) => {
  if (event.data !== "keep-reader") return;
  event.waitUntil((async () => {
    const cache = await caches.open(CACHE);
    for (const address of READER) if (!await cache.match(address)) await cache.add(address);
    event.source.postMessage("reader-kept");
  })().catch(() => {})); // with no network, or no room: the page says so when it is needed
});

// The switch in the address, else the language last read here, else the browser's.
async function shell(url) {
  let chosen = new URL(url).searchParams.get("lang");
  try { chosen ??= await (await kept("/language"))?.text(); } catch { /* half written: the page was left */ }
  return await kept(SHELLS[(chosen || self.navigator.language).startsWith("zh") ? 0 : 1]);
}

// A proxy whose server is gone answers for it, without the headers that every page of ours carries.
const isOurs = (answer) => answer.status < 500 || answer.headers.has("Content-Security-Policy");

// The page with the scanner names nobody. Once read, it opens again with the server gone, in the language last read.
const isScanner = (url) => new URL(url).pathname === "/verify";
const instead = async (url) => (isScanner(url) && await kept("/verify", { ignoreSearch: true })) || await shell(url);

async function page(request) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(reject, PATIENCE_MS); });
  try {
    const answer = await Promise.race([fetch(request), late]);
    if (!isOurs(answer)) return await instead(request.url) ?? answer;
    if (answer.ok && isScanner(request.url)) await (await caches.open(CACHE)).put("/verify", answer.clone());
    return answer;
  } catch {
    return await instead(request.url) ?? Response.error();
  } finally {
    clearTimeout(timer);
  }
}

async function part(request) {
  const known = await kept(request);
  if (known) return known;
  let answer;
  try {
    answer = await fetch(request);
  } catch (error) {
    // A module asks for its parts without a version, an older page for an older one: offline, any kept one will do.
    const other = new URL(request.url).pathname === "/offline" ? await shell(request.url) : await kept(request, { ignoreSearch: true });
    if (other) return other;
    throw error;
  }
  if (answer.ok && (new URL(request.url).search || request.url.includes("/zxing/"))) {
    const cache = await caches.open(CACHE);
    await cache.put(request, answer.clone());
  }
  return answer;
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (request.mode === "navigate") event.respondWith(page(request));
  else if (url.pathname.startsWith("/static/") || url.pathname === "/offline") event.respondWith(part(request));
});
