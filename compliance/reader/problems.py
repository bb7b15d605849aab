"""What a captured document did to packs that somebody must look at, found after its capture.

Partners' files are stored as they are and judged afterwards. What is shipped is weighed by the one
judgement, as of the time of the shipment; partners and products are looked up in their lists. Pure
but for reading: nothing is written here.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, or_, select

from compliance.cases.cases import State
from compliance.duty_tables import case_file, case_item, partner_licence
from compliance.partners.licences import licences
from compliance.reader.file_rules import checked, events_of_document
from compliance.reports.transactions import (
    keys_named,
    owner_among,
    shipped_events,
    things_shipped,
    things_within,
)
from epcis.model import instant_of
from epcis.store.event_tables import master_data
from epcis.store.item_status import ItemStatus
from epcis.store.items import items
from epcis.trace import gln_of, path
from schemas.gs1.epc import canonical_key
from verification.decision.decide import CONTRADICTIONS
from verification.decision.many import is_pack, judge_packs, name_of
from verification.decision.words import Reason
from verification.registry.history import pack_key
from verification.registry.pack_tables import product

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from compliance.reports.transactions import ShippedEvent
    from epcis.database.transactions import Snapshot

KEYS_MAX: Final = 10_000
"""Packs of one problem that are kept with its case; the count tells the rest."""
ROOTS_MAX: Final = 500
"""Things of one shipment of which the earlier shipments are looked up."""
_STOPS: Final = frozenset(
    {
        Reason.RECALLED,
        Reason.WITHDRAWN,
        Reason.EXPIRED,
        Reason.HELD,
        Reason.QUARANTINED,
        Reason.SUSPECT,
        Reason.ILLEGITIMATE,
        Reason.LOCKED,
    }
)
_NO_DATA: Final = frozenset(
    {Reason.UNKNOWN_SERIAL, Reason.UNKNOWN_PRODUCT, Reason.EXPIRY_NOT_RECORDED}
)
OPEN_STATES: Final = (State.OPEN.value, State.INVESTIGATING.value)
"""States of a case that is not closed."""
_BACK: Final = frozenset({"receiving", "accepting", "void_shipping"})


class CaseCause(StrEnum):
    """Why a case is opened by the reader; one open case for a cause, partner, product and lot."""

    SHIPPED_STOPPED = "shipped though stopped"
    CONTRADICTION = "records contradict each other"
    NO_DATA = "shipped without data"
    SHIPPED_TWICE = "shipped twice"
    UNKNOWN_PRODUCT = "unknown product"
    UNKNOWN_PARTY = "unknown party"
    NOT_AUTHORIZED = "seller not authorized"
    FILE_FAULTY = "file breaks rules"
    MISSING = "announced and not delivered"
    PRINT_DIFFERS = "print and data differ"


CATEGORY: Final = {
    CaseCause.SHIPPED_STOPPED: "unavailable for distribution",
    CaseCause.CONTRADICTION: "data issue",
    CaseCause.NO_DATA: "product no data",
    CaseCause.SHIPPED_TWICE: "data issue",
    CaseCause.UNKNOWN_PRODUCT: "data issue",
    CaseCause.UNKNOWN_PARTY: "data issue",
    CaseCause.NOT_AUTHORIZED: "unavailable for distribution",
    CaseCause.FILE_FAULTY: "data issue",
    CaseCause.MISSING: "data no product",
    CaseCause.PRINT_DIFFERS: "data issue",
}
"""The trade's word for a case of each cause (HDA exception handling)."""


@dataclass(frozen=True, slots=True)
class FoundProblem:
    """One thing that somebody must look at."""

    cause: CaseCause
    partner: str
    """GLN-13 of who shipped; empty where nobody did."""
    gtin: str
    lot: str
    what: str
    """One sentence."""
    keys: tuple[str, ...] = ()
    """Canonical keys of the packs or containers, at most `KEYS_MAX`."""
    document: int = 0
    """The document itself, where it is what is wrong."""
    expiry: str = ""
    """As printed, where print and data differ; ISO 8601."""

    @property
    def mark(self) -> str:
        """What an open case of the same problem carries."""
        number = f"|{self.document or self.expiry}" if self.document or self.expiry else ""
        return f"{self.cause.name}|{self.partner}|{self.gtin}|{self.lot}{number}"


