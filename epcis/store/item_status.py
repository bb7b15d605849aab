"""The statuses of an item: alive, held back, or ended, and how."""

from __future__ import annotations

from enum import StrEnum


class ItemStatus(StrEnum):
    """Where an item stands, as its events tell."""

    NONE = ""
    """No valid event names it: the ones that did were declared wrong."""
    ACTIVE = "active"
    IN_TRANSIT = "in_transit"
    DISPENSED = "dispensed"
    DECOMMISSIONED = "decommissioned"
    DESTROYED = "destroyed"
    EXPORTED = "exported"
    STOLEN = "stolen"
    LOST = "lost"
    SAMPLED = "sampled"
    LOCKED = "locked"
    """Held back; only an event that says active or sellable, or an undo, frees it."""
    CONSUMED = "consumed"
    """Used up in a transformation, as in repackaging."""

    __hash__ = str.__hash__  # states are looked up by the million; Enum's own is slower

    @property
    def is_ended(self) -> bool:
        """Whether no event brings it back but a correction or the legal undo."""
        return self in _ENDED


_ENDED = frozenset(
    {
        ItemStatus.DISPENSED,
        ItemStatus.DECOMMISSIONED,
        ItemStatus.DESTROYED,
        ItemStatus.EXPORTED,
        ItemStatus.STOLEN,
        ItemStatus.LOST,
        ItemStatus.SAMPLED,
        ItemStatus.CONSUMED,
    }
)
