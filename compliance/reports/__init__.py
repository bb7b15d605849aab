"""Reports for people about packs, places, recalls and shipments.

`printing` prints them; the other modules compute their sections.
"""

from compliance.reports.sheet import Report, Section

__all__ = ["Report", "Section"]
