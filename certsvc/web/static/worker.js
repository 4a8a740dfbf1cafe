// Keeps the shell, so that a scanned QR is answered with the server gone. Never keeps an answer about a status.
const CACHE = `certsvc-shell-${VERSION}`;
const SHELLS = ["/offline?lang=zh", "/offline?lang=en"];

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

async function page(request) {
  try {
    return await fetch(request);
  } catch {
    const english = /[?&]lang=en/.test(request.url) || !/[?&]lang=zh/.test(request.url) && !self.navigator.language.startsWith("zh");
    const kept = await caches.match(SHELLS[english ? 1 : 0]);
    return kept ?? Response.error();
  }
}

async function part(request) {
  const kept = await caches.match(request);
  if (kept) return kept;
  let answer;
  try {
    answer = await fetch(request);
  } catch (error) {
    // A module asks for its parts without a version: offline, any kept one will do.
    const other = await caches.match(request, { ignoreSearch: true });
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
  else if (url.pathname.startsWith("/static/")) event.respondWith(part(request));
});
