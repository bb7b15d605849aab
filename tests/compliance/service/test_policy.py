"""Role by route by owner: every address is asked as everybody, and answers with the caller's own.

Two companies send events, products and recalls with values that nobody else would write. Whatever
is asked by the one must not name the other: no GLN, no name, no serial, no lot, no GTIN.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from contextlib import closing
from datetime import UTC, date, datetime
from typing import NamedTuple, Self

import httpx
import pytest
from fastapi import APIRouter
from hands import serve_in

from compliance.recall.recall import open_recall
from compliance.seal import Keys
from compliance.service import access
from compliance.service.access import Grant
from compliance.service.access_rule import ANY_KEY, ANYONE, Own
from compliance.service.app import create_app
from compliance.service.context import ServiceContext
from compliance.service.migrate import open_migrated
from compliance.service.policing import PolicyGapError, guarded
from compliance.service.policy import POLICY, ROLES, SCOPES
from compliance.service.settings import Settings
from verification.answering.hot_routes import HOT_ACTS
from verification.fmd.expiry_extension import Extension, extend

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Planted(NamedTuple):
    """A company, and everything that only its data says."""

    name: str
    gln: str
    gtin: str
    serial: str
    lot: str

    @property
    def party(self) -> str:
        return f"/414/{self.gln}"

    @property
    def traces(self) -> tuple[str, ...]:
        return (self.gln, self.gtin, self.serial, self.lot, self.name)


OURS = Planted("Heliotrope", "0355555000013", "00355555678908", "HELIO1SERIAL", "HELIOLOT")
THEIRS = Planted("Zinnwald", "0366666000014", "00366666123454", "ZINN1SERIAL", "ZINNLOT")


def _event(one: Planted) -> dict[str, object]:
    place = f"https://id.gs1.org{one.party}"
    return {
        "type": "ObjectEvent",
        "eventTime": "2026-05-01T10:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "action": "ADD",
        "bizStep": "commissioning",
        "disposition": "active",
        "epcList": [f"https://id.gs1.org/01/{one.gtin}/21/{one.serial}"],
        "readPoint": {"id": place},
        "bizLocation": {"id": place},
        "ilmd": {"cbvmda:lotNumber": one.lot, "cbvmda:itemExpirationDate": "2028-01-31"},
    }


def _document(one: Planted) -> bytes:
    event = _event(one)
    return json.dumps(
        {
            "@context": [
                "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
                {"cbvmda": "urn:epcglobal:cbv:mda:"},
            ],
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-05-01T10:00:00Z",
            "epcisHeader": {
                "epcisMasterData": {
                    "vocabularyList": [
                        {
                            "type": "urn:epcglobal:epcis:vtype:Location",
                            "vocabularyElementList": [
                                {
                                    "id": f"https://id.gs1.org{one.party}",
                                    "attributes": [
                                        {
                                            "id": "urn:epcglobal:cbv:mda#name",
                                            "attribute": f"{one.name} of Nowhere",
                                        }
                                    ],
                                }
                            ],
                        }
                    ]
                }
            },
            "epcisBody": {"eventList": [event]},
        }
    ).encode()


def planted(store, client) -> dict[str, str]:
    """Both companies' data in a store, and a key for everybody who will ask."""
    everything = frozenset(SCOPES)
    with store.write(NOW) as tx:
        keys = {
            "operator": access.new_key(tx, Grant("operator", everything), now=NOW),
            "reader": access.new_key(tx, Grant("reader", frozenset({"verify"})), now=NOW),
            "ours": access.new_key(tx, Grant("ours", everything, OURS.party), now=NOW),
            "theirs": access.new_key(tx, Grant("theirs", everything, THEIRS.party), now=NOW),
        }
    for name, one in (("ours", OURS), ("theirs", THEIRS)):
        bearer = {"Authorization": f"Bearer {keys[name]}", "Content-Type": "application/json"}
        sent = client.post("/epcis/capture", content=_document(one), headers=bearer)
        assert sent.status_code == 202, sent.text
        for _ in range(600):
            job = client.get(sent.headers["location"], headers=bearer).json()
            if not job["running"]:
                break
        assert job["success"], job
        asked = {"kind": "lot", "gtin": one.gtin, "lot": one.lot}
        assert client.post("/exports", json=asked, headers=bearer).status_code == 202
        query = {"name": one.name, "query": {"EQ_bizStep": ["shipping"]}}
        assert client.post("/epcis/queries", json=query, headers=bearer).status_code == 201
    for one in (OURS, THEIRS):
        lot = one.lot[::-1]
        reason = f"{one.name} of Nowhere"
        open_recall(store, one.gtin, lot, reason=reason, by=one.name, now=NOW)
        with store.write(NOW) as tx:
            extend(tx, [Extension(one.gtin, one.lot, date(2028, 6, 30), reason)], by=one.name)
    return keys


