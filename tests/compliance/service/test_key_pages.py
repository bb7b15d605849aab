"""A new sealing key by two persons, at every door; and the names that a server answers to."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import httpx
import pytest
from hands import hand
from msgspec.structs import replace
from sqlalchemy import select

from compliance.seal import Keys
from compliance.service import access
from compliance.service.access import Grant
from compliance.service.accounts import put_account
from compliance.service.app import create_app
from compliance.service.context import ServiceContext
from epcis.ledger.entry import LeafKind
from epcis.ledger.ledger_tables import ledger_entry
from tests.compliance.service.browsers import WORD


def asking(store, settings, now, *grants):
    """A way to ask as one of several keys."""
    with store.write(now) as tx:
        keys = {one.name: access.new_key(tx, one, now=now) for one in grants}
    app = create_app(
        ServiceContext.of(settings, store, Keys.open(settings.keys_folder), lambda: now)
    )
    transport = httpx.ASGITransport(app, client=("192.0.2.1", 5))

    def ask(who, method, path, *, host="x", **more):
        async def one():
            headers = {"Authorization": f"Bearer {keys[who]}"} if who else {}
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as http:
                return await http.request(method, path, headers=headers | more)

        return asyncio.run(one())

    return ask


ADMINS = tuple(Grant(name, frozenset({"admin"})) for name in ("ann", "ben"))


def test_a_new_key_waits_for_a_second_person_and_seals_from_then_on(store, settings, now):
    two = replace(settings, two_person_acts=("keys",))
    ask = asking(store, two, now, *ADMINS, Grant("till", frozenset({"verify"})))
    before = ask("ann", "GET", "/keys").json()
    assert [one["seals"] for one in before].count(True) == 1
    waits = ask("ann", "POST", "/keys/rotate")
    assert (waits.status_code, waits.json()["act"]) == (202, "keys")
    number = waits.json()["approval"]
    own = ask("ann", "POST", f"/approvals/{number}/approve")
    assert own.status_code == 403
    assert ask("till", "POST", f"/approvals/{number}/approve").status_code == 403
    assert ask("ann", "GET", "/keys").json() == before
    assert ask("ben", "POST", f"/approvals/{number}/approve").status_code == 200
    made = ask("ann", "POST", "/keys/rotate")
    assert (made.status_code, made.json()["seals"]) == (201, True)
    after = {one["serial"]: one for one in ask("ben", "GET", "/keys").json()}
    assert len(after) == len(before) + 1
    assert after[made.json()["serial"]]["seals"]
    assert not any(one["revoked"] for one in after.values())
    assert ask("ann", "POST", "/keys/rotate").status_code == 202, "an approval is used once"
    with store.read() as snapshot:
        told = snapshot.connection.scalars(
            select(ledger_entry.c.public).where(ledger_entry.c.kind == LeafKind.KEY.value)
        )
        assert {"act": "key-made", "by": "ann"}.items() <= json.loads(bytes([*told][-1])).items()


@pytest.mark.parametrize("address", [("GET", "/keys"), ("POST", "/keys/rotate")])
def test_only_the_operators_administrators_come_near_the_keys(store, settings, now, address):
    stranger = Grant("stranger", frozenset({"admin"}), "/414/0366666000014")
    ask = asking(store, settings, now, stranger, Grant("till", frozenset({"verify"})))
    assert ask("till", *address).status_code == 403
    assert ask("stranger", *address).status_code == 404
    assert ask("", *address).status_code == 401


def test_the_page_shows_the_keys_and_makes_one(store, settings, now, browser_of):
    with store.write(now) as tx:
        put_account(tx, Grant("ida", frozenset({"admin"})), WORD, by="qa")
    ida = browser_of(replace(settings, two_person_acts=("keys",)))
    ida.sign_in("ida")
    page = ida.get("/keys").text
    assert page.count("<td>seals now</td>") == 1
    assert "A second person approves it first" in page
    assert "approves" in ida.post("/keys/rotate").text
    alone = browser_of(settings)
    alone.sign_in("ida")
    assert alone.post("/keys/rotate").headers["location"] == "/keys"
    assert alone.get("/keys").text.count("<tr>") == page.count("<tr>") + 1


def test_the_command_lists_what_waits_and_approves_it_for_somebody_else(store, settings):
    here = datetime.now(UTC)
    ask = asking(store, replace(settings, two_person_acts=("keys",)), here, *ADMINS)
    number = ask("ann", "POST", "/keys/rotate").json()["approval"]
    run = hand(
        {"PACKTRAIL_DATA_DIR": str(settings.data_dir), "PACKTRAIL_DATABASE": settings.database_url}
    )
    (waits,) = run("approvals", "--json").json
    assert (waits["id"], waits["act"], waits["askedBy"]) == (number, "keys", "ann")
    assert run("approvals", "--approve", number).code == 2
    own = run("approvals", "--approve", number, "--by", "ann")
    assert (own.code, "cannot approve it" in own.err) == (1, True)
    assert run("approvals", "--approve", "none", "--by", "ben").code == 1
    done = run("approvals", "--approve", number, "--by", "ben")
    assert (done.code, "approved by ben" in done.out) == (0, True)
    assert ask("ann", "POST", "/keys/rotate").status_code == 201
    assert "nothing waits" in run("approvals").out


def test_a_server_answers_under_its_own_names_only_and_to_whoever_watches_it(store, settings, now):
    named = replace(settings, host_names=("trail.example", "Www.Trail.Example"))
    ask = asking(store, named, now, *ADMINS)
    status = "/packs/status?gtin=09506000134352&serial=1"
    for path in ("/keys", status, "/nowhere"):
        for host in ("evil.example", "trail.example.evil.example", "127.0.0.1"):
            assert ask("ann", "GET", path, host=host).status_code == 421
        for host in ("trail.example", "www.trail.example:8443", "TRAIL.example"):
            assert ask("ann", "GET", path, host=host).status_code != 421
    for probe in ("/live", "/ready", "/health"):
        assert ask("", "GET", probe, host="10.0.0.7:8080").status_code == 200
