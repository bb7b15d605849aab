"""What the server logs: one JSON object a line, on standard error, of named fields only.

A log is read by more people than the database, and kept in more places. So a line has only fields
of `FIELDS`, texts are masked, and of a fault it has the place, and the words only where they are
our own: those of a driver or library quote rows and requests. Lines of one cause are
written once a minute with their number, so that a database that is away fills no disk.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from structlog.typing import EventDict, WrappedLogger

FIELDS: Final = {
    "timestamp": "when, in UTC",
    "level": "debug, info, warning, error or critical",
    "event": "what happened, in words",
    "library": "the library that says so, where it is not Packtrail",
    "worker": "which work beside the requests",
    "request": "number of the request, as its answer has it in the header Packtrail-Request",
    "method": "its HTTP method",
    "route": "its route, without what stands in its place in the address",
    "area": "first step of its address, as in the metrics",
    "status": "status of the answer",
    "milliseconds": "from request to answer",
    "fault": "kinds of the fault and of its causes, the outermost first",
    "because": "what the fault says, where the words are Packtrail's own",
    "stack": "where it happened, innermost last: file, line, function",
    "reason": "why something waits or was not done",
    "why": "why something was not done",
    "repeated": "how many lines of the same cause were left out before this one",
    "job": "id of a capture job or dossier",
    "message": "id of a message to or from a partner",
    "channel": "name of a channel to a partner",
    "subscription": "id of a subscription",
    "witness": "who showed a checkpoint",
    "name": "name of a file of the operator's",
    "attempts": "how often it was tried",
    "seconds": "how long something has waited",
    "pause_s": "how long a worker pauses, in seconds",
}
"""Every field a line may have, and what it says; others are left out."""
REPEATED_AFTER_S: Final = 60.0
"""A line of the same cause is written again after this time."""
CAUSES_MAX: Final = 512
TEXT_CHARACTERS_MAX: Final = 1_000
FRAMES_MAX: Final = 16
_IDS: Final = frozenset({"request", "job", "message", "subscription"})
"""Fields with numbers that Packtrail made itself: by chance they look like a serial number."""
_ID: Final = re.compile(r"[\w-]{1,64}")
_OURS: Final = frozenset({"schemas", "epcis", "verification", "compliance"})
_MASKED: Final = "[masked]"
_MASKS: Final = tuple(
    (re.compile(pattern, re.DOTALL), put)
    for pattern, put in (
        (r"-----BEGIN [^-]{1,40}-----.*", _MASKED),
        (r"\bpt_[0-9a-f]+_[\w-]+", f"pt_{_MASKED}"),
        (r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+", rf"\1 {_MASKED}"),
        (r"\beyJ[\w-]+(?:\.[\w-]*){0,4}", _MASKED),
        (r"//[^/@\s]{1,200}@", f"//{_MASKED}@"),
        (r"(https?://[^/\s?#]+)[/?#]\S*", rf"\1/{_MASKED}"),
        (
            r"(?i)((?:password|passphrase|secret|token|pin|api.?key)[\"']?\s{0,3}[=:]\s{0,3})\S+",
            rf"\1{_MASKED}",
        ),
        (r"urn:epc:[\w:]{0,20}:\S+", f"urn:epc:{_MASKED}"),
        (r"/(?:00|01|10|21|gtin|lot|ser|sgln|sign-in)/\S+", f"/{_MASKED}"),
        (r"\((?:00|01|10|21)\)\S+", _MASKED),
        (r"[\w.+-]{1,64}@[\w-]{1,64}\.[\w.]+", _MASKED),
        (r"\d{8,}\w*", _MASKED),
    )
)
"""Credentials, addresses behind a host's name, and whatever names a pack, a place or a person."""


def masked(text: str) -> str:
    """A text for a log: without credentials, identifiers and mail addresses, and not too long.

    >>> masked("no answer from https://u:p@example.com/hook?token=abc")
    'no answer from https://[masked]@example.com/[masked]'
    >>> masked("(01)09506000134352(21)A1 of key pt_00ff_s3cret is not known")
    '[masked] of key pt_[masked] is not known'
    """
    text = text[:TEXT_CHARACTERS_MAX]
    for pattern, put in _MASKS:
        text = pattern.sub(put, text)
    return text


def set_up_logging(level: str) -> None:
    """Write our own lines, and those of the libraries from warnings on, to standard error."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            described_fault,
            without_secrets,
            Repeats(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    logging.basicConfig(handlers=[ForeignLines()], level=max(number, logging.WARNING), force=True)


class ForeignLines(logging.Handler):
    """Writes what libraries log through the same processors as our own lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        log = structlog.get_logger(library=record.name)
        log.log(record.levelno, record.getMessage(), exc_info=record.exc_info or None)


def described_fault(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Put in place of an exception: its kinds, where it happened, and our own words about it."""
    given = line.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()[1]
    elif isinstance(given, tuple):
        given = given[1]
    if not isinstance(given, BaseException):
        return line
    chain = [given]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) and len(chain) < FRAMES_MAX:
        chain.append(cause)
    line["fault"] = [type(fault).__qualname__ for fault in chain]
    own = next((fault for fault in chain if type(fault).__module__.split(".")[0] in _OURS), None)
    if own is not None:
        line["because"] = str(own)
    line["stack"] = _frames(given.__traceback__)
    return line


def _frames(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-FRAMES_MAX:]
    return [f"{_short(one.filename)}:{one.lineno} {one.name}" for one in frames]


def _short(file: str) -> str:
    """The end of a file's path, which says which module it is.

    >>> _short("/srv/x/site-packages/epcis/store/items.py")
    'epcis/store/items.py'
    """
    return "/".join(file.replace("\\", "/").split("/")[-3:])


def without_secrets(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Leave out what no line may have, and mask every text."""
    kept: EventDict = {}
    for name, value in line.items():
        if name not in FIELDS:
            continue
        if name in {"stack", "fault"} or isinstance(value, int | float | None):
            kept[name] = value
        elif name in _IDS and _ID.fullmatch(str(value)):
            kept[name] = str(value)
        else:
            kept[name] = masked(str(value))
    return kept


@dataclass(slots=True)
class _Written:
    """When a line of one cause was written, and how many were left out since."""

    at_s: float
    left_out: int = 0


@dataclass(slots=True)
class Repeats:
    """Leaves out warnings and faults of a cause that was written within the last minute."""

    clock_s: Callable[[], float] = time.monotonic
    _written: dict[tuple[object, ...], _Written] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, _logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
        """The line, with the number of those left out before; raises DropEvent for a repeat."""
        if line["level"] in {"debug", "info"}:
            return line
        where = (line.get("stack") or [""])[-1]
        named = (line.get(name) for name in ("event", "level", "worker", "library", "channel"))
        cause = (*named, *line.get("fault", ()), where)
        now_s = self.clock_s()
        with self._lock:
            before = self._written.get(cause)
            if before and now_s - before.at_s < REPEATED_AFTER_S:
                before.left_out += 1
                raise structlog.DropEvent
            if len(self._written) >= CAUSES_MAX:
                self._written.clear()
            self._written[cause] = _Written(now_s)
        if before and before.left_out:
            line["repeated"] = before.left_out
        return line
