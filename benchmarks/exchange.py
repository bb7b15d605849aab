"""What AS2 costs: messages signed and encrypted against openssl's own speed, and from end to end.

    python -m benchmarks.exchange [--messages 100] [--size-kib 256] [--killed 0]

One message is what a day's shipments of a wholesaler make: signed with SHA-256 and RSA-3072 and
encrypted with AES-256-CBC for one recipient. openssl's own time for the same bytes is what `openssl
speed` measures of each step on this machine: an RSA-3072 signature, an RSA-3072 encryption, and the
bytes through SHA-256 and AES-256-CBC. From end to end is a message from one store into another over
HTTP, with its signed receipt, one after the other. `--killed 1000` has two companies send each
other a thousand documents while both are killed and started again, and counts what is lost or
doubled; it takes some minutes.

CPU is process time for the first figure; the latency is wall time.
"""

from __future__ import annotations

import argparse
import io
import re
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import epcis.tables  # noqa: F401  # so that every table is made
from benchmarks.proof import row
from epcis.exchange.as2_build import As2Dress, dressed, payload_part
from epcis.exchange.certificates import make_own_key
from epcis.exchange.cms_content import OwnKey
from epcis.exchange.spool import Region, SpoolRoom
from epcis.ledger.store import Store

TESTS = Path(__file__).resolve().parent.parent / "tests"
RATE_MIN = 0.5


def openssl_s(size_bytes: int) -> float:
    """Seconds that openssl takes for the steps of one message."""

    def told(*arguments: str) -> str:
        command = ["openssl", "speed", "-seconds", "1", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    rsa = re.search(r"rsa 3072 bits ([\d.]+)s ([\d.]+)s", told("rsa3072"))
    seconds = float(rsa[1]) + float(rsa[2])
    for name in ("sha256", "aes-256-cbc"):
        line = told("-bytes", "16384", "-evp", name).splitlines()[-1]
        seconds += size_bytes / (float(re.search(r"([\d.]+)k", line)[1]) * 1000)
    return seconds


def made_s(messages: int, body: bytes, folder: Path) -> float:
    """Seconds of processor time for one message, signed and encrypted, as it is sent."""
    key = make_own_key("US", datetime.now(UTC))
    own = OwnKey(key.certificate, key.key)
    dress = As2Dress("sha256", "aes256-cbc", "", "sha256", own, own.certificate)
    room = SpoolRoom(folder, 2**28)
    begin = time.process_time()
    for _ in range(messages):
        files = []
        part = payload_part(Region.whole(io.BytesIO(body)), "application/xml", "a.xml")
        made, _ = dressed(part, dress, datetime.now(UTC), room, files.append)
        for _chunk in made.chunks():
            pass
        for file in files:
            file.close()
    return (time.process_time() - begin) / messages


def latencies_s(messages: int, folder: Path) -> list[float]:
    """How long each of some messages takes from being put in line to its receipt."""
    sys.path.insert(0, str(TESTS))
    as2_sites, partners = import_module("as2_sites"), import_module("partners")
    trust, serving, own_pem = as2_sites.trust, as2_sites.serving, as2_sites.own_pem
    sites, found = [], []
    for name in ("us", "them"):
        store = Store.open(f"sqlite:///{folder / name}.db")
        store.create_all()
        sites.append(partners.Site(store, folder / name, datetime(2026, 6, 1, 12, tzinfo=UTC)))
    us, them = sites
    with closing(us.store), closing(them.store), serving(us) as ours, serving(them) as theirs:
        us.connect("them", "as2", own_name="US", partner_name="THEM", address=theirs.address)
        them.connect("us", "as2", own_name="THEM", partner_name="US", address=ours.address)
        trust(us, "them", own_pem(them, "us"))
        trust(them, "us", own_pem(us, "them"))
        for number in range(messages):
            begin = time.perf_counter()
            sent = us.send("them", f"m-{number}", partners.a_shipment(number))
            us.work()
            found.append(time.perf_counter() - begin)
            assert us.message(sent).state == "receipted"
    return found


def killed_s(documents: int, folder: Path) -> tuple[float, list[str]]:
    """Seconds until all is exchanged through kills, and what is lost or doubled."""
    sys.path.insert(0, str(TESTS))
    killed, kills = import_module("as2_killed"), max(documents // 50, 2)
    begin = time.perf_counter()
    both = killed.exchange_while_killed(
        folder, documents=documents, kills=kills, longest_s=documents * 3
    )
    seconds = time.perf_counter() - begin
    wrong = [one for side in both for one in killed.lost_or_doubled(side, documents)]
    for side in both:
        side.site.store.close()
    return seconds, wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100)
    parser.add_argument("--size-kib", type=int, default=256)
    parser.add_argument("--killed", type=int, default=0, help="documents each way")
    asked = parser.parse_args()
    if asked.killed:
        with tempfile.TemporaryDirectory() as name:
            seconds, wrong = killed_s(asked.killed, Path(name))
        print(f"{asked.killed} documents each way through kills: {seconds:.0f} s", flush=True)
        row("lost or doubled", str(len(wrong)), "0", holds=not wrong)
        return
    body = bytes(range(256)) * 4 * asked.size_kib
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours, theirs = made_s(asked.messages, body, folder), openssl_s(len(body))
        rate = theirs / ours
        print(f"AS2 messages signed and encrypted: {1 / ours:.0f} a second", flush=True)
        row("against openssl's own speed", f"{rate:.2f} x", f">= {RATE_MIN} x",
            holds=rate >= RATE_MIN)  # fmt: skip
        waits = latencies_s(asked.messages, folder)
    p95 = statistics.quantiles(waits, n=20)[-1] if len(waits) > 1 else waits[0]
    print(f"message to signed receipt, p95: {1000 * p95:.0f} ms", flush=True)


if __name__ == "__main__":
    main()
