"""What tells the time: given to whoever needs it, so that a test can say what time it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]
"""Gives the current time, in UTC."""
