"""Reports: what the store says about packs, places, recalls and shipments, for people to read.

`sheet` prints them, `questions`, `recalls` and `transactions` find out what stands in them.
"""

from compliance.reports.sheet import Report, Section, print_report

__all__ = ["Report", "Section", "print_report"]