@dataclass(frozen=True, slots=True)
class DocumentDeeds:
    """What one document is about, and what is wrong with it."""

    document: int
    keys: frozenset[str]
    """Everything that its events name, and what was in it when it was shipped."""
    problems: tuple[FoundProblem, ...]
    is_clean: bool = False
    """It is a shipment file, and breaks no rule."""


def deeds_of(snapshot: Snapshot, document: int, now: datetime) -> DocumentDeeds:
    """What a document did, judged as of the times of its own events."""
    seqs = events_of_document(snapshot, document)
    keys = set(keys_named(snapshot, seqs))
    problems: list[FoundProblem] = []
    shipped: set[str] = set()
    file = None
    for one in shipped_events(snapshot, seqs):
        things = list(things_shipped(snapshot, [one.seq]))
        shipped.update(things)
        problems += _of_shipment(snapshot, one, things, now)
    if shipped:
        file = checked(snapshot, document, now)
    problems += _contradictions(snapshot, [key for key in keys | shipped if is_pack(key)], now)
    problems += _unknown_products(snapshot, {key[4:18] for key in keys if key.startswith("/01/")})
    if file is not None and file.faults:
        what = f"a file of {file.sender or 'nobody named'} breaks rules: {file.faults}"
        some = _some(keys | shipped)
        problems.append(
            FoundProblem(CaseCause.FILE_FAULTY, file.sender, "", "", what, some, document=document)
        )
    is_clean = file is not None and not file.faults
    return DocumentDeeds(document, frozenset(keys | shipped), tuple(problems), is_clean)


def _of_shipment(
    snapshot: Snapshot, shipped: ShippedEvent, things: list[str], now: datetime
) -> Iterator[FoundProblem]:
    at = instant_of(shipped.event.event_time)
    seller = _gln(owner_among(shipped.event.sources))
    buyer = _gln(owner_among(shipped.event.destinations))
    packs = [name_of(key) for key in things if is_pack(key)]
    stopped: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    dataless: dict[str, list[str]] = defaultdict(list)
    waiting = _waiting_for_data(snapshot, seller)
    for one in judge_packs(snapshot, packs, min(at, now)):
        key = _key(one.gtin, one.serial)
        # A pack that is held until its data comes was not stopped when it was shipped.
        stops = _STOPS - {Reason.QUARANTINED} if key in waiting else _STOPS
        reason = next((reason for reason in one.reasons if reason in stops), None)
        if reason is not None:
            stopped[one.gtin, one.lot, reason.value].append(key)
        if not one.lot and not _NO_DATA.isdisjoint(one.reasons):
            dataless[one.gtin].append(key)
    for (gtin, lot, word), keys in stopped.items():
        what = f"{seller} shipped {len(keys)} packs of lot {lot} of GTIN {gtin}: {word}"
        yield FoundProblem(CaseCause.SHIPPED_STOPPED, seller, gtin, lot, what, _some(keys))
    for gtin, keys in dataless.items():
        what = f"{seller} shipped {len(keys)} packs of GTIN {gtin} of which no event tells the lot"
        yield FoundProblem(CaseCause.NO_DATA, seller, gtin, "", what, _some(keys))
    if things and not packs:
        what = f"{seller} shipped {things[0]}, and no event tells what is in it"
        yield FoundProblem(CaseCause.NO_DATA, seller, "", "", what, _some(things))
    twice = sorted(_shipped_before(snapshot, things[:ROOTS_MAX], shipped.seq))
    if twice:
        what = f"{seller} shipped {twice[0]} and {len(twice) - 1} more again; nobody received them"
        yield FoundProblem(CaseCause.SHIPPED_TWICE, seller, "", "", what, _some(twice))
    yield from _parties(snapshot, seller, buyer, at)


