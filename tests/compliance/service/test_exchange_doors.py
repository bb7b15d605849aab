"""Partners' files over HTTP, on the pages and on the command line."""

from __future__ import annotations

from contextlib import ExitStack

import httpx
import pytest
from partners import a_shipment
from typer.testing import CliRunner

from compliance.seal import Keys
from compliance.service.access import Grant, new_key
from compliance.service.app import create_app
from compliance.service.cli import command_line
from compliance.service.context import ServiceContext
from epcis.capture_job import do_next
from epcis.codec.document import DocumentLimits
from epcis.exchange.door_limit import (
    BODIES_MAX,
    BODIES_OF_ONE_MAX,
    NOTES_A_MINUTE_MAX,
    DoorLimit,
)
from epcis.exchange.mailbox import list_refusals
from epcis.exchange.worker import serve_channel

PARTNER = "0355555000013"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def context(store, settings, now):
    return ServiceContext.of(settings, store, Keys.open(settings.keys_folder), lambda: now)


@pytest.fixture
async def client(context):
    transport = httpx.ASGITransport(create_app(context), client=("127.0.0.1", 5))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


def key_of(store, now, name, scopes, party=None):
    with store.write(now) as tx:
        secret = new_key(tx, Grant(name, frozenset(scopes), party), now=now)
    return {"authorization": f"Bearer {secret}"}


@pytest.fixture
def operator(store, now):
    return key_of(store, now, "operator", {"admin", "capture"})


@pytest.fixture
def partner(store, now):
    return key_of(store, now, "partner", {"capture"}, f"/414/{PARTNER}")


def work(context):
    for _ in range(4):
        serve_channel(context.exchange, "maker")
        while do_next(context.store, context.clock, DocumentLimits()):
            pass


async def connect(client, operator, **more):
    wanted = {"name": "maker", "kind": "https", "partner": PARTNER, **more}
    made = await client.post("/channels", json=wanted, headers=operator)
    assert made.status_code == 201, made.text
    return made.json()


@pytest.mark.anyio
async def test_a_partner_pushes_a_file_and_reads_what_became_of_it(
    client, context, operator, partner
):
    await connect(client, operator)
    headers = partner | {"message-id": "m-1", "content-type": "application/xml"}
    body = a_shipment(1)
    for _ in range(2):
        sent = await client.post("/channels/maker/messages", content=body, headers=headers)
        assert sent.status_code == 202, sent.text
    work(context)
    told = (await client.get(sent.headers["location"], headers=partner)).json()
    assert told["state"] == "kept"
    assert told["events"]["stored"] == 1
    listed = (await client.get("/messages", headers=operator)).json()
    assert [one["messageId"] for one in listed] == ["m-1"]
    fetched = await client.get(f"/messages/{told['id']}/body", headers=operator)
    assert fetched.content == body
    other = await client.post("/channels/maker/messages", content=b"other", headers=headers)
    assert other.status_code == 409


@pytest.mark.anyio
async def test_nobody_pushes_into_a_channel_of_another_partner(client, store, now, operator):
    await connect(client, operator)
    stranger = key_of(store, now, "stranger", {"capture"}, "/414/0366666000014")
    sent = await client.post("/channels/maker/messages", content=b"x", headers=stranger)
    assert sent.status_code == 404
    assert (await client.get("/messages", headers=stranger)).status_code in (403, 404)
    assert (await client.get("/channels", headers=stranger)).status_code in (403, 404)


@pytest.mark.anyio
async def test_a_secret_is_shown_by_no_door(client, context, operator):
    made = await connect(client, operator, secrets={"key": "pt_very_secret"})
    html = operator | {"accept": "text/html"}
    told = [
        str(made),
        (await client.get("/channels", headers=operator)).text,
        (await client.get("/channels", headers=html)).text,
    ]
    assert not [one for one in told if "very_secret" in one]


@pytest.mark.anyio
async def test_the_pages_connect_a_partner_and_show_the_way_of_a_trial(client, context, operator):
    html = operator | {"accept": "text/html"}
    form = await client.get("/channels/new/folder", headers=html)
    assert form.status_code == 200
    made = await client.post("/channels/new/folder", data={"name": "maker"}, headers=html)
    assert made.status_code == 303, made.text
    refused = await client.post("/channels/new/folder", data={"name": "maker"}, headers=html)
    assert refused.status_code == 422
    assert "choose another name" in refused.text
    tried = await client.post("/channels/board/test", data={"name": "maker"}, headers=html)
    assert tried.status_code == 303
    work(context)
    page = (await client.get(tried.headers["location"], headers=html)).text
    assert "delivered" in page
    assert "trial-" in page
    board = (await client.get("/channels", headers=html)).text
    assert "1 delivered" in board


@pytest.mark.anyio
async def test_a_message_larger_than_the_limit_is_refused(client, store, settings, now, operator):
    await connect(client, operator)
    import msgspec

    small = msgspec.structs.replace(settings, upload_bytes_max=1000)
    context = ServiceContext.of(small, store, Keys.open(settings.keys_folder), lambda: now)
    transport = httpx.ASGITransport(create_app(context), client=("127.0.0.1", 5))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as narrow:
        sent = await narrow.post("/channels/maker/messages", content=b"x" * 2000, headers=operator)
    assert sent.status_code == 413
    assert (await client.get("/messages", headers=operator)).json() == []


