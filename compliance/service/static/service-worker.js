// While the line is down any page becomes the kept one to scan on. No answer of the server is kept.
const KEPT = "packtrail-1";
const PAGE = "/offline";
const NAMES = ["packtrail.css", "scan.js", "offline.js", "icon.svg", "icons.svg", "words.svg"];

self.addEventListener("install", (event) => {
  const fresh = [PAGE, ...NAMES.map((one) => `/static/${one}`)].map((one) => new Request(one, { cache: "reload" }));
  event.waitUntil(caches.open(KEPT).then((kept) => kept.addAll(fresh)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const forget = async () => {
    const old = (await caches.keys()).filter((one) => one !== KEPT);
    await Promise.all(old.map((one) => caches.delete(one)));
  };
  event.waitUntil(forget().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const address = new URL(request.url);
  if (request.method !== "GET" || address.origin !== self.location.origin) return;
  if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => caches.match(PAGE)));
  else if (address.pathname.startsWith("/static/")) event.respondWith(newest(request));
});

// The server's own file where it answers, which is kept then; else the kept one.
async function newest(request) {
  try {
    const answer = await fetch(request);
    if (answer.ok) await (await caches.open(KEPT)).put(request, answer.clone());
    return answer;
  } catch {
    return (await caches.match(request, { ignoreSearch: true })) ?? Response.error();
  }
}
