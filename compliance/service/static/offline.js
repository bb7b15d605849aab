// While the line is down: what the signed snapshot says of a pack, and the scans that wait, in order.
// The snapshot can say stop, never OK; its rules are those of verification/offline/offline_snapshot.py.
const GS = "\u001d";
const AGE_MS_MAX = 3 * 24 * 3_600_000;
const FRESH_MS = 5 * 60_000;
const TURN_MS = 3_000;
const FIXED = { "00": 18, "01": 14, 11: 6, 13: 6, 15: 6, 16: 6, 17: 6, 20: 2 };
const OPEN = /^(10|21|22|30|37|24[01]|71\d)/;
const WORDS = { withdrawn: "STOP", expired: "STOP", lot: "STOP", pack: "CHECK" };

// ---- what is kept in this browser
function database() {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open("packtrail", 1);
    asked.onupgradeneeded = () => {
      asked.result.createObjectStore("queue", { keyPath: "number", autoIncrement: true });
      asked.result.createObjectStore("late", { keyPath: "number" });
      asked.result.createObjectStore("known");
    };
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

async function inStore(name, how, act) {
  const kept = await database();
  try {
    return await new Promise((resolve, reject) => {
      const tx = kept.transaction(name, how);
      const asked = act(tx.objectStore(name));
      tx.oncomplete = () => resolve(asked.result);
      tx.onabort = () => reject(tx.error);
    });
  } finally {
    kept.close();
  }
}

// ---- what a scan says, read as far as a browser can; null where it cannot
export function elements(text) {
  let rest = text.trim().replace(/^\][A-Za-z]\d/, "");
  const found = {};
  if (rest.startsWith("(")) {
    const parts = [...rest.matchAll(/\((\d{2,4})\)([^(]*)/g)];
    if (parts.map((one) => one[0]).join("") !== rest) return null;
    for (const [, code, value] of parts) found[code] = value;
    return found["01"] && found[21] ? found : null;
  }
  if (rest.startsWith(GS)) rest = rest.slice(1);
  while (rest) {
    const fixed = FIXED[rest.slice(0, 2)];
    const open = OPEN.exec(rest)?.[0];
    if (!fixed && !open) return null;
    const code = open ?? rest.slice(0, 2);
    const separator = rest.indexOf(GS);
    const end = fixed ? 2 + fixed : separator < 0 ? rest.length : separator;
    const value = rest.slice(code.length, end);
    if (fixed ? !/^\d+$/.test(value) || value.length < fixed : !value || value.length > 20) return null;
    if (code in found && found[code] !== value) return null;
    found[code] = value;
    rest = rest.slice(end);
    if (rest.startsWith(GS)) rest = rest.slice(1);
  }
  return found["01"] && found[21] ? found : null;
}

// The day of YYMMDD as an ISO text: day 00 is the month's last, the century by GS1's window.
export function day(text, now = new Date()) {
  if (!/^\d{6}$/.test(text ?? "")) return null;
  const [short, month, date] = [0, 2, 4].map((at) => Number(text.slice(at, at + 2)));
  const year = now.getUTCFullYear();
  const apart = short - (year % 100);
  const century = Math.floor(year / 100) + (apart >= 51 ? -1 : apart <= -50 ? 1 : 0);
  const found = new Date(Date.UTC(century * 100 + short, date ? month - 1 : month, date));
  return found.toISOString().slice(0, 10);
}

const bytesOf = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
const contentOf = (sealed) => JSON.parse(new TextDecoder().decode(bytesOf(JSON.parse(sealed).content)));

async function places(key, bits, hashes) {
  const digest = new DataView(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key)));
  const [first, second] = [digest.getBigUint64(0), digest.getBigUint64(8)];
  return Array.from({ length: hashes }, (_, turn) => Number((first + BigInt(turn) * second) % BigInt(bits)));
}

