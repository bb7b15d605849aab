"""A circuit breaker for one host: after some failures it is left alone for a while."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Breaker:
    """Counts failures in a row; times are seconds of a monotonic clock, passed in.

    >>> breaker = Breaker(failures_max=2, rest_s=30)
    >>> breaker.failed(0), breaker.failed(1), breaker.is_open(5), breaker.is_open(32)
    (None, None, True, False)
    """

    failures_max: int = 5
    rest_s: float = 30
    _failures: int = 0
    _until_s: float = 0

    def is_open(self, now_s: float) -> bool:
        """Whether the host is to be left alone now; after its rest one try is let through."""
        return self._failures >= self.failures_max and now_s < self._until_s

    def failed(self, now_s: float) -> None:
        """One more try came to nothing."""
        self._failures += 1
        if self._failures >= self.failures_max:
            self._until_s = now_s + self.rest_s

    def succeeded(self) -> None:
        """The host answered."""
        self._failures = 0
