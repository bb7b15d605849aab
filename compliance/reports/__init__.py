"""Reports for people about packs, places, recalls and shipments.

`sheet` prints them; the other modules compute their sections.
"""

from compliance.reports.sheet import Report, Section, print_report

__all__ = ["Report", "Section", "print_report"]