class Asking:
    """An application within the test, asked from one event loop as `httpx.Client` would ask it."""

    def __init__(self, app) -> None:
        self._app = app
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        self._runner.__enter__()
        self._life = self._app.router.lifespan_context(self._app)
        self._runner.run(self._life.__aenter__())
        transport = httpx.ASGITransport(self._app, client=("127.0.0.1", 5))
        self._client = httpx.AsyncClient(transport=transport, base_url="http://localhost")
        return self

    def __exit__(self, *fault) -> None:
        self._runner.run(self._client.aclose())
        self._runner.run(self._life.__aexit__(None, None, None))
        self._runner.__exit__(*fault)

    def request(self, method: str, url: str, **more) -> httpx.Response:
        return self._runner.run(self._client.request(method, url, **more))

    def get(self, url: str, **more) -> httpx.Response:
        return self.request("GET", url, **more)

    def post(self, url: str, **more) -> httpx.Response:
        return self.request("POST", url, **more)

    def delete(self, url: str, **more) -> httpx.Response:
        return self.request("DELETE", url, **more)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("policy")
    settings = Settings(data_dir=folder, owner_gln="0395555000019")
    store = open_migrated(settings)
    context = ServiceContext.of(settings, store, Keys.open(settings.keys_folder), lambda: NOW)
    app = create_app(context)
    with Asking(app) as client:
        yield app, client, planted(store, client)
    store.close()


def addresses(app) -> list[tuple[str, str]]:
    """Every address of the OpenAPI document and every page, as (method, path)."""
    document = app.openapi()["paths"]
    described = [(method.upper(), path) for path in document for method in document[path]]
    rows = [(one.method, one.path) for one in POLICY.values() if one.is_page]
    return sorted({*described, *rows})


def filled(path: str, about: Planted) -> str:
    """The address with the values of a company in its gaps."""
    values = {
        "gtin": about.gtin,
        "code": about.gtin,
        "lot": about.lot,
        "serial": about.serial,
        "link": f"{about.gtin}/21/{about.serial}",
        "pack": f"01/{about.gtin}/21/{about.serial}",
        "epc": f"https%3A%2F%2Fid.gs1.org%2F01%2F{about.gtin}%2F21%2F{about.serial}",
        "query_name": about.name,
        "value": f"https%3A%2F%2Fid.gs1.org%2F414%2F{about.gln}",
        "rest": f"gs1/{about.gtin}/pack/{about.serial}",
        "size": "1",
        "path": "0/000.p/1",
    }
    return re.sub(r"\{(\w+)(:path)?\}", lambda gap: values.get(gap[1], "none"), path)


def body_about(about: Planted) -> dict[str, object]:
    """A body that is right for most acts on a company's pack or product."""
    return {
        "gtin": about.gtin,
        "code": about.gtin,
        "serial": about.serial,
        "lot": about.lot,
        "expiry": "2028-01-31",
        "reason": "because",
    }


def ask(client: httpx.Client, method: str, path: str, key: str | None, about: Planted):
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    query = {"linkType": "verificationService", "reqGLN": about.gln} if "/verify/" in path else {}
    form = POLICY.get((method, path)) and POLICY[method, path].is_page and method == "POST"
    more = {"data": body_about(about)} if form else {"json": body_about(about)}
    if method in ("GET", "DELETE", "HEAD", "OPTIONS"):
        more = {}
    return client.request(method, filled(path, about), headers=headers, params=query, **more)


ASKED_ABOUT_THE_PACK = {*HOT_ACTS, "/scan-card", "/01/{link:path}", "/packs/returns", "/returns"}
"""What answers about any pack in hand repeats what was asked, and nothing of what is recorded."""


