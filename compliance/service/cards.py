"""The card of a pack: what the page shows a person about it, gathered from every floor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from markupsafe import Markup

from compliance.partners.names import product_name
from compliance.recall.reach import Notified, reach_of
from compliance.recall.record import RecallRecord, open_recall_of
from compliance.recall.scope import RecallScope, ScopeKind
from compliance.reports.custody_line import Stop, custody_svg
from compliance.service.landing import landing_of
from compliance.service.scan_acts import act_on, names_goods
from compliance.service.scan_compared import ComparedValue, compared
from compliance.service.scan_mode import ScanAnswer, ScanMode, answer_scan
from epcis.store.masterdata import names_of
from epcis.trace import trace
from verification.decision.act import Asked
from verification.decision.restrictions import current_restrictions
from verification.messages.wanted import Verification
from verification.scan import is_ambiguous

if TYPE_CHECKING:
    from collections.abc import Sequence

    from compliance.service.scans import Scan
    from epcis.database.transactions import Snapshot
    from epcis.http_context import Caller
    from epcis.ledger.store import Store
    from epcis.trace import Story
    from schemas.finding import Finding
    from schemas.gs1.reading import Reading
    from verification.settings import VerificationSettings

PACKS_PER_SCAN_MAX = 50
"""Packs of one picture that get a card each."""

_SENTENCES = {
    "commissioning": "Made and numbered",
    "packing": "Packed",
    "unpacking": "Unpacked",
    "shipping": "Shipped from",
    "departing": "Left",
    "arriving": "Arrived",
    "receiving": "Received",
    "accepting": "Accepted",
    "storing": "Put into stock",
    "dispensing": "Dispensed",
    "retail_selling": "Sold",
    "decommissioning": "Decommissioned",
    "destroying": "Destroyed",
    "inspecting": "Inspected",
    "holding": "Put on hold",
    "void_shipping": "Shipment called back",
    "repackaging": "Repackaged",
}
"""What happened, by business step, for people who do not read EPCIS."""


@dataclass(frozen=True, slots=True)
class StoryLine:
    """One event as a sentence."""

    time: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a recall of the pack's lot tells, or would tell."""

    packs: int
    holders: tuple[Notified, ...]
    recall: RecallRecord | None


@dataclass(frozen=True, slots=True)
class Card:
    """All that the page shows about one pack."""

    word: str
    say: str
    reason: str
    gtin: str | None
    serial: str | None
    lot: str | None
    expiry: str | None
    product: str | None = None
    alert: str | None = None
    """Id of the alert that was raised for the pack."""
    cause: str = ""
    sensors: str = ""
    """The rule of the product for sensor reports, where it has one."""
    key: str | None = None
    """Canonical key where events about the pack are known."""
    link: str = ""
    """Where all about it is shown."""
    label: str = ""
    """What the code is of, where it is no pack."""
    compared: tuple[ComparedValue, ...] = ()
    """What is recorded beside what was scanned, where they differ."""
    is_done: bool = False
    """Whether the scan did an act."""
    is_repeat: bool = False
    """Whether the pack was scanned here a moment ago."""
    is_scanned: bool = False
    """Whether somebody has the pack in hand, who confirms an alert."""
    findings: tuple[dict[str, object], ...] = ()
    story: tuple[StoryLine, ...] = ()
    custody: Markup = Markup()  # noqa: RUF009  # an empty text cannot be changed
    reach: Reach | None = None

    def as_dict(self) -> dict[str, object]:
        """The card for programs: `/01/{gtin}/21/{serial}.json`."""
        return {
            "verdict": self.word,
            "say": self.say,
            "reason": self.reason,
            "gtin": self.gtin,
            "serial": self.serial,
            "lot": self.lot,
            "expiry": self.expiry,
            "product": self.product,
            "story": [{"time": line.time, "what": line.sentence} for line in self.story],
        }


@dataclass(frozen=True, slots=True)
class ScanCards:
    """The cards of one scan and the notes shown beside them."""

    cards: tuple[Card, ...]
    findings: tuple[dict[str, object], ...]


