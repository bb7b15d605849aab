"""Rules G, and those of S, T and L over the history of each object, in the order of event time.

One pass over the events of a file follows every object: commissioned, packed, unpacked, shipped,
received, ended. Where the file cannot decide because the object's history begins in another file,
the finding is a warning.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from compliance.rules.shipped_file import is_sgtin, is_sscc
from epcis.lot_facts import read_expiry
from schemas.finding import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compliance.rules.catalogue import Findings
    from compliance.rules.shipped_file import ShippedFile, ShippedStep
    from schemas.finding import Finding, Where

DEPTH_MAX: Final = 6
CHAIN_MAX: Final = 1000
"""Most nested containers followed upwards to see whether something contains itself."""
VISITS_MAX: Final = 5_000_000
"""Most objects visited inside shipped containers, over the whole file."""
_GONE_STEPS: Final = frozenset(
    {"decommissioning", "destroying", "dispensing", "retail_selling", "killing"}
)
_GONE_WORDS: Final = frozenset({"destroyed", "dispensed", "inactive", "stolen", "retail_sold"})
_BACK_STEPS: Final = frozenset({"receiving", "accepting", "void_shipping"})


@dataclass(slots=True)
class _History:
    """State of one object after the events so far."""

    commissioned: ShippedStep | None = None
    moved: ShippedStep | None = None
    """First packed, filled or shipped."""
    filled: ShippedStep | None = None
    packed: ShippedStep | None = None
    parent: str = ""
    shipped: ShippedStep | None = None
    """Shipped and not come back since."""
    left: bool = False
    """Shipped at some time."""
    received: ShippedStep | None = None
    gone: ShippedStep | None = None


@dataclass
class _Tally:
    """Merges the findings of one rule at one event into one finding with a count."""

    say: Findings
    found: dict[tuple[str, Where, Severity | None], list[str]] = field(default_factory=dict)
    texts: dict[tuple[str, Where, Severity | None], tuple[str, str]] = field(default_factory=dict)

    def add(
        self,
        rule: str,
        key: str,
        step: ShippedStep,
        what: str,
        hint: str,
        *,
        severity: Severity | None = None,
    ) -> None:
        """Count one object; `what` follows its key in the finding's sentence."""
        place = (rule, step.where, severity)
        self.found.setdefault(place, []).append(key)
        self.texts.setdefault(place, (what, hint))

    def findings(self) -> Iterator[Finding]:
        for (rule, where, severity), keys in self.found.items():
            what, hint = self.texts[rule, where, severity]
            more = f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
            yield self.say.found(rule, f"{keys[0]}{more} {what}", hint, where, severity)


