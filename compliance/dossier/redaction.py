"""Redaction: what a dossier's recipient is shown of an entry, by profile.

A profile says for every class of data whether it is kept, left out, or replaced by a sign (a keyed
hash: equal values get equal signs). The log commits to two parts of an entry, so the log can prove
three forms of it: whole, its public part, or its leaf hash alone; the dossier shows the fullest
that the profile allows. Other data that the profile keeps is stated in `extracts.ndjson`, under the
operator's signature only. docs/decisions/0077 gives the reasons.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import orjson
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from compliance.dossier.refusal import ExportRefused
from compliance.dossier.words import (
    COLUMNS,
    EVENT_MEMBERS,
    RECORD_MEMBERS,
    SELECTION_MEMBERS,
    DataClass,
)
from epcis.ledger.entry import LeafKind
from epcis.model import Place
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from compliance.reports import Section
    from compliance.seal.keys import Keys
    from epcis.ledger.record import EventParts
    from epcis.model import Event

PROFILES = Path(__file__).parent / "profiles"
NAME_CHARACTERS_MAX = 20
FILE_BYTES_MAX = 64 * 1024
SIGN = "hidden:"
EVERY = "every"
_SIGN_DIGITS = 24
NAMES_CACHED_MAX = 4_096
SIGNS_KEPT_MAX = 10_000
"""Most signs that one dossier caches: places and parties repeat often."""
_PRICE_WORDS = ("price", "amount", "cost", "currency", "discount")
_PRICE_WORDS_AS_BYTES = tuple(word.encode() for word in _PRICE_WORDS)
_GLN = re.compile(r"/41[47]/(\d{13})(?:/|$)")
_KINDS: Final = {kind.name.lower().replace("_", " "): kind for kind in LeafKind}
_NAMES: Final = {int(kind): name for name, kind in _KINDS.items()}


class Treatment(StrEnum):
    """What a profile does with a value."""

    KEEP = "keep"
    HASH = "hash"
    """Replaced by a sign: equal values get equal signs within one recipient's dossiers."""
    LEAVE_OUT = "leave out"


@dataclass(frozen=True, slots=True)
class RedactionProfile:
    """How much a kind of recipient is shown.

    >>> shipped("public").treats(DataClass.PLACES), shipped("internal").is_open
    (<Treatment.LEAVE_OUT: 'leave out'>, True)
    """

    name: str
    version: str
    about: str
    kinds: frozenset[LeafKind]
    """Kinds of entries whose content is shown at all; others show only their leaf hash."""
    classes: tuple[tuple[DataClass, Treatment], ...]

    @classmethod
    def parse(cls, content: bytes) -> RedactionProfile:
        """The profile in a file's text. Raises ExportRefused, listing everything that is wrong."""
        try:
            fields = orjson.loads(content)
        except orjson.JSONDecodeError as fault:
            raise ExportRefused(f"the redaction profile is not JSON: {fault}") from None
        faults = list(_faults(fields)) if isinstance(fields, dict) else ["it is not a JSON object"]
        if faults:
            raise ExportRefused("the redaction profile cannot be used: " + "; ".join(faults))
        return cls(
            fields["name"],
            fields["version"],
            fields["about"],
            frozenset(_KINDS[str(kind)] for kind in _listed(fields["kinds"])),
            tuple((one, Treatment(fields["classes"][one])) for one in sorted(DataClass)),
        )

    def treats(self, data: DataClass | None) -> Treatment:
        """The treatment of a class of data; data without a class is open to everybody."""
        return Treatment.KEEP if data is None else dict(self.classes)[data]

    @property
    def is_open(self) -> bool:
        """Whether nothing is hidden."""
        kept = all(one is Treatment.KEEP for _, one in self.classes)
        return kept and self.kinds == frozenset(LeafKind)

    def as_dict(self) -> dict[str, object]:
        """The profile as its file has it."""
        return {
            "name": self.name,
            "version": self.version,
            "about": self.about,
            "kinds": EVERY
            if self.kinds == frozenset(LeafKind)
            else [kind for kind, leaf in _KINDS.items() if leaf in self.kinds],
            "classes": {one.value: treatment.value for one, treatment in self.classes},
        }

    def sha256(self) -> str:
        """The digest of the profile: of its JSON with sorted members and no spaces."""
        return hashlib.sha256(orjson.dumps(self.as_dict(), option=orjson.OPT_SORT_KEYS)).hexdigest()