function keyOf(gtin, serial) {
  const escape = (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`;
  return `/01/${gtin}/21/${encodeURIComponent(serial).replace(/[!'()*]/g, escape)}`;
}

// Why a pack must wait, as OfflineSnapshot.stops says it; empty where nothing stops it.
export async function stops(content, { gtin, serial, lot = null, expiry = null }, now = new Date()) {
  if (now - new Date(content.made) > AGE_MS_MAX) return "stale";
  // Swedish dates are written as ISO 8601 writes them; an expiry day ends where the site is.
  const today = now.toLocaleDateString("sv-SE", { timeZone: content.zone ?? "UTC" });
  if (content.withdrawn.includes(gtin)) return "withdrawn";
  const days = content.last_days.filter(([code]) => code === gtin);
  const own = days.filter(([, of]) => of === lot).map(([, , last]) => last).sort();
  const isExtended = own.length > 0 && today <= own.at(-1);
  if (expiry && today > expiry && !isExtended) return "expired";
  if (content.bits) {
    const table = bytesOf(content.filter);
    const at = await places(keyOf(gtin, serial), content.bits, content.hashes);
    if (at.every((one) => (table[one >> 3] >> (one & 7)) & 1)) return "pack";
  }
  const stopped = new Set(content.lots.filter(([code]) => code === gtin).map(([, of]) => of));
  const over = new Set(days.filter(([, , last]) => today > last).map(([, of]) => of));
  if (lot === null && stopped.size + over.size) return "lot";
  if (stopped.has(lot) || stopped.has("")) return "lot";
  return over.has(lot) ? "expired" : "";
}

// The content of a snapshot that one of the log's keys signed (C2SP: name+id+base64); null for any other.
async function checked(sealed, lines) {
  const { content, sig } = JSON.parse(sealed);
  for (const line of lines.split("\n").filter(Boolean)) {
    try {
      const raw = bytesOf(/^[^+]+\+[0-9a-f]{8}\+(.+)$/.exec(line)[1]).slice(1);
      const key = await crypto.subtle.importKey("raw", raw, "Ed25519", false, ["verify"]);
      if (await crypto.subtle.verify("Ed25519", key, bytesOf(sig), bytesOf(content))) return contentOf(sealed);
    } catch { /* a key of another kind: the next one is tried */ }
  }
  return null;
}

// Who scans here: the page says it, and the page that is kept for the time without a line remembers it.
export function whoScans(scanner) {
  if (scanner?.dataset.who) localStorage.setItem("packtrail-who", scanner.dataset.who);
  return scanner?.dataset.who ?? localStorage.getItem("packtrail-who") ?? "";
}

// ---- the line of one scanner
export class Line {
  constructor(scanner, sound) {
    this.sound = sound;
    this.state = scanner.querySelector(".line-state");
    this.panel = scanner.querySelector(".late");
    this.isDown = false;
    this.who = whoScans(scanner);
    this.panel.querySelector(".seen").addEventListener("click", () => this.seen());
    window.addEventListener("online", () => this.turn());
    setInterval(() => this.turn(), TURN_MS);
    this.turn();
  }

  // Sends what waits, and learns what is stopped where that was long ago or the line was down.
  async turn() {
    if (document.hidden) return;
    if ((await this.waiting()).length) await this.replay();
    const known = await this.known();
    if (this.isDown || !known || Date.now() - known.fetched > FRESH_MS) await this.learn();
    await this.tell();
  }

  async learn() {
    try {
      const [answer, keys] = await Promise.all([fetch("/fmd/snapshot"), fetch("/log/key")]);
      this.isDown = false;
      if (!answer.ok || !keys.ok) return;
      const [sealed, lines] = await Promise.all([answer.text(), keys.text()]);
      if (!await checked(sealed, lines)) return;
      const known = { sealed, lines, fetched: Date.now() };
      await inStore("known", "readwrite", (store) => store.put(known, "snapshot"));
    } catch {
      this.isDown = true;
    }
  }

  known() { return inStore("known", "readonly", (store) => store.get("snapshot")); }

  waiting() { return inStore("queue", "readonly", (store) => store.getAll()); }

  late() { return inStore("late", "readonly", (store) => store.getAll()); }

  // The card of a scan that cannot be asked about now; the scan is kept before anything is said.
  async answer(text, mode, card) {
    this.isDown = true;
    const at = new Date();
    const found = elements(text);
    const pack = found && { gtin: found["01"], serial: found[21], lot: found[10] ?? null, expiry: day(found[17], at) };
    const known = await this.known();
    const content = known ? await checked(known.sealed, known.lines) : null;
    const why = !pack ? "not-read" : content ? await stops(content, pack, at) : "none";
    const word = WORDS[why] ?? "UNKNOWN";
    const scan = { text, mode, word, at: at.toISOString(), id: crypto.randomUUID(), who: this.who, serial: pack?.serial ?? "" };
    await inStore("queue", "readwrite", (store) => store.add(scan));
    const article = card.querySelector("article");
    article.classList.add(word.toLowerCase());
    Object.assign(article.dataset, { word, name: pack ? `GTIN ${pack.gtin}` : "Kept, not read", serial: scan.serial, link: "" });
    card.querySelector(".word").textContent = word;
    card.querySelector("use").setAttribute("href", `/static/words.svg#${word.toLowerCase()}`);
    card.querySelector(`[data-why="${why}"]`).hidden = false;
    const age = content ? `offline, knows until ${moment(content.made)}` : "offline";
    card.querySelector(".reason").textContent = mode === "verify" ? age : `${age} · ${mode} is done when the line is back`;
    const shown = pack ? { Serial: pack.serial, Lot: pack.lot, Expires: pack.expiry, GTIN: pack.gtin } : {};
    const rows = Object.entries(shown).filter(([, value]) => value);
    card.querySelector(".elements").append(...rows.map(([name, value]) => row(name, value)));
    await this.tell();
    return card;
  }

  // Every kept scan in its order, one by one; where the line breaks again the rest goes on waiting.
  replay() {
    return navigator.locks.request("packtrail-replay", async () => {
      for (const scan of await this.waiting()) {
        if (scan.who === this.who && !await this.send(scan)) break;
      }
    });
  }

  async send(scan) {
    const { number, text, mode, word, at, id, serial } = scan;
    const body = new FormData();
    for (const [name, value] of Object.entries({ text, mode, scanned: at, scan_id: id })) body.set(name, value);
    const page = document.createElement("div");
    try {
      const headers = { Accept: "text/html", "Packtrail-Piece": "card" };
      const answer = await fetch("/scan-card", { method: "POST", body, headers, signal: AbortSignal.timeout(20_000) });
      this.isDown = false;
      this.refused = answer.ok ? 0 : answer.status;
      if (!answer.ok) return false;
      page.innerHTML = await answer.text();
    } catch {
      this.isDown = true;
      return false;
    }
    const card = page.querySelector("[data-word]");
    const now = card?.dataset.word ?? "UNKNOWN";
    const isUndone = mode !== "verify" && !("done" in (card?.dataset ?? {}));
    const isConflict = isUndone || (now !== "OK" && now !== word);
    const sent = { number, word, now, at, mode, serial, isConflict, say: card?.querySelector(".say")?.textContent ?? "", link: card?.dataset.link ?? "" };
    await inStore("late", "readwrite", (store) => store.put(sent));
    await inStore("queue", "readwrite", (store) => store.delete(number));
    if (isConflict) this.sound("STOP");
    return true;
  }

  async seen() {
    await inStore("late", "readwrite", (store) => store.clear());
    await this.tell();
  }

  // Says that the line is down, how old its knowledge is, what waits, and what came of what was sent.
  async tell() {
    const [waiting, known, late] = await Promise.all([this.waiting(), this.known(), this.late()]);
    const parts = [];
    if (this.isDown) parts.push(known ? `Offline, knows until ${moment(contentOf(known.sealed).made)}` : "Offline, knows nothing of stopped packs");
    if (waiting.length) parts.push(waiting.length === 1 ? "1 scan waits" : `${waiting.length} scans wait`);
    const others = waiting.filter((one) => one.who !== this.who).length;
    if (others) parts.push(`${others} of another user`);
    if (waiting.length && !this.isDown && this.refused === 401) parts.push("sign in to send them");
    const says = parts.join(" · ");
    this.state.hidden = !says;
    if (this.state.textContent !== says) this.state.textContent = says;
    const wrong = late.filter((one) => one.isConflict).length;
    this.panel.hidden = late.length === 0;
    this.panel.querySelector(".late-says").textContent = wrong
      ? `${wrong} of ${late.length} came out otherwise: find these packs and set them aside.`
      : `${late.length} sent; none came out otherwise.`;
    this.panel.querySelector("ol").replaceChildren(...late.map(lateLine));
  }
}

function lateLine({ word, now, isConflict, say, at, mode, serial, link }) {
  const item = document.createElement("li");
  if (isConflict) item.dataset.conflict = "";
  const badge = made("span", word === now ? now : `${word} → ${now}`);
  badge.className = `badge ${now.toLowerCase()}`;
  const title = made(link ? "a" : "b", serial ? `…${serial.slice(-4)}` : "scan");
  if (link) title.href = link;
  item.append(badge, " ", title, " ", made("small", `${moment(at)}, ${mode}: ${say}`));
  return item;
}

function row(name, value) {
  const pair = document.createElement("div");
  pair.append(made("dt", name), made("dd", value));
  return pair;
}

function made(name, text) {
  const one = document.createElement(name);
  one.textContent = text;
  return one;
}

const moment = (at) => new Date(at).toLocaleString([], { weekday: "short", hour: "2-digit", minute: "2-digit" });
