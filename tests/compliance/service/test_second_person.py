"""Two persons for a recall, and a purpose for whoever reads what belongs to others."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from msgspec.structs import replace

from compliance.seal import Keys
from compliance.service import access
from compliance.service.access import EVERYTHING, Grant
from compliance.service.accounts import put_account
from compliance.service.app import create_app
from compliance.service.context import ServiceContext
from compliance.service.navigation import FIRST_PAGE
from compliance.service.policy import ROLES
from compliance.service.purposes import reads
from epcis.http_context import Caller
from tests.compliance.service.browsers import WORD
from tests.verdicts import verify
from verification.decision.words import Reason
from verification.registry.rights import company_behind

GTIN = "00355555678908"
OURS, THEIRS = "/414/0355555000013", "/414/0366666000014"
RECALL = {"gtin": GTIN, "lot": "L1", "reason": "broken seals", "confirm": "L1"}


@pytest.fixture
def asked(store, settings, now):
    scopes = frozenset({"recall", "query", "verify"})
    grants = [
        Grant("ann", scopes, OURS),
        Grant("ben", scopes, OURS),
        Grant("reader", frozenset({"query"}), OURS),
        Grant("stranger", scopes, THEIRS),
        Grant("operator", access.EVERYTHING),
        Grant("second", access.EVERYTHING),
        Grant("watcher", frozenset({"query"})),
        Grant.of_role("agency", "regulator"),
    ]
    with store.write(now) as tx:
        keys = {one.name: access.new_key(tx, one, now=now) for one in grants}
    settings = replace(settings, two_person_acts=("recall", "release"))
    signing = Keys.open(settings.keys_folder)
    app = create_app(ServiceContext.of(settings, store, signing, lambda: now))
    transport = httpx.ASGITransport(app, client=("192.0.2.1", 5))

    def ask(who: str, method: str, path: str, **more) -> httpx.Response:
        async def one() -> httpx.Response:
            headers = {"Authorization": f"Bearer {keys[who]}", **more.pop("headers", {})}
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
                return await http.request(method, path, headers=headers, **more)

        return asyncio.run(one())

    return ask


def test_a_release_waits_for_somebody_else_and_is_let_through_once(asked) -> None:
    held = {"kind": "lot", "gtin": GTIN, "lot": "L1", "reason": "broken seals"}
    number = asked("operator", "POST", "/quarantine", json=held).json()["id"]
    release, why = f"/quarantine/{number}/release", {"why": "seals are whole"}
    first = asked("second", "POST", release, json=why)
    assert (first.status_code, first.json()["state"]) == (202, "waiting")
    waits = first.json()["approval"]
    assert asked("second", "POST", release, json=why).json()["approval"] == waits
    approve = f"/approvals/{waits}/approve"
    assert asked("second", "POST", approve).status_code == 403
    assert asked("watcher", "POST", approve).status_code == 403
    assert asked("stranger", "POST", approve).status_code == 404
    assert asked("stranger", "GET", "/approvals").json() == []
    (one,) = asked("operator", "GET", "/approvals").json()
    assert (one["id"], one["askedBy"], number in one["what"]) == (waits, "second", True)
    assert asked("operator", "POST", approve).json()["approvedBy"] == "operator"
    assert asked("operator", "POST", release, json=why).status_code == 202
    done = asked("second", "POST", release, json=why)
    assert (done.status_code, done.json()["releasedBy"]) == (200, "second")


def test_a_recall_stops_at_once_and_becomes_one_by_a_second_person(asked, store, now) -> None:
    opened = asked("ann", "POST", "/recalls", json=RECALL)
    assert (opened.status_code, opened.json()["state"]) == (201, "waiting for approval")
    with store.read() as snapshot:
        assert verify(snapshot, GTIN, "S1", "L1", now=now).reason is Reason.RECALLED
    approve = f"/recalls/{opened.json()['id']}/approve"
    refused = asked("ann", "POST", approve)
    assert (refused.status_code, "second person" in refused.json()["detail"]) == (409, True)
    assert asked("reader", "POST", approve).status_code == 403
    assert asked("stranger", "POST", approve).status_code == 403
    done = asked("ben", "POST", approve)
    assert (done.status_code, done.json()["state"]) == (200, "open")
    assert asked("ben", "POST", approve).status_code == 409


def test_the_approvers_page_shows_what_waits(asked) -> None:
    asked("second", "POST", "/quarantine/Q-1/release", json={"why": "whole"})
    page = asked("operator", "GET", "/approvals", headers={"Accept": "text/html"}).text
    assert "second" in page
    assert "/approve" in page


def test_an_authority_says_why_it_reads_and_the_owner_sees_it(asked) -> None:
    path = f"/epcis/epcs/https%3A%2F%2Fid.gs1.org%2F01%2F{GTIN}%2F21%2FX/events"
    refused = asked("agency", "GET", path)
    assert (refused.status_code, refused.json()["title"]) == (403, "Purpose needed")
    case = {"Packtrail-Purpose": "case 2026/14, copies in Porto"}
    assert asked("agency", "GET", path, headers=case).status_code in (200, 404)
    (read,) = asked("ann", "GET", "/reads").json()
    assert (read["by"], read["role"], read["purpose"]) == (
        "agency",
        "regulator",
        "case 2026/14, copies in Porto",
    )
    assert asked("agency", "POST", "/recalls", json=RECALL, headers=case).status_code == 403


def test_an_inspector_names_the_purpose_once_in_the_browser(browser, store, now) -> None:
    with store.write(now) as tx:
        put_account(tx, Grant.of_role("inspector", "regulator"), WORD, by="qa")
    inspector = browser()
    inspector.sign_in("inspector")
    sent = inspector.get("/dossiers")
    assert (sent.status_code, sent.headers["location"]) == (303, "/purpose?back=%2Fdossiers")
    assert "Why do you read this?" in inspector.get("/purpose?back=%2Fdossiers").text
    short = inspector.post("/purpose", purpose="x", back="/dossiers")
    assert (short.status_code, "4 to 200 characters" in short.text) == (422, True)
    named = inspector.post("/purpose", purpose="Fälschung, case 4711", back="/dossiers")
    assert named.headers["location"] == "/dossiers"
    assert inspector.get("/dossiers").status_code == 200
    with store.read() as snapshot:
        (read,) = reads(snapshot, company_behind(snapshot, Caller("root", EVERYTHING, None, "")))
    assert (read["by"], read["purpose"]) == ("inspector", "Fälschung, case 4711")


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_nobody_is_lured_away_after_naming_a_purpose(browser, back) -> None:
    ann = browser()
    ann.sign_in()
    named = ann.post("/purpose", purpose="case 4711", back=back)
    assert (named.status_code, named.headers["location"]) == (303, "/")


def test_a_person_is_told_on_a_page_that_the_release_waits(browser_of, settings) -> None:
    ann = browser_of(replace(settings, two_person_acts=("release",)))
    ann.sign_in()
    waits = ann.post("/quarantine/board/release", number="Q-1", why="seals are whole")
    assert (waits.status_code, "A second person is asked" in waits.text) == (202, True)


@pytest.mark.parametrize("role", sorted(ROLES))
def test_who_signs_in_begins_where_their_role_works(browser, store, now, role) -> None:
    with store.write(now) as tx:
        put_account(tx, Grant.of_role("rae", role), WORD, by="qa")
    rae = browser()
    place = rae.sign_in("rae").headers["location"]
    assert place == FIRST_PAGE[role]
    page = rae.get(place)
    assert page.status_code == 200, (place, page.text[-500:])
    assert "<h1" in page.text


def test_who_was_on_the_way_somewhere_gets_there(browser) -> None:
    ann = browser()
    sent = ann.post("/sign-in", name="ann", password=WORD, way="/stock?lot=L1")
    assert sent.headers["location"] == "/stock?lot=L1"


def test_an_authority_begins_with_its_purpose_and_sees_what_it_read(browser, store, now) -> None:
    with store.write(now) as tx:
        put_account(tx, Grant.of_role("inspector", "regulator"), WORD, by="qa")
    inspector = browser()
    inspector.sign_in("inspector")
    assert "Say why you read" in inspector.get("/regulator").text
    inspector.post("/purpose", purpose="case 4711", back="/dossiers")
    inspector.get("/dossiers")
    page = inspector.get("/regulator").text
    assert "case 4711" in page
    assert "GET /dossiers" in page
    stranger = browser()
    stranger.sign_in()
    assert "case 4711" not in stranger.get("/regulator").text
