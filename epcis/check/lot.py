"""Rules over the lot and the expiry that an event tells: whether others will read them as meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.check.fault import remark, warning
from epcis.lot_facts import EXPIRY_NAMES, fact_nodes, is_known_namespace, read_expiry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.check.fault import RuleFault
    from epcis.model import Event


def tells_lot_plainly(event: Event) -> Iterator[RuleFault]:
    """Lot and expiry stand in a namespace of GS1, and the expiry is a plain day.

    >>> from epcis.model import Node, ObjectEvent
    >>> month = Node(namespace="urn:epcglobal:cbv:mda", name="itemExpirationDate",
    ...     children=("2027-02",))
    >>> event = ObjectEvent(event_time="2026-01-02T03:04:05Z", action="ADD", ilmd=(month,))
    >>> [(fault.code, fault.hint) for fault in tells_lot_plainly(event)]
    [('event.expiry-odd', 'It is read as 2027-02-28.')]
    """
    for node in fact_nodes(getattr(event, "ilmd", None) or ()):
        if node.name in EXPIRY_NAMES and node.text:
            day, odd = read_expiry(node.text)
            what = f"the expiry '{node.text}' is {odd}"
            if day is None:
                yield warning("expiry-unreadable", what, "Write it as 2027-05-31.", "ilmd")
            elif odd:
                yield remark("expiry-odd", what, f"It is read as {day}.", "ilmd")
        if not is_known_namespace(node.namespace):
            yield warning(
                "lot-namespace",
                f"{node.name} is in the namespace '{node.namespace}'",
                "Use urn:epcglobal:cbv:mda; it is read all the same.",
                "ilmd",
            )
