"""The page to scan on in Chromium: how much it weighs, and how long a scan takes to be painted.

The demo is started on loopback. Weight is what the browser received for the page and everything it
asked for, compressed, with an empty cache. A scan counts from the scanner's Enter until the frame
with its verdict was painted.

Run: `python -m benchmarks.verdict_page [--scans 200]`; needs Debian's chromium and chromium-driver.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import tempfile
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.hands import serve_in

PACK = "(01)09521321001015(21)0795112158512(17)280630(10)CA2601"
WEIGHT = """
const of = (kind) => performance.getEntriesByType(kind);
const parts = [...of("navigation"), ...of("resource")];
const own = parts.filter((one) => !new URL(one.name).pathname.match(/^.(fmd|log)/));
return own.map((one) => [new URL(one.name).pathname, one.transferSize || one.encodedBodySize]);
"""
SCAN = """
const [text, done] = arguments;
const scanner = document.querySelector("main pack-scanner");
scanner.answer.replaceChildren();
const finish = () => done(performance.now() - began);
const painted = () => requestAnimationFrame(() => setTimeout(finish));
const seen = new MutationObserver(() => {
  if (!scanner.answer.querySelector("[data-word]")) return;
  seen.disconnect();
  painted();
});
seen.observe(scanner.answer, { childList: true, subtree: true });
scanner.field.value = text;
const began = performance.now();
scanner.form.requestSubmit();
"""


def chromium(folder: Path) -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={folder / 'profile'}")
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=int, default=200)
    scans = parser.parse_args().scans
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {**os.environ, "PACKTRAIL_DATA_DIR": name, "PYTHONUNBUFFERED": "1"}
        with serve_in(environment, "--demo") as server:
            driver = chromium(folder)
            try:
                driver.get(re.search(r"http://\S+/sign-in/\S+", server.greeting)[0])
                driver.execute_cdp_cmd("Network.clearBrowserCache", {})
                driver.get(server.address + "/")
                parts = driver.execute_script(WEIGHT)
                for path, size in parts:
                    print(f"  {size:>7} bytes  {path}")
                print(f"page to scan on: {sum(size for _, size in parts) / 1000:.1f} kB compressed")
                times = sorted(driver.execute_async_script(SCAN, PACK) for _ in range(scans))
            finally:
                driver.quit()
    print(f"scan to painted verdict, median: {statistics.median(times):.1f} ms")
    print(f"scan to painted verdict, p95: {times[int(len(times) * 0.95)]:.1f} ms")


if __name__ == "__main__":
    main()
