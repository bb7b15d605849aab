"""The kinds of acts in the warehouse: one table, which every door, page and check reads.

A row says which event an act is (CBV 2.0 sections 7.1 and 7.2), where its goods must be, and what
may speak against them. Whatever the one judgement knows against a pack and the row does not accept
refuses the act; some of it may be overridden, by a caller with the scope and with a reason.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from verification.decision.act import PackAct
from verification.decision.words import Reason
from verification.registry.rights import SCOPE_OF_ACT


class ActKind(StrEnum):
    """What somebody does to goods.

    >>> ActKind("count-adjust").name
    'COUNT_ADJUST'
    """

    COMMISSION = "commission"
    PACK = "pack"
    UNPACK = "unpack"
    RECEIVE = "receive"
    MOVE = "move"
    PICK = "pick"
    SHIP = "ship"
    VOID = "void"
    RETURN = "return"
    INSPECT = "inspect"
    HOLD = "hold"
    RELEASE = "release"
    REPAIR = "repair"
    SUPPLY = "supply"
    UNDO = "undo"
    SAMPLE = "sample"
    DESTROY = "destroy"
    DECOMMISSION = "decommission"
    EXPORT = "export"
    COUNT_ADJUST = "count-adjust"
    TRANSFORM = "transform"


class ActShape(StrEnum):
    """Which event an act becomes, or who makes its event."""

    MADE = "ObjectEvent ADD"
    SEEN = "ObjectEvent OBSERVE"
    ENDED = "ObjectEvent DELETE"
    PUT_IN = "AggregationEvent ADD"
    TAKEN_OUT = "AggregationEvent DELETE"
    TRANSFORMED = "TransformationEvent"
    BY_REGISTRY = "the event of the pack's registry"
    BY_QUARANTINE = "the event of a quarantine"


class Whereabouts(StrEnum):
    """Where the goods of an act must be recorded before it."""

    NOWHERE = "not recorded yet"
    HERE = "at the site of the act"
    ON_THE_WAY = "shipped, and not received"
    SENT_FROM_HERE = "shipped from the site of the act, and not received"
    WITH_CUSTOMER = "shipped from the site of the act before"
    ANYWHERE = "anywhere"


class Need(StrEnum):
    """Whether an act names something."""

    NO = "no"
    MAY = "may"
    MUST = "must"


SET_ASIDE: Final = frozenset(
    {
        Reason.WITHDRAWN,
        Reason.RECALLED,
        Reason.EXPIRED,
        Reason.NO_PEDIGREE_MATCH,
        Reason.MISMATCH,
        Reason.NON_CONFORMANT,
        Reason.DAMAGED,
        Reason.NEEDS_REPLACEMENT,
        Reason.NOT_SELLABLE,
        Reason.SENSOR_ALARM,
        Reason.RETURNED_AFTER_END,
        Reason.RETURNED,
        Reason.UNAVAILABLE,
        Reason.CONDITION_UNKNOWN,
        Reason.UNKNOWN_DISPOSITION,
        Reason.LOT_NOT_RECORDED,
        Reason.EXPIRY_NOT_RECORDED,
    }
)
"""What keeps goods from being sold, while it is clear which goods they are."""
HELD_BACK: Final = frozenset(
    {Reason.HELD, Reason.QUARANTINED, Reason.SUSPECT, Reason.ILLEGITIMATE, Reason.LOCKED}
)
"""Somebody holds them until a decision: only moving, taking in and looking at them may go on."""
_NOTHING: Final[frozenset[Reason]] = frozenset()


class ActRule(NamedTuple):
    """What one kind of act is, and asks for."""

    say: str
    """What it does, for a page or `--help`."""
    scope: str
    """What the caller must be allowed to do."""
    shape: ActShape
    biz_step: str = ""
    """Bare word of the CBV."""
    disposition: str = ""
    where: Whereabouts = Whereabouts.HERE
    accepts: frozenset[Reason] = _NOTHING
    """What does not speak against this act."""
    overridable: frozenset[Reason] = _NOTHING
    parent: Need = Need.NO
    reason: Need = Need.MAY
    stays_inside: bool = False
    """It may name a pack that is in a case, without the case."""
    pack_act: PackAct | None = None
    """The act of the pack's registry that it is."""

    @property
    def may_be_overridden(self) -> bool:
        """Whether a refusal may be overridden at all."""
        return bool(self.overridable)


def _by_registry(act: PackAct, say: str, reason: Need = Need.MAY) -> ActRule:
    return ActRule(
        say,
        SCOPE_OF_ACT[act],
        ActShape.BY_REGISTRY,
        where=Whereabouts.ANYWHERE,
        reason=reason,
        stays_inside=True,
        pack_act=act,
    )


def _by_quarantine(say: str) -> ActRule:
    return ActRule(
        say,
        "hold",
        ActShape.BY_QUARANTINE,
        where=Whereabouts.ANYWHERE,
        reason=Need.MUST,
        stays_inside=True,
    )


