"""We ask a manufacturer's responder: found, tried again, queued; a dead line is never a 'no'."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verification.vrs.ask import (
    Outgoing,
    PartnerAnswer,
    Requester,
    answer_of,
    ask_again,
    heard,
    keep,
    waiting,
)
from verification.vrs.directory import (
    DirectoryEntry,
    DirectoryRefusedError,
    hand_out,
    responders,
    take_over,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
GTIN, UUID = "05901234123457", "2f7f2f7e-5d0b-4a0e-9a34-7a9d6f0f3f10"
QUESTION = Outgoing(
    corr_uuid=UUID,
    gtin=GTIN,
    serial="S1",
    lot="A123",
    expiry="270531",
    requester="0366666000014",
    email="a+b@example.org",
)


def entry(base_url, **more):
    values = {"gtin": GTIN, "base_url": base_url, "responder_gln": "0355555000013"}
    return DirectoryEntry(**(values | {"valid_from": NOW - timedelta(days=1)} | more))


def asking(app, entries, question=QUESTION, **more):
    async def ask():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport) as http:
            return await Requester(http, **more).ask(question, entries)

    return asyncio.run(ask())


def test_our_own_responder_understands_our_question(app, put_pack, packs):
    with packs.write(NOW) as tx:
        put_pack(tx, "a/b%+&()", lot="L/%")
    here = [entry("http://127.0.0.1/verify")]
    assert asking(app, here).verified is True
    hard = Outgoing(
        corr_uuid=UUID,
        gtin=GTIN,
        serial="a/b%+&()",
        lot="L/%",
        expiry="270531",
        requester="0366666000014",
    )
    answer = asking(app, here, hard)
    assert (answer.verified, answer.responder) == (True, "0355555000013")


class Scripted:
    """A responder that gives one status after the other."""

    def __init__(self, *statuses):
        self.statuses = list(statuses)
        self.asked = 0

    async def __call__(self, scope, receive, send):
        self.asked += 1
        status = self.statuses.pop(0) if self.statuses else 503
        body = b""
        if status == 200:
            said = {"corrUUID": UUID, "data": {"verified": False, "additionalInfo": "Recalled"}}
            body = json.dumps(said).encode()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})


def test_a_responder_that_recovers_is_heard():
    app = Scripted(503, 502, 200)
    answer = asking(app, [entry("http://127.0.0.1/verify")])
    assert (answer.answered, answer.verified, answer.info, answer.tries) == (
        True,
        False,
        "Recalled",
        3,
    )


@pytest.mark.parametrize(("status", "ours"), [(404, 404), (403, 403), (401, 403)])
def test_a_refusal_is_passed_on_and_not_tried_again(status, ours):
    app = Scripted(status)
    answer = asking(app, [entry("http://127.0.0.1/verify")])
    assert (answer.answered, answer.verified, answer.status, app.asked) == (False, None, ours, 1)


def test_no_entry_is_404_and_a_dead_line_502():
    assert asking(Scripted(), []).status == 404
    answer = asking(Scripted(*[503] * 9), [entry("http://127.0.0.1/verify")])
    assert (answer.answered, answer.verified, answer.status) == (False, None, 502)


def test_the_budget_ends_every_wait():
    async def never(scope, receive, send):
        await asyncio.Event().wait()

    answer = asking(never, [entry("http://127.0.0.1/verify")], budget_s=0.05)
    assert (answer.verified, answer.status) == (None, 504)


@given(st.sampled_from([200, 301, 400, 404, 500, 503]), st.binary(max_size=40))
def test_nothing_but_a_clear_answer_to_our_question_is_an_answer(status, content):
    assert heard(status, content, UUID).verified is None


def test_unanswered_questions_are_asked_again_for_a_day(store):
    down, up = Scripted(*[503] * 99), Scripted(*[200] * 9)
    directory = json.dumps(
        [
            {
                "gtin": GTIN,
                "base_url": "http://127.0.0.1/verify",
                "responder_gln": "0355555000013",
                "valid_from": "2026-01-01T00:00:00Z",
            }
        ]
    ).encode()
    with store.write(NOW) as tx:
        take_over(tx, directory, "hub")
        keep(tx, QUESTION, PartnerAnswer(answered=False, status=504, tries=3))
    with store.read() as snapshot:
        assert list(waiting(snapshot, NOW)) == []
        assert list(waiting(snapshot, NOW + timedelta(minutes=10))) == [QUESTION]

    def again(app, hours):
        async def ask():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as http:
                moment = NOW + timedelta(hours=hours)
                return await ask_again(store, Requester(http), moment)

        return asyncio.run(ask())

    assert again(down, 1) == 0
    assert again(up, 2) == 1
    with store.read() as snapshot:
        assert answer_of(snapshot, UUID).verified is False
        assert list(waiting(snapshot, NOW + timedelta(hours=3))) == []


def test_after_a_day_nobody_is_asked_any_more(store):
    with store.write(NOW) as tx:
        keep(tx, QUESTION, PartnerAnswer(answered=False, status=504, tries=3))

    async def ask(moment):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(Scripted())) as http:
            return await ask_again(store, Requester(http), moment)

    with store.write(NOW) as tx:
        take_over(tx, json_entry(), "hub")
    asyncio.run(ask(NOW + timedelta(hours=24)))
    with store.read() as snapshot:
        assert list(waiting(snapshot, NOW + timedelta(days=9))) == []
        assert answer_of(snapshot, UUID).verified is None


def json_entry(**more):
    values = {
        "gtin": GTIN,
        "base_url": "https://vrs.example/x",
        "responder_gln": "0355555000013",
        "valid_from": "2026-01-01T00:00:00Z",
    }
    return json.dumps([values | more]).encode()


def test_the_directory_keeps_validity_and_purpose_and_can_be_handed_on(store):
    content = json_entry(valid_to="2026-12-01T00:00:00Z", contexts=["dscsaSaleableReturn"])
    with store.write(NOW) as tx:
        assert take_over(tx, content, "hub") == 1
    with store.read() as snapshot:
        assert len(responders(snapshot, GTIN, NOW)) == 1
        assert responders(snapshot, GTIN, NOW, "dscsaSuspect") == []
        assert responders(snapshot, GTIN, NOW + timedelta(days=30)) == []
        out = hand_out(snapshot)
    with store.write(NOW) as tx:
        assert take_over(tx, out, "copy") == 1
        assert take_over(tx, b"[]", "copy") == 0
    with store.read() as snapshot:
        assert responders(snapshot, GTIN, NOW) == []


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"{}",
        json_entry(gtin="1"),
        json_entry(responder_gln="0355555000014"),
        json_entry(base_url="http://vrs.example"),
        json_entry(valid_from="2026-01-01T00:00:00"),
        json_entry(colour="blue"),
    ],
)
def test_a_wrong_directory_is_refused_whole(store, content):
    with pytest.raises(DirectoryRefusedError), store.write(NOW) as tx:
        take_over(tx, content, "hub")
