"""Which object was put into which, as the events of one document say, to find what holds itself.

Most children are packs of one product, which hold nothing. Their lists are kept as they are, by
product, and looked through only where a pack of the same product turns up as a container.
Standard: EPCIS 2.0 section 7.4.3 (aggregation). Events count in document order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from epcis.check.fault import RuleFault
from epcis.hash import links_of_one_product
from epcis.model import AggregationEvent
from schemas.finding import Severity
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from epcis.model import Event
    from schemas.finding import Finding, Where

REMEMBERED_MAX: Final = 100_000
"""Objects inside others that are remembered; a longer document is followed up to there."""
COMPARED_MAX: Final = 10_000_000
"""Ids that are compared in looking through lists, over a whole document."""


class _Put(NamedTuple):
    """One aggregation of a list of packs: the last word on each of them until the next."""

    number: int
    holder: str
    """What they were put into; empty where they were taken out."""
    ids: tuple[str, ...]


class Containers:
    """Follows the aggregations of one document.

    >>> from epcis.model import AggregationEvent
    >>> def packed(parent, child):
    ...     return AggregationEvent(
    ...         event_time="", action="ADD", parent_id=parent, child_epcs=(child,)
    ...     )
    >>> containers = Containers()
    >>> [containers.circle_of(packed(*pair)) for pair in (("urn:a", "urn:b"), ("urn:b", "urn:a"))]
    ['', 'urn:a']
    """

    def __init__(self) -> None:
        self._single: dict[str, _Put] = {}
        self._of_product: dict[str, list[_Put]] = {}
        self._emptied: dict[str, int] = {}
        """The aggregation by which a container was emptied last."""
        self._count = 0
        self._remembered = 0
        self._compared = 0

    def see(self, event: Event, where: Callable[[], Where]) -> Iterator[Finding]:
        """A finding where an event puts a container, directly or not, into itself."""
        if child := self.circle_of(event):
            yield RuleFault(
                "event.container-circle",
                Severity.ERROR,
                f"{child} is put into {getattr(event, 'parent_id', '')}, which stands inside it",
                "Nothing holds itself: check parentID and childEPCs of both events.",
            ).at(where())

    def circle_of(self, event: Event) -> str:
        """The child through which the event's parent comes to stand inside itself; else empty."""
        if not isinstance(event, AggregationEvent) or not event.parent_id:
            return ""
        if event.action == "OBSERVE" or self._remembered > REMEMBERED_MAX:
            return ""
        self._count += 1
        children, parent = event.child_epcs or (), canonical_key(event.parent_id)
        if event.action == "DELETE":
            self._put(children, "")
            if not children and not event.child_quantities:
                self._emptied[parent] = self._count
            return ""
        self._put(children, parent)
        return self._last_before(parent)

    def _put(self, children: tuple[str, ...], holder: str) -> None:
        self._remembered += len(children)
        if links_of_one_product(children) is not None:
            product = canonical_key(children[0]).partition("/21/")[0]
            self._of_product.setdefault(product, []).append(_Put(self._count, holder, children))
            return
        for child in children:
            # A thing that is named as its own child is found by another rule.
            if (key := canonical_key(child)) != holder:
                self._single[key] = _Put(self._count, holder, (child,))

    def _holder(self, key: str) -> tuple[str, str]:
        """What an object stands in, and how it was written there; empty where in nothing."""
        last, written = self._single.get(key), ""
        product, _, serial = key.partition("/21/")
        for put in reversed(self._of_product.get(product, ())):
            self._compared += len(put.ids)
            if self._compared > COMPARED_MAX or (last is not None and last.number > put.number):
                break
            urn = f"{put.ids[0].rpartition('.')[0]}.{serial}"
            if urn in put.ids:
                last, written = put, urn
                break
        if last is None or last.number <= self._emptied.get(last.holder, 0):
            return "", ""
        return last.holder, written or last.ids[0]

    def _last_before(self, start: str) -> str:
        """Go from a container to what holds it; the last step before it is reached again."""
        at, seen = start, {start}
        while True:
            at, written = self._holder(at)
            if not at or at in seen:
                return written if at == start else ""
            seen.add(at)
