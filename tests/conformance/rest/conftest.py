from __future__ import annotations

from repository import repository, served, webhook

__all__ = ["repository", "served", "webhook"]
