"""How packs are verified here, from the operator's settings: one value for routes and workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verification.settings import VerificationSettings

if TYPE_CHECKING:
    from compliance.service.settings import Settings


def practice_of(settings: Settings) -> VerificationSettings:
    """The verification floor's settings under these house settings."""
    return VerificationSettings(
        rules=settings.rule_pack,
        market=settings.market,
        responder_gln=settings.owner_gln,
        unknown_answers_a_day=settings.unknown_answers_a_day,
    )
