"""A lot waits for quality control: locked at once, sampled by chance, released by a second."""

from __future__ import annotations

import httpx
import pytest
from typer.testing import CliRunner

from compliance.fsck import fsck
from compliance.quality.lot_inspection import sample_size_of
from compliance.seal import Keys
from compliance.service.app import create_app
from compliance.service.cli import command_line
from compliance.service.context import ServiceContext
from epcis.store.items import item
from tests.compliance.service.hands import (
    GTIN,
    PHARMACY,
    PLANT,
    Clock,
    Hands,
    key,
    made,
    pack,
    signed,
)

pytestmark = pytest.mark.anyio
HTML = {"accept": "text/html"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(store, settings, now):
    context = ServiceContext.of(settings, store, Keys.open(settings.keys_folder), Clock(now))
    app = create_app(context)
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield client


@pytest.fixture
def ann(client, store, now):
    """She works in the warehouse, and opens inspections."""
    scopes = ("act", "hold", "supply", "verify", "capture", "query")
    return Hands(client, signed(store, now, "ann", *scopes))


@pytest.fixture
def eva(store, now):
    """The qualified person."""
    return signed(store, now, "eva", "hold", "act", "query")


async def ask(hands, path, status=200, headers=None, **body):
    answer = await hands.client.post(path, json=body, headers=headers or hands.headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def opened(hands, packs=9, **more):
    """Packs of a lot in stock, and its inspection."""
    await made(hands, range(1, packs + 1))
    wanted = {"gtin": GTIN, "lot": "L1", "why": "new supplier", "place": PLANT, **more}
    return await ask(hands, "/inspections", 201, **wanted)


async def verdict(hands, number):
    body = {"gtin": GTIN, "serial": f"P{number}"}
    answer = await hands.client.post("/packs/verify", json=body, headers=hands.headers)
    return answer.json()["verdict"]


async def samples(hands, number):
    answer = await hands.client.get(f"/inspections/{number}", headers=hands.headers)
    return [one["key"] for one in answer.json()["samples"] if not one["result"]]


async def inspect(hands, number, failing=()):
    """Every sample that is still to inspect."""
    for one in await samples(hands, number):
        result = "failed" if one in failing else "passed"
        await ask(hands, f"/inspections/{number}/results", scan=one, result=result)


async def test_a_lot_is_locked_at_once_and_free_when_a_second_person_released_it(
    ann, eva, store, now
) -> None:
    inspection = await opened(ann)
    number = inspection["id"]
    assert inspection["sample_size"] == sample_size_of(9) == len(await samples(ann, number)) == 4
    assert {await verdict(ann, one) for one in range(1, 10)} == {"CHECK"}
    assert await ann.refused("ship", [pack(1)], to=PHARMACY) == ["quarantined"]
    await inspect(ann, number)
    own = await ask(ann, f"/inspections/{number}/release", 409, why="all good")
    assert "a second person decides" in own["detail"]
    told = await ask(ann, f"/inspections/{number}/release", headers=eva, why="all samples passed")
    assert (told["state"], told["ended_by"], told["passed"]) == ("released", "eva", 4)
    assert {await verdict(ann, one) for one in range(1, 10)} == {"OK"}
    await ann.do("ship", [pack(1)], to=PHARMACY)
    assert list(fsck(store, now=now)) == []


async def test_a_lot_with_failed_samples_is_rejected_and_stays_locked(ann, eva, store) -> None:
    number = (await opened(ann))["id"]
    drawn = await samples(ann, number)
    await inspect(ann, number, failing=drawn[:1])
    with store.read() as snapshot:
        assert item(snapshot, drawn[0]).conditions == ("non_conformant",)
    refused = await ask(ann, f"/inspections/{number}/release", 409, headers=eva, why="good enough")
    assert refused["detail"] == "1 samples failed, 0 may: reject the lot"
    told = await ask(ann, f"/inspections/{number}/reject", headers=eva, why="a broken seal")
    assert told["state"] == "rejected"
    assert {await verdict(ann, one) for one in range(1, 10)} == {"CHECK"}
    again = await ask(ann, f"/inspections/{number}/release", 409, headers=eva, why="after all")
    assert again["detail"] == f"inspection {number} is over: its lot is rejected"
    held = f"/quarantine/{told['quarantine']}/release"
    other = await ask(ann, held, 409, headers=eva, why="by the other door")
    assert f"was rejected by inspection {number}" in other["detail"]

    wanted = {"gtin": GTIN, "lot": "L1", "why": "repacked", "place": PLANT}
    second = (await ask(ann, "/inspections", 201, failedMax=1, **wanted))["id"]
    await inspect(ann, second, failing=drawn[:1])
    await ask(ann, f"/inspections/{second}/release", headers=eva, why="the others are whole")
    failed = int(drawn[0].rpartition("P")[2])
    assert {await verdict(ann, one) for one in range(1, 10) if one != failed} == {"OK"}
    assert await verdict(ann, failed) != "OK"


async def test_a_lot_is_not_released_before_every_sample_is_inspected(ann, eva) -> None:
    number = (await opened(ann, sampleSize=3))["id"]
    first, *_ = await samples(ann, number)
    await ask(ann, f"/inspections/{number}/results", scan=first, result="passed")
    early = await ask(ann, f"/inspections/{number}/release", 409, headers=eva, why="in a hurry")
    assert early["detail"] == "2 samples are not inspected yet"
    twice = await ask(ann, f"/inspections/{number}/results", 409, scan=first, result="failed")
    assert twice["detail"] == f"{first} was inspected already: passed"


async def test_the_quarantine_of_an_inspection_is_released_by_its_decision_alone(ann, eva) -> None:
    inspection = await opened(ann)
    held = f"/quarantine/{inspection['quarantine']}/release"
    answer = await ann.client.post(held, json={"why": "it is needed"}, headers=eva)
    assert answer.status_code == 409, answer.text
    assert f"under inspection {inspection['id']}" in answer.json()["detail"]
    assert await verdict(ann, 1) == "CHECK"


async def test_only_packs_of_the_lot_are_samples(ann) -> None:
    number = (await opened(ann))["id"]
    await made(ann, [90], lot="L2", expiry="2029-01-31")
    results = f"/inspections/{number}/results"
    other = await ask(ann, results, 409, scan=pack(90), result="passed")
    assert other["detail"] == f"{key(90)} is of lot L2, not of L1"
    nothing = await ask(ann, results, 409, scan="4006381333931", result="passed")
    assert "is no pack on record" in nothing["detail"]
    drawn = await samples(ann, number)
    chosen = next(key(n) for n in range(1, 10) if key(n) not in drawn)
    told = await ask(ann, results, scan=chosen, result="failed", note="dented")
    (one,) = [one for one in told["samples"] if one["key"] == chosen]
    assert (one["is_drawn"], one["result"], one["note"], one["by"]) == (
        False, "failed", "dented", "ann",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"gtin": "123"}, "gtin:"),
        ({"lot": "L9"}, "no pack of lot L9"),
        ({"why": " "}, "why: say why"),
        ({"place": "99"}, "place:"),
        ({"failedMax": 4}, "failedMax is less than the number of samples"),
    ],
)
async def test_what_cannot_be_inspected_is_refused_and_locks_nothing(ann, wrong, why) -> None:
    await made(ann, range(1, 10))
    wanted = {"gtin": GTIN, "lot": "L1", "why": "new supplier", "place": PLANT, **wrong}
    refused = await ask(ann, "/inspections", 422, **wanted)
    assert why in refused["detail"]
    assert await verdict(ann, 1) == "OK"