def _listed(kinds: object) -> list[object]:
    """The kinds of entries a profile names; `[None]`, which is no kind, where it is no list."""
    if kinds == EVERY:
        return [*_KINDS]
    return kinds if isinstance(kinds, list) else [None]


def _faults(fields: Mapping[str, object]) -> list[str]:
    """Every fault of a profile in JSON; unknown members are faults, so a typo leaks nothing."""
    found = [
        f"'{name}' must be a text"
        for name in ("name", "version", "about")
        if not isinstance(fields.get(name), str) or not fields[name]
    ]
    if len(str(fields.get("name"))) > NAME_CHARACTERS_MAX:
        found.append(f"a name has {NAME_CHARACTERS_MAX} characters at most")
    kinds, classes = fields.get("kinds"), fields.get("classes")
    if not all(str(one) in _KINDS for one in _listed(kinds)):
        found.append(f"'kinds' must be '{EVERY}' or a list of: {', '.join(_KINDS)}")
    if not isinstance(classes, dict) or set(classes) != set(DataClass):
        found.append(f"'classes' must name each of: {', '.join(DataClass)}")
    elif not all(one in set(Treatment) for one in classes.values()):
        found.append(f"a class is one of: {', '.join(Treatment)}")
    if odd := set(fields) - {"name", "version", "about", "kinds", "classes"}:
        found.append(f"not known: {', '.join(sorted(map(str, odd)))}")
    return found


def shipped(name: str) -> RedactionProfile:
    """A profile that comes with Packtrail. Raises ExportRefused for an unknown name."""
    return find_profile(name, None)


def find_profile(name: str, folder: Path | None) -> RedactionProfile:
    """A profile by its name: the operator's own in `folder`, else one that comes with Packtrail.

    Raises ExportRefused for an unknown name, or a file that is no profile.
    """
    known = profiles_in(folder)
    if name not in known:
        raise ExportRefused(f"no redaction profile '{name}'; there are {', '.join(sorted(known))}")
    profile = read_profile(known[name])
    if profile.name != name:
        raise ExportRefused(f"{known[name].name} says it is the profile '{profile.name}'")
    return profile


def profiles_in(folder: Path | None) -> dict[str, Path]:
    """The files of all profiles by name; the operator's own override those shipped."""
    found = {path.stem: path for path in sorted(PROFILES.glob("*.json"))}
    if folder is not None:
        found.update({path.stem: path for path in sorted(folder.glob("*.json"))})
    return found


def read_profile(path: Path) -> RedactionProfile:
    """The profile in a file. Raises ExportRefused where it is none, OSError if unreadable."""
    with path.open("rb") as file:
        content = file.read(FILE_BYTES_MAX + 1)
    if len(content) > FILE_BYTES_MAX:
        raise ExportRefused(f"{path.name} is too large for a redaction profile")
    return RedactionProfile.parse(content)


def secret_of(keys: Keys) -> bytes:
    """The secret key of the signs for hidden values; without it nobody can compute a sign."""
    made = HKDF(SHA256(), 32, salt=None, info=b"packtrail signs of hidden values 1")
    return made.derive(keys.log.private_bytes_raw())


class _Gone(Enum):
    """Marker for a value that was left out."""

    GONE = 0


_GONE = _Gone.GONE


@dataclass(frozen=True, slots=True)
class Left:
    """A redacted entry: the form that the log proves, and what is stated in addition."""

    is_whole: bool
    is_public: bool
    stated: dict[str, Any]
    """What the profile shows beyond that form, as JSON; signs stand for hashed values."""


_WHOLE = Left(is_whole=True, is_public=True, stated={})


