"""Whom an alert concerns: they see it and work it, and nobody else learns that there is one.

The client that raised it, the owner of the product, the authority and the operator of the national
system of the market where the pack was scanned, and the repository that asked for its own client
(2016/161 Art. 36(b), 37(d), 38, 39). The owner does not learn which pharmacy it was.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import or_, select, true

from verification.alerts.alert import alert_of, steps_of
from verification.decision.act import ParticipantRole
from verification.registry.pack_tables import alert, product
from verification.registry.rights import owns_product, participants_company

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from epcis.database.transactions import Snapshot
    from verification.alerts.alert import Alert
    from verification.decision.act import Who

OWNERS = (ParticipantRole.MAH, ParticipantRole.PARALLEL_DISTRIBUTOR)
AUTHORITIES = (ParticipantRole.NCA, ParticipantRole.NMVO)


class Concern(StrEnum):
    """Why an alert is somebody's business."""

    OPERATOR = "operator"
    """Of this installation: an administrator."""
    CLIENT = "client"
    """It raised the alert."""
    AUTHORITY = "authority"
    OWNER = "owner"
    """Of the product."""
    REPOSITORY = "repository"
    """It asked for one of its own clients."""


class Viewer(NamedTuple):
    """Who looks at alerts."""

    who: Who
    is_admin: bool

    @property
    def sees(self) -> ColumnElement[bool]:
        """The condition on a row of `alert` that this viewer may see."""
        who = self.who
        if self.is_admin:
            return true()
        either: list[ColumnElement[bool]] = [alert.c.client == who.client]
        if who.role in OWNERS:
            names = participants_company(who).names
            own = select(product.c.code).where(product.c.owner.in_(names))
            either.append(alert.c.code.in_(own))
        if who.role in AUTHORITIES:
            either.append(alert.c.market == who.market)
        if who.role is ParticipantRole.REPOSITORY and who.market:
            either.append(alert.c.client.startswith(f"{who.market}:", autoescape=True))
        return or_(*either)

    def concern(self, snapshot: Snapshot, found: Alert) -> Concern | None:
        """Why an alert is this viewer's; None where it is not."""
        who = self.who
        if self.is_admin:
            return Concern.OPERATOR
        if found.client == who.client:
            return Concern.CLIENT
        if who.role in AUTHORITIES and found.market == who.market:
            return Concern.AUTHORITY
        company = participants_company(who)
        if who.role in OWNERS and owns_product(snapshot, company, found.code):
            return Concern.OWNER
        of_peer = who.role is ParticipantRole.REPOSITORY and who.market
        if of_peer and found.client.startswith(f"{who.market}:"):
            return Concern.REPOSITORY
        return None

    def veiled(self, snapshot: Snapshot, found: Alert) -> Alert:
        """The alert as this viewer may read it: an owner does not learn whose till it was."""
        if self.concern(snapshot, found) is not Concern.OWNER:
            return found
        return replace(found, client="", location="")

    def shown(self, snapshot: Snapshot, found: Alert) -> dict[str, object]:
        """The alert as this viewer may read it, ready for JSON."""
        return self.veiled(snapshot, found).as_dict()

    def steps(self, snapshot: Snapshot, found: Alert) -> list[dict[str, object]]:
        """What was done about an alert, in order; an owner does not learn by which till."""
        done = steps_of(snapshot, found.id)
        if self.concern(snapshot, found) is Concern.OWNER:
            done = [step | ({"by": None} if step["by"] == found.client else {}) for step in done]
        return done


def alert_for(snapshot: Snapshot, viewer: Viewer, alert_id: str) -> Alert | None:
    """The alert with this id, where it is this viewer's business."""
    found = alert_of(snapshot, alert_id)
    if found is None or viewer.concern(snapshot, found) is None:
        return None
    return found
