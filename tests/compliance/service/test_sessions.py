"""Signing in, staying signed in, being signed out: in the browser, with a clock that turns."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from compliance.service.access import is_locked
from compliance.service.accounts import (
    FAILURES_MAX,
    AccountRefusedError,
    end_account,
    hashed,
    put_account,
)
from compliance.service.navigation import FIRST_PAGE
from epcis.fsck import fsck
from tests.compliance.service.browsers import ANN, NOW, WORD


def test_a_name_and_its_password_open_a_session_and_signing_out_ends_it(browser, store) -> None:
    ann = browser()
    assert ann.get("/recalls/board").status_code == 401
    assert 'name="password"' in ann.get("/recalls/board").text
    signed_in = ann.sign_in()
    own = FIRST_PAGE["manufacturer"]
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, own)
    cookie = signed_in.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "ann" in ann.get("/recalls/board").text
    token = cookie.split("=", 1)[1].split(";")[0]
    assert ann.post("/sign-out").status_code == 303
    ann.http.cookies.set("packtrail_session", token)
    assert ann.get("/recalls/board").status_code == 401
    with store.read() as snapshot:
        assert is_locked(snapshot)


def test_a_wrong_password_and_an_unknown_name_are_told_alike(browser) -> None:
    wrong, unknown = browser().sign_in(password="x" * 20), browser().sign_in(name="nobody")
    assert (wrong.status_code, unknown.status_code) == (403, 403)
    assert wrong.text == unknown.text


def test_a_stranger_who_guesses_locks_himself_out_and_not_the_user(browser, clock) -> None:
    stranger, ann = browser("203.0.113.66"), browser("192.0.2.1")
    for _ in range(FAILURES_MAX):
        assert stranger.sign_in(password="guess number one").status_code == 403
    assert stranger.sign_in().status_code == 429
    assert browser("203.0.113.67").sign_in().status_code == 429
    assert ann.sign_in().status_code == 303
    clock.now += timedelta(minutes=16)
    assert stranger.sign_in().status_code == 303


def test_a_session_ends_idle_or_old(browser, clock, settings) -> None:
    ann = browser()
    ann.sign_in()
    for _ in range(2):
        clock.now += timedelta(minutes=settings.session_idle_minutes_max - 1)
        assert ann.get("/recalls/board").status_code == 200
    clock.now += timedelta(minutes=settings.session_idle_minutes_max + 1)
    assert ann.get("/recalls/board").status_code == 401
    ann.sign_in()
    until = clock.now + timedelta(hours=settings.session_hours_max)
    while clock.now < until - timedelta(minutes=50):
        clock.now += timedelta(minutes=50)
        assert ann.get("/recalls/board").status_code == 200
    clock.now = until
    assert ann.get("/recalls/board").status_code == 401


def test_a_recall_asks_for_the_password_again_after_a_while(browser, clock, settings) -> None:
    ann = browser()
    ann.sign_in()
    clock.now += timedelta(minutes=settings.step_up_minutes_max)
    recall = {"gtin": "00355555678908", "lot": "L1", "reason": "broken", "confirm": "L1"}
    asked = ann.post("/recalls/open", **recall)
    assert (asked.status_code, asked.headers["location"]) == (303, "/step-up?way=%2F")
    assert ann.post("/step-up", password="wrong password").status_code == 403
    assert ann.post("/step-up", password=WORD).status_code == 303
    assert ann.post("/recalls/open", **recall).headers["location"] == "/recalls/board"


def test_sessions_are_listed_and_ended_by_their_user_and_by_an_administrator(browser) -> None:
    ann, other, root = browser(), browser("192.0.2.2"), browser("192.0.2.3")
    ann.sign_in()
    other.sign_in()
    root.sign_in("root")
    listed = ann.get("/sessions").text
    assert listed.count("/end") == 2
    assert "192.0.2.3" not in listed
    place = root.get("/sessions").text
    assert place.count("/end") == 3
    of_root = [one for one in _ends(place) if one not in _ends(listed)]
    assert ann.post(of_root[0]).status_code == 404
    for one in _ends(listed):
        root.post(one)
    assert (ann.get("/sessions").status_code, other.get("/sessions").status_code) == (401, 401)


def _ends(page: str) -> list[str]:
    return [part.split('"')[0] for part in page.split('action="') if part.startswith("/sessions/")]


def test_an_ended_account_is_out_at_once(browser, store, clock) -> None:
    ann = browser()
    ann.sign_in()
    with store.write(clock.now) as tx:
        assert end_account(tx, "ann")
    assert ann.get("/recalls/board").status_code == 401
    assert ann.sign_in().status_code == 403


def test_fsck_notices_a_session_that_nobody_opened(browser, store) -> None:
    browser().sign_in()
    assert not list(fsck(store, now=NOW))
    with store.engine.begin() as line:
        line.execute(text("UPDATE browser_session SET scopes = 'admin', party = NULL"))
    assert any("browser_session" in str(one) for one in fsck(store, now=NOW))


def test_passwords_are_hashed_and_short_ones_refused(store, clock) -> None:
    assert hashed(WORD) != hashed(WORD)
    assert hashed(WORD).startswith("$argon2id$")
    with store.write(clock.now) as tx, pytest.raises(AccountRefusedError):
        put_account(tx, ANN, "short", by="qa")
