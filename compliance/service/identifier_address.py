"""What the address of an identifier asks for: the thing, and in which form.

The address of a thing is its GS1 Digital Link. The form is asked for by an ending (`.xml`), by the
header `Accept`, or by `linkType` (GS1-Conformant Resolver 1.2.0). An ending that belongs to a
recorded serial or lot is no form.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlencode

from epcis.problem import Problem
from epcis.routes.negotiation import weight_of
from epcis.trace import trace
from schemas.finding import Severity
from schemas.gs1.digital_link import RESOLVER
from schemas.gs1.digital_link import parse as parse_link
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from epcis.database.transactions import Snapshot

VOCABULARY = "https://ref.gs1.org/voc/"
"""Where GS1 defines the types of links."""
LINKSET_TYPE = "application/linkset+json"


class Form(StrEnum):
    """How a thing is shown; the value is the ending of the address."""

    PAGE = ""
    JSON = "json"
    XML = "xml"
    CSV = "csv"
    PDF = "pdf"
    LINKSET = "linkset"


MEDIA_TYPES = {
    Form.PAGE: "text/html",
    Form.JSON: "application/json",
    Form.XML: "application/xml",
    Form.CSV: "text/csv",
    Form.PDF: "application/pdf",
    Form.LINKSET: LINKSET_TYPE,
}
"""By form; the first is what is given to whoever takes anything."""
_ALSO = {"application/ld+json": Form.JSON, "text/xml": Form.XML}
_LINK_TYPES = {
    "all": Form.LINKSET,
    "linkset": Form.LINKSET,
    "gs1:defaultLink": Form.PAGE,
    "gs1:traceability": Form.PAGE,
    "gs1:epcis": Form.XML,
}
"""By what `linkType` asks for."""


class AskedThing(NamedTuple):
    """A thing that an address names, and the form that is asked for."""

    key: str
    """Canonical key."""
    elements: Mapping[str, str]
    """By Application Identifier."""
    path: str
    """The address, without the ending."""
    form: Form


def asked_thing(snapshot: Snapshot, path: str, query: str, accept: str) -> AskedThing:
    """What an address asks for; raises `Problem` 404 where it names nothing, 406 for no form."""
    thing, form = path, None
    stem, dot, ending = path.rpartition(".")
    if dot and ending in set(Form) - {""} and not _is_recorded(snapshot, path):
        thing, form = stem, Form(ending)
    pairs = parse_qsl(query, keep_blank_values=True)
    wanted = [value for name, value in pairs if name == "linkType"]
    rest = urlencode([pair for pair in pairs if pair[0] != "linkType"])
    elements = _elements(thing, rest)
    if form is None and wanted:
        form = _of_link_type(wanted[0])
    key = canonical_key(f"{RESOLVER}{thing}")
    return AskedThing(key, elements, thing, form if form is not None else _accepted(accept))


def _is_recorded(snapshot: Snapshot, path: str) -> bool:
    return trace(snapshot, f"{RESOLVER}{path}").is_known


def _elements(path: str, query: str) -> dict[str, str]:
    link = parse_link(f"{RESOLVER}{path}?{query}" if query else f"{RESOLVER}{path}")
    wrong = tuple(one for one in link.findings if one.severity is Severity.ERROR)
    if wrong:
        what = "; ".join(one.what for one in wrong)
        raise Problem(404, "Not the address of an identifier", what, findings=wrong)
    return link.as_dict()


def _of_link_type(asked: str) -> Form:
    short = asked.replace("https://gs1.org/voc/", "gs1:").replace(VOCABULARY, "gs1:")
    if short in _LINK_TYPES:
        return _LINK_TYPES[short]
    known = ", ".join(_LINK_TYPES)
    raise Problem(404, "No such link", f"there is no link of type '{asked[:80]}' here: {known}")


def _accepted(accept: str) -> Form:
    """The form that the header Accept likes best; a page for whoever takes anything.

    >>> _accepted("application/linkset+json"), _accepted("*/*"), _accepted("text/csv, */*;q=0.1")
    (<Form.LINKSET: 'linkset'>, <Form.PAGE: ''>, <Form.CSV: 'csv'>)
    """
    if not accept.strip():
        return Form.PAGE
    offers = [(kind, form) for form, kind in MEDIA_TYPES.items()] + list(_ALSO.items())
    kind, form = max(offers, key=lambda offer: weight_of(accept, offer[0]))
    if weight_of(accept, kind) <= 0:
        given = ", ".join(kind for kind, _ in offers)
        raise Problem(406, "Not in this form", f"'{accept[:80]}' leaves none of {given}")
    return form
