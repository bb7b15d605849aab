"""One budget for all doors: however somebody guesses serial numbers, it learns of twenty a day."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from epcis.http_context import Caller
from epcis.ledger.entry import LeafKind
from epcis.ledger.ledger_tables import ledger_entry
from verification.alerts.guessing import GuessBudget, Guesser, network_of, step_up
from verification.registry.pack_tables import unknown_answer

from .conftest import GTIN, NOW, PACK_SCOPES

ANSWERS_A_DAY = 20


def _verify(client, serial):
    return client.post("/packs/verify", json={"gtin": GTIN, "serial": serial})


def _status(client, serial):
    return client.get(f"/packs/status?gtin={GTIN}&serial={serial}")


def _supply(client, serial):
    return client.post("/packs/supply", json={"gtin": GTIN, "serial": serial})


def _partner(client, serial):
    query = f"linkType=verificationService&reqGLN=0366666000014&corrUUID={uuid.uuid4()}"
    return client.get(f"/verify/gtin/{GTIN}/lot/A123/ser/{serial}?{query}")


def _rest(client, serial):
    path = f"/fmd/product/gs1/{GTIN}/pack/{serial}"
    return client.get(path, headers={"emvs-data-entry-mode": "non-manual"})


DOORS = (_verify, _status, _supply, _partner, _rest)


def _is_answered(answer) -> bool:
    return answer.status_code not in (403, 429)


@pytest.mark.parametrize("door", DOORS)
def test_a_guesser_gets_twenty_answers_at_one_door(client, registered, door) -> None:
    told = [door(client, f"GUESS{number}") for number in range(60)]
    assert sum(map(_is_answered, told)) == ANSWERS_A_DAY
    assert not any(map(_is_answered, told[ANSWERS_A_DAY:]))


def test_and_no_more_over_any_mixture_of_doors_products_and_addresses(
    client, registered, holder, put_product
) -> None:
    other = "05901234123464"
    with registered.write(NOW) as tx:
        put_product(tx, other)
    answered = 0
    for number in range(200):
        holder.caller = replace(holder.caller, client=f"198.51.{number}.7")
        door = DOORS[number % len(DOORS)]
        answered += _is_answered(door(client, f"GUESS{number}"))
    assert answered == ANSWERS_A_DAY
    # Now the right serial number does not show either: a lucky guess would.
    assert _verify(client, "S1").status_code == 429
    assert _status(client, "S1").status_code == 429


def test_a_bulk_counts_as_every_other_door(client, registered) -> None:
    packs = [{"productCode": GTIN, "serialNumber": f"GUESS{n}"} for n in range(100)]
    packs.append({"productCode": GTIN, "serialNumber": "S1"})
    mode = {"emvs-data-entry-mode": "non-manual"}
    sent = client.post("/fmd/product/packs", json={"packs": packs}, headers=mode)
    assert sent.status_code == 202, sent.content
    place = sent.headers["location"]
    while (got := client.get(place)).status_code == 202:
        pass
    told = [one["result"] for one in got.json()["packs"]]
    refused = [one for one in told if "Too many unknown" in json.dumps(one)]
    assert len(told) - len(refused) == ANSWERS_A_DAY
    assert "state" not in told[-1]
    assert _verify(client, "S1").status_code == 429


def test_who_asks_for_packs_that_exist_is_never_slowed(client, registered, holder) -> None:
    for number in range(100):
        assert _verify(client, f"S{number % 5 + 1}").status_code == 200
    holder.caller = replace(holder.caller, name="guesser")
    for number in range(30):
        _verify(client, f"GUESS{number}")
    holder.caller = replace(holder.caller, name="till-1")
    assert _verify(client, "S1").json()["verdict"] == "OK"


def test_a_new_day_or_the_operators_word_gives_the_budget_back(client, registered, clock) -> None:
    for number in range(30):
        _verify(client, f"GUESS{number}")
    assert _verify(client, "S1").status_code == 429
    with registered.write(clock.now) as tx:
        step_up(tx, client="till-1", by="qa")
    assert _verify(client, "S1").status_code == 200
    for number in range(30):
        _verify(client, f"GUESS{number}")
    clock.now += timedelta(days=1)
    assert _verify(client, "S1").status_code == 200


def test_a_network_of_many_keys_is_counted_together(client, registered, holder) -> None:
    answered = 0
    for number in range(200):
        holder.caller = Caller(f"key-{number % 50}", PACK_SCOPES, None, "203.0.113.9")
        answered += _is_answered(_verify(client, f"GUESS{number}"))
    assert answered == 5 * ANSWERS_A_DAY
    assert network_of("203.0.113.9") == network_of("203.0.113.200") != network_of("203.0.114.9")


@pytest.mark.parametrize("clients", [1, 10, 100])
def test_a_hundred_thousand_guesses_teach_twenty_each(registered, clock, clients: int) -> None:
    """The budget itself, under every guess of the attack."""
    told = dict.fromkeys(range(clients), 0)
    with registered.write(clock.now) as tx:
        guessers = [Guesser(f"client-{number}") for number in range(clients)]
        budget = GuessBudget(tx, guessers, answers_max=ANSWERS_A_DAY)
        for number in range(100_000):
            guesser = guessers[number % clients]
            if not budget.is_spent(guesser) and budget.count(guesser):
                told[number % clients] += 1
    assert set(told.values()) == {ANSWERS_A_DAY}
    with registered.read() as snapshot:
        run = snapshot.connection.execute
        assert {row.answers for row in run(select(unknown_answer))} == {ANSWERS_A_DAY}
        alerts = run(select(ledger_entry).where(ledger_entry.c.kind == int(LeafKind.CASE))).all()
    # One cause, one entry: however many guesses follow.
    assert len(alerts) == clients
