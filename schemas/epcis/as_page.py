"""Writes the description of the event types as a documentation page.

>>> "## ObjectEvent" in events_page()
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from schemas.epcis.events import COMMON_FIELDS, EVENT_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemas.epcis.events import EventType, Field, Home, Needs

_HEAD: Final = """\
# Event types, field by field

Written from `schemas/epcis/events.py` by `scripts/make_schemas.py`; the schema files below
`schemas/` are written from the same description. Fields stand in document order. *must* marks a
field without which the schema of that version refuses the event, even where it may be empty;
a name in brackets is the element it is nested in.
"""
_TABLE: Final = (
    "| field | what it says | EPCIS 1.2 XML | EPCIS 2.0 XML | JSON-LD |\n|---|---|---|---|---|\n"
)


def events_page() -> str:
    """The page, in Markdown."""
    parts = [_HEAD, "\n## Every event\n\n", _TABLE, *map(_row, COMMON_FIELDS)]
    for kind in EVENT_TYPES:
        parts += ["\n", _event(kind)]
    return "".join(parts)


def _event(kind: EventType) -> str:
    rows = "".join(_row(field) for field in kind.fields)
    text = f"## {kind.name}\n\n{kind.meaning}\n\n{_TABLE}{rows}"
    if kind.what:
        text += f"\nIn JSON-LD it must give {_ways(kind.what)}.\n"
    if kind.ilmd_only_on_add:
        text += "\nIn JSON-LD `ilmd` may stand there only where the action is ADD.\n"
    return text


def _row(field: Field) -> str:
    cells = (
        f"`{field.name}`",
        field.meaning,
        _home(field.xml_1_2),
        _home(field.xml_2_0),
        _json(field),
    )
    return f"| {' | '.join(cells)} |\n"


def _home(home: Home | None) -> str:
    if home is None:
        return "-"
    must = "must" if home.required else "may"
    return f"{must} ({home.below})" if home.below else must


def _json(field: Field) -> str:
    if not field.json:
        return "-"
    return "must" if field.json_required else "may"


def _ways(what: Iterable[Needs]) -> str:
    return ", or ".join(_way(needs) for needs in what)


def _way(needs: Needs) -> str:
    parts = [f"some `{name}`" for name in needs.some] + [f"`{name}`" for name in needs.has]
    if needs.action:
        parts.append(f"the action {needs.action}")
    return " and ".join(parts)
