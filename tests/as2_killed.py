"""Two companies that exchange files over AS2 while both are killed and started again."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from as2_site_process import site_of
from as2_sites import own_pem, trust
from partners import a_shipment

from epcis.exchange.mailbox import MessageState, counts_by_state

PROGRAM = Path(__file__).resolve().parent / "as2_site_process.py"


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

    def is_done(self, documents: int) -> bool:
        counts = self.counts()
        return all(
            counts.get(("other", state.value)) == documents
            for state in (MessageState.RECEIPTED, MessageState.KEPT)
        )


def exchange_while_killed(
    folder: Path, *, documents: int, kills: int, longest_s: float, receipt: str = "sync"
) -> tuple[Company, Company]:
    """Both companies after each has sent so many documents to the other, through so many kills."""
    us, them = Company(folder, "US"), Company(folder, "THEM")
    both = (us, them)
    for one, other in (both, both[::-1]):
        one.site.connect(
            "other", "as2", own_name=one.name, partner_name=other.name, receipt=receipt,
            address=f"http://127.0.0.1:{other.port}/as2",
            receipt_address=f"http://127.0.0.1:{one.port}/as2",
        )  # fmt: skip
    trust(us.site, "other", own_pem(them.site, "other"))
    trust(them.site, "other", own_pem(us.site, "other"))
    for number in range(documents):
        us.site.send("other", f"u-{number}", a_shipment(number))
        them.site.send("other", f"t-{number}", a_shipment(documents + number))
    chance, until = random.Random(17), time.monotonic() + longest_s
    for one in both:
        one.start()
    try:
        killed = 0
        while not all(one.is_done(documents) for one in both):
            assert time.monotonic() < until, [one.counts() for one in both]
            victim = chance.choice(both)
            try:
                victim.process.wait(0.2 + chance.random())
            except subprocess.TimeoutExpired:
                if killed < kills:
                    victim.kill()
                    victim.start()
                    killed += 1
            else:
                raise AssertionError(f"{victim.name} ended by itself")
    finally:
        for one in both:
            one.kill()
    return both


def lost_or_doubled(company: Company, documents: int) -> list[str]:
    """What is wrong with what a company has, once all is exchanged; empty: nothing."""
    arrived = [one for one in company.site.messages_all() if one.direction == "in"]
    events, different = company.site.events(), len({one.sha256 for one in arrived})
    found = {"messages": len(arrived), "different ones": different, "events": events}
    return [f"{name}: {n}, not {documents}" for name, n in found.items() if n != documents]
