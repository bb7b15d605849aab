"""What is wrong with an EPCIS file beyond its syntax, event by event, and with the file itself."""

from __future__ import annotations

from epcis.check.file import Watcher, check

__all__ = ["Watcher", "check"]
