"""Rules over the ids of an event: that what claims to be an EPC is one.

Standard: EPC Tag Data Standard sections 6 and 7, GS1 Digital Link URI Syntax.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from epcis.check.fault import error, warning
from epcis.check.what import id_lists, quantity_lists
from schemas.gs1 import ai
from schemas.gs1.epc import SHAPES, identify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.check.fault import RuleFault
    from epcis.model import Event

_PREFIX_DIGITS: Final = (6, 12)
_PLAIN_SERIAL: Final = re.compile(r"[0-9A-Za-z\-]{1,20}\Z")
_EPC_URN: Final = re.compile(r"urn:epc:(?P<kind>id|idpat|class):(?P<scheme>[a-z]+):(?P<body>.*)\Z")
_SERIAL_AI: Final = {"sgtin": "21", "lgtin": "10", "sgln": "254", "upui": "235", "itip": "21"}
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


def names_real_things(event: Event) -> Iterator[RuleFault]:
    """Every EPC is well-formed, instances stand in lists of ids and classes in quantities."""
    parent = getattr(event, "parent_id", None)
    if parent:
        yield from _faults((parent,), "parentID")
    for name, ids in id_lists(event):
        yield from _faults(ids, name)
        for uri in ids:
            if uri.startswith(("urn:epc:class:", "urn:epc:idpat:")):
                yield warning(
                    "class-as-instance",
                    f"{name} names a class, {uri}",
                    "Put classes and lots into a quantity list.",
                    name,
                )
                break
    for name, quantities in quantity_lists(event):
        yield from _faults((quantity.epc_class for quantity in quantities), name)
        for quantity in quantities:
            if quantity.epc_class.startswith("urn:epc:id:sgtin:"):
                yield warning(
                    "instance-as-class",
                    f"{name} counts a single thing, {quantity.epc_class}",
                    "Put single things into a list of ids; count classes and lots.",
                    name,
                )
                break
    yield from _faults(_places(event), "readPoint or bizLocation")


def _places(event: Event) -> Iterator[str]:
    for place in (event.read_point, event.biz_location):
        if place is not None:
            yield place.id


def _faults(uris: Iterator[str] | tuple[str, ...], field: str) -> Iterator[RuleFault]:
    """The first malformed id of a list, and how many there are."""
    first, count = "", 0
    for uri in uris:
        if _is_malformed(uri):
            first, count = first or uri, count + 1
    if not count:
        return
    what, hint = epc_fault(first) or ("its check digit or length is wrong", "Check its digits.")
    others = f" (and {count - 1} more like it)" if count > 1 else ""
    path = field if " " not in field else ""
    yield error("id-malformed", f"{field} holds '{first}'{others}: {what}", hint, path)


def _is_malformed(uri: str) -> bool:
    if uri.startswith("urn:epc:"):
        return epc_fault(uri) is not None
    # A Digital Link at GS1's own domain must be one; other web addresses may be anything.
    return uri.startswith("https://id.gs1.org/") and not identify(uri).key.startswith("/")
