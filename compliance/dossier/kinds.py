"""Every kind of dossier: its input fields, its entries of the log, the sections of its report.

`KINDS` is the one table. The command line, the API, the page and the reference are made from it,
so a new kind is one class here, and a section under `compliance/reports` where its report needs a
new one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar, Final, Self
from urllib.parse import quote

from compliance.recall.record import find_recall, packs_of
from compliance.reports.authority import (
    alerts_section,
    lots_section,
    participants_section,
    supplied_section,
)
from compliance.reports.cases import case_sections
from compliance.reports.custody import custody_section
from compliance.reports.judged import judgement_section, states_section, take_census
from compliance.reports.licences import partners_section
from compliance.reports.questions import daily_section, pack_questions_section, questions_section
from compliance.reports.recalls import lot_recalls_section, recall_sections, recalls_section
from compliance.reports.repository import repository_sections
from compliance.reports.transactions import (
    packs_inside,
    packs_shipped,
    shipment_events,
    shipments_section,
    shipped_between,
    transaction_sections,
)
from compliance.reports.verifications import inspection_sections
from epcis.ledger.entry import LeafKind
from schemas.gs1.epc import canonical_key
from verification.decision.many import judge_lot, judge_packs, name_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from compliance.reports import Section
    from epcis.database.transactions import Snapshot

QUESTIONS: Final = (LeafKind.VERDICT, LeafKind.PACK_OPERATION)


@dataclass(frozen=True, slots=True)
class AskedField:
    """An input field of a kind of dossier, with its name in forms and error texts."""

    label: str
    choices: tuple[str, ...] = ()
    """The only words allowed; the first is the default."""
    is_time: bool = False
    is_optional: bool = False


FIELDS: Final = {
    "gtin": AskedField("GTIN"),
    "serial": AskedField("Serial"),
    "lot": AskedField("Lot"),
    "sscc": AskedField("SSCC"),
    "transaction": AskedField("Transaction"),
    "id": AskedField("Id"),
    "from": AskedField("From", is_time=True),
    "to": AskedField("To", is_time=True),
    "by": AskedField(
        "Counted by (record time proves that nothing is missing)",
        choices=("event time", "record time"),
    ),
    "who": AskedField("Who", is_optional=True),
    "purpose": AskedField("Purpose", choices=("39(a)", "39(b)", "39(c)")),
}
"""Every field, by its name in `as_dict` and in the API."""


class DossierSelection(ABC):
    """What a dossier is about. Each subclass in `KINDS` is a kind of dossier."""

    __slots__ = ()
    kind: ClassVar[str]
    """Its name everywhere: command line, API, manifest."""
    label: ClassVar[str] = ""
    """Its name on the page, where that is not `kind` with a capital."""
    asks: ClassVar[tuple[str, ...]]
    """Names of `FIELDS`."""
    entries: ClassVar[str]
    """For the reference page: which entries of the log it has."""
    tables: ClassVar[str] = ""
    """For the reference page: what its report shows."""
    is_for_operator: ClassVar[bool] = False
    """Whether it is about the operator itself, so that no partner gets one."""

    @abstractmethod
    def as_dict(self) -> dict[str, str]:
        """The selection as the manifest says it; `selection_from` reads it."""

    @classmethod
    @abstractmethod
    def from_fields(cls, fields: Mapping[str, str]) -> Self:
        """The selection that `as_dict` wrote; raises ValueError."""

    @property
    def profile(self) -> str:
        """The redaction profile that applies where none was named."""
        return "internal"

    def sections(self, snapshot: Snapshot, now: datetime) -> tuple[Section, ...]:
        """The sections of its report beyond those of every report, as of now."""
        del snapshot, now
        return ()


class History(DossierSelection):
    """The history of something: its events, and the entries of the log about it."""

    __slots__ = ()

    def as_dict(self) -> dict[str, str]:
        """The selection as the manifest says it."""
        return {"kind": self.kind, **{name: getattr(self, name) for name in self.asks}}

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> Self:
        """The selection that `as_dict` wrote; raises ValueError naming what is missing."""
        missing = [name for name in cls.asks if not fields.get(name)]
        if missing:
            raise ValueError(f"a dossier of kind {cls.kind} needs {' and '.join(missing)}")
        return cls(**{name: fields[name] for name in cls.asks})


@dataclass(frozen=True, slots=True)
class Pack(History):
    """The history of one pack: its own events and those of the containers it was in.

    >>> Pack("09521321000017", "A1").as_dict()
    {'kind': 'pack', 'gtin': '09521321000017', 'serial': 'A1'}
    """

    kind = "pack"
    asks = ("gtin", "serial")
    entries = "events of the pack and of what it was in; questions, recalls"
    tables = "judgement; custody; questions"

    gtin: str
    """GTIN-14."""
    serial: str

    @property
    def link(self) -> str:
        """The GS1 Digital Link of the pack.

        >>> Pack("09521321000017", "A/1").link
        'https://id.gs1.org/01/09521321000017/21/A%2F1'
        """
        return f"https://id.gs1.org/01/{self.gtin}/21/{quote(self.serial, safe='')}"

    def sections(self, snapshot: Snapshot, now: datetime) -> tuple[Section, ...]:
        """The judgement on it, who held it, and the verifications of it."""
        return (
            judgement_section(judge_packs(snapshot, [(self.gtin, self.serial)], now)),
            custody_section(snapshot, canonical_key(self.link)),
            pack_questions_section(snapshot, self.gtin, self.serial),
        )


@dataclass(frozen=True, slots=True)
class LotHistory(History):
    """The history of all packs of a lot."""

    kind = "lot"
    asks = ("gtin", "lot")
    entries = "events of the packs and of what they were in; questions, recalls"
    tables = "judgement of its packs; recalls"

    gtin: str
    """GTIN-14."""
    lot: str

    def sections(self, snapshot: Snapshot, now: datetime) -> tuple[Section, ...]:
        """The judgement on its packs, and the recalls of the lot."""
        return (
            judgement_section(judge_lot(snapshot, self.gtin, self.lot, now)),
            lot_recalls_section(snapshot, self.gtin, self.lot, now),
        )


@dataclass(frozen=True, slots=True)
class Case(History):
    """The history of a logistic unit and of its contents."""

    kind = "case"
    asks = ("sscc",)
    entries = "events of the case and of what was in it; questions, recalls"
    tables = "judgement of the packs inside now; custody"

    sscc: str
    """SSCC, 18 digits."""

    def sections(self, snapshot: Snapshot, now: datetime) -> tuple[Section, ...]:
        """The judgement on the packs inside now, and who held it."""
        key = f"/00/{self.sscc}"
        return (
            judgement_section(judge_packs(snapshot, packs_inside(snapshot, key), now)),
            custody_section(snapshot, key),
        )


@dataclass(frozen=True, slots=True)
class Shipment(History):
    """The transaction information of one shipment: all events under a business document.

    >>> Shipment("urn:epcglobal:cbv:bt:0355555000013:D1").as_dict()["kind"]
    'shipment'
    """

    kind = "shipment"
    asks = ("transaction",)
    entries = "events under the business document"
    tables = "judgement of its packs; transaction information and statement"

    transaction: str
    """The business transaction as partners write it: order, invoice or despatch advice."""

    def sections(self, snapshot: Snapshot, now: datetime) -> tuple[Section, ...]:
        """The judgement on its packs, transaction information and statement."""
        seqs = shipment_events(snapshot, self.transaction)
        packs = packs_shipped(snapshot, seqs)
        return (
            judgement_section(judge_packs(snapshot, packs, now)),
            *transaction_sections(snapshot, seqs, with_packs=True),
        )


@dataclass(frozen=True, slots=True)
class RecallOf(History):
    """A recall: its entries, and the history of its lot."""

    kind = "recall"
    asks = ("id",)
    entries = "its entries and the history of its lot"
    tables = "judgement of the lot's packs; recall, whom to tell, who answered"

    id: str

    def sections(self, snapshot: Snapshot, now: datetime) -> tuple[Section, ...]:
        """The judgement on its packs, where each of them is, whom to tell and who answered."""
        recall = find_recall(snapshot, self.id)
        if recall is None:
            return ()
        packs = (name_of(one.key) for one in packs_of(snapshot, recall))
        return (
            judgement_section(judge_packs(snapshot, packs, now)),
            *recall_sections(snapshot, recall, now),
        )


@dataclass(frozen=True, slots=True)
class TimeSpan(DossierSelection):
    """What happened, or was recorded, from one time up to, but not including, another."""

    asks: ClassVar[tuple[str, ...]] = ("from", "to")

    from_: datetime
    to: datetime

    def as_dict(self) -> dict[str, str]:
        """The selection as the manifest says it: its own fields, then the times."""
        own = [name for name in self.asks if name not in ("from", "to")]
        fields = {name: str(getattr(self, name)) for name in own}
        times = {"from": self.from_.isoformat(), "to": self.to.isoformat()}
        return {"kind": self.kind, **fields, **times}

    @classmethod
    def from_fields(cls, given: Mapping[str, str]) -> Self:
        """The selection that `as_dict` wrote; raises ValueError for what are no times."""
        from_, to = _time(given, "from"), _time(given, "to")
        if from_ >= to:
            raise ValueError("'from' is earlier than 'to', which is no longer part of the dossier")
        own = ({field.name for field in fields(cls)} & set(cls.asks) & set(given)) - {"to"}
        return cls(from_, to, **{name: given[name] for name in own})


@dataclass(frozen=True, slots=True)
class EventPeriod(TimeSpan):
    """Everything of a period, by event time or by time of recording.

    By time of recording the dossier also proves that nothing recorded in the period is missing.
    """

    kind = "period"
    asks = ("from", "to", "by")
    entries = "all events by event time, or all entries by time of recording"

    by_record_time: bool = False

    def as_dict(self) -> dict[str, str]:
        """The selection as the manifest says it."""
        times = {"from": self.from_.isoformat(), "to": self.to.isoformat()}
        by = "record time" if self.by_record_time else "event time"
        return {"kind": self.kind, **times, "by": by}

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> Self:
        """The selection that `as_dict` wrote; raises ValueError for what are no times."""
        times = TimeSpan.from_fields(fields)
        return cls(times.from_, times.to, by_record_time=fields.get("by") == "record time")


@dataclass(frozen=True, slots=True)
class RecordedEntries(TimeSpan):
    """Entries of some kinds that were recorded in a period."""

    has_events: ClassVar[bool] = False
    """Whether it has the events that happened in the period as well."""

    @property
    def logged(self) -> tuple[LeafKind, ...]:
        """The kinds of entries it has."""
        return QUESTIONS


@dataclass(frozen=True, slots=True)
class AuditTrail(TimeSpan):
    """What a user or partner did or was refused, recorded in a period."""

    kind = "audit trail"
    asks = ("from", "to", "who")
    entries = "acts of somebody, or of everybody"
    is_for_operator = True

    who: str | None = None
    """Name of a user, key or partner; None is everybody."""

    def as_dict(self) -> dict[str, str]:
        """The selection as the manifest says it."""
        return {**TimeSpan.as_dict(self), "who": self.who or "everybody"}

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> Self:
        """The selection that `as_dict` wrote; raises ValueError for what are no times."""
        times, who = TimeSpan.from_fields(fields), fields.get("who")
        return cls(times.from_, times.to, who=None if who == "everybody" else who)


@dataclass(frozen=True, slots=True)
class Verifications(RecordedEntries):
    """The verification log: every question about a pack and its answer, in a period."""

    kind = "verification log"
    asks = ("from", "to")
    entries = "every question about a pack"
    tables = "questions by place and answer"
    is_for_operator = True

    def sections(self, snapshot: Snapshot, now: datetime) -> tuple[Section, ...]:
        """Questions by place and answer, which is history: no judgement."""
        del now
        return (questions_section(snapshot, self.from_, self.to),)


@dataclass(frozen=True, slots=True)
class Inspection(RecordedEntries):
    """The packet for a DSCSA inspection: events, questions, recalls and cases of a period."""

    kind = "dscsa inspection"
    label = "DSCSA inspection"
    asks = ("from", "to")
    entries = "events, questions, recalls, cases, settings of a period"
    tables = (
        "shipments; partners and licences by day of trade; suspect product with notices; Form FDA "
        "3911; exceptions; corrected events; requests to partners; returns; quarantine; questions; "
        "recalls; TI and TS (of the first 200 shipments)"
    )
    has_events = True

    @property
    def profile(self) -> str:
        """The redaction profile of whom it is for."""
        return "regulator-us"

    @property
    def logged(self) -> tuple[LeafKind, ...]:
        """The kinds of entries it has."""
        return (
            *QUESTIONS, LeafKind.RECALL, LeafKind.CASE, LeafKind.MASTER_DATA, LeafKind.DOCUMENT,
            LeafKind.SETTING,
        )  # fmt: skip

    def sections(self, snapshot: Snapshot, now: datetime) -> tuple[Section, ...]:
        """What a DSCSA inspector asks for, in the order he asks."""
        since, until = self.from_, self.to
        return (
            shipments_section(snapshot, since, until),
            partners_section(snapshot, since, until),
            *case_sections(snapshot, since, until),
            *inspection_sections(snapshot, since, until, now),
            questions_section(snapshot, since, until),
            recalls_section(snapshot, since, until, now),
            *transaction_sections(snapshot, shipped_between(snapshot, since, until)),
        )


@dataclass(frozen=True, slots=True)
class AuthorityReport(RecordedEntries):
    """The report an authority may ask of a repository: 2016/161 Art. 36(j) and 39."""

    kind = "authority report"
    asks = ("from", "to", "purpose")
    entries = (
        "39(a): questions, recalls, cases, access, settings, exports, keys; 39(b), 39(c): "
        "questions, recalls"
    )
    tables = (
        "39(a): falsifications; participants; uploads; packs supplied; states; recalls; questions; "
        "by day; speed; users; access; audits; 39(b), 39(c): packs supplied; states; recalls"
    )
    is_for_operator = True

    purpose: str = "39(a)"
    """Of 39(a) supervision, 39(b) reimbursement, 39(c) pharmacovigilance."""

    @property
    def profile(self) -> str:
        """The redaction profile of whom it is for."""
        return "regulator-eu" if self.purpose == "39(a)" else "regulator-eu-39bc"

    @property
    def logged(self) -> tuple[LeafKind, ...]:
        """The kinds of entries that the purpose allows."""
        if self.purpose != "39(a)":
            return *QUESTIONS, LeafKind.RECALL
        return (
            *QUESTIONS, LeafKind.RECALL, LeafKind.CASE, LeafKind.ACCESS, LeafKind.SETTING,
            LeafKind.EXPORT, LeafKind.KEY,
        )  # fmt: skip

    def sections(self, snapshot: Snapshot, now: datetime) -> tuple[Section, ...]:
        """What an authority may see for the purpose of its access (2016/161 Art. 39)."""
        since, until = self.from_, self.to
        census = take_census(snapshot, now)
        supplied = (supplied_section(snapshot, since, until), states_section(census))
        recalls = recalls_section(snapshot, since, until, now)
        if self.purpose != "39(a)":
            return (*supplied, recalls)
        return (
            alerts_section(snapshot, since, until),
            participants_section(snapshot, since, until),
            lots_section(snapshot, census),
            *supplied,
            recalls,
            questions_section(snapshot, since, until),
            daily_section(snapshot, since, until),
            *repository_sections(snapshot, since, until),
        )


KINDS: Final[dict[str, type[DossierSelection]]] = {
    one.kind: one
    for one in (
        Pack, LotHistory, Case, Shipment, RecallOf,
        EventPeriod, AuditTrail, Verifications, Inspection, AuthorityReport,
    )
}  # fmt: skip
"""The kinds of dossiers, in the order in which forms offer them."""


def selection_from(fields: Mapping[str, str]) -> DossierSelection:
    """The selection from the output of `as_dict`.

    Raises ValueError where the fields describe no selection.

    >>> selection_from(LotHistory("09521321000017", "L1").as_dict())
    LotHistory(gtin='09521321000017', lot='L1')
    """
    kind = KINDS.get(fields.get("kind", ""))
    if kind is None:
        raise ValueError(f"a dossier is of one of these kinds: {', '.join(KINDS)}")
    for name in kind.asks:
        choices = FIELDS[name].choices
        if choices and fields.get(name, choices[0]) not in choices:
            raise ValueError(f"'{name}' is one of {', '.join(choices)}")
    return kind.from_fields(fields)


def _time(fields: Mapping[str, str], name: str) -> datetime:
    try:
        time = datetime.fromisoformat(fields.get(name, ""))
    except ValueError:
        raise ValueError(f"'{name}' is a time, as 2026-01-31T12:00:00Z") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
