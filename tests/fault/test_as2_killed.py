"""Two companies exchange files over AS2 while both are killed and started again."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from as2_site_process import site_of
from as2_sites import own_pem, trust
from partners import a_shipment

from epcis.exchange.mailbox import MessageState, counts_by_state

PROGRAM = Path(__file__).resolve().parents[1] / "as2_site_process.py"
DOCUMENTS, KILLS, LONGEST_S = 40, 8, 240


def free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Company:
    """One side: its process may be killed at any moment; the test looks into its database."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name, self.port = folder / name, name, free_port()
        self.begun = time.time()
        self.site = site_of(self.folder, self.begun)

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(self.folder), str(self.port), str(self.begun)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def counts(self) -> dict[tuple[str, str], int]:
        with self.site.store.read() as snapshot:
            return counts_by_state(snapshot)

    def is_done(self) -> bool:
        counts = self.counts()
        return all(
            counts.get(("other", state.value)) == DOCUMENTS
            for state in (MessageState.RECEIPTED, MessageState.KEPT)
        )


@pytest.mark.parametrize("receipt", ["sync", "async"])
def test_no_document_is_lost_or_doubled_while_both_sides_are_killed(tmp_path, receipt):
    us, them = Company(tmp_path, "US"), Company(tmp_path, "THEM")
    both = (us, them)
    for one, other in (both, both[::-1]):
        one.site.connect(
            "other", "as2", own_name=one.name, partner_name=other.name, receipt=receipt,
            address=f"http://127.0.0.1:{other.port}/as2",
            receipt_address=f"http://127.0.0.1:{one.port}/as2",
        )  # fmt: skip
    trust(us.site, "other", own_pem(them.site, "other"))
    trust(them.site, "other", own_pem(us.site, "other"))
    for number in range(DOCUMENTS):
        us.site.send("other", f"u-{number}", a_shipment(number))
        them.site.send("other", f"t-{number}", a_shipment(1000 + number))
    chance, until = random.Random(17), time.monotonic() + LONGEST_S
    for one in both:
        one.start()
    try:
        killed = 0
        while not all(one.is_done() for one in both):
            assert time.monotonic() < until, [one.counts() for one in both]
            victim = chance.choice(both)
            with pytest.raises(subprocess.TimeoutExpired):  # it ends by nobody but this test
                victim.process.wait(0.2 + chance.random())
            if killed < KILLS:
                victim.kill()
                victim.start()
                killed += 1
    finally:
        for one in both:
            one.kill()
    for one in both:
        assert one.site.events() == DOCUMENTS
        documents = [m for m in one.site.messages() if m.direction == "in"]
        assert len({m.sha256 for m in documents}) == len(documents) == DOCUMENTS
        one.site.store.close()