async def test_a_lot_has_one_open_inspection(ann) -> None:
    first = await opened(ann)
    wanted = {"gtin": GTIN, "lot": "L1", "why": "again", "place": PLANT}
    refused = await ask(ann, "/inspections", 422, **wanted)
    assert refused["detail"].endswith(f"is under inspection already: {first['id']}")


async def test_an_inspection_on_the_page(ann, eva) -> None:
    await made(ann, range(1, 5))
    form = {"gtin": GTIN, "lot": "L1", "why": "new supplier", "place": PLANT, "sampleSize": "2"}
    headers = {**ann.headers, **HTML}
    answer = await ann.client.post("/inspections/new", data=form, headers=headers)
    assert answer.status_code == 303, answer.text
    where = answer.headers["location"]
    shown = (await ann.client.get(where, headers=headers)).text
    assert "2 samples to inspect" in shown
    for one in await samples(ann, where.rpartition("/")[2]):
        noted = {"deed": "passed", "scan": one}
        answer = await ann.client.post(f"{where}/page", data=noted, headers=headers)
        assert answer.status_code == 303, answer.text
    wrong = {"deed": "passed", "scan": "nonsense", "note": "a note to keep"}
    answer = await ann.client.post(f"{where}/page", data=wrong, headers=headers)
    assert answer.status_code == 422
    assert "a note to keep" in answer.text, "what was entered stays"
    assert "Scanned: nonsense" in answer.text
    decided = {"deed": "released", "why": "all samples passed"}
    own = await ann.client.post(f"{where}/decide", data=decided, headers=headers)
    assert (own.status_code, "a second person decides" in own.text) == (422, True)
    answer = await ann.client.post(f"{where}/decide", data=decided, headers={**eva, **HTML})
    assert answer.status_code == 303, answer.text
    listed = (await ann.client.get("/inspections", headers=headers)).text
    assert "released" in listed
    missing = await ann.client.get("/inspections/I-none", headers=headers)
    assert missing.status_code == 404


async def test_the_command_does_the_same(ann, store, database, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PACKTRAIL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PACKTRAIL_DATABASE", database)
    await made(ann, range(1, 4))

    def run(*words):
        done = CliRunner().invoke(command_line("inspections"), ["inspection", *words])
        assert done.exit_code == 0, done.output
        return done.output

    def refused(*words):
        done = CliRunner().invoke(command_line("inspections"), ["inspection", *words])
        assert done.exit_code == 1, done.output
        return done.output

    why = ("--why", "new supplier", "--place", PLANT, "--by", "ann")
    number = run("open", GTIN, "L1", *why, "--samples", "1").strip()
    (sample,) = await samples(ann, number)
    assert "passed or failed" in refused("result", number, sample, "good", "--by", "ann")
    assert "1 of 1 samples, 0 failed" in run("result", number, sample, "passed", "--by", "ann")
    assert "a second person" in refused("release", number, "--why", "good", "--by", "ann")
    run("release", number, "--why", "good", "--by", "eva")
    assert "released" in run("list")
    assert '"state": "released"' in run("show", number, "--json")
    assert await verdict(ann, 1) == "OK"
