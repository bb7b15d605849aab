// The scanner is heard on every page: what it types lands in the field that expects it, or in the
// overlay. Answers come as pieces of HTML from the server; nothing is decided here.
import { Line, whoScans } from "/static/offline.js";

const GS = "\u001d";
const TONES = { OK: [880], STOP: [220, 220, 220], CHECK: [440, 330], UNKNOWN: [330, 330] };
const LOUDEST = ["STOP", "CHECK", "UNKNOWN", "OK"];
const KEPT_MAX = 60;
// A GS1 code at the end of a field that expects something else: a product with more behind it, a case.
const SCANNED = /(?:\][A-Za-z]\d)?(?:01\d{14}(?=[12]\d|\u001d).{3,}|00\d{18}|\(0[01]\)\d{14}.*|\]d2.{16,})$/;

class PackScanner extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form.scan");
    this.field = this.form.elements.text;
    this.file = this.form.elements.picture;
    this.answer = this.querySelector(".answer");
    this.queue = Promise.resolve();
    this.pending = 0;
    this.line = new Line(this, sound);
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.ask(); });
    this.file.addEventListener("change", () => { if (this.file.files.length) this.ask(); });
    this.form.addEventListener("change", (event) => { if (event.target.name === "mode") this.tellMode(); });
    this.batch = this.querySelector(".batch");
    this.batch.querySelector(".emptied").addEventListener("click", () => this.newTote());
    this.form.elements.tote?.addEventListener("change", () => this.newTote());
    this.newTote();
    this.querySelector(".camera-opens")?.addEventListener("click", () => this.look());
    this.answer.addEventListener("click", (event) => {
      if (event.target.closest("[data-confirm] button")) this.confirm();
    });
  }

  // The camera's reader is a megabyte: it is fetched when somebody opens the camera.
  async look() {
    const { scanned } = await import("/static/camera.js");
    const text = await scanned(document.querySelector("dialog.camera"));
    this.field.focus();
    if (!text) return;
    this.field.value = text;
    this.ask();
  }

  tellMode() {
    const chosen = this.form.querySelector("[name=mode]:checked");
    const says = this.form.querySelector(".mode-says");
    says.textContent = chosen.dataset.says;
    says.classList.toggle("writes", chosen.classList.contains("writes"));
    this.field.focus();
  }

  // A tote is scanned in one go: nothing waits for a hand, what is not OK is listed at the end.
  newTote() {
    this.tote = [];
    this.batch.hidden = !this.form.elements.tote?.checked;
    this.answer.replaceChildren();
    this.drawTote();
    this.field.focus();
  }

  drawTote() {
    const [bad, good] = [this.tote.filter((one) => one.word !== "OK"), this.tote.filter((one) => one.word === "OK")];
    const twice = this.tote.length - new Set(this.tote.map((one) => one.key)).size;
    this.batch.querySelector(".sum").textContent = `${good.length} OK, ${bad.length} to set aside${twice ? `, ${twice} scanned twice` : ""}.`;
    this.batch.querySelector("ol").replaceChildren(...bad.map(toteLine));
  }

  // Takes back what the list of scans names, with a reason; its answer stands where answers stand.
  takeBack(text, reason) {
    const body = new FormData();
    for (const [name, value] of Object.entries({ text, mode: "undo", reason })) body.set(name, value);
    this.pending += 1;
    this.answer.replaceChildren(this.piece("reading"));
    this.queue = this.queue.then(() => this.show(body, false));
  }

  // Scans queue up behind each other, so a fast hand loses none and answers keep their order.
  ask() {
    const body = new FormData(this.form);
    const isPicture = this.file.files.length > 0;
    this.field.value = "";
    this.file.value = "";
    this.field.focus();
    if (this.release) { this.refuse(); return; }
    this.pending += 1;
    this.answer.replaceChildren(this.piece("reading"));
    this.queue = this.queue.then(() => this.show(body, isPicture));
  }

  refuse() {
    this.answer.querySelector(".finding[role=alert]:first-child")?.remove();
    this.answer.prepend(this.piece("unconfirmed"));
    sound("STOP");
  }

  async show(body, isPicture) {
    const answer = document.createElement("div");
    try {
      const patience = isPicture ? this.dataset.picturePatienceMs : this.dataset.patienceMs;
      answer.innerHTML = await fetched(this.form.action, { method: "POST", body }, Number(patience));
    } catch (fault) {
      const mode = body.get("mode") ?? "verify";
      // Where nobody could be reached nothing was done, and the scan can be kept; silence is no such answer.
      const kept = fault instanceof TypeError && !isPicture;
      answer.replaceChildren(kept ? await this.line.answer(body.get("text"), mode, this.piece("offline")) : this.piece("silent"));
      if (!kept && mode !== "verify") answer.querySelector(".said").textContent =
        `Whether the act (${mode}) was done is not known: verify the pack before anything else.`;
    }
    this.pending -= 1;
    const cards = [...answer.querySelectorAll("[data-word]")];
    const word = LOUDEST.find((one) => cards.some((card) => card.dataset.word === one)) ?? "UNKNOWN";
    sound(word);
    for (const card of cards) document.dispatchEvent(new CustomEvent("scanned", { detail: card }));
    if (this.form.elements.tote?.checked) {
      for (const { dataset: { word, name, serial, link } } of cards) this.tote.push({ word, name, serial, link, key: link || serial, say: answer.querySelector(".say")?.textContent ?? "" });
      this.answer.replaceChildren(...(this.pending ? [this.piece("reading")] : []));
      this.drawTote();
      return;
    }
    // An OK must not stand on the page while a later scan is still being read.
    if (this.pending && word === "OK") return;
    this.answer.replaceChildren(...answer.childNodes);
    const toConfirm = this.answer.querySelector("[data-confirm]");
    if (!toConfirm) return;
    toConfirm.hidden = false;
    await new Promise((resolve) => { this.release = resolve; });
    if (this.pending) this.answer.replaceChildren(this.piece("reading"));
  }

  confirm() {
    for (const one of this.answer.querySelectorAll("[data-confirm]")) {
      const done = document.createElement("p");
      done.className = "badge";
      done.textContent = "Confirmed: the pack is set aside.";
      one.replaceWith(done);
    }
    this.answer.querySelector(":scope > .finding[role=alert]")?.remove();
    const release = this.release;
    this.release = null;
    release?.();
    this.field.focus();
  }

  piece(name) { return this.querySelector(`template.${name}`).content.cloneNode(true); }
}