def _waiting_for_data(snapshot: Snapshot, seller: str) -> set[str]:
    """Keys of what was received from a seller and is held until its data comes."""
    heads = [f"{one.name}|{seller}|" for one in (CaseCause.NO_DATA, CaseCause.PRINT_DIFFERS)]
    found = (
        select(case_item.c.key)
        .join(case_file, case_file.c.id == case_item.c.case)
        .where(case_file.c.partner == seller, case_file.c.state.in_(OPEN_STATES))
        .where(or_(*(case_file.c.mark.startswith(head) for head in heads)))
    )
    return set(snapshot.connection.scalars(found))


def _some(keys: Iterable[str]) -> tuple[str, ...]:
    """Those keys that a case keeps."""
    return tuple(sorted(keys)[:KEYS_MAX])


def _shipped_before(snapshot: Snapshot, keys: Iterable[str], seq: int) -> Iterator[str]:
    """Which things an earlier event shipped, without an end of that journey before this one."""
    for key in keys:
        on_the_way = False
        for turn in path(snapshot, key):
            if turn.seq == seq:
                if on_the_way:
                    yield key
                break
            if turn.biz_step == "shipping":
                on_the_way = True
            elif turn.biz_step in _BACK:
                on_the_way = False


def _parties(snapshot: Snapshot, seller: str, buyer: str, at: datetime) -> Iterator[FoundProblem]:
    has_list = snapshot.connection.scalar(select(func.count()).select_from(partner_licence))
    for gln in filter(None, dict.fromkeys((seller, buyer))):
        held = licences(snapshot, [gln])
        if not held and not is_described(snapshot, f"/414/{gln}"):
            what = f"{gln} trades, and is neither a partner on record nor described by master data"
            yield FoundProblem(CaseCause.UNKNOWN_PARTY, gln, "", "", what)
        elif gln == seller and has_list and not any(one.authorizes_on(at.date()) for one in held):
            what = f"{gln} shipped on {at.date().isoformat()} without a licence on that day"
            yield FoundProblem(CaseCause.NOT_AUTHORIZED, gln, "", "", what)


def _contradictions(snapshot: Snapshot, keys: list[str], now: datetime) -> Iterator[FoundProblem]:
    """Packs whose records contradict each other since this document or before."""
    found: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for one in judge_packs(snapshot, map(name_of, sorted(keys)), now):
        reason = next((reason for reason in one.reasons if reason in CONTRADICTIONS), None)
        if reason is not None:
            found[one.gtin, one.lot, reason.value].append(_key(one.gtin, one.serial))
    for (gtin, lot, word), those in found.items():
        what = f"{len(those)} packs of lot {lot} of GTIN {gtin}: {word.replace('-', ' ')}"
        yield FoundProblem(CaseCause.CONTRADICTION, "", gtin, lot, what, _some(those))


def _unknown_products(snapshot: Snapshot, gtins: set[str]) -> Iterator[FoundProblem]:
    for gtin in sorted(gtins):
        if not is_product_described(snapshot, gtin):
            what = f"no master data and no upload tells what GTIN {gtin} is"
            yield FoundProblem(CaseCause.UNKNOWN_PRODUCT, "", gtin, "", what)


def is_described(snapshot: Snapshot, key: str) -> bool:
    """Whether master data describes a product, place or party."""
    known = select(master_data.c.key).where(master_data.c.key == key).limit(1)
    return snapshot.connection.scalar(known) is not None


def is_product_described(snapshot: Snapshot, gtin: str) -> bool:
    """Whether master data or an upload describes a product."""
    uploaded = select(product.c.code).where(product.c.code == gtin)
    return is_described(snapshot, f"/01/{gtin}") or (
        snapshot.connection.scalar(uploaded) is not None
    )


def _gln(party: str | None) -> str:
    return gln_of(canonical_key(party)) if party else ""


