"""What caller and repository agree on before anything is read or written: versions and formats.

Standard: EPCIS 2.0 section 12.2 and 12.3. Reading, the caller names the range of versions it takes
(`GS1-EPCIS-Min`, `GS1-EPCIS-Max`); writing, the version it sends (`GS1-EPCIS-Version`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final, TypeVar

from epcis.codec.document import CbvFormat, EpcFormat, Syntax, WriteOptions
from epcis.http_context import settings_of
from epcis.query.names import Names
from epcis.routes.problems import refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastapi import Request

EPCIS_VERSIONS: Final = ((1, 2, 0), (2, 0, 0), (2, 0, 1))
"""EPCIS versions this repository gives out and takes, oldest first; 1.2 is XML only."""
CBV_VERSIONS: Final = ((1, 2, 0), (2, 0, 0), (2, 0, 1))
CURRENT: Final = "2.0.0"
Choice = TypeVar("Choice", bound=StrEnum)
_VERSION: Final = re.compile(r"\d{1,6}(\.\d{1,6}){0,7}")
_JSON_TYPES: Final = ("application/json", "application/ld+json")
_XML_TYPES: Final = ("application/xml", "text/xml")


@dataclass(frozen=True, slots=True)
class Agreement:
    """How an answer is written."""

    syntax: Syntax
    media_type: str
    options: WriteOptions
    headers: dict[str, str]
    """GS1 headers of the answer."""
    names: Names
    """Prefixes the caller declared."""

    @property
    def is_xml(self) -> bool:
        """Whether the answer is XML."""
        return self.syntax is not Syntax.JSON_LD


def agree(request: Request) -> Agreement:
    """What a reading request and this repository agree on; raises a 406 or 400 problem."""
    names = extensions(request)
    epcis = _version_in_range(request, "EPCIS", EPCIS_VERSIONS)
    cbv = _version_in_range(request, "CBV", CBV_VERSIONS)
    media_type = _media_type(request, xml_only=epcis < (2,))
    syntax = Syntax.JSON_LD if media_type in _JSON_TYPES else Syntax.XML_2_0
    if epcis < (2,):
        syntax = Syntax.XML_1_2
    epc_format = choice(request, "GS1-EPC-Format", EpcFormat, EpcFormat.DIGITAL_LINK)
    # Whatever the version, identifiers are Digital Links unless asked otherwise;
    # of words EPCIS 1.2 knows the URNs only.
    usual = CbvFormat.URN if syntax is Syntax.XML_1_2 else CbvFormat.NO_PREFERENCE
    cbv_format = choice(request, "GS1-CBV-XML-Format", CbvFormat, usual)
    headers = {
        "GS1-EPCIS-Version": _text(epcis),
        "GS1-CBV-Version": _text(cbv),
        "GS1-EPC-Format": epc_format.value,
        "Vary": "Accept, GS1-EPC-Format, GS1-CBV-XML-Format, GS1-EPCIS-Max, GS1-EPCIS-Min",
        **extension_header(request),
    }
    if syntax is not Syntax.JSON_LD:
        headers["GS1-CBV-XML-Format"] = cbv_format.value
    options = WriteOptions(
        epc_format=epc_format,
        cbv_format=cbv_format,
        company_prefixes=settings_of(request).company_prefixes,
    )
    return Agreement(syntax, media_type, options, headers, names)


def agree_to_write(request: Request) -> dict[str, str]:
    """Check the versions a writing request states; the GS1 headers of its answer."""
    for header, known in (("GS1-EPCIS-Version", EPCIS_VERSIONS), ("GS1-CBV-Version", CBV_VERSIONS)):
        stated = _one_header(request, header)
        if stated is not None:
            _known_version(header, _version(header, stated), known)
    extensions(request)
    return {
        "GS1-EPCIS-Version": _one_header(request, "GS1-EPCIS-Version") or CURRENT,
        "GS1-CBV-Version": _one_header(request, "GS1-CBV-Version") or CURRENT,
        **extension_header(request),
    }


def content_type(request: Request, *, json_only: bool = False) -> str:
    """The body's media type; raises 415 where this route cannot take it."""
    stated = _one_header(request, "content-type") or ""
    media_type = stated.split(";")[0].strip().lower()
    taken = _JSON_TYPES if json_only else (*_JSON_TYPES, *_XML_TYPES)
    if media_type not in taken:
        raise refusal(
            "UnsupportedMediaTypeException",
            f"Content-Type is '{media_type or 'missing'}'; send one of {', '.join(taken)}",
            headers={"Accept-Post": ", ".join(taken)},
        )
    return media_type


def is_json(media_type: str) -> bool:
    """Whether the media type is one of JSON."""
    return media_type in _JSON_TYPES


def extensions(request: Request) -> Names:
    """The prefixes of the header GS1-Extensions."""
    return Names.of_header(_one_header(request, "GS1-Extensions"))


