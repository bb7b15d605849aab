"""North American coupon codes, AI 8110 and 8112."""

from __future__ import annotations


def coupon_code(value: str) -> str | None:
    """AI 8110."""
    return None


def coupon_offer(value: str) -> str | None:
    """AI 8112."""
    return None
