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
from epcis.store.masterdata import names_of
from epcis.trace import trace
from verification.answering.answers import verify_for
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
    from verification.decision.render import Verdict
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
    store: Store, scan: Scan, *, now: datetime, caller: Caller, practice: VerificationSettings
) -> ScanCards:
    """A card for each pack in the scan; a code that is no pack gives findings only."""
    cards: list[Card] = []
    findings = list(_shown(scan.findings))
    for reading in scan.readings[:PACKS_PER_SCAN_MAX]:
        if reading.gtin and reading.serial and reading.is_valid:
            asked = Asked(reading.gtin, reading.serial, reading.lot, reading.expiry)
            # A reading that may not be meant is of a pack that nobody may have in hand.
            wanted = Verification(asked, caller, alerting=not is_ambiguous(reading))
            shown = _shown(reading.findings)
            card = _full(store, wanted, shown, now=now, practice=practice)
            cards.append(_unsure(card) if is_ambiguous(reading) else card)
        elif reading.gtin and reading.is_valid:
            cards.append(_without_serial(reading))
        else:
            findings += _shown(reading.findings)
    return ScanCards(tuple(cards), tuple(findings))


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


def _without_serial(reading: Reading) -> Card:
    return Card(
        word="UNKNOWN",
        say="This code has no serial number, so it names no single pack: scan the 2D code.",
        reason="no-serial",
        gtin=reading.gtin,
        serial=None,
        lot=reading.lot,
        expiry=reading.expiry.isoformat() if reading.expiry else None,
        findings=_shown(reading.findings),
    )


def _full(
    store: Store,
    wanted: Verification,
    findings: tuple[dict[str, object], ...],
    *,
    now: datetime,
    practice: VerificationSettings,
) -> Card:
    asked, caller = wanted.asked, wanted.caller
    with store.write(now) as tx:
        answer = verify_for(tx, wanted, practice)
    key = f"/01/{asked.gtin}/21/{quote(asked.serial, safe='')}"
    with store.read() as snapshot:
        story = trace(snapshot, key, party=caller.party) if "query" in caller.scopes else None
        return _dressed(snapshot, answer, key, story, findings)


def _dressed(
    snapshot: Snapshot,
    answer: Verdict,
    key: str,
    story: Story | None,
    findings: tuple[dict[str, object], ...],
) -> Card:
    told = answer.as_dict()
    asked, known = answer.facts.asked, answer.facts.pack
    lot = (known.lot if known else None) or asked.lot
    expiry = told["expiry"]
    seen = story is not None and story.is_known
    rule = current_restrictions(snapshot).sensors.get(asked.gtin)
    return Card(
        word=answer.word.value,
        say=answer.say,
        reason=answer.reason.value,
        gtin=asked.gtin,
        serial=asked.serial,
        lot=lot,
        expiry=str(expiry) if expiry else None,
        product=product_name(snapshot, asked.gtin),
        alert=answer.alert,
        cause=answer.cause,
        sensors=rule.text if rule is not None else "",
        key=key if seen else None,
        findings=findings,
        story=story_lines(snapshot, story) if story is not None else (),
        custody=Markup(_custody(story)) if story is not None else Markup(),  # noqa: S704  # escaped
        reach=_reach(snapshot, asked.gtin, lot) if known and lot and story is not None else None,
    )


def _reach(snapshot: Snapshot, gtin: str, lot: str) -> Reach:
    scope = RecallScope(kind=ScopeKind.LOT, gtin=gtin, lot=lot)
    holders = reach_of(snapshot, scope).holders
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