class Redactor:
    """Applies one profile for one recipient.

    `own` is the recipient's GLN key, `/414/…`: what names the recipient itself is never hidden
    from it.
    """

    def __init__(self, profile: RedactionProfile, secret: bytes, *, own: str | None = None) -> None:
        self.profile = profile
        self.is_open = profile.is_open
        self._own = own
        self._treats = dict(profile.classes)
        domain = f"{profile.name}\n{own or ''}".encode()
        self._key = hmac.digest(secret, domain, "sha256")
        self._signs: dict[str, str] = {}
        kept = all(one is Treatment.KEEP for data, one in profile.classes if data != "prices")
        self._hides_prices_only = kept

    def event(self, parts: EventParts) -> Left:
        """Redact an event."""
        return self._left(parts, EVENT_MEMBERS, is_event=True)

    def record(self, parts: EventParts) -> Left:
        """Redact another entry of the log."""
        return self._left(parts, RECORD_MEMBERS, is_event=False)

    def places_of(self, event: Event) -> Event:
        """The event for the table, its places redacted for the recipient."""
        return msgspec.structs.replace(
            event,
            read_point=self._place(event.read_point),
            biz_location=self._place(event.biz_location),
        )

    def _place(self, place: Place | None) -> Place | None:
        left: Any = _GONE if place is None else self._scalar(place.id, DataClass.PLACES)
        return None if left is _GONE else Place(id=left)

    def shows(self, kind: int) -> bool:
        """Whether entries of this kind have any content for the recipient."""
        return kind in self.profile.kinds

    def selection(self, fields: Mapping[str, str]) -> dict[str, str]:
        """What was asked for, as the recipient may read it."""
        return {
            name: self._text(value, SELECTION_MEMBERS.get(name)) for name, value in fields.items()
        }

    def person(self, name: str) -> str:
        """A user's name, as the recipient may read it."""
        return self._text(name, DataClass.PEOPLE)

    def section(self, section: Section) -> Section:
        """A section of a report without hidden data; a column that has no class is dropped."""
        if self.is_open:
            return section
        treats = [self._of_column(name) for name in section.columns]
        kept = [at for at, one in enumerate(treats) if one is not Treatment.LEAVE_OUT]
        data_class = DataClass.DOCUMENTS if section.is_quoted else None
        return replace(
            section,
            sentences=section.sentences if self._treated(data_class) is Treatment.KEEP else (),
            facts=tuple(
                (name, self._text(value, COLUMNS[name]))
                for name, value in section.facts
                if self._of_column(name) is not Treatment.LEAVE_OUT
            ),
            columns=tuple(section.columns[at] for at in kept),
            rows=tuple(
                tuple(
                    self._sign(row[at]) if treats[at] is Treatment.HASH else row[at] for at in kept
                )
                for row in section.rows
                if kept
            ),
        )

    def _of_column(self, title: str) -> Treatment:
        known = title in COLUMNS
        return self._treated(COLUMNS[title]) if known else Treatment.LEAVE_OUT

    def _left(
        self, parts: EventParts, classes: Mapping[str, DataClass | None], *, is_event: bool
    ) -> Left:
        if self._hides_prices_only and not _names_a_price(parts):
            return _WHOLE
        public = orjson.loads(parts.public)
        secret = orjson.loads(parts.confidential) if parts.confidential else {}
        open_ = self._members(public, classes, is_event=is_event)
        rest = self._members(secret, classes, is_event=is_event)
        is_public = open_ == public
        is_whole = is_public and rest == secret
        stated = {} if is_whole else (rest if is_public else {**open_, **rest})
        return Left(is_whole, is_public, stated)

    def _members(
        self,
        fields: dict[str, object],
        classes: Mapping[str, DataClass | None],
        *,
        is_event: bool,
        outer: DataClass | None = None,
    ) -> dict[str, object]:
        left: dict[str, Any] = {}
        for name, value in fields.items():
            data = classes[name] if name in classes else _class_beside(name, DataClass.OTHER)
            if data is None and outer is None and type(value) is str:
                left[name] = value  # most of an event, so without further ado
                continue
            one = self._value(value, data or outer, classes, is_event=is_event)
            if one is not _GONE:
                left[name] = one
        return left

    def _value(
        self,
        value: object,
        data: DataClass | None,
        classes: Mapping[str, DataClass | None],
        *,
        is_event: bool,
    ) -> object:  # any JSON, or gone
        if self._treated(data) is Treatment.LEAVE_OUT and not self._may_be_own(data):
            return _GONE
        if isinstance(value, list):
            if data is None and value and isinstance(value[0], str):
                return value
            some = [self._value(one, data, classes, is_event=is_event) for one in value]
            left = [one for one in some if one is not _GONE]
            return left if left or not value else _GONE
        if isinstance(value, dict):
            inner = (
                self._within(value, data)
                if is_event
                else self._members(value, classes, is_event=False, outer=data)
            )
            return inner if inner or not value else _GONE
        return self._scalar(value, data)

    def _within(self, fields: dict[str, object], data: DataClass | None) -> dict[str, object]:
        """The members inside a member of an event: they share its class, except extensions."""
        left: dict[str, Any] = {}
        for name, value in fields.items():
            if name in ("type", "@context"):
                continue
            one = self._value(value, _class_beside(name, data), {}, is_event=True)
            if one is not _GONE:
                left[name] = one
        if (left or self._treated(data) is Treatment.KEEP) and "type" in fields:
            left["type"] = fields["type"]
        return left

    def _scalar(self, value: object, data: DataClass | None) -> object:
        treated = self._treated(data)
        if treated is Treatment.KEEP or value is None or self._is_own(value, data):
            return value
        return self._sign(str(value)) if treated is Treatment.HASH else _GONE

    def _treated(self, data: DataClass | None) -> Treatment:
        return Treatment.KEEP if data is None else self._treats[data]

    def _text(self, value: str, data: DataClass | None) -> str:
        left = self._scalar(value, data)
        return "(left out)" if left is _GONE else str(left)

    def _sign(self, value: str) -> str:
        sign = self._signs.get(value)
        if sign is None:
            digest = hmac.digest(self._key, value.encode("utf-8", "surrogatepass"), "sha256")
            sign = SIGN + digest.hex()[:_SIGN_DIGITS]
            if len(self._signs) < SIGNS_KEPT_MAX:
                self._signs[value] = sign
        return sign

    def _is_own(self, value: object, data: DataClass | None) -> bool:
        if self._own is None or not self._may_be_own(data):
            return False
        return gln_of(str(value)) == gln_of(self._own)

    def _may_be_own(self, data: DataClass | None) -> bool:
        return self._own is not None and data in (DataClass.PARTIES, DataClass.PLACES)


