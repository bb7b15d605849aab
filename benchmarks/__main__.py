"""All benchmarks, short, in one table; each runs in a process of its own, one after the other.

    python -m benchmarks [NAME ...]

Short runs show that every benchmark works and roughly where a figure stands; the README's figures
come from the long runs that each benchmark's docstring describes. Ends with 1 where a benchmark
failed or no longer prints a figure that stands here.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_S = 1800
"""Of one benchmark; a machine with other work takes minutes for some."""
NUMBER = r"([+-]?[\d.,]+)"


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table: what it says, and the pattern whose groups are the figure."""

    what: str
    pattern: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A module of this folder, how it is run shortly, and the figures to take from it."""

    name: str
    arguments: str
    figures: tuple[Figure, ...]
    needs: str = ""
    """A program without which it is left out."""


def line_of(label: str, unit: str = "x") -> Figure:
    """A figure that stands right behind its label."""
    return Figure(label, rf"{re.escape(label)}:?\s+{NUMBER}", unit)


BENCHMARKS = (
    Benchmark(
        "rules", "",
        (
            line_of("right files blamed", ""),
            line_of("faults named by their rule", "%"),
        ),
    ),
    Benchmark(
        "doors", "--histories 40",
        (
            line_of("contradictions between doors", ""),
            line_of("passed though ended, recalled or conditioned", ""),
            line_of("other than the truth", ""),
        ),
    ),
    Benchmark(
        "element_strings", "--texts 400",
        (Figure("element strings against biip.parse", rf"parse\+validate: {NUMBER} x biip", "x"),),
    ),
    Benchmark(
        "event_hash", "--events 200",
        (
            Figure("event hashes against the reference", rf"read and hash.*s\s+{NUMBER} x", "x"),
            Figure("equal hashes", r"equal hashes\s+(\d+ of \d+)"),
        ),
    ),
    Benchmark(
        "check", "--cases 20",
        (
            line_of("schema verdict, streaming"),
            line_of("check --profile epcis"),
            line_of("check --profile dscsa-r1.3"),
            line_of("JSON Schema"),
        ),
    ),
    Benchmark(
        "documents", "--events 1200 --memory-sizes 600 --folder {folder}",
        (
            line_of("1.2 XML, validated typed events / lxml DOM parse"),
            line_of("1.2 XML on two cores / one core (wall)"),
            line_of("JSON-LD, typed events / msgspec split + typed, kept"),
            line_of("JSON-LD, validated typed events / jsonschema-rs"),
            line_of("convert 1.2 XML to JSON-LD", "events/s"),
            line_of("longest of 2000 damaged XML documents (s)", "s"),
        ),
    ),
    Benchmark(
        "exchange", "--messages 20",
        (
            line_of("AS2 messages signed and encrypted", "/s"),
            line_of("against openssl's own speed"),
            line_of("message to signed receipt, p95", "ms"),
        ),
        "openssl",
    ),
    Benchmark(
        "proof", "--only dossiers --events 500",
        (Figure("a dossier against merely writing", rf"merely writing.*?{NUMBER} x", "x"),),
    ),
    Benchmark(
        "proof", "--only falsified --falsified 5",
        (Figure("falsified rows found", r"falsified rows found, all tables\s+(\d+ of \d+)"),),
    ),
    Benchmark(
        "redaction", "--events 400 --rounds 1",
        (line_of("dossier under internal against merely writing"),),
    ),
    Benchmark(
        "repository", "--rows 20000 --document-mb 1",
        (
            Figure("capture against the bare store", rf"{NUMBER} x the bare store", "x"),
            Figure("trace against a bare select", rf"trace, four levels\s+p50\s+{NUMBER} x", "x"),
            Figure("bytes on disk an EPC", rf"per EPC in an event: {NUMBER}", "bytes"),
        ),
    ),
    Benchmark(
        "load", "--events 40000 --jobs 5000",
        (
            Figure("a page beside an hour against plain SQL, worst", rf"worst: {NUMBER}", "x"),
            line_of("MATCH_epc / plain SQL by its key"),
            Figure("the next of many jobs against few", rf"next of 100: {NUMBER}", "x"),
        ),
    ),
    Benchmark(
        "stock", "--items 50000 --sites 4",
        (
            Figure("a site's stock by lot", rf"by lot .*: {NUMBER} ms", "ms"),
            Figure("a page of serials of one lot", rf"of one lot there: {NUMBER} ms", "ms"),
        ),
    ),
    Benchmark(
        "start", "--rounds 2 --idle-s 5",
        (
            line_of("packtrail --help / its libraries"),
            line_of("packtrail parse / its libraries"),
            line_of("packtrail verify / its libraries"),
            line_of("serve to the first answer", "s"),
            line_of("idle processor", "%"),
            line_of("idle memory", "MB"),
        ),
    ),
    Benchmark(
        "scanning", "--per-level 1 --only degraded rack tote text",
        (
            Figure("damaged codes read", rf"ours: {NUMBER} % read", "%"),
            Figure("of them read wrongly", r"wrong payloads: (\d+)"),
            Figure("zxing-cpp alone", rf"raw: {NUMBER} % read", "%"),
        ),
    ),
    Benchmark(
        "verdict_page", "--scans 40",
        (
            Figure("page to scan on, compressed", rf"page to scan on: {NUMBER} kB", "kB"),
            Figure("scan to painted verdict, p95", rf"p95: {NUMBER} ms", "ms"),
        ),
        needs="chromedriver",
    ),
    Benchmark(
        "verification_http", "--packs 5000 --turns 1 --bulk 1000",
        (
            Figure("VRS answer against the bare server", rf"VRS verify.*ratio\s+{NUMBER}", "x"),
            Figure("status query against the bare server", rf"status query.*ratio\s+{NUMBER}", "x"),
        ),
        needs="wrk",
    ),
)  # fmt: skip


def run(benchmark: Benchmark, folder: Path) -> tuple[list[tuple[str, str]], bool]:
    """Rows of the table, and whether all went well."""
    if benchmark.needs and not shutil.which(benchmark.needs):
        return [("left out", f"{benchmark.needs} is not installed")], True
    arguments = benchmark.arguments.format(folder=folder).split()
    ran = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{benchmark.name}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    rows = []
    for figure in benchmark.figures:
        found = re.search(figure.pattern, ran.stdout)
        rows.append((figure.what, f"{found[1]} {figure.unit}".strip() if found else "NOT PRINTED"))
    if ran.returncode:
        rows.append(("exit code", f"{ran.returncode}: {ran.stderr.strip().splitlines()[-1:]}"))
    return rows, not ran.returncode and all(value != "NOT PRINTED" for _, value in rows)


def main() -> int:
    """Print the table, row by row as figures come."""
    names = [*dict.fromkeys(benchmark.name for benchmark in BENCHMARKS)]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}")
    wanted = parser.parse_args().names or names
    if set(wanted) - set(names):
        parser.error(f"there are {', '.join(names)}")
    print(f"{'benchmark':<18} {'figure':<54} {'printed':>16} {'seconds':>8}", flush=True)
    is_well = True
    for benchmark in BENCHMARKS:
        if benchmark.name not in wanted:
            continue
        with tempfile.TemporaryDirectory(prefix="packtrail-benchmarks-") as folder:
            begun_s = time.monotonic()
            rows, went_well = run(benchmark, Path(folder))
        is_well &= went_well
        took = f"{time.monotonic() - begun_s:.0f}"
        for number, (what, value) in enumerate(rows):
            head, end = (benchmark.name, took) if number == 0 else ("", "")
            print(f"{head:<18} {what:<54} {value:>16} {end:>8}", flush=True)
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