def extension_header(request: Request) -> dict[str, str]:
    """GS1-Extensions as the caller sent it, to be sent back."""
    stated = request.headers.get("gs1-extensions")
    return {"GS1-Extensions": stated} if stated else {}


def vendor_version() -> str:
    """Name and version of the program.

    >>> vendor_version().startswith("Packtrail/")
    True
    """
    try:
        return f"Packtrail/{version('packtrail')}"
    except PackageNotFoundError:
        return "Packtrail/0"


def discovery() -> dict[str, str]:
    """The GS1 headers every OPTIONS answers with."""
    return {
        "GS1-EPCIS-Version": CURRENT,
        "GS1-EPCIS-Min": _text(EPCIS_VERSIONS[0]),
        "GS1-EPCIS-Max": _text(EPCIS_VERSIONS[-1]),
        "GS1-CBV-Version": CURRENT,
        "GS1-CBV-Min": _text(CBV_VERSIONS[0]),
        "GS1-CBV-Max": _text(CBV_VERSIONS[-1]),
        "GS1-EPC-Format": EpcFormat.NO_PREFERENCE.value,
        "GS1-CBV-XML-Format": CbvFormat.NO_PREFERENCE.value,
        "GS1-Vendor-Version": vendor_version(),
    }


def _one_header(request: Request, name: str) -> str | None:
    """A header's value; two values that differ are a contradiction."""
    values = {value.strip() for value in request.headers.getlist(name)}
    if len(values) > 1:
        raise refusal("ValidationException", f"the header {name} is sent twice, with two values")
    return values.pop() if values else None


def _version(header: str, text: str) -> tuple[int, ...]:
    if not _VERSION.fullmatch(text):
        raise refusal("ValidationException", f"{header} '{text[:40]}' is not a version like 2.0.0")
    return tuple(int(part) for part in text.split("."))


def _known_version(header: str, stated: tuple[int, ...], known: Iterable[tuple[int, ...]]) -> None:
    if stated[:2] not in {one[:2] for one in known}:
        raise refusal(
            "NotAcceptableException",
            f"{header} {_text(stated)} is not spoken here; {', '.join(map(_text, known))} are",
        )


def _version_in_range(
    request: Request, standard: str, known: tuple[tuple[int, ...], ...]
) -> tuple[int, ...]:
    """The version to answer in: 2.0.0 where it lies in the range, else the newest that does."""
    low_header, high_header = f"GS1-{standard}-Min", f"GS1-{standard}-Max"
    low_text, high_text = _one_header(request, low_header), _one_header(request, high_header)
    low = _version(low_header, low_text) if low_text is not None else (0,)
    high = _version(high_header, high_text) if high_text is not None else (9999,)
    fitting = [one for one in known if low <= one and one[: len(high)] <= high]
    if not fitting:
        raise refusal(
            "NotAcceptableException",
            f"no version of {standard} from {_text(low)} to {_text(high)} is spoken here; "
            f"{', '.join(map(_text, known))} are",
        )
    current = _version(standard, CURRENT)
    return current if current in fitting else fitting[-1]


def _text(numbers: tuple[int, ...]) -> str:
    return ".".join(str(number) for number in numbers)


def _media_type(request: Request, *, xml_only: bool) -> str:
    offered = _XML_TYPES if xml_only else (*_JSON_TYPES, *_XML_TYPES)
    accept = request.headers.get("accept", "").strip() or "*/*"
    best, best_weight = "", 0.0
    for offer in offered:
        weight = weight_of(accept, offer)
        if weight > best_weight:
            best, best_weight = offer, weight
    if not best:
        raise refusal(
            "NotAcceptableException",
            f"Accept '{accept[:80]}' leaves none of {', '.join(offered)}",
        )
    return best


def weight_of(accept: str, offer: str) -> float:
    """How much the caller wants this media type, 0 to 1; the most specific range decides.

    >>> weight_of("application/xml;q=0.5, */*;q=0.1", "application/xml")
    0.5
    """
    found = (-1, 0.0)
    for entry in accept.lower().split(","):
        media_range, *parameters = (part.strip() for part in entry.split(";"))
        ranks = {"*/*": 0, f"{offer.split('/', maxsplit=1)[0]}/*": 1, offer: 2}
        rank = ranks.get(media_range, -1)
        if rank > found[0]:
            found = (rank, _quality(parameters))
    return found[1]


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def choice(request: Request, header: str, kind: type[Choice], default: Choice) -> Choice:
    """A header whose values the standard lists."""
    stated = _one_header(request, header)
    if stated is None:
        return default
    try:
        return kind(stated)
    except ValueError:
        allowed = ", ".join(kind)
        raise refusal(
            "NotAcceptableException", f"{header} '{stated[:40]}' is not one of {allowed}"
        ) from None