def cards_of_scan(
    store: Store,
    scan: Scan,
    *,
    now: datetime,
    caller: Caller,
    practice: VerificationSettings,
    mode: ScanMode = ScanMode.VERIFY,
) -> ScanCards:
    """A card for each code in the scan; every scan gives one at least, so that none is silent."""
    cards: list[Card] = []
    for reading in scan.readings[:PACKS_PER_SCAN_MAX]:
        if reading.is_valid and mode.in_warehouse and _may_act(reading):
            cards.append(_acted(store, reading, mode, caller=caller, practice=practice, now=now))
        elif reading.gtin and reading.serial and reading.is_valid:
            asked = Asked(reading.gtin, reading.serial, reading.lot, reading.expiry)
            # A reading that may not be meant is of a pack that nobody may have in hand.
            unsure = is_ambiguous(reading)
            wanted = Verification(asked, caller, alerting=not unsure)
            shown = _shown(reading.findings)
            does = ScanMode.VERIFY if unsure or mode.in_warehouse else mode
            card = _full(store, wanted, shown, now=now, practice=practice, mode=does)
            cards.append(_unsure(card) if unsure else card)
        elif reading.is_valid:
            cards.append(_no_pack(reading))
        else:
            cards.append(_unreadable(_shown(reading.findings)))
    if not cards:
        return ScanCards((_unreadable(_shown(scan.findings)),), ())
    return ScanCards(tuple(cards), _shown(scan.findings))


def _may_act(reading: Reading) -> bool:
    """Whether a code surely names goods; what can be read in several ways is only looked at."""
    return names_goods(reading) and not is_ambiguous(reading)


def _acted(
    store: Store,
    reading: Reading,
    mode: ScanMode,
    *,
    caller: Caller,
    practice: VerificationSettings,
    now: datetime,
) -> Card:
    """The card of goods on which the scan did an act in the warehouse."""
    acted = act_on(store, reading, mode, caller=caller, practice=practice, now=now)
    if reading.gtin and reading.serial:
        asked = Asked(reading.gtin, reading.serial, reading.lot, reading.expiry)
        card = card_of_pack(store, asked, now=now, caller=caller, practice=practice)
    else:
        card = _no_pack(reading)
    return replace(
        card,
        word=acted.word.value,
        say=acted.say,
        reason=acted.reason,
        is_done=acted.is_done,
        is_scanned=True,
        findings=_shown(reading.findings),
    )


def card_of_pack(
    store: Store,
    asked: Asked,
    *,
    now: datetime,
    caller: Caller,
    practice: VerificationSettings,
) -> Card:
    """The card of a pack that somebody names; nobody has it in hand, so no alert."""
    wanted = Verification(asked, caller, alerting=False)
    return _full(store, wanted, (), now=now, practice=practice)


def _unsure(card: Card) -> Card:
    """The card of a reading that may not be the one meant: never OK."""
    if card.word != "OK":
        return card
    say = "The scanned text can be read in several ways: compare this one with the printed text."
    return replace(card, word="CHECK", say=say, reason="scan.ambiguous")


def _no_pack(reading: Reading) -> Card:
    """The card of a code that names no single pack: a product, a lot, a case, a place."""
    landing = landing_of(reading)
    container = "00" in reading.elements
    if container:
        say = "This is the code of a case or pallet, not of a pack: nothing was verified."
    elif reading.gtin:
        say = "This code has no serial number, so it names no single pack: scan the 2D code."
    else:
        say = "This code names no pack: nothing was verified. Scan the pack's 2D code."
    return Card(
        word="UNKNOWN",
        say=say,
        reason="container" if container else "no-serial",
        gtin=reading.gtin,
        serial=None,
        lot=reading.lot,
        expiry=reading.expiry.isoformat() if reading.expiry else None,
        findings=_shown(reading.findings),
        link=landing.path if landing else "",
        label=landing.what if landing else "",
        is_scanned=True,
    )


