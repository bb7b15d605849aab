"""Judge an act before it happens: pure, from the act and all that is known of the things it names.

Two questions for each thing. What does the one judgement know against it that this kind of act does
not accept? And is it where, and in what, such an act finds it? One thing refused refuses the act:
what a person has in hand and what the event says must be the same (decision 0150).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from epcis.store.item_status import ItemStatus
from verification.acts.kinds import KINDS, ActKind, ActRule, ActShape, Need, Whereabouts
from verification.acts.request import ActPackAnswer, ActRefusal
from verification.acts.sentences import SAY_DONE, say_reason, say_refusal
from verification.acts.whereabouts import ThingRefused, because, place_refused
from verification.decision.words import WEIGHT, Reason, Word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from epcis.store.items import StoredItem
    from verification.acts.request import ActRequest, ActThing, ScannedThing

NAMED_MAX = 5
"""Things that a sentence names; more are counted."""
_FINE = frozenset({Reason.GENUINE, Reason.EXEMPT})
_UNKNOWN = frozenset({Reason.UNKNOWN_SERIAL, Reason.UNKNOWN_PRODUCT, Reason.CANNOT_TELL})


class ActJudgement(NamedTuple):
    """What is to become of an act."""

    answers: tuple[ActPackAnswer, ...]
    """One for each scan, in order; `done` where the act may be done."""
    may_proceed: bool
    names: tuple[str, ...] = ()
    """Keys that the event names: what is in a case that is named as well goes with the case."""
    missing: tuple[str, ...] = ()
    overridden: tuple[str, ...] = ()
    """What was overridden, each reason once."""


def judge(
    act: ActRequest,
    scanned: Sequence[ScannedThing],
    things: Mapping[str, ActThing],
    parent: ActThing | None,
    at: datetime,
    *,
    tells_places: bool = True,
) -> ActJudgement:
    """Judge an act at time `at`.

    `things` has every key that was scanned; `parent` is the case or pallet that the act names.
    Without `tells_places` no answer says where goods of others are.
    """
    return _ActCase(act, scanned, things, parent, at, tells_places=tells_places).judged()


def together(used: ActJudgement, made: ActJudgement) -> ActJudgement:
    """One judgement of what a transformation uses up and makes; it names what is used up."""
    answers = (*used.answers, *made.answers)
    if used.may_proceed and made.may_proceed:
        return used._replace(answers=answers)
    return used._replace(answers=tuple(map(_not_done, answers)), may_proceed=False, names=())


class _ActCase:
    """Everything that one judgement of an act depends on."""

    def __init__(
        self,
        act: ActRequest,
        scanned: Sequence[ScannedThing],
        things: Mapping[str, ActThing],
        parent: ActThing | None,
        at: datetime,
        *,
        tells_places: bool,
    ) -> None:
        self.tells_places = tells_places
        self.act, self.scanned, self.things, self.parent, self.at = act, scanned, things, parent, at
        self.rule: ActRule = KINDS[act.kind]
        self.keys = {one.key for one in scanned if one.key}
        self.containers = self._containers()
        self.covered = {inner.key for one in self.containers.values() for inner in one.inside}
        """What goes along, as it is in something that was scanned or that the act names."""
        self.missing: list[str] = []
        self.overridden: list[str] = []

    def judged(self) -> ActJudgement:
        """The answers to all scans, and what the event would name."""
        about_parent = self._parent_refused()
        if about_parent is not None and about_parent.may_override and self.act.override:
            self.overridden.append(about_parent.reason)
            about_parent = None
        count = self._count_refused()
        if count is not None and count.may_override and self.act.override:
            self.overridden.append(count.reason)
            count = None
        seen: set[str] = set()
        answers: list[ActPackAnswer] = []
        for one in self.scanned:
            refused = self._scan_refused(one, seen)
            seen.add(one.key)
            refused = refused or about_parent or count
            if refused is None and one.key:
                refused = self._thing_refused(self.things[one.key], one)
            answers.append(self._answer(one, refused))
        lone = about_parent or count
        may = lone is None and all(one.done for one in answers) and bool(answers or self.parent)
        if lone is not None and not answers and self.parent is not None:
            answers.append(_refusal_of(self.parent.key, self.parent.key, lone))
        names = tuple(dict.fromkeys(self._named())) if may else ()
        settled = tuple(answers) if may else tuple(map(_not_done, answers))
        overridden = {*self.overridden, *(one.reason for one in settled if one.overridden)}
        missing = tuple(dict.fromkeys(self.missing))
        return ActJudgement(settled, may, names, missing, tuple(sorted(overridden)))

    def _containers(self) -> dict[str, ActThing]:
        """Scanned things, and the parent, that hold others."""
        found = {key: one for key, one in self.things.items() if one.inside and key in self.keys}
        if self.parent is not None and self._parent_is_subject:
            found[self.parent.key] = self.parent
        return found

    @property
    def _parent_is_subject(self) -> bool:
        """Whether the act is about the case or pallet itself, whose contents were scanned."""
        return self.rule.parent is Need.MAY

    def _named(self) -> Iterator[str]:
        """What the event names: no thing inside of another one that it names."""
        if self.rule.stays_inside and not self._parent_is_subject:
            yield from (one.key for one in self.scanned)
            return
        subjects = [one.key for one in self.scanned]
        if self.parent is not None and self._parent_is_subject:
            subjects.append(self.parent.key)
        yield from (key for key in subjects if key not in self.covered)

    def _scan_refused(self, one: ScannedThing, seen: set[str]) -> ThingRefused | None:
        if one.refusal is not None:
            return because(one.refusal, Word.UNKNOWN, what=one.what)
        if one.key in seen and not one.is_tag:
            return because(ActRefusal.SCANNED_TWICE)
        return None

    def _count_refused(self) -> ThingRefused | None:
        expected = self.act.expect
        if expected is None or expected == len(self.keys):
            return None
        what = f"{len(self.keys)} of {expected}"
        may = self.act.kind is ActKind.PACK  # a supervisor may close a case that is not full
        return because(ActRefusal.COUNT_DIFFERS, what=what, may_override=may)

    def _parent_refused(self) -> ThingRefused | None:
        """Why nothing can be done with the case or pallet that the act names."""
        parent = self.parent
        if parent is None:
            return None
        if self.act.kind is ActKind.PACK:
            return self._new_parent_refused(parent)
        if parent.item is None:
            return because(ActRefusal.NOT_ON_RECORD, what=parent.key)
        if self.act.kind is ActKind.UNPACK and not parent.inside:
            return because(ActRefusal.NOTHING_INSIDE, what=parent.key)
        return self._thing_refused(parent, None)

    def _new_parent_refused(self, parent: ActThing) -> ThingRefused | None:
        """Why packs may not be put into a case; a case that nobody has named yet begins here."""
        if parent.unfit_number:
            return because(ActRefusal.NUMBER_NOT_ISSUED, what=parent.unfit_number)
        if parent.item is None:
            if parent.key.startswith("/00/"):
                return None  # a case with an SSCC begins with what is put into it
            return because(ActRefusal.NOT_ON_RECORD, what=parent.key)
        containers = {parent.key, parent.item.parent, parent.item.top}
        if containers & self.keys:
            return because(ActRefusal.CIRCLE, what=parent.key)
        return self._against(parent) or self._place_refused(parent, parent.item)

    def _thing_refused(self, thing: ActThing, scan: ScannedThing | None) -> ThingRefused | None:
        """Why a thing is refused; what was not made here is judged before where it is."""
        if self.rule.where is Whereabouts.NOWHERE:
            return self._commission_refused(thing, scan)
        if thing.item is None:
            return because(ActRefusal.NOT_ON_RECORD, Word.STOP, what=thing.key)
        return (
            self._against(thing)
            or self._place_refused(thing, thing.item)
            or self._containment_refused(thing, thing.item)
            or self._inside_refused(thing)
        )

    def _commission_refused(
        self, thing: ActThing, scan: ScannedThing | None
    ) -> ThingRefused | None:
        act = self.act
        if thing.item is not None and Reason.NOT_COMMISSIONED not in thing.reasons:
            lot = f" in lot {thing.item.lot}" if thing.item.lot else ""
            return because(ActRefusal.ALREADY_COMMISSIONED, what=lot)
        if thing.item is not None and thing.item.lot and thing.item.lot != act.lot:
            return because(ActRefusal.ALREADY_COMMISSIONED, what=f" in lot {thing.item.lot}")
        if thing.unfit_number:
            return because(ActRefusal.NUMBER_NOT_ISSUED, what=thing.unfit_number)
        if scan is not None and (
            (scan.lot and scan.lot != act.lot) or (scan.expiry and scan.expiry != act.expiry)
        ):
            return because(ActRefusal.LOT_DIFFERS, what=act.lot)
        if thing.key.startswith("/01/") and not (act.lot and act.expiry):
            return because(ActRefusal.LOT_MISSING)
        return self._against(thing, frozenset({Reason.NOT_COMMISSIONED}))

    def _against(
        self, thing: ActThing, also: frozenset[Reason] = frozenset()
    ) -> ThingRefused | None:
        """What the one judgement knows against a thing that this act does not accept."""
        accepted = self.rule.accepts | _FINE | also | self._found_again(thing)
        against = [one for one in thing.reasons if one not in accepted]
        if not against:
            return None
        gravest = min(against, key=WEIGHT.__getitem__)
        if gravest in _UNKNOWN and thing.item is None:
            return because(ActRefusal.NOT_ON_RECORD, what=thing.key)
        may = all(one in self.rule.overridable for one in against)
        verdict = Word.STOP if thing.verdict is Word.OK else thing.verdict
        say = say_reason(self.act.kind, gravest, thing.say, may_override=may)
        return ThingRefused(gravest.value, say, verdict, may)

    def _found_again(self, thing: ActThing) -> frozenset[Reason]:
        """What a count that finds a missing pack takes back, or one that says it was stolen."""
        lost = thing.item is not None and thing.item.status is ItemStatus.LOST
        settles = self.act.kind is ActKind.COUNT_ADJUST and self.act.result in ("found", "stolen")
        if settles and lost:
            return frozenset({Reason.DECOMMISSIONED})
        return frozenset()

    def _place_refused(self, thing: ActThing, item: StoredItem) -> ThingRefused | None:
        if self.act.time is not None and item.last_event_time >= self.at:
            return because(ActRefusal.HAPPENED_SINCE, what=f"{item.last_event_time:%Y-%m-%d %H:%M}")
        return place_refused(self.act, thing, item, tells_places=self.tells_places)

    def _containment_refused(self, thing: ActThing, item: StoredItem) -> ThingRefused | None:
        """Why it may not be taken out of, or left in, what it is in."""
        parent = self.parent
        if parent is not None and thing is not parent:
            inside = item.parent == parent.key
            if self._parent_is_subject:
                inside = thing.key in self.covered
            if inside:
                return None
            if self.act.kind is not ActKind.PACK:
                return because(ActRefusal.NOT_IN_PARENT)
        may_be_out = self.rule.stays_inside or self.act.is_opened or thing.key in self.covered
        if may_be_out or item.parent is None:
            return None
        return because(ActRefusal.IN_A_CASE, what=item.parent)

    def _inside_refused(self, thing: ActThing) -> ThingRefused | None:
        """Why a container may not go: what is in it was not all scanned, or may not go itself."""
        if not thing.inside:
            return None
        moves = self.act.kind is not ActKind.UNPACK or thing is not self.parent
        for inner in thing.inside if moves else ():
            refused = self._against(inner)
            if refused is not None:
                what = f"{inner.key}: {refused.say}"
                return because(
                    ActRefusal.CONTENT_REFUSED, what=what, may_override=refused.may_override
                )
        if self.rule.stays_inside or self.rule.shape is ActShape.PUT_IN:
            return None
        return self._contents_refused(thing)

    def _contents_refused(self, thing: ActThing) -> ThingRefused | None:
        """The scans name some of what is in it, and not all."""
        inner = {one.key: one for one in thing.inside}
        found = inner.keys() & self.keys
        if not found:
            return None
        covered = found | {below.key for key in found for below in inner[key].inside}
        left = [key for key, one in inner.items() if key not in covered and not one.inside]
        if not left:
            return None
        self.missing += left
        return because(ActRefusal.CONTENTS_DIFFER, what=_named(left))

    def _answer(self, one: ScannedThing, refused: ThingRefused | None) -> ActPackAnswer:
        key = one.key or one.scan
        if refused is None:
            thing = self.things.get(one.key)
            fine = thing is None or thing.item is None or thing.verdict is Word.OK
            return ActPackAnswer(
                id=key,
                scan=one.scan,
                verdict=Word.OK if fine or thing is None else thing.verdict,
                reason=Reason.GENUINE.value if fine or thing is None else thing.reasons[0].value,
                say=SAY_DONE[self.act.kind],
                done=True,
            )
        if refused.may_override and self.act.override:
            return ActPackAnswer(
                id=key,
                scan=one.scan,
                verdict=refused.verdict,
                reason=refused.reason,
                say=f"Done although: {refused.say}",
                done=True,
                overridden=True,
            )
        return _refusal_of(key, one.scan, refused)


def _refusal_of(key: str, scan: str, refused: ThingRefused) -> ActPackAnswer:
    return ActPackAnswer(
        id=key,
        scan=scan,
        verdict=refused.verdict,
        reason=refused.reason,
        say=refused.say,
        done=False,
    )


def _not_done(answer: ActPackAnswer) -> ActPackAnswer:
    """The answer about a thing that may go, where the act was refused for others."""
    if not answer.done:
        return answer
    return ActPackAnswer(
        id=answer.id,
        scan=answer.scan,
        verdict=answer.verdict,
        reason=ActRefusal.OTHERS_REFUSED.value,
        say=say_refusal(ActRefusal.OTHERS_REFUSED),
        done=False,
    )


def _named(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - NAMED_MAX} more" if len(keys) > NAMED_MAX else ""
    return ", ".join(keys[:NAMED_MAX]) + more
