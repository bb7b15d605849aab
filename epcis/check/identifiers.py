"""Rules over the ids of an event: that what claims to be an EPC is one.

Standard: EPC Tag Data Standard sections 6 and 7, GS1 Digital Link URI Syntax.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from epcis.check.fault import error, warning
from epcis.check.what import id_lists, quantity_lists
from epcis.hash import links_of_one_product
from schemas.gs1 import ai
from schemas.gs1.content_rules import check_digit
from schemas.gs1.epc import SHAPES, identify
from schemas.wording import brief

if TYPE_CHECKING:
    from collections.abc import Iterator, Sized

    from epcis.check.fault import RuleFault
    from epcis.model import Event, QuantityElement

_PREFIX_DIGITS: Final = (6, 12)
_PLAIN_SERIAL: Final = re.compile(r"[0-9A-Za-z\-]{1,20}\Z")
_EPC_URN: Final = re.compile(r"urn:epc:(?P<kind>id|idpat|class):(?P<scheme>[a-z]+):(?P<body>.*)\Z")
_SERIAL_AI: Final = {"sgtin": "21", "lgtin": "10", "sgln": "254", "upui": "235", "itip": "21"}
SERIAL_MAX: Final = 20
"""Characters of a serial number (AI 21)."""
ID_SHOWN_MAX: Final = 80
IDS_CACHED_MAX: Final = 16_384
"""Ids whose soundness is remembered: places and partners come again in every event."""
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+\Z")
_NUMBER_IN_URI: Final = re.compile(
    r"^https?://.*?/(?:(?:01|gtin)/(\d{14})|(?:00|sscc)/(\d{18})|(?:41[0-7]|gln|party)/(\d{13}))"
    r"(?![^/?#])|^urn:epcglobal:cbv:bt:(\d{13}):",
    re.ASCII,
)
"""A GTIN, SSCC or GLN with its check digit: in a Digital Link, or in the id of a transaction."""
_SOUND_HEADS_MAX: Final = 100_000
_sound_heads: dict[str, bool] = {}
"""Beginnings of SGTINs, up to the serial, that have been looked at."""


def epc_fault(uri: str) -> tuple[str, str] | None:
    """What is wrong with an id that claims to be an EPC, and what to do; None where nothing is.

    >>> epc_fault("urn:epc:id:sgtin:0614141.107346.2017") is None
    True
    >>> epc_fault("urn:epc:id:sgtin:0614141.10734.2017")[0]
    'company prefix and reference have 12 digits, they must have 13'
    """
    head, _, serial = uri.rpartition(".")
    if head.startswith("urn:epc:id:sgtin:") and _PLAIN_SERIAL.match(serial):
        sound = _sound_heads.get(head)
        if sound is None:
            sound = _fault_of_urn(uri) is None
            if len(_sound_heads) < _SOUND_HEADS_MAX:
                _sound_heads[head] = sound
        if sound:
            return None
    if uri.startswith("urn:epc:"):
        return _fault_of_urn(uri)
    return None


def _fault_of_urn(uri: str) -> tuple[str, str] | None:
    urn = _EPC_URN.match(uri)
    if urn is None:
        return "it is no EPC URN", "Write it as urn:epc:id:sgtin:prefix.reference.serial."
    shape = SHAPES.get(urn["scheme"])
    if shape is None:
        return None
    parts = urn["body"].split(".", shape.parts)
    if len(parts) < shape.parts + (1 if shape.serial else 0):
        return (
            f"it has {len(parts)} parts, a {urn['scheme'].upper()} has more",
            "Part company prefix, reference and serial with full stops.",
        )
    return _fault_of_digits(parts, shape.digits) or _fault_of_serial(uri, urn["scheme"])


def _fault_of_digits(parts: list[str], digits: int) -> tuple[str, str] | None:
    prefix, reference = parts[0], parts[1] if len(parts) > 1 else ""
    least, most = _PREFIX_DIGITS
    if not (prefix.isascii() and prefix.isdigit() and least <= len(prefix) <= most):
        return (
            f"'{prefix}' is no company prefix",
            f"A GS1 Company Prefix has {least} to {most} digits.",
        )
    if digits and reference != "*":
        if not (reference.isascii() and reference.isdigit()) and reference:
            return f"'{reference}' is no number", "Write the reference in digits."
        if len(prefix + reference) != digits:
            return (
                _wrong_length(len(prefix + reference), digits),
                "Check where the company prefix ends, and for lost leading zeros.",
            )
    return None


def _wrong_length(found: int, wanted: int) -> str:
    return f"company prefix and reference have {found} digits, they must have {wanted}"


def _fault_of_serial(uri: str, scheme: str) -> tuple[str, str] | None:
    code = _SERIAL_AI.get(scheme)
    serial = unquote(uri.split(".", SHAPES[scheme].parts)[-1])
    if code is None or serial == "*":
        return None
    identifier = ai.lookup(code)
    if identifier is None or identifier.accepts(serial):
        return None
    fault = ai.explain(identifier, serial)
    why = fault.code.replace("_", " ") if fault is not None else "does not fit"
    return f"'{serial}': {why}", f"Only what AI {code} allows may stand there."


def has_a_uri_for_an_id(event: Event) -> Iterator[RuleFault]:
    """The event's own id is a URI."""
    if event.event_id is not None and not _URI.match(event.event_id):
        yield error(
            "id-no-uri",
            f"eventID is '{brief(event.event_id, ID_SHOWN_MAX)}', no URI",
            "Write a UUID as urn:uuid:…, or a hash as ni:///sha-256;….",
            "eventID",
        )


