"""What redaction costs: dossiers under each shipped profile against merely writing and hashing.

    python -m benchmarks.redaction [--events 30000] [--rounds 3]

Up to 20,000 events a dossier has a workbook too, which costs more than all the rest; the figure is
about larger ones.

CPU is process time, the best of several rounds taken in turn over the same store.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks.proof import EVERYTHING, NOW, fill, fresh, merely_write, row
from compliance.dossier import Recipient, export
from compliance.dossier.redaction import PROFILES, shipped
from compliance.seal import Keys


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    names = sorted(path.stem for path in PROFILES.glob("*.json"))
    best = dict.fromkeys(["plain", *names], float("inf"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keys, store = Keys.open(folder / "keys"), fresh(folder, "events.db")
        fill(store, asked.events)
        for _ in range(asked.rounds):
            best["plain"] = min(best["plain"], merely_write(store, folder))
            for profile in names:
                begin = time.process_time()
                export(store, EVERYTHING, folder / "one.asice", keys, now=NOW, by="benchmark",
                       recipient=Recipient(shipped(profile)))  # fmt: skip
                best[profile] = min(best[profile], time.process_time() - begin)
        store.close()
    for profile in names:
        speed = best["plain"] / best[profile]
        row(f"dossier under {profile} against merely writing", f"{speed:.2f} x", ">= 0.5 x",
            holds=speed >= 0.5)  # fmt: skip


if __name__ == "__main__":
    main()
