"""A transaction document as JSON and as CSV, written piece by piece."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from compliance.transactions.information import PackageIdentifier, TransactionInformation

    Packages = Callable[[int], Iterable[PackageIdentifier]]

CITATIONS = "FD&C Act 581(26), 581(27), 582(g)(1); 21 U.S.C. 360eee(26), (27), 360eee-1(g)(1)"
LINES_PER_PIECE = 1_000
COLUMNS = (
    "standing", "papers", "transaction date", "shipped", "seller", "seller GLN", "seller address",
    "buyer", "buyer GLN", "buyer address", "name", "strength", "dosage form", "NDC",
    "container size", "GTIN", "lot", "expiry", "serial",
)  # fmt: skip


def as_json(found: list[TransactionInformation], packages: Packages) -> Iterator[bytes]:
    """The document as JSON: an object with a list of shipments; packages one a line."""
    yield f'{{"law": {json.dumps(CITATIONS)},\n"shipments": ['.encode()
    for number, one in enumerate(found):
        fields = asdict(one)
        del fields["seq"]
        fields["papers"] = [{"kind": kind, "number": paper} for kind, paper in one.papers]
        fields["purchase"] = [{"fact": name, "value": value} for name, value in one.purchase]
        fields["containers"] = one.containers
        head = json.dumps(fields, indent=1, ensure_ascii=False)
        yield (("," if number else "") + "\n" + head[: head.rindex("\n}")]).encode()
        yield b',\n "packages": ['
        yield from _lines(packages(one.seq))
        yield b"]}"
    yield b"]}\n"


def _lines(packages: Iterable[PackageIdentifier]) -> Iterator[bytes]:
    lines: list[str] = []
    is_first = True
    for one in packages:
        line = json.dumps(asdict(one), ensure_ascii=False)
        lines.append(f"\n  {line}" if is_first else f",\n  {line}")
        is_first = False
        if len(lines) >= LINES_PER_PIECE:
            yield "".join(lines).encode()
            lines.clear()
    yield "".join(lines).encode()


def as_csv(found: list[TransactionInformation], packages: Packages) -> Iterator[bytes]:
    """The document as CSV, one line for each package; quoted so that no formula runs."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for one in found:
        lines = {(line.gtin, line.lot, line.expiry): line for line in one.products}
        papers = "; ".join(f"{kind} {number}" for kind, number in one.papers)
        shipment = [" ".join(one.standing), papers, one.transaction_date, one.shipped]
        for party in (one.seller, one.buyer):
            shipment += [party.name, party.gln, ", ".join(party.address)]
        for number, pack in enumerate(packages(one.seq)):
            line = lines.get((pack.gtin, pack.lot, pack.expiry))
            facts = (
                [line.name, line.strength, line.form, line.ndc, line.container_size]
                if line
                else [""] * 5
            )
            row = [*shipment, *facts, pack.gtin, pack.lot, pack.expiry, pack.serial]
            writer.writerow(map(_plain, row))
            if number % LINES_PER_PIECE == 0:
                yield _taken(out)
    yield _taken(out)


def _plain(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula.

    >>> _plain("=1+1"), _plain("L1")
    ("'=1+1", 'L1')
    """
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _taken(out: io.StringIO) -> bytes:
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text.encode()