KINDS: Final[dict[ActKind, ActRule]] = {
    ActKind.COMMISSION: ActRule(
        "Put serial numbers into use: packs of one lot, or cases",
        "act",
        ActShape.MADE,
        "commissioning",
        "active",
        Whereabouts.NOWHERE,
    ),
    ActKind.PACK: ActRule(
        "Put packs into a case, or cases onto a pallet",
        "act",
        ActShape.PUT_IN,
        "packing",
        "in_progress",
        overridable=SET_ASIDE,
        parent=Need.MUST,
    ),
    ActKind.UNPACK: ActRule(
        "Take packs out of a case, or cases off a pallet; all of them where none is scanned",
        "act",
        ActShape.TAKEN_OUT,
        "unpacking",
        "in_progress",
        accepts=SET_ASIDE,
        parent=Need.MUST,
        stays_inside=True,
    ),
    ActKind.RECEIVE: ActRule(
        "Take in goods that were shipped here",
        "act",
        ActShape.SEEN,
        "receiving",
        "in_progress",
        Whereabouts.ON_THE_WAY,
        overridable=SET_ASIDE | HELD_BACK,
        parent=Need.MAY,
    ),
    ActKind.MOVE: ActRule(
        "Put goods onto another shelf of the same site",
        "act",
        ActShape.SEEN,
        "storing",
        "in_progress",
        accepts=frozenset({Reason.RETURNED, Reason.RETURNED_AFTER_END}),
        overridable=SET_ASIDE | HELD_BACK,
        parent=Need.MAY,
    ),
    ActKind.PICK: ActRule(
        "Take goods from the shelf for an order",
        "act",
        ActShape.SEEN,
        "picking",
        "in_progress",
        overridable=SET_ASIDE,
        parent=Need.MAY,
    ),
    ActKind.SHIP: ActRule(
        "Send goods to a customer, or to another site",
        "act",
        ActShape.SEEN,
        "shipping",
        "in_transit",
        overridable=SET_ASIDE,
        parent=Need.MAY,
    ),
    ActKind.VOID: ActRule(
        "Take back a shipment that did not leave, or was a mistake",
        "act",
        ActShape.SEEN,
        "void_shipping",
        "in_progress",
        Whereabouts.SENT_FROM_HERE,
        accepts=SET_ASIDE | HELD_BACK,
        parent=Need.MAY,
    ),
    ActKind.RETURN: ActRule(
        "Take back goods that a customer sends back; they stay aside until they are inspected",
        "act",
        ActShape.SEEN,
        "receiving",
        "returned",
        Whereabouts.WITH_CUSTOMER,
        accepts=SET_ASIDE | {Reason.DISPENSED},
        overridable=HELD_BACK,
        parent=Need.MAY,
        stays_inside=True,
    ),
    ActKind.INSPECT: ActRule(
        "Record the result of an inspection",
        "act",
        ActShape.SEEN,
        "inspecting",
        "conformant",
        accepts=SET_ASIDE | HELD_BACK,
        parent=Need.MAY,
        stays_inside=True,
    ),
    ActKind.HOLD: _by_quarantine("Put goods into quarantine"),
    ActKind.RELEASE: _by_quarantine("Free goods from quarantine, by a second person"),
    ActKind.REPAIR: ActRule(
        "Record a repair, as of a label or of a device",
        "act",
        ActShape.SEEN,
        "repairing",
        "in_progress",
        accepts=SET_ASIDE - {Reason.RECALLED, Reason.WITHDRAWN, Reason.EXPIRED},
        overridable=frozenset({Reason.RECALLED, Reason.WITHDRAWN, Reason.EXPIRED}),
        reason=Need.MUST,
        stays_inside=True,
    ),
    ActKind.SUPPLY: _by_registry(PackAct.SUPPLY, "Hand packs out to patients"),
    ActKind.UNDO: _by_registry(PackAct.UNDO, "Make packs active again, where the law allows it"),
    ActKind.SAMPLE: _by_registry(PackAct.SAMPLE, "Give packs to an authority as samples"),
    ActKind.DESTROY: _by_registry(PackAct.DESTROY, "Destroy packs", Need.MUST),
    ActKind.DECOMMISSION: ActRule(
        "Take serial numbers out of use for good",
        "destroy",
        ActShape.ENDED,
        "decommissioning",
        "inactive",
        accepts=SET_ASIDE,
        reason=Need.MUST,
        stays_inside=True,
    ),
    ActKind.EXPORT: _by_registry(PackAct.EXPORT, "Export packs out of the market"),
    ActKind.COUNT_ADJUST: ActRule(
        "Record what a count found: goods that are missing, stolen, or on another shelf",
        "act",
        ActShape.SEEN,
        "cycle_counting",
        "lost",
        accepts=SET_ASIDE | HELD_BACK,
        reason=Need.MUST,
        stays_inside=True,
    ),
    ActKind.TRANSFORM: ActRule(
        "Make new packs out of others, as in repackaging or kits",
        "act",
        ActShape.TRANSFORMED,
        "repackaging",
        "active",
    ),
}
"""The table of kinds, by kind."""

OVERRIDE_SCOPE: Final = "recall"
"""Who may override a refusal: whoever may recall lots."""

RESULTS: Final[dict[ActKind, dict[str, str]]] = {
    ActKind.INSPECT: {
        "conformant": "conformant",
        "non_conformant": "non_conformant",
        "damaged": "damaged",
        "needs_replacement": "needs_replacement",
    },
    ActKind.COUNT_ADJUST: {"missing": "lost", "found": "in_progress", "stolen": "stolen"},
}
"""What may come out of an act, with the disposition that says so; the first is the common one."""
