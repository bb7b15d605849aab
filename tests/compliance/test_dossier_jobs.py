"""Dossiers and the log over HTTP, as a partner's program uses them."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request

from compliance.dossier import verify_export
from compliance.dossier.jobs import make_next
from compliance.routes import exports
from compliance.seal.checkpoint import log_key, seal_log, sign
from epcis.capture import record
from epcis.http_context import Caller, EpcisContext, problem_response
from epcis.ledger.checkpoint import Checkpoint, LogKey, Note
from epcis.ledger.entry import LeafKind, LogEntry
from epcis.ledger.merkle import check_consistency, root_from_inclusion
from epcis.ledger.store import Store
from epcis.ledger.tree import Tree
from epcis.problem import Problem
from epcis.routes import log
from tests.compliance.test_dossier import GTIN, NOW, STORY

ALL = frozenset({"capture", "query", "verify", "recall", "export", "admin"})


class Client:
    """Requests to an application in this process, one after the other."""

    def __init__(self, app: FastAPI) -> None:
        self._transport = httpx.ASGITransport(app)

    def _ask(self, method: str, path: str, **how) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=self._transport, base_url="http://packtrail.test"
            ) as client:
                return await client.request(method, path, **how)

        return asyncio.run(ask())

    def get(self, path: str, **how) -> httpx.Response:
        return self._ask("GET", path, **how)

    def post(self, path: str, **how) -> httpx.Response:
        return self._ask("POST", path, **how)

    def delete(self, path: str) -> httpx.Response:
        return self._ask("DELETE", path)


@pytest.fixture
def desk(store: Store, keys, tmp_path) -> SimpleNamespace:
    """A front desk with the routes of the log and of exports, and whoever asks."""
    with store.write(NOW - timedelta(days=1)) as tx:
        record(tx, STORY)
    app = FastAPI()
    app.state.context = EpcisContext(
        store=store,
        clock=lambda: NOW,
        settings=SimpleNamespace(exports_folder=tmp_path / "exports", redaction_profiles=None),
        sign_checkpoint=lambda: seal_log(store, keys, now=NOW).note,
    )
    desk = SimpleNamespace(store=store, keys=keys, caller=Caller("Ada", ALL), folder=tmp_path)

    @app.middleware("http")
    async def known(request: Request, call_next):
        request.state.caller = desk.caller
        return await call_next(request)

    app.add_exception_handler(Problem, lambda _, problem: problem_response(problem))
    app.include_router(log.router)
    app.include_router(exports.router)
    desk.client = Client(app)
    return desk


def test_a_dossier_is_asked_for_watched_and_fetched(desk):
    asked = desk.client.post("/exports", json={"kind": "pack", "gtin": GTIN, "serial": "101"})
    assert asked.status_code == 202
    place = asked.headers["Location"]
    assert desk.client.get(place).json()["state"] == "waiting"
    assert desk.client.get(place + "/file").status_code == 409
    assert make_next(desk.store, desk.keys, desk.folder / "exports", lambda: NOW)
    assert not make_next(desk.store, desk.keys, desk.folder / "exports", lambda: NOW)
    ready = desk.client.get(place).json()
    assert (ready["state"], ready["done"]) == ("ready", 3)
    path = desk.folder / "fetched.asice"
    path.write_bytes(desk.client.get(place + "/file").content)
    assert verify_export(path, desk.keys.root_pem()).exit_code == 0
    assert [one["id"] for one in desk.client.get("/exports").json()] == [ready["id"]]
    assert desk.client.delete(place).status_code == 204
    assert desk.client.get(place).status_code == 404
    assert not list((desk.folder / "exports").iterdir())


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"kind": "pack", "gtin": "00355555678909", "serial": "1"}, "check digit"),
        ({"kind": "pack", "gtin": GTIN}, "serial"),
        ({"kind": "lot", "lot": "L"}, "gtin"),
        ({"kind": "period", "from": "yesterday", "to": "2026-01-01"}, "time"),
    ],
)
def test_a_request_that_cannot_be_met_says_what_is_missing(desk, body, word):
    answer = desk.client.post("/exports", json=body)
    assert answer.status_code == 422
    assert word in answer.json()["detail"]


def test_a_dossier_of_nothing_is_refused_in_its_job(desk):
    place = desk.client.post("/exports", json={"kind": "lot", "gtin": GTIN, "lot": "none"}).headers[
        "Location"
    ]
    assert make_next(desk.store, desk.keys, desk.folder / "exports", lambda: NOW)
    told = desk.client.get(place).json()
    assert told["state"] == "refused"
    assert "nothing is known" in told["error"]


def test_a_partner_gets_its_own_view_only(desk):
    desk.client.post("/exports", json={"kind": "lot", "gtin": GTIN, "lot": "L7"})
    desk.caller = Caller("Partner", frozenset({"export"}), party="/414/0312345000002")
    assert desk.client.get("/exports").json() == []
    denied = desk.client.post(
        "/exports", json={"kind": "audit trail", "from": "2026-01-01", "to": "2027-01-01"}
    )
    assert denied.status_code == 403
    own = desk.client.post(
        "/exports", json={"kind": "period", "from": "2026-01-01", "to": "2027-01-01"}
    ).json()
    assert own["profile"] == "partner"
    desk.caller = Caller("Nobody", frozenset())
    assert desk.client.get("/exports").status_code == 403


def test_anybody_can_hold_the_log_to_its_word(desk):
    note = desk.client.get("/log/checkpoint").text
    keys = [LogKey.parse(line) for line in desk.client.get("/log/key").text.splitlines()]
    seen = Note.parse(note).checkpoint(keys)
    told = desk.client.get("/log/proof/inclusion", params={"index": 2}).json()
    path = [base64.b64decode(one) for one in told["path"]]
    leaf = base64.b64decode(told["leaf"])
    assert root_from_inclusion(leaf, 2, told["size"], path) == seen.root
    with desk.store.write(NOW) as tx:
        tx.log(LeafKind.SETTING, b"{}")
    desk.client.get("/log/checkpoint")
    grown = desk.client.get("/log/proof/consistency", params={"old": seen.size}).json()
    new_root = base64.b64decode(grown["new_root"])
    proof = [base64.b64decode(one) for one in grown["path"]]
    check_consistency(seen.size, seen.root, grown["new"], new_root, proof)
    assert desk.client.get(f"/log/checkpoint/{seen.size}").text == note
    assert len(desk.client.get(f"/log/tile/0/000.p/{seen.size}").content) == 32 * seen.size


def test_an_event_is_proved_by_its_id(desk):
    with desk.store.read() as snapshot:
        event_id = snapshot.driver.cursor().execute(
            "SELECT event_id FROM event ORDER BY seq LIMIT 1"
        )
        event_id = event_id.fetchone()[0]
    desk.client.get("/log/checkpoint")
    told = desk.client.get("/log/proof/inclusion", params={"event": event_id}).json()
    entry = LogEntry.parse(base64.b64decode(told["entry"]))
    assert entry.kind is LeafKind.EVENT
    assert base64.b64encode(entry.leaf()).decode() == told["leaf"]
    text = desk.client.get(
        "/log/proof/inclusion", params={"event": event_id, "format": "tlog-proof"}
    ).text
    assert text.startswith("c2sp.org/tlog-proof@v1\nindex ")
    desk.caller = Caller("Stranger", frozenset({"query"}), party="/414/0312345000002")
    hidden = desk.client.get("/log/proof/inclusion", params={"event": event_id})
    assert hidden.status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/log/tile/0/999", 404),
        ("/log/tile/x", 404),
        ("/log/tile/0/000.p/256000", 404),
        ("/log/proof/inclusion?index=99999", 404),
        ("/log/proof/inclusion?index=-1", 422),
        ("/log/proof/inclusion", 400),
        ("/log/proof/consistency?old=5&new=1", 404),
        ("/log/checkpoint/77777", 404),
    ],
)
def test_what_the_log_does_not_have_is_said(desk, path, status):
    assert desk.client.get(path).status_code == status


def test_a_witness_who_was_shown_another_history_is_heard(desk):
    note = desk.client.get("/log/checkpoint").text
    assert desk.client.post("/log/witness", content=note).json()["agrees"]
    with desk.store.read() as snapshot:
        tree = Tree(snapshot.connection)
        other = Checkpoint(tree.origin, 2, bytes(32))
    fork = sign(other, desk.keys)
    answer = desk.client.post("/log/witness", content=fork)
    assert answer.status_code == 409
    assert "not its history" in answer.json()["detail"]
    status = desk.client.get("/log/status").json()
    assert status["forks"] == [{"witness": "Ada", "size": 2}]
    stranger = fork.replace(tree.origin, "other/log")
    for odd in (stranger, "x", b"\xff\xfe", "x" * 20_000):
        assert desk.client.post("/log/witness", content=odd).status_code in (413, 422)
    assert log_key(desk.keys, tree.origin).verifies(str(other), b"") is False


def test_every_kind_is_made_over_http_and_offered_on_the_page(desk):
    from compliance.dossier.kinds import KINDS
    from compliance.recall.recall import open_recall
    from compliance.requests.trace_requests import RequestedItem, enter_request, request_from
    from compliance.service.api_examples import EXAMPLES

    recall = open_recall(desk.store, GTIN, "L7", reason="wrong strength", by="Ada", now=NOW)
    asked = EXAMPLES["/requests"] | {"owner": ""}
    items = [RequestedItem.parse(GTIN, lot="L7")]
    fields = {name: asked[name] for name in asked.keys() - {"items", "authority", "drill"}}
    with desk.store.write(NOW) as tx:
        wanted = request_from(fields, items, authority=True, drill=False)
        request = enter_request(tx, wanted, by="Ada")
    span = {"from": "2026-01-01", "to": "2027-01-01"}
    wanted = {
        "pack": {"gtin": GTIN, "serial": "101"},
        "lot": {"gtin": GTIN, "lot": "L7"},
        "case": {"sscc": "003555550000001232"},
        "shipment": {"transaction": "=cmd|calc"},
        "recall": {"id": recall.id},
        "period": {**span, "by": "record time"},
        "audit trail": {**span, "who": "Ada"},
        "verification log": span,
        "dscsa inspection": span,
        "authority report": {**span, "purpose": "39(b)"},
        "trace request": {"id": request.id},
    }
    assert set(KINDS) == set(wanted)
    for kind, said in wanted.items():
        assert set(said) <= set(KINDS[kind].asks)
        asked = desk.client.post("/exports", json={"kind": kind, **said})
        assert asked.status_code == 202, asked.text
    while make_next(desk.store, desk.keys, desk.folder / "exports", lambda: NOW):
        pass
    found = {one["selection"]["kind"]: one for one in desk.client.get("/exports").json()}
    assert {kind: one["state"] for kind, one in found.items()} == dict.fromkeys(wanted, "ready")
    assert found["authority report"]["profile"] == "regulator-eu-39bc"
