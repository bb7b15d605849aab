// Tables that a person sorts, filters and takes along. The server's rows stay what they are; a page
// without this script shows the same table.
const ROWS_MIN = 2;
const COLUMNS_MIN = 3;
const NUMBER = /^-?\d{1,3}(?:[ ,\u00a0\u202f]?\d{3})*(?:\.\d+)?$/;
const words = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

const textOf = (cell) => (cell?.innerText ?? "").replace(/\s+/g, " ").trim();
const numberOf = (text) => (NUMBER.test(text) ? Number(text.replace(/[ ,\u00a0\u202f]/g, "")) : NaN);

function compare(a, b) {
  const [x, y] = [numberOf(a), numberOf(b)];
  return Number.isNaN(x) || Number.isNaN(y) ? words.compare(a, b) : x - y;
}

// No cell may become a formula in a spreadsheet program.
const safe = (text) => (/^[=+\-@\t\r]/.test(text) && Number.isNaN(numberOf(text)) ? `'${text}` : text);

class DataTable {
  constructor(table, tools) {
    this.table = table;
    this.body = table.tBodies[0];
    this.heads = [...table.tHead.rows[0].cells];
    this.rows = [...this.body.rows];
    this.bar = tools.content.firstElementChild.cloneNode(true);
    this.filter = this.bar.querySelector("input[type=search]");
    this.count = this.bar.querySelector("output");
    this.filter.addEventListener("input", () => this.show());
    this.bar.querySelector("[data-save=csv]").addEventListener("click", () => this.saveCsv());
    this.bar.querySelector("[data-save=xlsx]").addEventListener("click", () => this.saveExcel());
    this.offerColumns(this.bar.querySelector("details"));
    this.heads.forEach((head, at) => this.offerSorting(head, at));
    table.closest(".wide").before(this.bar);
    this.show();
  }

  offerSorting(head, at) {
    if (!textOf(head)) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => this.sort(at));
  }

  offerColumns(details) {
    const named = this.heads.map((head, at) => [textOf(head), at]).filter(([name]) => name);
    if (named.length < COLUMNS_MIN) return details.remove();
    const list = details.querySelector("div");
    for (const [name, at] of named) {
      const label = document.createElement("label");
      const box = document.createElement("input");
      box.type = "checkbox";
      box.checked = true;
      box.addEventListener("change", () => this.showColumn(at, box.checked));
      label.append(box, name);
      list.append(label);
    }
  }

  showColumn(at, shown) {
    for (const row of [this.table.tHead.rows[0], ...this.rows]) {
      if (row.cells[at]) row.cells[at].hidden = !shown;
    }
  }

  sort(at) {
    const head = this.heads[at];
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const one of this.heads) one.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const keyed = this.rows.map((row) => [textOf(row.cells[at]), row]);
    keyed.sort(([a], [b]) => (down ? compare(b, a) : compare(a, b)));
    this.rows = keyed.map(([, row]) => row);
    this.body.append(...this.rows);
  }

  show() {
    const wanted = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of this.rows) {
      const text = textOf(row).toLowerCase();
      row.hidden = !wanted.every((word) => text.includes(word));
    }
    const shown = this.rows.filter((row) => !row.hidden).length;
    this.count.value = shown === this.rows.length ? `${shown}` : `${shown} / ${this.rows.length}`;
  }

  // What is shown: columns and rows, as texts.
  shown() {
    const columns = this.heads.map((head, at) => at).filter((at) => textOf(this.heads[at]) && !this.heads[at].hidden);
    const rows = this.rows.filter((row) => !row.hidden);
    return {
      columns: columns.map((at) => textOf(this.heads[at])),
      numbers: columns.map((at) => this.heads[at].classList.contains("number")),
      rows: rows.map((row) => columns.map((at) => textOf(row.cells[at]))),
    };
  }

  saveCsv() {
    const { columns, rows } = this.shown();
    const quoted = (cell) => `"${safe(cell).replaceAll('"', '""')}"`;
    const lines = [columns, ...rows].map((row) => row.map(quoted).join(","));
    // The mark at the beginning tells Excel that this is UTF-8.
    save(new Blob(["\ufeff", lines.join("\r\n"), "\r\n"], { type: "text/csv" }), `${this.name()}.csv`);
  }

  async saveExcel() {
    const { columns, numbers, rows } = this.shown();
    const typed = (text, at) => (numbers[at] && !Number.isNaN(numberOf(text)) ? numberOf(text) : text);
    const answer = await fetch("/tables/excel", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ title: this.name(), columns, rows: rows.map((row) => row.map(typed)) }),
    });
    if (answer.ok) save(await answer.blob(), `${this.name()}.xlsx`);
    else this.count.value = (await answer.json()).detail;
  }

  name() {
    const title = textOf(document.querySelector("main h1")) || "table";
    return title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 60);
  }
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

const tools = document.querySelector("template.table-tools");
for (const table of document.querySelectorAll("main .wide > table")) {
  const isData = table.tHead?.rows.length === 1 && table.tBodies.length === 1 && !table.dataset.fixed;
  if (tools && isData && table.tBodies[0].rows.length >= ROWS_MIN) new DataTable(table, tools);
}
