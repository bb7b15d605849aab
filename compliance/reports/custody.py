"""Who held a pack, case or lot, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compliance.reports.sheet import Section
from epcis.trace import trace

if TYPE_CHECKING:
    from epcis.store.database import View


def custody_section(view: View, key: str) -> Section:
    """The stations of a thing, and who has it now."""
    story = trace(view, key)
    stations = [one.as_dict() for one in story.custody]
    columns = tuple(stations[0]) if stations else ()
    return Section(
        title="Custody",
        facts=(("held by now", story.holder or "not known"),),
        columns=columns,
        rows=tuple(tuple(str(value or "") for value in one.values()) for one in stations),
        rows_total=len(stations),
    )
