"""A pharmacist signs in at the chain's own identity provider, a real one in its own process."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest

from compliance.service.oidc_sign_in import COOKIE, PROVED_WITHIN_S
from tests.compliance.service.browsers import NOW, Browser

SIGNED_IN_S = NOW.timestamp()
PEOPLE = [
    {"sub": "ann", "role": "pharmacist", "gln": "0366666000014", "auth_time": SIGNED_IN_S},
    {"sub": "bob", "role": ["gardener", "auditor"]},
    {"sub": "eve", "role": "gardener"},
]


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    told = [part for person in PEOPLE for part in ("--user-claims", json.dumps(person))]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "-p", "0", *told]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as provider:
        assert provider.stderr is not None
        ready = (re.search(r"running on (http://\S+)", line) for line in provider.stderr)
        try:
            yield next(found[1] for found in ready if found)
        finally:
            provider.terminate()


@pytest.fixture
def settings(settings, issuer):
    return msgspec.structs.replace(
        settings, oidc_issuer=issuer, oidc_client_id="packtrail", oidc_client_secret="kept"
    )


def at_the_provider(address: str, name: str) -> str:
    """What the browser is sent back to, after `name` signed in there."""
    answer = httpx.post(address, data={"sub": name}, follow_redirects=False)
    assert answer.status_code in (302, 303), answer.text
    back = urlsplit(answer.headers["location"])
    return f"{back.path}?{back.query}"


def signs_in(browser: Browser, name: str, start: str = "/oidc/start") -> httpx.Response:
    return browser.get(at_the_provider(browser.get(start).headers["location"], name))


def test_a_pharmacist_signs_in_at_the_provider_and_works_as_her_role(browser) -> None:
    ann = browser()
    assert 'href="/oidc/start"' in ann.get("/sign-in").text
    back = signs_in(ann, "ann")
    assert back.status_code == 200, back.text
    assert "You are signed in" in back.text
    home = ann.get("/").text
    assert "ann" in home
    assert ann.get("/approvals").status_code == 200
    assert ann.get("/metrics").status_code in (403, 404)


def test_of_several_roles_the_first_of_ours_counts_and_none_is_refused(browser) -> None:
    assert signs_in(browser(), "bob").status_code == 200
    eve = browser()
    refused = signs_in(eve, "eve")
    assert refused.status_code == 403
    assert "names no role here" in refused.text
    assert eve.get("/approvals").status_code == 401


def test_an_answer_made_for_another_browser_opens_nothing(browser) -> None:
    ann, mallory = browser(), browser("203.0.113.66")
    mallory.get("/oidc/start")
    for_ann = at_the_provider(ann.get("/oidc/start").headers["location"], "ann")
    stolen = mallory.get(for_ann)
    assert stolen.status_code == 403
    assert "does not belong to a sign-in" in stolen.text
    # Even with the right state, the code is good only beside the verifier of ann's browser.
    state = ann.http.cookies[COOKIE].split(".")[0]
    mine = mallory.http.cookies[COOKIE].split(".")
    mallory.http.cookies.set(COOKIE, ".".join([state, *mine[1:]]), domain="localhost.local")
    again = mallory.get(for_ann)
    assert again.status_code == 403
    assert mallory.get("/approvals").status_code == 401


@pytest.mark.parametrize(
    "query", ["", "?state=x&code=y", "?error=access_denied", "?code=%00&state=%F0%9F%92%8A"]
)
def test_nonsense_is_answered_by_the_page_to_sign_in(browser, query) -> None:
    answer = browser().get("/oidc/callback" + query)
    assert answer.status_code == 403
    assert 'href="/oidc/start"' in answer.text


def test_who_must_say_again_who_it_is_goes_to_the_provider_again(browser, clock) -> None:
    ann = browser()
    signs_in(ann, "ann")
    asked = parse_qs(urlsplit(ann.get("/oidc/start?again=true").headers["location"]).query)
    assert (asked["prompt"], asked["max_age"]) == (["login"], ["0"])
    assert signs_in(ann, "ann", "/oidc/start?again=true").status_code == 200
    other = signs_in(ann, "bob", "/oidc/start?again=true")
    assert "Another person is signed in" in other.text
    clock.now += timedelta(seconds=PROVED_WITHIN_S + 1)
    stale = signs_in(ann, "ann", "/oidc/start?again=true")
    assert (stale.status_code, "did not ask for your password" in stale.text) == (403, True)


def test_a_provider_that_is_away_is_said_so(store, settings, clock, browser_of) -> None:
    away = msgspec.structs.replace(settings, oidc_issuer="http://127.0.0.1:9")
    answer = browser_of(away).get("/oidc/start")
    assert answer.status_code == 502
    assert "does not answer" in answer.text
