"""Which page belongs to what a code names."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from schemas.gs1.reading import Reading


class Landing(NamedTuple):
    """A page that a pasted text leads to."""

    path: str
    what: str


def landing_of(reading: Reading) -> Landing | None:
    """The page of what a code names; None where there is no page for it.

    >>> from schemas.gs1.reading import read
    >>> landing_of(read("(01)09506000134352(21)A/1")).path
    '/01/09506000134352/21/A%2F1'
    >>> landing_of(read("(00)095213220000041997")).path
    '/00/095213220000041997'
    """
    elements = reading.elements
    if reading.gtin:
        path, what = f"/01/{reading.gtin}", f"Product {reading.gtin}"
        if reading.serial:
            return Landing(
                f"{path}/21/{quote(reading.serial, safe='')}", f"Pack {reading.serial} of it"
            )
        if reading.lot:
            return Landing(f"{path}/10/{quote(reading.lot, safe='')}", f"Lot {reading.lot} of it")
        return Landing(path, what)
    for code, name in (("00", "Case or pallet"), ("414", "Place"), ("417", "Company")):
        if code in elements:
            return Landing(f"/{code}/{elements[code]}", f"{name} {elements[code]}")
    return None
