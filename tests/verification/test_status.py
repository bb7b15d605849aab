"""The status query: many packs of few lots, asked one after the other, each with its own answer."""

from __future__ import annotations

import json
from datetime import date, timedelta
from random import Random
from urllib.parse import urlencode

import pytest

from epcis.http_context import Caller
from verification.answering import hot_routes
from verification.decision.act import PackAct, PackRequest
from verification.decision.restrictions import current_restrictions
from verification.decision.words import LotState
from verification.fmd.perform import query
from verification.messages.reply import given_json
from verification.registry.pack_registry import set_lot_state
from verification.registry.participants import who_is
from verification.settings import VerificationSettings

GTIN, EXPIRY = "05901234123457", date(2027, 5, 31)
PHARMACY = Caller("till-1", frozenset({"verify"}), None, "10.0.0.1")
SERIALS = ("S1", "S5", 'A"at":"B', "serial", "%2B+/&", "0007", "Z(9)", "NOT-THERE")
LOTS = (None, "A123", "B7", '"at":')
EXPIRIES = (None, "270531", "270500", "280101")
CALLERS = (PHARMACY, Caller("till-2", frozenset({"verify"}), "/414/0366666000014", "10.0.0.2"))


@pytest.fixture
def stock(packs, put_pack, clock):
    """Packs S1 to S5 and some whose serial numbers are hard to write."""
    with packs.write(clock.now) as tx:
        for number, serial in enumerate(SERIALS[2:-1]):
            more = {"lot": "B7"} if number % 2 else {"expiry": None if number else EXPIRY}
            put_pack(tx, serial, **more)
    return packs


def engines_answer(store, asked, caller, now):
    """What the engine decides, without anything that the route may remember."""
    day = {None: None, "270531": EXPIRY, "270500": EXPIRY, "280101": EXPIRY.replace(2028, 1, 1)}
    request = PackRequest(
        operation=PackAct.VERIFY,
        code=GTIN,
        serial=asked["serial"],
        lot=asked["lot"],
        expiry=day[asked["expiry"]],
    )
    settings = VerificationSettings()
    with store.read() as snapshot:
        who = who_is(current_restrictions(snapshot), caller, settings)
        return given_json(query(snapshot, request, who, settings.rule_pack, now))


def something_happens(chance, client, store, clock):
    match chance.randrange(8):
        case 0:
            clock.now += timedelta(hours=chance.choice((0, 1, 30, 2000)))
        case 1:
            pack = {"gtin": GTIN, "serial": chance.choice(SERIALS)}
            client.post("/packs/" + chance.choice(("supply", "lock", "undo", "stolen")), json=pack)
        case 2:
            state = chance.choice((LotState.HELD, LotState.ACTIVE))
            with store.write(clock.now) as tx:
                set_lot_state(tx, GTIN, "A123", state, "?", now=clock.now, by="qa")


@pytest.fixture(params=[1, hot_routes.SITUATIONS_MAX])
def counter(request, client, monkeypatch):
    """A counter that remembers few answers, and one that remembers many."""
    monkeypatch.setattr(hot_routes, "SITUATIONS_MAX", request.param)
    return client


@pytest.mark.parametrize("seed", range(4))
def test_each_pack_gets_the_engines_own_answer_however_many_were_asked_before(
    counter, stock, clock, holder, seed
):
    chance = Random(seed)
    for _ in range(120):
        something_happens(chance, counter, stock, clock)
        asked = {
            "serial": chance.choice(SERIALS),
            "lot": chance.choice(LOTS),
            "expiry": chance.choice(EXPIRIES),
        }
        holder.caller = chance.choice(CALLERS)
        given = {name: value for name, value in asked.items() if value is not None}
        told = counter.get("/packs/status?" + urlencode({"gtin": GTIN} | given).replace("+", "%20"))
        code, body = engines_answer(stock, asked, holder.caller, clock.now)
        assert (told.status_code, json.loads(told.content)) == (code, json.loads(body))
        holder.caller = PHARMACY