def test_the_command_line_connects_tries_lists_and_sends(tmp_path, monkeypatch):
    monkeypatch.setenv("PACKTRAIL_DATA_DIR", str(tmp_path))
    run = CliRunner()

    def told(*arguments, code=0):
        done = run.invoke(command_line("exchange"), ["exchange", *arguments])
        assert done.exit_code == code, done.output
        return done.output

    assert "is connected" in told("channel", "add", "erp", "folder", "--partner", PARTNER)
    assert Keys.open(tmp_path / "keys").log  # the first command of all left room for them
    assert "delivered" in told("channel", "test", "erp")
    (tmp_path / "ship.xml").write_bytes(a_shipment(1))
    assert "delivered" in told("send", "erp", str(tmp_path / "ship.xml"))
    assert "ship.xml" in told("messages", "--channel", "erp")
    assert "waiting" in told("resend", "2")
    assert "there is no message 77" in told("resend", "77", code=1)
    assert "erp  folder" in told("channel", "list")
    told("channel", "end", "erp")
    assert "No partner" in told("channel", "list")


@pytest.fixture
def sent_over_as2(tmp_path, now):
    """A request as the maker's AS2 server makes it, once our certificate is known."""
    import io
    from contextlib import ExitStack, closing

    from as2_sites import own_pem, trust
    from partners import Site

    from epcis.exchange.as2_build import dressed, payload_part
    from epcis.exchange.as2_settings import dress_of
    from epcis.exchange.spool import Region
    from epcis.ledger.store import Store

    with ExitStack() as stack:
        store = stack.enter_context(closing(Store.open(f"sqlite:///{tmp_path / 'maker.db'}")))
        store.create_all()
        maker = Site(store, tmp_path / "maker", now)
        maker.connect("us", "as2", own_name="MAKER", partner_name="US")

        def request(our_pem: str):
            trust(maker, "us", our_pem.encode())
            with store.read() as snapshot:
                dress = dress_of(maker.exchange, snapshot, maker.channel("us"))
            body = Region.whole(io.BytesIO(a_shipment(1)))
            part = payload_part(body, "application/xml", "ship 1.xml")
            made, mic = dressed(part, dress, now, maker.exchange.spool, stack.enter_context)
            return made.headers, b"".join(made.chunks()), mic

        yield own_pem(maker, "us").decode(), request


@pytest.mark.anyio
async def test_a_partner_connected_on_the_page_sends_over_as2_in_chunks(
    client, context, operator, sent_over_as2
):
    their_pem, request = sent_over_as2
    html = operator | {"accept": "text/html"}
    names = {"name": "maker", "own_name": "US", "partner_name": "MAKER", "partner": PARTNER}
    assert (await client.post("/channels/new/as2", data=names, headers=html)).status_code == 303
    wrong = {"name": "maker", "pem": "-----BEGIN CERTIFICATE-----\nno\n"}
    refused = await client.post("/channels/board/certificate", data=wrong, headers=html)
    assert refused.status_code == 422
    assert "no X.509 certificate" in refused.text
    right = {"name": "maker", "pem": their_pem}
    taken = await client.post("/channels/board/certificate", data=right, headers=html)
    assert taken.status_code == 303
    page = (await client.get("/channels/maker/certificates", headers=html)).text
    assert "The partner" in page
    assert "PRIVATE KEY" not in page
    listed = (await client.get("/channels/maker/certificates", headers=operator)).json()
    headers, body, mic = request(listed[0]["pem"])

    async def chunks():
        for at in range(0, len(body), 1000):
            yield body[at : at + 1000]

    asked = headers | {
        "as2-from": "MAKER", "as2-to": "US", "message-id": "<1@maker>",
        "disposition-notification-to": "maker",
        "disposition-notification-options": "signed-receipt-protocol=required, pkcs7-signature",
    }  # fmt: skip
    answer = await client.post("/as2", content=chunks(), headers=asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("multipart/signed")
    assert "automatic-action/MDN-sent-automatically; processed\r\n" in answer.text
    assert f"Received-Content-MIC: {mic}" in answer.text
    work(context)
    [message] = (await client.get("/messages", headers=operator)).json()
    assert message["state"] == "kept"
    assert message["fileName"] == "ship 1.xml"
    unknown = await client.post("/as2", content=body, headers=asked | {"as2-from": "NOBODY"})
    assert "unknown-trading-partner" in unknown.text
    board = (await client.get("/channels", headers=html)).text
    assert "compare both names letter by letter" in board


KNOWN = {"as2-from": "MAKER", "as2-to": "US", "message-id": "<1@maker>"}


@pytest.mark.anyio
async def test_bodies_for_as2_have_a_few_places_and_each_address_fewer(client, context, operator):
    await client.post(
        "/channels",
        json={"name": "maker", "kind": "as2",
              "settings": {"own_name": "US", "partner_name": "MAKER"}},
        headers=operator,
    )  # fmt: skip
    limit = DoorLimit.of(context.store)
    with ExitStack() as held:
        for _ in range(BODIES_OF_ONE_MAX):
            assert held.enter_context(limit.place("127.0.0.1"))
        busy = await client.post("/as2", content=b"x", headers=KNOWN)
        assert (busy.status_code, busy.headers["retry-after"]) == (503, "5")
        for number in range(BODIES_MAX - BODIES_OF_ONE_MAX):
            assert held.enter_context(limit.place(f"192.0.2.{number}"))
        assert not held.enter_context(limit.place("198.51.100.1"))
    assert (await client.post("/as2", content=b"x", headers=KNOWN)).status_code == 403


@pytest.mark.anyio
async def test_strangers_at_as2_are_answered_and_only_some_of_them_noted(client, context):
    for number in range(NOTES_A_MINUTE_MAX + 5):
        sent = {"as2-from": "NOBODY", "as2-to": "US", "message-id": f"<{number}@x>"}
        answer = await client.post("/as2", content=b"x", headers=sent)
        assert answer.status_code == 403, answer.text
        assert "unknown-trading-partner" in answer.text
    with context.store.read() as snapshot:
        assert len(list_refusals(snapshot)) == NOTES_A_MINUTE_MAX