def _unreadable(findings: tuple[dict[str, object], ...]) -> Card:
    """The card of a scan that gave no code: it says so, as loudly as a verdict."""
    return Card(
        word="UNKNOWN",
        say="This could not be read, so nothing was verified. Keep the pack aside and scan again.",
        reason="not-read",
        gtin=None,
        serial=None,
        lot=None,
        expiry=None,
        findings=findings,
        is_scanned=True,
    )


def _full(
    store: Store,
    wanted: Verification,
    findings: tuple[dict[str, object], ...],
    *,
    now: datetime,
    practice: VerificationSettings,
    mode: ScanMode = ScanMode.VERIFY,
) -> Card:
    asked, caller = wanted.asked, wanted.caller
    with store.write(now) as tx:
        answer = answer_scan(tx, wanted, mode, practice)
    key = f"/01/{asked.gtin}/21/{quote(asked.serial, safe='')}"
    with store.read() as snapshot:
        story = trace(snapshot, key, party=caller.party) if "query" in caller.scopes else None
        card = _dressed(snapshot, answer, key, story, findings)
    # Whoever only names a pack has none in hand to set aside.
    return replace(card, is_scanned=wanted.alerting)


def _dressed(
    snapshot: Snapshot,
    answer: ScanAnswer,
    key: str,
    story: Story | None,
    findings: tuple[dict[str, object], ...],
) -> Card:
    facts = answer.verdict.facts
    asked, known = facts.asked, facts.pack
    lot = (known.lot if known else None) or asked.lot
    expiry = (known.expiry if known else None) or asked.expiry
    seen = story is not None and story.is_known
    rule = current_restrictions(snapshot).sensors.get(asked.gtin)
    return Card(
        word=answer.word.value,
        say=answer.say,
        reason=answer.reason,
        gtin=asked.gtin,
        serial=asked.serial,
        lot=lot,
        expiry=expiry.isoformat() if expiry else None,
        product=product_name(snapshot, asked.gtin),
        alert=answer.alert,
        cause=answer.cause,
        sensors=rule.text if rule is not None else "",
        key=key if seen else None,
        link=key,
        compared=compared(facts),
        is_done=answer.is_done,
        is_repeat=answer.is_repeat,
        findings=findings,
        story=story_lines(snapshot, story) if story is not None else (),
        custody=Markup(_custody(story)) if story is not None else Markup(),  # noqa: S704  # escaped
        reach=_reach(snapshot, asked.gtin, lot) if known and lot and story is not None else None,
    )


def _reach(snapshot: Snapshot, gtin: str, lot: str) -> Reach:
    scope = RecallScope(kind=ScopeKind.LOT, gtin=gtin, lot=lot)
    # Who has none of the packs any more is no holder.
    holders = tuple(one for one in reach_of(snapshot, scope).holders if one.packs)
    return Reach(sum(h.packs for h in holders), holders, open_recall_of(snapshot, scope))


def story_lines(snapshot: Snapshot, story: Story) -> tuple[StoryLine, ...]:
    """The events of a story as sentences, oldest first."""
    names = names_of(snapshot, sorted({e.place for e in story.events if e.place}))
    return tuple(
        StoryLine(
            _iso(e.event_time), _sentence(e.biz_step, e.disposition, names.get(e.place or ""))
        )
        for e in story.events
    )


def _sentence(step: str | None, disposition: str | None, place: str | None) -> str:
    did = _SENTENCES.get(step or "", (step or "seen").replace("_", " ").capitalize())
    at = f" {place}" if place and did.endswith(" from") else f" at {place}" if place else ""
    did = did if place else did.removesuffix(" from")
    notable = disposition in ("recalled", "stolen", "destroyed", "damaged", "expired")
    return f"{did}{at}{f' ({disposition})' if notable else ''}."


def _custody(story: Story) -> str:
    stops: Sequence[Stop] = [
        Stop(stay.name or stay.gln or "not named", f"{stay.since:%Y-%m-%d}")
        for stay in story.custody
    ]
    return custody_svg(stops)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _shown(findings: Sequence[Finding]) -> tuple[dict[str, object], ...]:
    return tuple(finding.as_dict() for finding in findings)