// The text of a page's piece; a server that keeps silent for too long is given up.
async function fetched(address, how, patienceMs) {
  const headers = { Accept: "text/html", "Packtrail-Piece": "card" };
  const response = await fetch(address, { ...how, headers, signal: AbortSignal.timeout(patienceMs) });
  return response.text();
}

// ---- what was scanned before: in this window only, kept over a reload
class ScanHistory {
  constructor(place) {
    this.place = place;
    this.key = `packtrail-scans:${whoScans(document.querySelector("pack-scanner"))}`;
    try { this.kept = JSON.parse(sessionStorage.getItem(this.key)) ?? []; } catch { this.kept = []; }
    document.addEventListener("scanned", (event) => this.add(event.detail));
    this.draw();
  }

  add(card) {
    const { word, name, serial, link, undo } = card.dataset;
    const say = card.querySelector(".say")?.textContent ?? "";
    const done = "done" in card.dataset;
    this.kept.unshift({ word, name, serial, link, say, done, undo, at: new Date().toISOString() });
    this.kept.length = Math.min(this.kept.length, KEPT_MAX);
    this.save();
  }

  // Asks for the reason, and has the scanner take the act back.
  undo(scan) {
    const dialog = document.querySelector("dialog.undo");
    dialog.querySelector(".which").textContent = `${scan.name} …${scan.serial.slice(-4)}`;
    const form = dialog.querySelector("form");
    form.reset();
    dialog.returnValue = "";
    dialog.onclose = () => {
      if (dialog.returnValue !== "undo") return;
      document.querySelector("main pack-scanner").takeBack(scan.undo, form.elements.reason.value);
      scan.undo = "";
      this.save();
    };
    dialog.showModal();
  }

