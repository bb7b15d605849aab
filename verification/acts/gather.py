"""All that is known of the things an act names, looked up at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from epcis.database.site_zone import zone_of
from epcis.store.effect import party_key
from epcis.store.items import contents, holding, items
from verification.acts.kinds import KINDS, ActKind, ActShape, Whereabouts
from verification.acts.request import ActThing
from verification.decision.act import TO_LOOK_UP, Asked
from verification.decision.decide import decide
from verification.decision.facts import Facts, KnownPack, facts_from, look
from verification.decision.groups import reasons_of_container
from verification.decision.many import is_pack, name_of
from verification.decision.words import PackState, Reason, word_of
from verification.returns.sold import SalesLookup
from verification.serials.report import unfit_numbers

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from epcis.database.transactions import Snapshot
    from epcis.store.items import StoredItem
    from verification.acts.request import ActRequest
    from verification.decision.decide import Judgement
    from verification.decision.facts import RecordedPack
    from verification.decision.restrictions import Restrictions
    from verification.decision.rule_pack import RulePack

LEVELS_MAX = 16
"""Containers inside each other that are followed."""


class ActFacts:
    """Looks up the things of one act, by a snapshot and the rules of a market."""

    def __init__(
        self, snapshot: Snapshot, act: ActRequest, rules: RulePack, now: datetime, market: str
    ) -> None:
        self._snapshot = snapshot
        self._act = act
        self._rules = rules
        self._now = now
        self._market = market
        self._sales = SalesLookup(snapshot, party_key(act.place) if act.place else "")

    def things(self, keys: Iterable[str]) -> dict[str, ActThing]:
        """Each thing with everything inside it, by key."""
        wanted = list(dict.fromkeys(keys))
        below = self._below(wanted)
        everything = list(
            dict.fromkeys([*wanted, *(one.key for kids in below.values() for one in kids)])
        )
        stored = items(self._snapshot, everything)
        judged = self._judged(everything, stored)
        unfit = self._unfit_numbers([key for key in wanted if key not in stored])
        made: dict[str, ActThing] = {}
        for key in wanted:
            thing = self._thing(key, stored, judged, below)
            if KINDS[self._act.kind].where is Whereabouts.WITH_CUSTOMER and thing.item is not None:
                thing = thing._replace(sent_to=self._customers(key))
            if key in unfit:
                thing = thing._replace(unfit_number=unfit[key])
            made[key] = thing
        return made

    def _unfit_numbers(self, keys: list[str]) -> dict[str, str]:
        """Numbers of our pools that no line may use, with how they stand."""
        if KINDS[self._act.kind].shape not in (ActShape.MADE, ActShape.PUT_IN):
            return {}
        return unfit_numbers(self._snapshot, keys)

    def _below(self, keys: list[str]) -> dict[str, list[StoredItem]]:
        """What is directly inside each of these and of what they hold, level by level."""
        below: dict[str, list[StoredItem]] = {}
        level = keys
        for _ in range(LEVELS_MAX):
            holders = [key for key in holding(self._snapshot, level) if key not in below]
            for key in holders:
                below[key] = contents(self._snapshot, key)
            level = [one.key for key in holders for one in below[key]]
            if not level:
                break
        return below

    def _thing(
        self,
        key: str,
        stored: dict[str, StoredItem],
        judged: dict[str, Judgement | tuple[Reason, ...]],
        below: dict[str, list[StoredItem]],
        level: int = 0,
    ) -> ActThing:
        inside: list[ActThing] = []
        if level < LEVELS_MAX:
            for one in below.get(key, ()):
                inner = self._thing(one.key, stored, judged, below, level + 1)
                inside += [inner, *inner.inside]
        judged_pack = judged[key]
        if isinstance(judged_pack, tuple):
            word = word_of(judged_pack[0])
            return ActThing(
                key, stored.get(key), judged_pack, word, _say(judged_pack[0]), tuple(inside)
            )
        return ActThing(
            key,
            stored.get(key),
            judged_pack.reasons,
            judged_pack.verdict,
            judged_pack.say,
            tuple(inside),
        )

    def _judged(
        self, keys: list[str], stored: dict[str, StoredItem]
    ) -> dict[str, Judgement | tuple[Reason, ...]]:
        """The one judgement of each thing; of what nobody knows only that."""
        packs = [key for key in keys if is_pack(key)]
        names = [name_of(key) for key in packs]
        stops, rows = look(self._snapshot, names)
        found: dict[str, Judgement | tuple[Reason, ...]] = {}
        for key, name, row in zip(packs, names, rows, strict=True):
            found[key] = self._of_pack(stops, name, row)
        for key in keys:
            if key not in found:
                found[key] = self._of_container(stored.get(key))
        return found

    def _of_pack(
        self, stops: Restrictions, name: tuple[str, str], row: RecordedPack
    ) -> Judgement | tuple[Reason, ...]:
        asked = Asked(*name)
        if self._act.kind is ActKind.COMMISSION:
            facts = self._to_be_made(stops, asked, row)
        elif not row.is_known:
            return (Reason.UNKNOWN_SERIAL,)
        else:
            facts = facts_from(self._snapshot, asked, None, stops, row, market=self._market)
        return decide(facts, TO_LOOK_UP, self._rules, self._now)

    def _to_be_made(self, stops: Restrictions, asked: Asked, row: RecordedPack) -> Facts:
        """The facts about a pack as it will be once it is commissioned."""
        gtin, lot = asked.gtin, self._act.lot or None
        pack = KnownPack(state=PackState.ACTIVE, lot=lot, expiry=self._act.expiry)
        if row.is_known:
            facts = facts_from(self._snapshot, asked, None, stops, row, market=self._market)
            assert facts.pack is not None, "a recorded pack is known"
            known = msgspec.structs.replace(
                facts.pack, lot=facts.pack.lot or lot, expiry=facts.pack.expiry or pack.expiry
            )
            return msgspec.structs.replace(facts, pack=known)
        return Facts(
            asked=asked,
            pack=pack,
            product_state=stops.product(gtin, self._market),
            lot_state=stops.lot(gtin, lot, self._market),
            doubt=stops.doubt(gtin, lot, asked.serial),
            extended=stops.extended(gtin, lot),
            zone=zone_of(self._snapshot),
        )

    def _of_container(self, item: StoredItem | None) -> tuple[Reason, ...]:
        """What its own events say against a case or pallet; it has no lot or expiry of its own."""
        if item is None:
            return (Reason.UNKNOWN_SERIAL,)
        return reasons_of_container(item.state, self._now)

    def _customers(self, key: str) -> frozenset[str] | None:
        """To whom the company of the act's site shipped it last; None where it never did."""
        sales = self._sales.sales(key)
        real = [one for one in sales if not one.is_void]
        return frozenset({real[-1].customer} - {""}) if real else None


def _say(reason: Reason) -> str:
    from verification.decision.sentences import SAY

    return SAY[reason].replace("{values}", "")
