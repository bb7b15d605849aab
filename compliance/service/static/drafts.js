// Scans of a delivery are kept in this browser until it is taken in: closing the page loses none.
const DAYS_KEPT = 7;
const AGE_MS_MAX = DAYS_KEPT * 24 * 3600 * 1000;
const place = (number) => `packtrail.receive.${document.querySelector(".who span")?.textContent ?? ""}.${number}`;

function kept(number) {
  const found = JSON.parse(localStorage.getItem(place(number)) ?? "null");
  return found && Date.now() - found.at < AGE_MS_MAX ? found.scans : "";
}

const done = document.querySelector("[data-draft-done]");
if (done) localStorage.removeItem(place(done.dataset.draftDone));

const form = document.querySelector("form[data-draft]");
if (form) {
  const number = form.dataset.draft;
  const scans = form.elements.scans;
  const before = kept(number);
  if (scans.value.trim()) {
    localStorage.setItem(place(number), JSON.stringify({ at: Date.now(), scans: scans.value }));
  } else if (before) {
    const lines = before.trim().split(/\r?\n/);
    const notice = document.querySelector(".draft");
    notice.querySelector("output").value = lines.length;
    notice.querySelector("[data-go-on]").addEventListener("click", () => {
      form.elements.scan.value = lines.pop();
      scans.value = lines.join("\n");
      form.submit();
    });
    notice.querySelector("[data-discard]").addEventListener("click", () => {
      localStorage.removeItem(place(number));
      notice.hidden = true;
    });
    notice.hidden = false;
  }
}