def told(answer, about: Planted) -> set[str]:
    """What an answer says of a company that the question itself did not say."""
    asked = str(answer.request.url) + answer.request.content.decode("utf-8", "replace")
    asked += re.sub(r"%2F", "/", asked)
    content = answer.content.decode("utf-8", "replace")
    return {one for one in about.traces if one in content and one not in asked}


def test_every_address_has_a_row_and_every_row_an_address(world) -> None:
    app, _, _ = world
    there = {(method, one.route.path) for one in guarded(app.routes) for method in one.rules}
    rows = {key for key in POLICY if key[1] not in HOT_ACTS and key[0] != "ANY"}
    assert rows <= there, rows - there
    hot = {(method, path) for path, (method, _) in HOT_ACTS.items()}
    # The document writes a path parameter without its converter.
    plain = {(m, re.sub(r":path\}", "}", p)) for m, p in (*there, *POLICY, *hot)}
    asked = {(m, re.sub(r":path\}", "}", p)) for m, p in addresses(app)}
    assert asked <= plain, asked - plain


def test_a_route_that_nobody_thought_about_keeps_the_server_from_starting(world) -> None:
    app, _, _ = world
    router = APIRouter()

    @router.get("/forgotten/{thing}")
    def forgotten(thing: str) -> str:
        return thing

    with pytest.raises(PolicyGapError, match="GET /forgotten"):
        guarded([*app.routes, *router.routes])


def test_the_routes_own_scopes_are_those_of_the_table(world) -> None:
    app, _, _ = world
    for one in guarded(app.routes):
        dependant = getattr(one.route, "dependant", None)
        calls = [sub.call for sub in dependant.dependencies] if dependant else []
        scopes = {call.scope for call in calls if hasattr(call, "scope")}
        for rule in one.rules.values():
            assert not scopes or {rule.scope} == scopes, one.route


def test_nobody_gets_anything_without_credentials(world) -> None:
    app, client, _ = world
    for method, path in addresses(app):
        answer = ask(client, method, path, None, OURS)
        rule = POLICY.get((method, path))
        is_open = rule is not None and rule.scope == ANYONE
        assert told(answer, OURS) == told(answer, THEIRS) == set(), (method, path, answer.text)
        if not is_open and method != "OPTIONS" and path != "/fmd/soap":
            assert answer.status_code in (401, 404), (method, path, answer.status_code)
        assert "packtrail-checkpoint" not in answer.headers or is_open, path


def test_a_key_without_the_scope_is_refused_everywhere(world) -> None:
    app, client, keys = world
    for method, path in addresses(app):
        rule = POLICY.get((method, path))
        if rule is None or rule.scope in (ANYONE, ANY_KEY, "verify"):
            continue
        answer = ask(client, method, path, keys["reader"], OURS)
        assert answer.status_code == 403, (method, path, answer.status_code, answer.text)
        assert told(answer, OURS) == set()


def test_a_stranger_learns_and_changes_nothing_of_anothers(world) -> None:
    app, client, keys = world
    for method, path in addresses(app):
        answer = ask(client, method, path, keys["theirs"], OURS)
        assert answer.status_code < 500, (method, path, answer.text)
        if path not in ASKED_ABOUT_THE_PACK:
            assert told(answer, OURS) == set(), (method, path, answer.text)
        rule = POLICY.get((method, path))
        if rule is not None and rule.own is Own.OPERATOR:
            assert answer.status_code == 404, (method, path, answer.status_code)
        if rule is not None and rule.own is Own.PRODUCT and method in ("POST", "DELETE", "PUT"):
            assert answer.status_code in (400, 403, 404, 422), (method, path, answer.status_code)


