"""Whether goods are where an act finds them; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from epcis.store.effect import party_key
from epcis.store.item_status import ItemStatus
from verification.acts.kinds import KINDS, Whereabouts
from verification.acts.request import ActRefusal
from verification.acts.sentences import say_refusal
from verification.decision.words import Word

if TYPE_CHECKING:
    from epcis.store.items import StoredItem
    from verification.acts.request import ActRequest, ActThing

_IN_STOCK = frozenset({ItemStatus.ACTIVE, ItemStatus.LOCKED})


class ThingRefused(NamedTuple):
    """Why one thing of an act is refused."""

    reason: str
    say: str
    verdict: Word
    may_override: bool = False


def because(
    refusal: ActRefusal,
    verdict: Word = Word.STOP,
    *,
    what: str = "",
    may_override: bool = False,
) -> ThingRefused:
    """A refusal with its sentence."""
    return ThingRefused(refusal.value, say_refusal(refusal, what), verdict, may_override)


def place_refused(
    act: ActRequest, thing: ActThing, item: StoredItem, *, tells_places: bool
) -> ThingRefused | None:
    """Why a thing is not where this kind of act finds it; None where it is.

    Without `tells_places` the sentence does not say where it is.
    """
    whereabouts = _Whereabouts(
        party_key(act.place) if act.place else "", item, tells_places=tells_places
    )
    match KINDS[act.kind].where:
        case Whereabouts.HERE:
            return _here(whereabouts)
        case Whereabouts.ON_THE_WAY:
            return _on_the_way(whereabouts)
        case Whereabouts.SENT_FROM_HERE:
            return _sent_from_here(whereabouts)
        case Whereabouts.WITH_CUSTOMER:
            return _with_customer(whereabouts, thing, party_key(act.to) if act.to else "")
        case _:
            return None


class _Whereabouts:
    """What is recorded of the place of one thing, seen from the site of an act."""

    def __init__(self, site: str, item: StoredItem, *, tells_places: bool) -> None:
        self.site, self.item, self._tells_places = site, item, tells_places

    @property
    def is_at_site(self) -> bool:
        """Whether it is at the site of the act: the same GLN, on whatever shelf."""
        if self.item.location:
            return party_key(self.item.location) == self.site
        return self.item.holder in ("", self.site)

    @property
    def place(self) -> str:
        """Where it is recorded, for a sentence."""
        return self.named(self.item.location or self.item.holder)

    def named(self, key: str) -> str:
        """A place or party, for a sentence."""
        return (key or "no place") if self._tells_places else "another place"


def _here(whereabouts: _Whereabouts) -> ThingRefused | None:
    if whereabouts.item.status is ItemStatus.IN_TRANSIT:
        return because(ActRefusal.ALREADY_SHIPPED, what=whereabouts.named(whereabouts.item.holder))
    if whereabouts.item.status in _IN_STOCK and not whereabouts.is_at_site:
        return because(ActRefusal.NOT_HERE, what=whereabouts.place)
    return None


def _on_the_way(whereabouts: _Whereabouts) -> ThingRefused | None:
    item = whereabouts.item
    if item.status is not ItemStatus.IN_TRANSIT:
        is_here = whereabouts.is_at_site
        return because(
            ActRefusal.ALREADY_HERE if is_here else ActRefusal.NOT_SHIPPED, what=whereabouts.place
        )
    # Where no receiver was named, the shipper is still recorded as the holder.
    if item.holder in ("", whereabouts.site, item.state.shipper):
        return None
    sent_to = whereabouts.named(item.holder)
    return because(ActRefusal.SENT_TO_ANOTHER, what=sent_to, may_override=True)


def _sent_from_here(whereabouts: _Whereabouts) -> ThingRefused | None:
    if whereabouts.item.status is not ItemStatus.IN_TRANSIT:
        return because(ActRefusal.NOT_SHIPPED, what=whereabouts.place)
    shipper = whereabouts.item.state.shipper
    if shipper not in ("", whereabouts.site):
        return because(ActRefusal.NEVER_SHIPPED_FROM_HERE, what=whereabouts.named(shipper))
    return None


def _with_customer(whereabouts: _Whereabouts, thing: ActThing, sender: str) -> ThingRefused | None:
    if whereabouts.item.status in _IN_STOCK and whereabouts.is_at_site:
        return because(ActRefusal.ALREADY_HERE, what=whereabouts.place)
    if thing.sent_to is None:
        return because(ActRefusal.NEVER_SHIPPED_FROM_HERE, what=whereabouts.site)
    if sender and thing.sent_to and sender not in thing.sent_to:
        return because(
            ActRefusal.SENT_TO_OTHERS, what=whereabouts.named(", ".join(sorted(thing.sent_to)))
        )
    return None
