"""All that is shown of an identifier, whatever it names: a pack, a lot, a product, a case, a place.

One story is gathered once, and every form is made of it: the page, JSON, EPCIS XML, CSV and PDF.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import StringIO
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from markupsafe import Markup
from sqlalchemy import select

from compliance.dossier.table import safe, writer_of
from compliance.partners.names import product_attributes, product_name
from compliance.recall.record import open_recall_of
from compliance.recall.scope import RecallScope, ScopeKind
from compliance.reports.containment_drawing import Container, containment_svg
from compliance.reports.custody_line import Stop, custody_svg
from compliance.reports.sheet import Report, Section
from epcis.query.search import Selection, by_id
from epcis.store.event_tables import lot as lot_table
from epcis.store.items import contents
from epcis.store.masterdata import names_of
from epcis.trace import trace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime

    from compliance.recall.record import RecallRecord
    from compliance.service.identifier_address import AskedThing
    from epcis.database.transactions import Snapshot
    from epcis.model import Event
    from epcis.trace import Holder, Story, TracedEvent, TracedStay

CONTENTS_SHOWN_MAX = 200
"""Things listed as what is in a case; more are only counted."""
LOTS_SHOWN_MAX = 100
_KINDS = {
    "00": "Case or pallet",
    "253": "Document",
    "414": "Place or company",
    "417": "Company",
    "8003": "Returnable asset",
    "8004": "Asset",
}
_DEEDS = {
    "commissioning": "{who} made it and gave it this number",
    "packing": "{who} packed it",
    "unpacking": "{who} unpacked it",
    "shipping": "{who} shipped it",
    "departing": "It left {who}",
    "arriving": "It arrived at {who}",
    "receiving": "{who} received it",
    "accepting": "{who} accepted it",
    "storing": "{who} put it into stock",
    "dispensing": "{who} dispensed it",
    "retail_selling": "{who} sold it",
    "decommissioning": "{who} decommissioned it",
    "destroying": "{who} destroyed it",
    "inspecting": "{who} inspected it",
    "holding": "{who} put it on hold",
    "void_shipping": "{who} called the shipment back",
    "repackaging": "{who} repackaged it",
    "entering_exiting": "It passed {who}",
    "loading": "{who} loaded it",
    "unloading": "{who} unloaded it",
    "picking": "{who} picked it",
    "returning": "{who} sent it back",
    "transporting": "{who} carried it",
}
"""What happened, by business step, with the place as its subject."""
_NOTABLE = frozenset({"recalled", "stolen", "destroyed", "damaged", "expired", "disposed"})


@dataclass(frozen=True, slots=True)
class TimelineLine:
    """One event as a sentence."""

    at: datetime
    sentence: str
    event_id: str


@dataclass(frozen=True, slots=True)
class IdentifierStory:
    """What is known of one thing."""

    kind: str
    name: str
    key: str
    elements: dict[str, str]
    events: tuple[TracedEvent, ...]
    lines: tuple[TimelineLine, ...]
    facts: tuple[tuple[str, str], ...]
    inside: tuple[tuple[str, str], ...]
    """What is in it: name and address."""
    inside_total: int
    holders: tuple[Holder, ...]
    lots: tuple[str, ...]
    recall: RecallRecord | None
    containers: tuple[Container, ...]
    stops: tuple[Stop, ...]
    """Who held it, in turn."""
    trace: dict[str, object]
    """As `/packs/{pack}/trace` gives it."""

    @property
    def custody(self) -> Markup:
        """Who held it, as a drawing."""
        return Markup(custody_svg(self.stops))  # noqa: S704  # escaped there

    @property
    def nest(self) -> Markup:
        """What it is in, as a drawing."""
        return Markup(containment_svg(self.containers))  # noqa: S704  # escaped there

    @property
    def days(self) -> list[tuple[date, list[TimelineLine]]]:
        """The timeline by day, newest first."""
        newest = self.lines[::-1]
        return [(day, list(lines)) for day, lines in groupby(newest, lambda one: one.at.date())]

    @property
    def is_known(self) -> bool:
        """Whether anything is recorded of it."""
        return bool(self.events or self.facts or self.lots or self.recall)

    def as_dict(self) -> dict[str, object]:
        """For programs, with the trace as `/packs/{pack}/trace` gives it."""
        return {
            "id": self.key,
            "kind": self.kind,
            "name": self.name,
            "facts": dict(self.facts),
            "lots": list(self.lots),
            "recall": self.recall.as_dict() if self.recall else None,
            "timeline": [
                {"time": line.at.isoformat(), "what": line.sentence, "eventID": line.event_id}
                for line in self.lines
            ],
            "trace": self.trace,
        }

    def as_csv(self) -> str:
        """One row for each event, for a spreadsheet."""
        out = StringIO(newline="")
        rows = writer_of(out)
        rows.writerow(("eventTime", "what", "bizStep", "disposition", "readPoint", "bizLocation",
                       "action", "type", "eventID"))  # fmt: skip
        for line, one in zip(self.lines, self.events, strict=True):
            cells = (line.sentence, one.biz_step, one.disposition, one.read_point, one.biz_location)
            rest = (one.action, one.type, one.event_id)
            rows.writerow((line.at.isoformat(), *(safe(text or "") for text in (*cells, *rest))))
        return out.getvalue()

    def as_report(self, lines: Sequence[str], now: datetime, by: str) -> Report:
        """For paper: `lines` are the sentences of the verdict, where there is one."""
        numbers = tuple((f"({code})", value) for code, value in self.elements.items())
        held = tuple((stop.name, stop.day) for stop in self.stops)
        sections = (
            Section(self.kind, tuple(lines), (*numbers, *self.facts)),
            Section("Custody", columns=("holder", "since"), rows=held, rows_total=len(held)),
            Section(
                "What happened",
                ("Times are UTC.",),
                columns=("when", "what"),
                rows=tuple((f"{line.at:%d %b %Y %H:%M}", line.sentence) for line in self.lines),
                rows_total=len(self.lines),
            ),
        )
        return Report(self.name or f"{self.kind} {self.key}", now, by, sections)


def story_of(snapshot: Snapshot, asked: AskedThing, party: str | None) -> IdentifierStory:
    """Gather what a caller may know of the thing that an address names."""
    elements = asked.elements
    story = trace(snapshot, asked.key, party=party)
    inside = contents(snapshot, asked.key) if story.is_known else []
    gtin = elements.get("01")
    is_lot = bool(gtin) and "10" in elements and "21" not in elements
    is_product = gtin is not None and asked.key == f"/01/{gtin}"
    name = (product_name(snapshot, gtin) if gtin else "") or ""
    return IdentifierStory(
        kind=_kind(elements),
        name=name or names_of(snapshot, [asked.key]).get(asked.key, ""),
        key=asked.key,
        elements=dict(elements),
        events=story.events,
        lines=tuple(_lines(snapshot, story)),
        facts=tuple(_facts(snapshot, asked.key, story, party)),
        inside=tuple((_number(one.key), one.key) for one in inside[:CONTENTS_SHOWN_MAX]),
        inside_total=len(inside),
        holders=story.holders if is_lot else (),
        lots=_lots(snapshot, gtin) if is_product and gtin and party is None else (),
        recall=_recall_of_lot(snapshot, gtin, elements["10"]) if is_lot and gtin else None,
        containers=tuple(_containers(snapshot, story)),
        stops=tuple(
            Stop(stay.name or stay.gln or "not named", f"{stay.since.day} {stay.since:%b %Y}")
            for stay in story.custody
        ),
        trace=story.as_dict(),
    )


def events_of_story(snapshot: Snapshot, shown: IdentifierStory, party: str | None) -> list[Event]:
    """The events of a story as they were sent, oldest first."""
    selection = Selection(party=party)
    found = {
        one.seq: one.event
        for event in shown.events
        for one in by_id(snapshot, event.event_id, selection)
    }
    return [found[event.seq] for event in shown.events if event.seq in found]


def _kind(elements: Mapping[str, str]) -> str:
    if "01" in elements:
        return "Pack" if "21" in elements else "Lot" if "10" in elements else "Product"
    return next((kind for code, kind in _KINDS.items() if code in elements), "Identifier")


def _number(key: str) -> str:
    """The last part of a key, as people compare it.

    >>> _number("/01/09506000134352/21/A1")
    'A1'
    """
    return key.rpartition("/")[2]


def _lines(snapshot: Snapshot, story: Story) -> Iterator[TimelineLine]:
    names = names_of(snapshot, sorted({one.place for one in story.events if one.place}))
    for one in story.events:
        who = names.get(one.place or "", "") or _number(one.place or "") or "Somebody"
        yield TimelineLine(one.event_time, _sentence(one, who), one.event_id)


def _sentence(one: TracedEvent, who: str) -> str:
    step = one.biz_step or ""
    deed = _DEEDS.get(step, f"{{who}} recorded it ({step.replace('_', ' ') or 'no step named'})")
    inside = ", inside its container" if one.level else ""
    notable = f" ({one.disposition})" if one.disposition in _NOTABLE else ""
    return f"{deed.replace('{who}', who)}{inside}{notable}."


def _facts(
    snapshot: Snapshot, key: str, story: Story, party: str | None
) -> Iterator[tuple[str, str]]:
    state = story.state if party is None and story.is_known else None
    if state is not None:
        names = names_of(snapshot, [state.holder, state.location])
        facts = (
            ("Status", state.status.value.replace("_", " ")),
            ("Holder", names.get(state.holder, "") or _number(state.holder)),
            ("Place", names.get(state.location, "") or _number(state.location)),
            ("Conditions", ", ".join(state.conditions)),
            ("Last event", f"{state.last_event_time:%d %b %Y %H:%M} UTC"),
        )
        yield from ((name, value) for name, value in facts if value)
    if key.count("/") == 2 and party is None:
        code, _, value = key[1:].partition("/")
        if code == "01":
            yield from sorted(product_attributes(snapshot, value).items())
        elif name := names_of(snapshot, [key]).get(key):
            yield "Name", name


def _recall_of_lot(snapshot: Snapshot, gtin: str, lot: str) -> RecallRecord | None:
    return open_recall_of(snapshot, RecallScope(kind=ScopeKind.LOT, gtin=gtin, lot=lot))


def _lots(snapshot: Snapshot, gtin: str) -> tuple[str, ...]:
    known = lot_table.c
    wanted = select(known.code).where(known.gtin == gtin).distinct()
    rows = snapshot.connection.execute(wanted.order_by(known.code).limit(LOTS_SHOWN_MAX))
    return tuple(row.code for row in rows)


def _level(stay: TracedStay) -> int:
    return stay.level


def _containers(snapshot: Snapshot, story: Story) -> Iterator[Container]:
    """What it is in now, outermost first."""
    now = sorted((stay for stay in story.containment if stay.until is None), key=_level)
    chain = [*(stay.parent for stay in reversed(now)), story.id]
    for outer, inner in pairwise(chain):
        keys = sorted(one.key for one in contents(snapshot, outer))
        if inner in keys:
            name = _KINDS.get(outer.split("/")[1], "Carton")
            yield Container(name, _number(outer), outer, len(keys), keys.index(inner))