def names_real_things(event: Event) -> Iterator[RuleFault]:
    """Ids are URIs and well-formed EPCs; lists of ids hold instances, quantities classes."""
    parent = getattr(event, "parent_id", None)
    if parent:
        yield from _faults((parent,), "parentID")
    for name, ids in id_lists(event):
        if not _is_of_one_product(ids):
            yield from _faults(ids, name)
            yield from _classes_among(ids, name)
    for name, quantities in quantity_lists(event):
        yield from _faults(tuple(quantity.epc_class for quantity in quantities), name)
        yield from _instances_among(quantities, name)
    yield from _wrong_places(event)
    for transaction in event.biz_transactions or ():
        # Its number stands for nothing that is tracked, so a wrong one is no error of the event.
        if wrong := fault_of(transaction.id):
            what = f"bizTransactionList holds '{brief(transaction.id, ID_SHOWN_MAX)}': {wrong[0]}"
            yield warning("id-malformed", what, wrong[1], "bizTransactionList")
            return


def _wrong_places(event: Event) -> Iterator[RuleFault]:
    """Where it happened, and between whom."""
    for name, place in (("readPoint", event.read_point), ("bizLocation", event.biz_location)):
        if place is not None:
            yield from _faults((place.id,), name)
    for name, parties in (("sourceList", event.sources), ("destinationList", event.destinations)):
        if parties:
            yield from _faults(tuple(party.id for party in parties), name)


def _is_of_one_product(ids: tuple[str, ...]) -> bool:
    """Whether all ids are sound SGTINs of one product with plain serials, the common case."""
    if links_of_one_product(ids) is None:
        return not ids
    head = ids[0].rpartition(".")[0] if ids[0].startswith("urn:") else ids[0].rpartition("/")[0]
    return max(map(len, ids)) <= len(head) + 1 + SERIAL_MAX and _is_sound(ids[0])


def _classes_among(ids: tuple[str, ...], name: str) -> Iterator[RuleFault]:
    for uri in ids:
        if uri.startswith(("urn:epc:class:", "urn:epc:idpat:")):
            yield warning(
                "class-as-instance",
                f"{name} names a class, {uri}",
                "Put classes and lots into a quantity list.",
                name,
            )
            return


def _instances_among(quantities: tuple[QuantityElement, ...], name: str) -> Iterator[RuleFault]:
    for quantity in quantities:
        if quantity.epc_class.startswith("urn:epc:id:sgtin:"):
            yield warning(
                "instance-as-class",
                f"{name} counts a single thing, {quantity.epc_class}",
                "Put single things into a list of ids; count classes and lots.",
                name,
            )
            return


def _faults(uris: tuple[str, ...], field: str) -> Iterator[RuleFault]:
    """The first wrong id of each kind in a list, and how many more there are."""
    wrong = [uri for uri in uris if not _is_sound(uri)]
    if not wrong:
        return
    strangers = [uri for uri in wrong if not _URI.match(uri)]
    if strangers:
        yield error(
            "id-no-uri",
            f"{field} holds '{brief(strangers[0], ID_SHOWN_MAX)}'{_more(strangers)}, no URI",
            "Write an EPC as urn:epc:id:sgtin:prefix.reference.serial or as a GS1 Digital Link.",
            field,
        )
    malformed = [(uri, fault) for uri in wrong if (fault := fault_of(uri)) is not None]
    if malformed:
        uri, (what, hint) = malformed[0]
        yield error(
            "id-malformed",
            f"{field} holds '{brief(uri, ID_SHOWN_MAX)}'{_more(malformed)}: {what}",
            hint,
            field,
        )


def _is_sound(uri: str) -> bool:
    """Whether a URI holds no fault; the part that names the product is judged once."""
    head, mark, serial = uri.partition("/21/")
    if not mark and uri.startswith("urn:epc:id:sgtin:"):
        head, mark, serial = uri.rpartition(".")
    if mark and serial.isalnum() and serial.isascii() and len(serial) <= SERIAL_MAX:
        return _is_sound_whole(f"{head}{mark}1")  # any plain serial number is as sound as this one
    return _is_sound_whole(uri)


@lru_cache(maxsize=IDS_CACHED_MAX)
def _is_sound_whole(uri: str) -> bool:
    return _URI.match(uri) is not None and fault_of(uri) is None


def _more(wrong: Sized) -> str:
    return f" (and {len(wrong) - 1} more like it)" if len(wrong) > 1 else ""


def fault_of(uri: str) -> tuple[str, str] | None:
    """What is wrong with a URI that holds a GS1 key, and what to do; None where nothing is.

    >>> fault_of("https://id.gs1.org/414/9521321000011")[0]
    'the check digit of 9521321000011 is wrong'
    >>> fault_of("https://shop.example/01/basket") is None
    True
    """
    if uri.startswith("urn:epc:"):
        return epc_fault(uri)
    number = _NUMBER_IN_URI.search(uri)
    if number is not None and (wrong := _fault_of_check_digit(number[number.lastindex or 0])):
        return wrong
    # A Digital Link at GS1's own domain must be one; other web addresses may be anything.
    if uri.startswith("https://id.gs1.org/") and not identify(uri).key.startswith("/"):
        return "it is no GS1 Digital Link", "Check the length of its key and of its serial."
    return None


def _fault_of_check_digit(digits: str) -> tuple[str, str] | None:
    right = check_digit(digits[:-1])
    if digits[-1] == right:
        return None
    return (
        f"the check digit of {digits} is wrong",
        f"Check its digits; the last should be {right}.",
    )