class ItemHistories:
    """Follows every object of a file."""

    def __init__(self, file: ShippedFile, say: Findings) -> None:
        self._steps = file.in_time()
        self._is_whole = not file.is_cut
        self._histories: dict[str, _History] = defaultdict(_History)
        self._children: dict[str, set[str]] = defaultdict(set)
        self._links = self._links_made()
        self._commissioned = {
            key for step in self._steps if step.biz_step == "commissioning" for key in step.ids
        }
        self._known = frozenset(file.known_items)
        """Commissioned in earlier files."""
        self._classes = {_class_of(key) for key in self._commissioned}
        """Products of which this file commissions some objects; all SSCCs count as one product."""
        self._tally = _Tally(say)
        self._visits_left = VISITS_MAX

    def _links_made(self) -> set[tuple[str, str]]:
        return {
            (child, step.parent)
            for step in self._steps
            if step.kind == "AggregationEvent" and step.action == "ADD"
            for child in step.ids
        }

    def judge(self) -> Iterator[Finding]:
        """Follow all events, then check the final states."""
        for step in self._steps:
            if step.biz_step == "commissioning":
                self._commission(step)
            elif step.kind == "AggregationEvent" and step.action == "ADD":
                self._pack(step)
            elif step.kind == "AggregationEvent" and step.action == "DELETE":
                self._unpack(step)
            elif step.biz_step == "shipping":
                self._ship(step)
            elif step.biz_step in _BACK_STEPS:
                self._come_back(step)
            if step.biz_step in _GONE_STEPS or step.disposition in _GONE_WORDS:
                self._go(step)
        if self._is_whole:
            self._ends()
        self._cases()
        self._depths()
        yield from self._tally.findings()

    @property
    def is_cut(self) -> bool:
        """Whether a limit kept some containers from being followed."""
        return self._visits_left <= 0

    def _commission(self, step: ShippedStep) -> None:
        for key in step.ids:
            history = self._histories[key]
            if history.commissioned is step:
                continue
            if history.commissioned is not None:
                self._again(key, history.commissioned, step)
                continue
            history.commissioned = step
            if history.moved is not None:
                self._tally.add(
                    "T05",
                    key,
                    step,
                    f"is commissioned after it was moved, {history.moved.where.path}",
                    "What moves exists: check the times of both events.",
                )

    def _again(self, key: str, first: ShippedStep, step: ShippedStep) -> None:
        same = (first.lot, first.expires) == (step.lot, step.expires)
        lots = "" if same else f" with lot {first.lot} and lot {step.lot}"
        self._tally.add(
            "L06",
            key,
            step,
            f"is commissioned twice{lots}, first {first.where.path}",
            "A serial is given once: find out which package carries it.",
        )

    def _pack(self, step: ShippedStep) -> None:
        parent = self._histories[step.parent]
        if parent.filled is None and parent.packed is not None:
            self._tally.add(
                "T06",
                step.parent,
                step,
                f"is filled after it was packed itself, {parent.packed.where.path}",
                "Containers are filled from the inside out: check the times.",
            )
        parent.filled = parent.filled or step
        parent.moved = parent.moved or step
        is_known = step.parent in self._commissioned or step.parent in self._known
        if not is_known and not is_sscc(step.parent):
            self._tally.add(
                "G12",
                step.parent,
                step,
                "holds packages and is not commissioned in this file",
                "Send the commissioning of cases too.",
            )
        for child in step.ids:
            self._put(child, step)

    def _put(self, child: str, step: ShippedStep) -> None:
        history = self._histories[child]
        if child == step.parent or child in self._above(step.parent):
            self._tally.add(
                "G05", child, step, "would contain itself", "Check parentID and childEPCs."
            )
            return
        if history.parent and history.parent != step.parent:
            self._tally.add(
                "G04",
                child,
                step,
                f"is still in {history.parent}",
                "Unpack it there first, or find out where it is.",
            )
        if child not in self._commissioned and child not in self._known:
            known = _class_of(child) in self._classes
            self._tally.add(
                "G03",
                child,
                step,
                "is packed and nowhere commissioned",
                "Send its commissioning event, or check the serial.",
                severity=None if known else Severity.WARNING,
            )
        self._children[history.parent].discard(child)
        history.parent = step.parent
        history.packed = history.packed or step
        history.moved = history.moved or step
        self._children[step.parent].add(child)

    def _above(self, key: str) -> list[str]:
        """The containers of an object, from the inside out, up to `CHAIN_MAX`."""
        found: list[str] = []
        while (key := self._histories[key].parent) and len(found) < CHAIN_MAX:
            found.append(key)
        return found

    def _below(self, key: str) -> set[str]:
        """Everything inside a container, however deep; empty once `VISITS_MAX` is reached."""
        found: set[str] = set()
        open_ = [key]
        while open_ and self._visits_left > 0:
            for child in self._children.get(open_.pop(), ()):
                if child not in found:
                    found.add(child)
                    open_.append(child)
                    self._visits_left -= 1
        return found

    def _depths(self) -> None:
        """Containers nested too deep, reported at the innermost one."""
        for key, history in self._histories.items():
            innermost = key not in self._children or not self._children[key]
            if history.parent and innermost and history.packed is not None:
                depth = len(self._above(key)) + bool(is_sscc(key))
                if depth > DEPTH_MAX:
                    self._tally.add(
                        "G08",
                        key,
                        history.packed,
                        f"is inside more than {DEPTH_MAX} nested containers",
                        "Check whether a container is named twice on the way.",
                    )

    def _unpack(self, step: ShippedStep) -> None:
        for child in step.ids or tuple(self._children[step.parent]):
            history = self._histories[child]
            if history.parent == step.parent:
                history.parent = ""
                self._children[step.parent].discard(child)
            elif (child, step.parent) in self._links:
                self._tally.add(
                    "G14",
                    child,
                    step,
                    f"is unpacked from {step.parent} before it is packed",
                    "Check the times of both events.",
                )
            else:
                known = history.moved is not None or bool(self._children.get(step.parent))
                self._tally.add(
                    "G06",
                    child,
                    step,
                    f"is unpacked from {step.parent}, which does not hold it",
                    "Send the packing event, or check both ids.",
                    severity=None if known else Severity.WARNING,
                )

    def _ship(self, step: ShippedStep) -> None:
        together = set(step.ids)
        for key in step.ids:
            history = self._histories[key]
            self._before_shipping(key, history, step)
            if history.parent and history.parent not in together:
                self._tally.add(
                    "G11",
                    key,
                    step,
                    f"is shipped alone while it is in {history.parent}",
                    "Unpack it first, or ship what holds it.",
                )
            inside = self._below(key)
            self._contents(key, inside, step)
            for each in (key, *inside):
                shipped = self._histories[each]
                shipped.shipped, shipped.left = step, True
                shipped.moved = shipped.moved or step

    def _before_shipping(self, key: str, history: _History, step: ShippedStep) -> None:
        if history.shipped is not None:
            self._tally.add(
                "S17",
                key,
                step,
                f"was shipped already, {history.shipped.where.path}",
                "Void the first shipment, or receive the return.",
            )
        if history.received is not None and history.commissioned is not None and not history.left:
            self._tally.add(
                "T09",
                key,
                step,
                f"was received before it was shipped, {history.received.where.path}",
                "Check the times of both events.",
            )
        if key not in self._commissioned and key not in self._known:
            known = _class_of(key) in self._classes
            self._tally.add(
                "S01",
                key,
                step,
                "is shipped and nowhere commissioned",
                "Send its commissioning event, or check the id.",
                severity=None if known else Severity.WARNING,
            )

    def _contents(self, key: str, inside: set[str], step: ShippedStep) -> None:
        everything = {key} | inside
        if key not in self._known and not any(is_sgtin(each) for each in everything):
            self._tally.add(
                "S21",
                key,
                step,
                "leads to no package, so no transaction information can be made",
                "Send what it holds as packing events.",
            )
        for each in sorted(everything):
            history = self._histories[each]
            if history.gone is not None:
                self._tally.add(
                    "S02",
                    each,
                    step,
                    f"is shipped after it was {history.gone.biz_step or history.gone.disposition}",
                    "Hold the shipment and find out what it contains.",
                )
            origin = history.commissioned
            expiry = read_expiry(origin.expiry).day if origin is not None else None
            if expiry is not None and expiry < step.at.date():
                self._tally.add(
                    "L07",
                    each,
                    step,
                    f"expired on {expiry.isoformat()}, before it is shipped",
                    "Expired product may not be sold: stop the shipment.",
                )

    def _come_back(self, step: ShippedStep) -> None:
        for key in step.ids:
            for each in (key, *self._below(key)):
                self._histories[each].shipped = None
            if step.biz_step != "void_shipping":
                self._histories[key].received = step

    def _go(self, step: ShippedStep) -> None:
        for key in step.ids:
            self._histories[key].gone = step

    def _ends(self) -> None:
        ships = any(step.biz_step == "shipping" for step in self._steps)
        for key, history in self._histories.items():
            if history.commissioned is None or history.gone is not None:
                continue
            if is_sscc(key) and history.filled is None:
                self._tally.add(
                    "G10",
                    key,
                    history.commissioned,
                    "is commissioned and never filled",
                    "Send the packing event, or leave the SSCC out.",
                )
            elif ships and is_sgtin(key) and history.packed is None and not history.left:
                self._tally.add(
                    "G09",
                    key,
                    history.commissioned,
                    "is commissioned and neither packed nor shipped",
                    "Check whether a packing event is missing.",
                )

    def _cases(self) -> None:
        """Cases whose lot and expiry differ from those of their contents."""
        for parent, children in self._children.items():
            if not is_sgtin(parent):
                continue
            lots = {
                (origin.lot, origin.expires)
                for child in children
                if (origin := self._histories[child].commissioned) is not None
                and origin.lot
                and origin.expiry
            }
            own, step = self._histories[parent].commissioned, self._histories[parent].filled
            if step is None:
                continue
            if len(lots) > 1:
                self._tally.add(
                    "L10",
                    parent,
                    step,
                    f"holds packages of {len(lots)} lots or expiries",
                    "A case with a GTIN holds one lot; mixed cases carry an SSCC.",
                )
            elif own is not None and own.lot and lots and (own.lot, own.expires) not in lots:
                self._tally.add(
                    "L09",
                    parent,
                    step,
                    f"is labelled lot {own.lot} and holds lot {next(iter(lots))[0]}",
                    "Case and contents have one lot and expiry: check both.",
                )


def _class_of(key: str) -> str:
    return "/00/" if is_sscc(key) else key[:18]