  save() {
    sessionStorage.setItem(this.key, JSON.stringify(this.kept));
    this.draw();
  }

  draw() {
    if (!this.place) return;
    this.place.querySelector("ol").replaceChildren(...this.kept.map((one) => line(one, (scan) => this.undo(scan))));
    this.place.querySelector(".nothing").hidden = this.kept.length > 0;
    const tally = this.place.querySelector(".tally");
    tally.hidden = this.kept.length === 0;
    tally.replaceChildren(...LOUDEST.toReversed().map((word) => {
      const part = element("span", `${word} ${this.kept.filter((one) => one.word === word).length}`);
      part.className = word.toLowerCase();
      return part;
    }));
  }
}

function toteLine({ word, name, serial, link, say }) {
  const item = document.createElement("li");
  const badge = element("span", word);
  badge.className = `badge ${word.toLowerCase()}`;
  const title = element(link ? "a" : "b", `${name}${serial ? ` …${serial.slice(-4)}` : ""}`);
  if (link) title.href = link;
  item.append(badge, " ", title, " ", element("small", say));
  return item;
}

function line(scan, undo) {
  const { word, name, serial, link, say, done, at } = scan;
  const item = document.createElement("li");
  item.className = word.toLowerCase();
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  shape.setAttribute("viewBox", "0 0 48 48");
  shape.setAttribute("role", "img");
  shape.setAttribute("aria-label", word);
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `/static/words.svg#${word.toLowerCase()}`);
  shape.append(use);
  const text = document.createElement("div");
  const title = link ? element("a", name) : element("b", name);
  if (link) title.href = link;
  const end = serial ? `…${serial.slice(-4)} · ` : "";
  const small = element("small", `${end}${word}${done ? " · done" : ""}`);
  small.title = say;
  text.append(title, small);
  const time = element("time", new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.dateTime = at;
  item.append(shape, text, time);
  if (scan.undo && document.querySelector("dialog.undo")) {
    const button = element("button", "Undo");
    button.className = "plain undo";
    button.type = "button";
    button.setAttribute("aria-label", `Undo ${name} ${serial.slice(-4)}`);
    button.addEventListener("click", () => undo(scan));
    item.append(button);
  }
  return item;
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

// ---- keys from anywhere
const overlay = () => document.querySelector("dialog.scan-over");
const isText = (one) => one.matches("textarea, input:not([type]), input[type=text], input[type=search], input[type=number], input[type=password], input[type=email], input[type=url], input[type=date], [contenteditable]");

// The field that expects a scan: of the open dialog, of the page, or of the overlay.
function scanField() {
  const open = document.querySelector("dialog[open]");
  const here = (open ?? document.querySelector("main"))?.querySelector("[data-scan], form.scan [name=text]");
  if (here) return here;
  return open ? null : overlay()?.querySelector("[data-scan]") ?? null;
}

function ready(field) {
  const dialog = field.closest("dialog");
  if (dialog && !dialog.open) dialog.showModal();
  field.focus();
}

function onKey(event) {
  if (event.defaultPrevented || event.isComposing) return;
  const mode = document.querySelector(`main .modes [data-key="${CSS.escape(event.key)}"]`);
  if (mode && !event.ctrlKey && !event.altKey && !event.metaKey) {
    event.preventDefault();
    mode.click();
    return;
  }
  const active = event.target instanceof Element ? event.target : document.body;
  // A keyboard scanner types the separator as Ctrl+]; browsers give no character for it.
  if ((event.ctrlKey && event.code === "BracketRight") || event.key === GS) {
    const field = isText(active) ? active : scanField();
    if (!field) return;
    event.preventDefault();
    if (field !== active) ready(field);
    field.setRangeText(GS, field.selectionStart, field.selectionEnd, "end");
    return;
  }
  if (isText(active)) {
    if (event.key === "Enter" && active.matches("input")) misplaced(event, active);
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.key.length !== 1 || event.key === " ") return;
  if (active.matches("select") && !/[\d\](]/.test(event.key)) return;
  const field = scanField();
  if (field) ready(field); // the browser types the character into the field that now has the focus
}

// A scan that was typed into a field for something else is taken out of it and asked about.
function misplaced(event, field) {
  if (field.matches("[data-scan], form.scan [name=text], #jump, [type=password]")) return;
  const found = SCANNED.exec(field.value);
  const target = found && scanField();
  if (!target) return;
  event.preventDefault();
  field.value = field.value.slice(0, found.index);
  ready(target);
  if (target.matches("textarea")) { // a list of scans: one more line, and nothing is sent yet
    target.value = `${target.value.trimEnd()}\n${found[0]}\n`.trimStart();
    return;
  }
  target.value = found[0];
  target.form.requestSubmit();
}

// ---- a sample to try, and what the browser knows of its place
function onSample(event) {
  const sample = event.target.closest("[data-sample]")?.dataset.sample;
  const scanner = sample && document.querySelector("main pack-scanner");
  if (!scanner) return;
  scanner.field.value = sample;
  scanner.ask();
}

for (const field of document.querySelectorAll("[data-own-zone]")) {
  field.value ||= Intl.DateTimeFormat().resolvedOptions().timeZone;
}

// ---- pictures dropped anywhere
function onDrop(event) {
  if (!event.dataTransfer?.types.includes("Files") || event.target.closest("[data-drop]")) return;
  const scanner = document.querySelector("main pack-scanner") ?? overlay()?.querySelector("pack-scanner");
  if (!scanner) return;
  event.preventDefault();
  scanner.classList.toggle("dropping", event.type === "dragover");
  if (event.type !== "drop") return;
  ready(scanner.field);
  scanner.file.files = event.dataTransfer.files;
  scanner.ask();
}

// ---- parts that change by themselves; forms around them are left alone
function refreshed(part) {
  const again = setInterval(async () => {
    if (document.hidden) return;
    try {
      const html = await fetched(location.href, {}, 10_000);
      const fresh = new DOMParser().parseFromString(html, "text/html").getElementById(part.id);
      if (fresh) part.replaceChildren(...fresh.childNodes);
      if (!fresh || "done" in fresh.dataset) clearInterval(again);
    } catch { /* the line is down: the next turn asks again */ }
  }, 1000 * Number(part.dataset.refreshS));
}

// Browsers stay silent until a person has touched the page once; asking earlier only warns.
function sound(word) {
  if (!navigator.userActivation?.hasBeenActive) return;
  const context = new AudioContext();
  TONES[word].forEach((hertz, turn) => {
    const tone = context.createOscillator();
    tone.frequency.value = hertz;
    tone.connect(context.destination);
    tone.start(context.currentTime + turn * 0.18);
    tone.stop(context.currentTime + turn * 0.18 + 0.12);
  });
  setTimeout(() => context.close(), 1000);
  navigator.vibrate?.(word === "OK" ? 60 : [120, 60, 120]);
}

if (document.querySelector("pack-scanner")) navigator.serviceWorker?.register("/service-worker.js");
customElements.define("pack-scanner", PackScanner);
new ScanHistory(document.querySelector(".history"));
document.addEventListener("keydown", onKey);
document.addEventListener("click", onSample);
for (const name of ["dragover", "dragleave", "drop"]) document.addEventListener(name, onDrop);
overlay()?.querySelector(".close").addEventListener("click", () => overlay().close());
for (const part of document.querySelectorAll("[data-refresh-s]:not([data-done])")) refreshed(part);
