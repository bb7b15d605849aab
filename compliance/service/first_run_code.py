"""The one-time code that lets another machine set up an installation that belongs to nobody."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field

from epcis.problem import Problem

CODE_TRIES_MAX = 5
"""Wrong codes; then a new start of the server makes another one."""


@dataclass(slots=True)
class FirstRunCode:
    """The one-time code of a start that other machines can reach; empty where none is asked."""

    text: str = ""
    tries: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def new(cls) -> FirstRunCode:
        """A code of 60 random bits in three groups."""
        digits = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
        text = "".join(secrets.choice(digits) for _ in range(12))
        return cls("-".join(text[at : at + 4] for at in (0, 4, 8)))

    def need(self, given: str) -> None:
        """Raises `Problem` 403 for another code, and 429 once that was tried too often."""
        if not self.text:
            return
        with self.lock:
            if self.tries >= CODE_TRIES_MAX:
                raise Problem(
                    429, "Too many wrong codes", "start the server again for another code"
                )
            entered = given.strip().upper().encode()
            if not secrets.compare_digest(entered, self.text.encode()):
                self.tries += 1
                raise Problem(403, "Wrong code", "this is not the code that the console printed")
