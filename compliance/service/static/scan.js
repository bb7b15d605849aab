// One custom element: the scanner types from anywhere, pictures can be dropped, answers are spoken.
const GS = "\u001d";
const TONES = { OK: [880], STOP: [220, 220, 220], CHECK: [440, 330], UNKNOWN: [330] };

class PackScanner extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form.scan");
    this.field = this.form.elements.text;
    this.file = this.form.elements.picture;
    this.answer = this.querySelector(".answer");
    this.past = this.querySelector(".history ol");
    this.waiting = Promise.resolve();
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.ask(); });
    this.file.addEventListener("change", () => { if (this.file.files.length) this.ask(); });
    document.addEventListener("keydown", (event) => this.key(event));
    this.listenForDrops();
  }

  // A wedge scanner types the group separator as Ctrl+]; browsers give no character for it.
  key(event) {
    if (event.ctrlKey && event.code === "BracketRight") {
      event.preventDefault();
      this.field.setRangeText(GS, this.field.selectionStart, this.field.selectionEnd, "end");
      return;
    }
    const elsewhere = !event.target.closest("input, textarea, button, a, summary");
    if (elsewhere && event.key.length === 1 && !event.ctrlKey && !event.metaKey) this.field.focus();
  }

  listenForDrops() {
    for (const name of ["dragover", "dragleave", "drop"]) {
      document.addEventListener(name, (event) => {
        event.preventDefault();
        this.classList.toggle("dropping", name === "dragover");
      });
    }
    document.addEventListener("drop", (event) => {
      if (!event.dataTransfer.files.length) return;
      this.file.files = event.dataTransfer.files;
      this.ask();
    });
  }

  // Scans queue up behind each other, so a fast hand loses none and answers keep their order.
  ask() {
    const body = new FormData(this.form);
    const asked = this.field.value || this.file.files[0]?.name || "";
    this.form.reset();
    this.field.focus();
    this.waiting = this.waiting.then(() => this.show(body, asked));
  }

  async show(body, asked) {
    let html;
    try {
      const response = await fetch(this.form.action, { method: "POST", body });
      html = await response.text();
    } catch {
      html = '<p class="finding error"><b>The server did not answer.</b> ' +
        "Nothing was checked. Keep the pack aside and scan it again.</p>";
    }
    this.answer.innerHTML = html;
    const words = [...this.answer.querySelectorAll("[data-word]")].map((card) => card.dataset.word);
    const loudest = ["STOP", "CHECK", "UNKNOWN", "OK"].find((word) => words.includes(word));
    if (loudest) sound(loudest);
    this.remember(loudest ?? "?", asked);
  }

  remember(word, asked) {
    const line = document.createElement("li");
    line.textContent = `${word} ${asked.replaceAll(GS, "␝").slice(0, 48)}`;
    this.past.prepend(line);
    while (this.past.children.length > 10) this.past.lastChild.remove();
  }
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

customElements.define("pack-scanner", PackScanner);
