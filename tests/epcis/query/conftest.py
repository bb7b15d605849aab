from __future__ import annotations

from asking import memory

__all__ = ["memory"]
