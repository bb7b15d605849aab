"""A sequencer in a process of its own, round after round, until it is killed.

python sequencing.py DATABASE
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from epcis.ledger.sequencer import sequence
from epcis.ledger.store import Store

ENTRIES_PER_ROUND = 5
"""Few, so that a kill mostly falls into a round."""


def main() -> None:
    """Give places without a pause."""
    store = Store.open(sys.argv[1])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        sequence(store, now=datetime.now(UTC), entries_max=ENTRIES_PER_ROUND)


if __name__ == "__main__":
    main()
