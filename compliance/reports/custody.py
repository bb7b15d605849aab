"""Who held a pack, case or lot, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compliance.reports.sheet import Section
from epcis.trace import trace

if TYPE_CHECKING:
    from epcis.database.transactions import Snapshot


def custody_section(snapshot: Snapshot, key: str) -> Section:
    """Every holder of a pack, case or lot, and who holds it now."""
    story = trace(snapshot, key)
    stations = story.custody
    return Section(
        title="Custody",
        facts=(("held by now", story.holder or "not known"),),
        columns=("GLN", "holder", "since", "until"),
        rows=tuple(
            (
                one.gln,
                one.name or "",
                one.since.isoformat(),
                one.until.isoformat() if one.until else "now",
            )
            for one in stations
        ),
        rows_total=len(stations),
    )
