"""How `/epcis` says no: RFC 9457 problems under the standard's exception names, in JSON or XML.

Every route below `/epcis` runs inside `EpcisRoute`, which turns whatever a lower part refuses into
a problem and answers it in the syntax the caller asked for (EPCIS 2.0 section 12.7).
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from lxml import etree
from starlette.exceptions import HTTPException

from epcis.archive.reading import ArchiveAway
from epcis.codec.refusal import DocumentRefused
from epcis.database.transactions import StoreFull
from epcis.http_context import REFUSING, problem_response, refusal_of
from epcis.problem import Problem
from epcis.query.names import UnknownName
from epcis.query.paging import BadToken, ForeignToken
from epcis.query.parameters import QueryRefused
from epcis.query.schedule import ScheduleError
from schemas.finding import Finding, Severity, Where

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from fastapi import Request

URI_BYTES_MAX: Final = 32 * 1024
"""Longest path and query string together."""
_EPCIS_2: Final = "urn:epcglobal:epcis:xsd:2"
_STATUS: Final = {
    "QueryParameterException": 400,
    "QueryValidationException": 400,
    "ValidationException": 400,
    "SubscriptionControlsException": 400,
    "InvalidURIException": 400,
    "SubscribeNotPermittedException": 400,
    "SecurityException": 403,
    "NoSuchResourceException": 404,
    "NoSuchNameException": 404,
    "NoSuchSubscriptionException": 404,
    "NotAcceptableException": 406,
    "ResourceAlreadyExistsException": 409,
    "DuplicateSubscriptionException": 409,
    "CaptureLimitExceededException": 413,
    "QueryTooLargeException": 413,
    "QueryTooComplexException": 413,
    "URITooLongException": 414,
    "UnsupportedMediaTypeException": 415,
    "ImplementationException": 500,
}
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)
_TITLES: Final = {
    400: "Not understood",
    403: "Not allowed",
    404: "Not found",
    406: "Not acceptable",
    409: "Already there",
    413: "Too large",
    414: "Address too long",
    415: "Media type not supported",
    500: "Not possible",
}


def refusal(
    name: str,
    detail: str,
    findings: Iterable[Finding] = (),
    *,
    headers: dict[str, str] | None = None,
) -> Problem:
    """The problem of an EPCIS exception, by the standard's name.

    >>> refusal("NoSuchResourceException", "no such event").status
    404
    """
    status = _STATUS[name]
    return Problem(
        status,
        _TITLES[status],
        detail,
        type=f"epcisException:{name}",
        findings=tuple(findings),
        headers=headers or {},
    )


def not_found(what: str) -> Problem:
    """404; also for what exists but is not the caller's to see."""
    return refusal("NoSuchResourceException", what)


def problem_of(fault: Exception) -> Problem | None:
    """What a fault from below means to the caller; None where it is a fault of ours."""
    if isinstance(fault, OSError) and fault.errno in _NO_ROOM:
        return refusal_of(StoreFull("the disk is full"))
    for kind, meaning in _MEANINGS:
        if isinstance(fault, kind):
            return meaning(fault)
    return None


def _of_validation(fault: RequestValidationError) -> Problem:
    findings = tuple(
        Finding(
            "request.parameter",
            Severity.ERROR,
            f"{'.'.join(str(step) for step in error['loc'])}: {error['msg']}",
            where=Where(path=str(error["loc"][-1])),
        )
        for error in fault.errors()
    )
    detail = "; ".join(finding.what for finding in findings)
    return refusal("QueryParameterException", detail, findings)


_MEANINGS: Final[
    tuple[tuple[type[Exception] | tuple[type[Exception], ...], Callable[[Any], Problem]], ...]
] = (
    (QueryRefused, lambda fault: refusal(fault.name, str(fault), fault.findings)),
    (DocumentRefused, lambda fault: refusal("ValidationException", str(fault), fault.findings)),
    (ForeignToken, lambda fault: refusal("QueryParameterException", f"nextPageToken {fault}")),
    (BadToken, lambda fault: not_found(f"nextPageToken {fault}")),
    (UnknownName, lambda fault: refusal("QueryParameterException", str(fault))),
    (ScheduleError, lambda fault: refusal("SubscriptionControlsException", str(fault))),
    (RequestValidationError, _of_validation),
    (ArchiveAway, lambda fault: fault.problem),
    (REFUSING, refusal_of),
    (HTTPException, lambda fault: Problem(fault.status_code, fault.detail, fault.detail)),
)
"""What each kind of fault from below means to the caller."""


def answer(request: Request, problem: Problem) -> Response:
    """The HTTP answer of a problem, as XML where the caller asked for XML."""
    if wants_xml(request):
        return Response(
            xml_of(problem),
            status_code=problem.status,
            headers=problem.headers,
            media_type="application/problem+xml",
        )
    return problem_response(problem)


def answer_anywhere(request: Request, problem: Problem) -> Response:
    """The answer of a problem that arose before any route: below `/epcis` as the routes say it."""
    below = request.scope["path"].startswith("/epcis/")
    return answer(request, problem) if below else problem_response(problem)


def wants_xml(request: Request) -> bool:
    """Whether the caller's first choice among JSON and XML is XML."""
    accept = request.headers.get("accept", "").lower()
    xml, json = accept.find("xml"), accept.find("json")
    return xml >= 0 and (json < 0 or xml < json) and "html" not in accept


def xml_of(problem: Problem) -> bytes:
    """A problem as the standard's `epcis:EPCISException` document.

    >>> b"<status>404</status>" in xml_of(not_found("no such event"))
    True
    """
    root = etree.Element(f"{{{_EPCIS_2}}}EPCISException", nsmap={"epcis": _EPCIS_2})
    values: dict[str, Any] = {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
    }
    for name, value in values.items():
        etree.SubElement(root, name).text = writable(str(value))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def writable(text: str) -> str:
    """The text with every character that XML cannot hold replaced.

    >>> writable(chr(0) + "a")
    '\ufffda'
    """
    return _NOT_XML.sub(chr(0xFFFD), text)


class EpcisRoute(APIRoute):
    """A route below `/epcis`: bounded address, every refusal a problem of the standard."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[object, None, Response]]:
        """The route's own handling, with refusals answered."""
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                _refuse_long_address(request)
                return await handle(request)
            except Exception as fault:  # what is no refusal of ours goes on upwards
                problem = problem_of(fault)
                if problem is None:
                    raise
                return answer(request, problem)

        return guarded


def _refuse_long_address(request: Request) -> None:
    scope = request.scope
    length = len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"])
    if length > URI_BYTES_MAX:
        raise refusal(
            "URITooLongException",
            f"path and parameters have {length} bytes, at most {URI_BYTES_MAX} are read; "
            "make it a named query (POST /epcis/queries)",
        )
