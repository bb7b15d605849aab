"""One thing that is wrong with an event, before it is known where the event stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from epcis.model import Event
from schemas.finding import Finding, Severity, Where
from schemas.wording import brief


@dataclass(frozen=True, slots=True)
class RuleFault:
    """What a rule over one event found."""

    code: str
    severity: Severity
    what: str
    hint: str
    field: str = ""
    """The field it concerns, by its name in documents; empty for the whole event."""

    def at(self, where: Where) -> Finding:
        """The finding, once the place of the event is known.

        >>> RuleFault("event.x", Severity.ERROR, "odd", "mend", "x").at(Where(3, "/a")).where.path
        '/a/x'
        """
        path = f"{where.path or ''}/{self.field}" if self.field else where.path
        place = Where(line=where.line, path=path)
        return Finding(self.code, self.severity, brief(self.what), brief(self.hint), place)


Rule: TypeAlias = Callable[[Event], Iterator[RuleFault]]


def error(code: str, what: str, hint: str, field: str = "") -> RuleFault:
    """A fault that keeps the event from meaning what it says."""
    return RuleFault(f"event.{code}", Severity.ERROR, what, hint, field)


def warning(code: str, what: str, hint: str, field: str = "") -> RuleFault:
    """A fault that the event's meaning survives."""
    return RuleFault(f"event.{code}", Severity.WARNING, what, hint, field)


def remark(code: str, what: str, hint: str, field: str = "") -> RuleFault:
    """Worth knowing, and no fault."""
    return RuleFault(f"event.{code}", Severity.INFO, what, hint, field)
