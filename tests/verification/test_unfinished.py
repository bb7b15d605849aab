"""After a restart the server goes on where it was stopped."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime, timedelta

import httpx

from tests.verdicts import verdict
from verification.decision.act import Asked, PackAct, PackRequest, ParticipantRole, Who
from verification.decision.facts import facts_of
from verification.decision.rule_pack import shipped
from verification.fmd import bulk
from verification.peers.unfinished import run_unfinished
from verification.returns import saleable_return
from verification.returns.saleable_return import Decision, ReturnProof
from verification.returns.sold import Sale
from verification.settings import VerificationSettings
from verification.vrs import ask
from verification.vrs.ask import Outgoing, PartnerAnswer
from verification.vrs.directory import hand_out, take_over

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


SOLD = ReturnProof(Sale("urn:uuid:1", NOW, "/414/9506000134352", ()))


def test_an_interrupted_bulk_is_finished_at_the_next_start(packs, clock):
    wanted = [PackRequest(operation=PackAct.SUPPLY, code="05901234123457", serial="S1")]
    with packs.write(NOW) as tx:
        bulk_id = bulk.submit(
            tx,
            wanted,
            Who(client="till-1", role=ParticipantRole.PHARMACY, location="P1"),
            shipped(),
        )

    async def start_and_stop():
        stop = asyncio.Event()
        stop.set()
        await run_unfinished(packs, clock, stop, VerificationSettings())

    asyncio.run(start_and_stop())
    with packs.read() as snapshot:
        assert bulk.progress(snapshot, bulk_id).finished is not None


def test_a_return_that_waited_is_settled_by_the_partners_late_answer(packs, clock):
    question = Outgoing(
        corr_uuid="2f7f2f7e-5d0b-4a0e-9a34-7a9d6f0f3f10",
        gtin="05901234123457",
        serial="S1",
        lot="A123",
        expiry="270531",
        requester="0366666000014",
    )
    asked = Asked("05901234123457", "S1", "A123", date(2027, 5, 31))
    silent = PartnerAnswer(answered=False, status=504, why_not="no answer")
    with packs.write(NOW) as tx:
        ask.keep(tx, question, silent)
        own = verdict(facts_of(tx, asked), NOW)
        first = saleable_return.keep(tx, own, silent, known=SOLD, question=question.corr_uuid)
        take_over(tx, directory(question.gtin), "hub")
    assert waiting(packs) == [first.id]
    clock.now += timedelta(minutes=11)
    responder = httpx.MockTransport(lambda request: httpx.Response(200, json=yes(request)))

    async def ask_once_more():
        async with httpx.AsyncClient(transport=responder) as http:
            return await ask.ask_again(packs, ask.Requester(http), clock.now)

    assert asyncio.run(ask_once_more()) == 1
    with packs.write(clock.now) as tx:
        (settled,) = saleable_return.settle(tx, "", shipped())
        assert saleable_return.settle(tx, "", shipped()) == []
    assert (settled.decision, settled.follows) == (Decision.RESELL, first.id)
    assert waiting(packs) == []


def waiting(store):
    with store.read() as snapshot:
        return [one.id for one in saleable_return.returns_since(snapshot, NOW, only_waiting=True)]


def directory(gtin):
    entry = {
        "gtin": gtin,
        "base_url": "https://maker.example/verify",
        "responder_gln": "0355555000013",
        "valid_from": "2026-01-01T00:00:00Z",
    }
    return json.dumps([entry]).encode()


def yes(request):
    return {"corrUUID": request.url.params["corrUUID"], "data": {"verified": True}}


def test_a_directory_file_is_taken_over_when_it_changes(packs, clock, tmp_path):
    file = tmp_path / "directory.json"
    settings = VerificationSettings(directory_file=file)

    async def one_turn():
        stop = asyncio.Event()

        def last_look():
            stop.set()
            return clock()

        await run_unfinished(packs, last_look, stop, settings)

    for content, known in (("{", 0), (directory("05901234123457").decode(), 1)):
        file.write_text(content)
        asyncio.run(one_turn())
        with packs.read() as snapshot:
            assert len(json.loads(hand_out(snapshot))) == known
