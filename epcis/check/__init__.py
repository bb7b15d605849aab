"""What is wrong with an EPCIS file beyond its syntax, event by event, and with the file itself."""

from __future__ import annotations

from epcis.check.file import check
from epcis.check.rules import CAPTURE_RULES, RuleCheck, Watcher

__all__ = ["CAPTURE_RULES", "RuleCheck", "Watcher", "check"]