def _key(gtin: str, serial: str) -> str:
    return pack_key(gtin, serial)


def cured(snapshot: Snapshot, cause: CaseCause, about: FoundProblem, now: datetime) -> str:
    """Why a problem is none any more; empty while it is one."""
    return _CURES[cause](snapshot, about, now)


def _judged(snapshot: Snapshot, about: FoundProblem, now: datetime) -> Iterator[frozenset[Reason]]:
    packs = [name_of(key) for key in about.keys if is_pack(key)]
    return (frozenset(one.reasons) for one in judge_packs(snapshot, packs, now))


def _has_data(snapshot: Snapshot, about: FoundProblem, now: datetime) -> str:
    packs = [name_of(key) for key in about.keys if is_pack(key)]
    containers = [key for key in about.keys if not is_pack(key)]
    if any(not one.lot for one in judge_packs(snapshot, packs, now)):
        return ""
    if any(not any(map(is_pack, things_within(snapshot, key))) for key in containers):
        return ""
    return "lot and expiry of all its packs are recorded now"


def _agrees(snapshot: Snapshot, about: FoundProblem, now: datetime) -> str:
    still = any(not CONTRADICTIONS.isdisjoint(one) for one in _judged(snapshot, about, now))
    return "" if still else "the records of its packs agree now"


def _is_once(snapshot: Snapshot, about: FoundProblem, now: datetime) -> str:
    del now
    again = any(_journeys_open(snapshot, key) > 1 for key in about.keys)
    return "" if again else "each of its things is shipped once now"


def _journeys_open(snapshot: Snapshot, key: str) -> int:
    """How many shipments of a thing follow each other without its having come back."""
    most = open_ = 0
    for turn in path(snapshot, key):
        if turn.biz_step == "shipping":
            open_ += 1
        elif turn.biz_step in _BACK:
            open_ = 0
        most = max(most, open_)
    return most


def _is_known_product(snapshot: Snapshot, about: FoundProblem, now: datetime) -> str:
    del now
    known = is_product_described(snapshot, about.gtin)
    return f"GTIN {about.gtin} is described now" if known else ""


def _is_known_party(snapshot: Snapshot, about: FoundProblem, now: datetime) -> str:
    del now
    known = is_described(snapshot, f"/414/{about.partner}") or licences(snapshot, [about.partner])
    return f"{about.partner} is known now" if known else ""


def _is_accounted_for(snapshot: Snapshot, about: FoundProblem, now: datetime) -> str:
    del now
    known = items(snapshot, about.keys).values()
    still = any(one.status is ItemStatus.IN_TRANSIT for one in known)
    return "" if still else "none of its packs is on its way any more"


def _agrees_with_print(snapshot: Snapshot, about: FoundProblem, now: datetime) -> str:
    del now
    for one in items(snapshot, about.keys).values():
        if one.lot != about.lot or (about.expiry and one.expiry_text != about.expiry):
            return ""
    return "the data of its packs is what is printed on them now"


def _stays(snapshot: Snapshot, about: FoundProblem, now: datetime) -> str:
    del snapshot, about, now
    return ""  # what was shipped though stopped is for a person to end


_CURES: Final[dict[CaseCause, Callable[[Snapshot, FoundProblem, datetime], str]]] = {
    CaseCause.SHIPPED_STOPPED: _stays,
    CaseCause.CONTRADICTION: _agrees,
    CaseCause.NO_DATA: _has_data,
    CaseCause.SHIPPED_TWICE: _is_once,
    CaseCause.UNKNOWN_PRODUCT: _is_known_product,
    CaseCause.UNKNOWN_PARTY: _is_known_party,
    CaseCause.NOT_AUTHORIZED: _stays,
    CaseCause.FILE_FAULTY: _stays,
    CaseCause.MISSING: _is_accounted_for,
    CaseCause.PRINT_DIFFERS: _agrees_with_print,
}
"""What ends a problem of each cause, besides a person."""