def gln_of(text: str) -> str:
    """The GLN in whatever names a party or a place; the text itself where there is none.

    >>> gln_of("urn:epc:id:sgln:0355555.00001.9"), gln_of("/414/0355555000013")
    ('0355555000013', '0355555000013')
    """
    found = _GLN.match(canonical_key(text))
    return found[1] if found else text


def _names_a_price(parts: EventParts) -> bool:
    """Whether any name or word in an entry suggests a price."""
    line = parts.public.lower() + parts.confidential.lower()
    return any(word in line for word in _PRICE_WORDS_AS_BYTES)


@lru_cache(maxsize=NAMES_CACHED_MAX)
def _class_beside(name: str, otherwise: DataClass | None) -> DataClass | None:
    """The class of a member by its own name alone."""
    prefix, colon, local = name.rpartition(":")
    lowered = local.lower()
    if any(word in lowered for word in _PRICE_WORDS):
        return DataClass.PRICES
    if not colon or prefix == "cbvmda" or name[:1] == "@":
        return otherwise
    return DataClass.OTHER


def statement_line(place: int, kind: int, stated: Mapping[str, object]) -> bytes:
    r"""A line of `extracts.ndjson`.

    >>> statement_line(7, 1, {"type": "ObjectEvent"})
    b'{"place":7,"kind":"event","said":{"type":"ObjectEvent"}}\n'
    """
    line = {"place": place, "kind": _NAMES[kind], "said": stated}
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