def test_what_was_attacked_stands(world) -> None:
    """A stranger with every scope: another's expiry, product, lot, pack, recall and proof."""
    _, client, keys = world
    theirs = {"Authorization": f"Bearer {keys['theirs']}"}
    more = {"gtin": OURS.gtin, "lot": OURS.lot, "expiry": "2030-01-31", "reference": "forged"}
    assert client.post("/verify/extensions", json=[more], headers=theirs).status_code == 403
    end = f"/verify/extensions/{OURS.gtin}/{OURS.lot}"
    assert client.delete(end, headers=theirs).status_code == 403
    recall = {"gtin": OURS.gtin, "lot": OURS.lot, "reason": "spite"}
    assert client.post("/recalls", json=recall, headers=theirs).status_code == 403
    assert client.post("/recalls/open", data=recall, headers=theirs).status_code == 403
    pack = {"gtin": OURS.gtin, "serial": OURS.serial, "lot": OURS.lot, "expiry": "2028-01-31"}
    assert client.post("/packs/destroy", json=pack, headers=theirs).status_code == 403
    for upload in ("recall", "state", "product", "batch"):
        assert client.post(f"/fmd/uploads/{upload}", json={}, headers=theirs).status_code >= 400
    proof = {"gtin": OURS.gtin, "serial": OURS.serial}
    assert client.post("/proof", data=proof, headers=theirs).status_code == 404
    script = recall | {"gtin": "<script>alert(1)</script>"}
    operator = {"Authorization": f"Bearer {keys['operator']}"}
    assert client.post("/recalls/open", data=script, headers=operator).status_code == 400
    seen = client.post("/packs/verify", json=pack, headers=operator).json()
    assert (seen["verdict"], seen["reason"]) == ("OK", "genuine")


@pytest.mark.parametrize("who", ["nobody", "theirs"])
def test_a_really_started_server_tells_a_stranger_nothing(tmp_path, who: str) -> None:
    environment = {**os.environ, "PACKTRAIL_DATA_DIR": str(tmp_path)}
    store = open_migrated(Settings(data_dir=tmp_path))
    keys = Keys.open(tmp_path / "keys")
    app = create_app(ServiceContext.of(Settings(data_dir=tmp_path), store, keys))
    with (
        closing(store),
        serve_in(environment) as server,
        httpx.Client(base_url=server.address, timeout=60) as client,
    ):
        given = planted(store, client)
        for method, path in addresses(app):
            answer = ask(client, method, path, given.get(who), OURS)
            assert answer.status_code < 500, (method, path, answer.text)
            if path not in ASKED_ABOUT_THE_PACK or who == "nobody":
                assert told(answer, OURS) == set(), (method, path, answer.text)


def test_the_owner_may_what_the_stranger_may_not(world) -> None:
    _, client, keys = world
    ours = {"Authorization": f"Bearer {keys['ours']}"}
    proof = client.post("/proof", data={"gtin": OURS.gtin, "serial": OURS.serial}, headers=ours)
    assert proof.status_code == 200
    assert proof.content[:2] == b"PK"
    listed = client.get("/verify/extensions", headers=ours).json()
    assert [one["gtin"] for one in listed] == [OURS.gtin]
    board = client.get("/recalls/board", headers=ours).text
    assert OURS.gtin in board
    assert THEIRS.gtin not in board
    recall = {"gtin": OURS.gtin, "lot": "HELIOB", "reason": "broken seals", "confirm": "HELIOB"}
    opened = client.post("/recalls", json=recall, headers=ours)
    assert opened.status_code == 201, opened.text


def test_roles_are_made_of_scopes_that_exist() -> None:
    for role, scopes in ROLES.items():
        assert scopes <= SCOPES.keys(), role
    acting = {"supply", "act", "destroy", "recall", "capture"}
    assert not acting & ROLES["regulator"]
    assert not acting & ROLES["auditor"]


def test_every_way_to_release_asks_for_the_same_second_person() -> None:
    """Whether by API or by the form of a page: the switch binds the act, not one of its doors."""
    approved = {
        (one.path, one.approved)
        for one in POLICY.values()
        if one.method == "POST" and one.path.endswith("/release")
    }
    assert approved == {
        ("/holds/{hold_id}/release", "release"),
        ("/quarantine/{number}/release", "release"),
        ("/quarantine/board/release", "release"),
        ("/acts/release", "release"),
        ("/work/release", "release"),
        ("/inspections/{number}/release", ""),  # by a second person, whatever the switch says
    }


def test_no_way_to_stop_packs_waits_and_every_way_to_make_it_a_recall_is_an_act_of_its_own() -> (
    None
):
    """A recall stops at once; its second person approves it afterwards, by API and by page."""
    doors = {one.path: one for one in POLICY.values() if one.method == "POST"}
    assert {doors[path].approved for path in ("/recalls", "/recalls/open")} == {""}
    approving = {doors["/recalls/{recall_id}/approve"], doors["/recalls/board/{act}"]}
    assert {one.scope for one in approving} == {"recall"}
