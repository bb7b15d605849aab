"""The processor time that one picture may take."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from schemas.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_T = TypeVar("_T")


@dataclass(slots=True)
class TimeBudget:
    """Processor time from now on; every stage asks before it begins a further piece of work.

    >>> spent = TimeBudget(0.0)
    >>> list(spent.while_left("abc")), spent.was_short
    ([], True)
    """

    limit_s: float
    clock: Callable[[], float] = time.thread_time
    was_short: bool = False
    """Whether some stage was left out because the time had been spent."""
    _start: float = field(init=False)

    def __post_init__(self) -> None:
        self._start = self.clock()

    @property
    def is_left(self) -> bool:
        """Whether a further piece of work may begin; if not, that is remembered."""
        left = self.clock() - self._start < self.limit_s
        self.was_short = self.was_short or not left
        return left

    def while_left(self, work: Iterable[_T]) -> Iterator[_T]:
        """The pieces of work, as long as there is time for them."""
        for piece in work:
            if not self.is_left:
                return
            yield piece

    def finding(self) -> Finding:
        """The finding about a picture whose time was too short."""
        return Finding(
            "image.time",
            Severity.WARNING,
            f"the picture took more than {self.limit_s:g} s to look at; codes in it may be unread",
            "Come closer, show fewer codes at once, or scale the picture down.",
        )
