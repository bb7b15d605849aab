"""The letter to a partner about a case: what is wrong, with which packs, and what is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from compliance.cases.cases import CaseKind, Notice, take_step
from compliance.duty_tables import case_item
from compliance.partners.names import product_name
from compliance.reports.transactions import attributes_known
from compliance.site import site_of
from verification.decision.many import is_pack, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compliance.cases.cases import CaseFile
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction

LISTED_MAX: Final = 2_000
"""Packs that a letter names one by one."""
_ADDRESS: Final = ("streetAddressOne", "streetAddressTwo", "city", "state", "postalCode")
_ASKS: Final = {
    "product no data": "Please send the transaction information and statement of these packs: an"
    " EPCIS file with their commissioning, packing and shipping events. Until then they stay in"
    " quarantine. (FD&C Act 582(c)(1), 582(g)(1)(A))",
    "data no product": "Please tell us where these packs are. If they never left you, send a file"
    " that voids their shipment. (FD&C Act 582(g)(1)(A))",
    "data issue": "Please compare your records with the packs. If the data is wrong, declare the"
    " events wrong and send the corrected file; if the packs are, tell us at once.",
}
"""What is asked for, by the category of a case."""
_SUSPECT: Final = (
    "We have put this product into quarantine as suspect product and investigate it with you, as"
    " FD&C Act 582(d)(4)(A) asks. Please answer within 24 hours what you know of it."
)
_OTHER: Final = "Please look into it and answer with the number of the case."


def write_letter(tx: Transaction, about: CaseFile, *, owner_gln: str, by: str) -> str:
    """The letter about a case as plain text; that it was made becomes a step of the case."""
    text = letter_about(tx, about, owner_gln=owner_gln)
    whom = about.partner or "the partner"
    take_step(tx, about.id, Notice.NOTE, by=by, note=f"letter to {whom} made")
    return text


def letter_about(snapshot: Snapshot, about: CaseFile, *, owner_gln: str) -> str:
    """The letter; the same text for the same case, whenever it is made."""
    keys = sorted(
        snapshot.connection.scalars(select(case_item.c.key).where(case_item.c.case == about.id))
    )
    asks = _SUSPECT if about.kind is CaseKind.SUSPECT else _ASKS.get(about.category, _OTHER)
    lines = [
        *_ourselves(snapshot, owner_gln),
        "",
        "To",
        *_party(snapshot, about.partner, "(the partner)"),
        "",
        f"{about.opened:%Y-%m-%d}",
        "",
        f"Case {about.id}: {about.category}",
        "",
        *_product(snapshot, about),
        f"What we found: {about.what}.",
        "",
        *_packs(keys),
        asks,
        "",
        f"Please name case {about.id} in your answer.",
    ]
    return "\n".join(lines) + "\n"


def _ourselves(snapshot: Snapshot, owner_gln: str) -> Iterator[str]:
    site = site_of(snapshot)
    yield from _party(snapshot, owner_gln, site.name if site else "(our name and address)")
    if site and site.licence:
        yield f"Licence {site.licence}"


def _party(snapshot: Snapshot, gln: str, otherwise: str) -> Iterator[str]:
    facts = {
        name: value for (_, name), value in attributes_known(snapshot, [f"/414/{gln}"]).items()
    }
    yield facts.get("name", "") or otherwise
    address = ", ".join(facts[name] for name in _ADDRESS if facts.get(name))
    if address:
        yield address
    if gln:
        yield f"GLN {gln}"


def _product(snapshot: Snapshot, about: CaseFile) -> Iterator[str]:
    if not about.gtin:
        return
    name = product_name(snapshot, about.gtin) or "product without a name on record"
    lot = f", lot {about.lot}" if about.lot else ""
    serial = f", serial {about.serial}" if about.serial else ""
    yield f"Product: {name}, GTIN {about.gtin}{lot}{serial}"


def _packs(keys: list[str]) -> Iterator[str]:
    if not keys:
        return
    yield f"Packs and containers ({len(keys)}):"
    for key in keys[:LISTED_MAX]:
        if is_pack(key):
            gtin, serial = name_of(key)
            yield f"  GTIN {gtin}  serial {serial}"
        else:
            yield f"  {key.removeprefix('/00/')}"
    if len(keys) > LISTED_MAX:
        yield f"  and {len(keys) - LISTED_MAX} more"
    yield ""
