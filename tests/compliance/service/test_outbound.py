"""What goes to partners by itself: by rules, in their dialect, checked before it leaves."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from typer.testing import CliRunner

from compliance.cases.cases import CaseKind, NewCase, open_case
from compliance.outbound.content import OutboundTerms
from compliance.outbound.worker import make_due
from compliance.rules.file import FileQuestion, examine
from compliance.seal import Keys
from compliance.service.app import create_app
from compliance.service.cli import command_line
from compliance.service.context import ServiceContext
from epcis.capture import capture
from epcis.codec.document import open_document
from epcis.exchange.mailbox import list_messages
from epcis.exchange.outbound import due_messages
from epcis.exchange.worker import serve_channel
from tests.compliance.service.hands import (
    PHARMACY,
    PLANT,
    WAREHOUSE,
    Clock,
    Hands,
    made,
    pack,
    signed,
)

pytestmark = pytest.mark.anyio
TERMS = OutboundTerms(PLANT, ())
SIGNING_KEY = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def context(store, settings, now):
    return ServiceContext.of(settings, store, Keys.open(settings.keys_folder), Clock(now))


@pytest.fixture
async def client(context):
    transport = httpx.ASGITransport(create_app(context), client=("127.0.0.1", 5))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest.fixture
def operator(store, now):
    return signed(store, now, "operator", "admin", "capture", "act", "query", "verify")


@pytest.fixture
def hands(client, operator):
    return Hands(client, operator)


async def connect(client, operator, name="buyer", sends="shipment", kind="folder", **dialect):
    wanted = {"name": name, "kind": kind, "partner": WAREHOUSE}
    made = await client.post("/channels", json=wanted, headers=operator)
    assert made.status_code == 201, made.text
    where = f"/channels/{name}/rules/{sends}"
    usual = {"check": "epcis"} | dialect
    ruled = await client.put(where, json=usual, headers=operator)
    assert ruled.status_code == 200, ruled.text
    return ruled.json()


def go(context, *channels):
    """All that rules ask for and channels send."""
    while make_due(context.store, TERMS, context.clock()):
        pass
    for name in channels or ("buyer",):
        serve_channel(context.exchange, name)


def files(context, name="buyer"):
    """What lies in the folder for the partner, in the order it was put there."""
    out = context.exchange.folder / name / "out"
    return sorted(out.iterdir()) if out.is_dir() else []


async def test_what_is_shipped_goes_to_its_buyer_and_to_nobody_else(
    client, context, operator, hands
):
    await connect(client, operator)
    other = {"name": "other", "kind": "folder", "partner": PHARMACY}
    await client.post("/channels", json=other, headers=operator)
    await client.put("/channels/other/rules/shipment", json={}, headers=operator)
    await made(hands, [1, 2, 3])
    for number in (1, 2):
        await hands.do("ship", [pack(number)], to=WAREHOUSE, order=f"PO-{number}")
    go(context, "buyer", "other")
    first, second = files(context)
    assert not files(context, "other")
    for number, file in ((1, first), (2, second)):
        answer = list(open_document(file.read_bytes()))
        assert [one.biz_step.rpartition(":")[2] for one in answer] == ["commissioning", "shipping"]
        assert all(f"P{number}" in one.epcs[0] and len(one.epcs) == 1 for one in answer)
        assert b"guidelineVersion" in file.read_bytes()
        assert examine(file.read_bytes(), FileQuestion("epcis")).is_fine
    go(context)
    assert len(files(context)) == 2


async def test_a_crash_before_the_message_is_in_line_makes_it_again_and_once(
    client, context, operator, hands, monkeypatch
):
    from compliance.outbound import worker

    await connect(client, operator)
    await made(hands, [1])
    await hands.do("ship", [pack(1)], to=WAREHOUSE)

    def dies(*_):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(worker, "send", dies)
        with pytest.raises(SystemExit):
            make_due(context.store, TERMS, context.clock())
    with context.store.read() as snapshot:
        [due] = due_messages(snapshot)
        assert not list_messages(snapshot)
    go(context)
    [file] = files(context)
    assert due.subject.encode() in file.read_bytes()


@pytest.mark.parametrize(
    ("dialect", "looks"),
    [
        ({"syntax": "EPCIS 2.0 JSON-LD"}, (b"{", ".jsonld")),
        ({"syntax": "EPCIS 2.0 XML", "extensions": "none"}, (b"<?xml", ".xml")),
        ({"file_name": "{partner}_{day}_{number}"}, (b"<?xml", ".xml")),
    ],
)
async def test_each_partner_gets_its_dialect(client, context, hands, dialect, looks):
    operator, (begins, ends) = hands.headers, looks
    sender, receiver = "urn:epc:id:sgln:9521321.00001.0", "urn:epc:id:sgln:9521321.00002.0"
    await connect(client, operator, sender=sender, receiver=receiver, **dialect)
    await made(hands, [1])
    answer = await hands.do("ship", [pack(1)], to=WAREHOUSE)
    go(context)
    [file] = files(context)
    content = file.read_bytes()
    assert content.startswith(begins)
    assert file.name.endswith(ends)
    assert answer["event"].removeprefix("urn:uuid:") in file.name
    assert sender.encode() in content
    assert receiver.encode() in content
    assert (b"guidelineVersion" in content) is ("extensions" not in dialect)
    if "file_name" in dialect:
        assert f"-{WAREHOUSE}_2026-06-01_" in file.name
    known = capture(context.store, content, now=context.clock())
    assert known.new == 0  # it tells what is on record here, and nothing else


async def test_shipments_that_wait_go_as_one_file_where_the_partner_wants_that(
    client, context, operator, hands
):
    await connect(client, operator, one_shipment="no")
    await made(hands, [1, 2])
    for number in (1, 2):
        await hands.do("ship", [pack(number)], to=WAREHOUSE)
    go(context)
    [file] = files(context)
    assert file.read_bytes().count(b"bizstep:shipping") == 2


async def test_a_file_the_partner_would_refuse_is_held_back_until_a_person_has_looked(
    client, context, operator, hands
):
    await connect(client, operator, check="dscsa-r1.3")
    await made(hands, [1])
    await hands.do("ship", [pack(1)], to=WAREHOUSE)
    go(context)
    assert not files(context)
    answer = (await client.get("/channels/buyer/rules", headers=operator)).json()
    [held] = answer["due"]
    assert "rules of dscsa-r1.3 are broken" in held["reason"]
    html = operator | {"accept": "text/html"}
    assert "1 message held back" in (await client.get("/channels", headers=html)).text
    page = (await client.get("/channels/buyer/rules", headers=html)).text
    assert "are broken" in page
    form = {"name": "buyer", "number": str(held["id"])}
    assert (await client.post("/channels/board/due", data=form, headers=html)).status_code == 303
    go(context)
    assert not files(context)
    changed = {"name": "buyer", "sends": "shipment", "check": "none"}
    saved = await client.post("/channels/board/rule", data=changed, headers=html)
    assert saved.status_code == 303, saved.text
    go(context)
    assert len(files(context)) == 1
    twice = await client.post(f"/channels/buyer/due/{held['id']}", headers=operator)
    assert twice.status_code == 404


async def test_an_exception_is_told_to_the_partner_it_is_about(client, context, operator, store):
    await connect(client, operator, sends="exception")
    wanted = NewCase(
        CaseKind.EXCEPTION, "product no data", "09521321000018", "three packs came without data",
        lot="L1", partner=WAREHOUSE,
    )  # fmt: skip
    with store.write(context.clock()) as tx:
        case = open_case(tx, wanted, by="Ada")
    go(context)
    [file] = files(context)
    content = file.read_text()
    assert case.id in content
    assert "three packs came without data" in content


async def test_rules_that_cannot_work_are_refused_with_what_to_do(client, operator):
    await client.post("/channels", json={"name": "erp", "kind": "folder"}, headers=operator)
    nobody = await client.put("/channels/erp/rules/shipment", json={}, headers=operator)
    assert nobody.status_code == 422
    assert "no GLN of a partner" in nobody.text
    await connect(client, operator)
    for wrong, reason in (
        ({"syntax": "EPCIS 3"}, "is one of EPCIS 1.2"),
        ({"colour": "red"}, "has no 'colour'"),
        ({"file_name": "../{number}"}, "no folder"),
        ({"file_name": "{number:>999999999}"}, "no folder"),
        ({"file_name": "same for all"}, "at least one of"),
    ):
        answer = await client.put("/channels/buyer/rules/shipment", json=wrong, headers=operator)
        assert answer.status_code == 422, answer.text
        assert reason in answer.json()["detail"]
    gone = await client.delete("/channels/buyer/rules/exception", headers=operator)
    assert gone.status_code == 404
    ended = await client.delete("/channels/buyer/rules/shipment", headers=operator)
    assert ended.status_code == 204


@contextmanager
def webhook():
    """A partner's web server, which keeps what comes."""
    came = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            came.append((self.headers, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(500 if len(came) == 1 else 204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/in", came
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_what_is_pushed_is_signed_by_standard_webhooks_with_one_id_for_all_tries(
    store, settings, now, operator
):
    import msgspec

    near = msgspec.structs.replace(settings, webhooks_to_private_addresses=True)
    clock = Clock(now)
    context = ServiceContext.of(near, store, Keys.open(settings.keys_folder), clock)
    transport = httpx.ASGITransport(create_app(context), client=("127.0.0.1", 5))
    with webhook() as (address, came):
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            wanted = {"name": "hook", "kind": "https", "settings": {"address": address}}
            wrong = wanted | {"secrets": {"signing_key": "secret"}}
            refused = await client.post("/channels", json=wrong, headers=operator)
            assert refused.status_code == 422
            assert "no key of Standard Webhooks" in refused.text
            right = wanted | {"secrets": {"signing_key": SIGNING_KEY}}
            assert (await client.post("/channels", json=right, headers=operator)).status_code == 201
            sent = await client.post(
                "/messages?channel=hook&file=a.xml", content=b"<a/>",
                headers=operator | {"message-id": "m-1"},
            )  # fmt: skip
            assert sent.status_code == 202
            serve_channel(context.exchange, "hook")
            clock.now = clock.now.replace(hour=now.hour + 1)
            serve_channel(context.exchange, "hook")
    assert [body for _, body in came] == [b"<a/>", b"<a/>"]
    assert {headers["webhook-id"] for headers, _ in came} == {"m-1"}
    for headers, body in came:
        signed_part = f"m-1.{headers['webhook-timestamp']}.".encode() + body
        digest = hmac.digest(bytes(range(32)), signed_part, hashlib.sha256)
        assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert len({headers["webhook-timestamp"] for headers, _ in came}) == 2


def test_the_command_line_sets_shows_and_ends_rules(tmp_path, monkeypatch):
    monkeypatch.setenv("PACKTRAIL_DATA_DIR", str(tmp_path))
    run = CliRunner()

    def printed(*arguments, code=0):
        done = run.invoke(command_line("exchange"), ["exchange", *arguments])
        assert done.exit_code == code, done.output
        return done.output

    printed("channel", "add", "buyer", "folder", "--partner", WAREHOUSE)
    assert "Nothing goes" in printed("rule", "list")
    assert "by itself" in printed("rule", "set", "buyer", "shipment", "--set", "one_shipment=no")
    assert "buyer  shipment  to" in printed("rule", "list")
    assert "none of shipment, exception" in printed("rule", "set", "buyer", "letters", code=2)
    assert "nothing with the number 7" in printed("rule", "again", "7", code=1)
    assert "no more" in printed("rule", "end", "buyer", "shipment")
    assert "Nothing goes" in printed("rule", "list")
