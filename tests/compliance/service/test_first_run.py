"""Whose an installation is: who may say so, what follows, and by file."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx
import msgspec
import pytest

from compliance.seal import Keys
from compliance.service.access import Grant, new_key
from compliance.service.app import create_app
from compliance.service.context import ServiceContext
from compliance.service.first_run import with_site
from compliance.service.first_run_code import CODE_TRIES_MAX, FirstRunCode
from compliance.site import CompanyKind, profile_from, put_site

HTML = {"Accept": "text/html"}
SAID = {
    "kind": "us-pharmacy",
    "name": "Main Street Drugs",
    "gln": "9521323000016",
    "time_zone": "America/Chicago",
    "files": "browser",
    "user": "ann",
    "password": "correct horse battery",
}


@pytest.fixture
def ask(settings, store, clock):
    """A person on a machine, before a server that may belong to nobody."""

    def asking(path="/first-run", said=None, client="127.0.0.1", **more):
        context = ServiceContext.of(settings, store, Keys.open(settings.keys_folder), clock)
        app = create_app(replace(context, **more) if more else context)

        async def once():
            transport = httpx.ASGITransport(app, client=(client, 5))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
                if said is None:
                    return await http.get(path, headers=HTML)
                return await http.post(path, data=said, headers=HTML)

        return asyncio.run(once())

    return asking


def test_the_first_page_of_an_empty_installation_asks_whose_it_is(ask) -> None:
    answer = ask("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/first-run")


def test_whoever_sets_it_up_is_signed_in_and_nobody_does_so_twice(ask, store) -> None:
    done = ask(said=SAID)
    assert (done.status_code, done.headers["location"]) == (303, "/first-task")
    assert "packtrail_session" in done.headers["set-cookie"]
    for again in (ask(), ask(said=SAID | {"user": "eve"})):
        assert again.status_code == 404
        assert "The first run is over" in again.text
    assert ask("/").status_code == 401


def test_a_first_credential_made_on_the_command_line_ends_the_first_run(ask, store, clock) -> None:
    with store.write(clock.now) as tx:
        new_key(tx, Grant("bot", frozenset({"capture"})), now=clock.now)
    assert ask().status_code == 404
    assert ask(said=SAID).status_code == 404


def test_a_server_whose_pages_need_a_sign_in_is_not_set_up_by_a_stranger(ask) -> None:
    assert ask(pages_need_sign_in=True).status_code == 404
    assert ask(said=SAID, pages_need_sign_in=True).status_code == 404


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"gln": "9521323000017"}, "GLN"),
        ({"time_zone": "Mars/Base"}, "time zone"),
        ({"country": "Finland"}, "two letters"),
        ({"name": " "}, "name has 1"),
        ({"password": "short"}, "password has"),
        ({"user": " "}, "your name"),
        ({"kind": "bakery"}, "bakery"),
    ],
)
def test_what_cannot_be_is_named_and_nothing_is_entered(ask, wrong, says) -> None:
    refused = ask(said=SAID | wrong)
    assert refused.status_code == 422
    assert says in refused.text
    assert "correct horse" not in refused.text
    assert ask().status_code == 200


def test_a_code_is_tried_five_times(ask) -> None:
    code = FirstRunCode.new()
    for _ in range(CODE_TRIES_MAX):
        assert ask(said=SAID | {"code": "guess"}, first_run_code=code).status_code == 403
    refused = ask(said=SAID | {"code": code.text}, first_run_code=code)
    assert refused.status_code == 429
    assert ask(said=SAID).status_code == 303


def test_the_profile_fills_what_the_environment_leaves_open(settings, store, now) -> None:
    profile = profile_from({"kind": "eu-pharmacy", "name": "Linna", "country": "fi"})
    assert profile.kind is CompanyKind.EU_PHARMACY
    with store.write(now) as tx:
        put_site(tx, profile, by="qa")
    filled = with_site(settings, store)
    assert (filled.market, filled.rule_pack) == ("FI", "EU-2016/161-FI")
    with store.write(now) as tx:
        put_site(tx, msgspec.structs.replace(profile, country="PT"), by="qa")
    assert with_site(settings, store).rule_pack == "EU-2016/161"
