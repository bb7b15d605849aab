"""A person with a scanner and a page for each act: what is done, what is refused, what to do."""

from __future__ import annotations

import re

import httpx
import pytest
from chain import see
from msgspec.structs import replace

from compliance.seal import Keys
from compliance.service.app import create_app
from compliance.service.context import ServiceContext
from epcis.capture import record
from epcis.store.items import item
from tests.compliance.service.hands import GTIN, PLANT, WAREHOUSE, key, pack, signed, sscc
from verification.acts.kinds import KINDS

pytestmark = pytest.mark.anyio
SCOPES = ("act", "supply", "destroy", "recall", "verify", "query")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(store, settings, now):
    keys = Keys.open(settings.keys_folder)
    app = create_app(ServiceContext.of(settings, store, keys, lambda: now))
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield client


class Page:
    """A browser at the pages of acts; each form is sent with the id that its page gave."""

    def __init__(self, client, headers):
        self.client, self.headers = client, {"accept": "text/html", **headers}

    async def open(self, kind):
        page = await self.client.get(f"/work/{kind}", headers=self.headers)
        assert page.status_code == 200, page.text
        return re.search(r'name="client_id" value="([^"]+)"', page.text)[1]

    async def send(self, kind, scans, place=PLANT, **more):
        told = {"client_id": await self.open(kind), "scans": "\n".join(scans), "place": place}
        return await self.client.post(f"/work/{kind}", data=told | more, headers=self.headers)


@pytest.fixture
def page(client, store, now):
    return Page(client, signed(store, now, "ann", *SCOPES))


def state(store, number):
    with store.read() as snapshot:
        return item(snapshot, key(number))


async def test_goods_go_from_the_line_to_the_customer_by_page(page, store) -> None:
    three = [pack(n) for n in (1, 2, 3)]
    made = await page.send("commission", three, lot="L1", expiry="2028-05-31")
    assert made.status_code == 200, made.text
    assert "Done: commission, 3 scans." in made.text
    assert (await page.send("pack", three, parent=sscc(1), expect="3")).status_code == 200
    shipped = await page.send("ship", [sscc(1)], to=WAREHOUSE, order="PO-1, PO-2")
    assert shipped.status_code == 200
    assert state(store, 1).holder == f"/414/{WAREHOUSE}"
    received = await page.send("receive", [sscc(1)], f"{WAREHOUSE}.A-1", owner=PLANT)
    assert received.status_code == 200
    assert state(store, 2).owner == f"/414/{PLANT}"


async def test_what_is_refused_is_named_and_the_rest_stays_in_the_form(page, store) -> None:
    await page.send("commission", [pack(1), pack(2)], lot="L1", expiry="2028-05-31")
    await page.send("hold", [pack(2)], reason="seal broken")
    refused = await page.send("ship", [pack(1), pack(2)], to=WAREHOUSE)
    assert refused.status_code == 409
    assert "Nothing was done: 1 of 2 scans are refused." in refused.text
    left = re.search(r"<textarea name=\"scans\"[^>]*>(.*?)</textarea>", refused.text, re.DOTALL)[1]
    assert left == pack(1)
    again = re.search(r'name="client_id" value="([^"]+)"', refused.text)[1]
    told = {"client_id": again, "scans": left, "place": PLANT, "to": WAREHOUSE}
    done = await page.client.post("/work/ship", data=told, headers=page.headers)
    assert done.status_code == 200
    assert [state(store, n).status for n in (1, 2)] == ["in_transit", "active"]


async def test_the_same_form_sent_twice_is_done_once(page, store) -> None:
    number = await page.open("commission")
    told = {
        "client_id": number, "scans": pack(1), "place": PLANT, "lot": "L1", "expiry": "280531"
    }  # fmt: skip
    first = await page.client.post("/work/commission", data=told, headers=page.headers)
    again = await page.client.post("/work/commission", data=told, headers=page.headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert "Done" in again.text
    assert state(store, 1).lot == "L1"


async def test_what_was_typed_wrong_is_named_on_the_page(page) -> None:
    for wrong, word in (
        ({"place": "123"}, "place"),
        ({"expect": "many"}, "how many"),
        ({"scans": ""}, "scans"),
        ({"expiry": "soon"}, "expiry"),
    ):
        told = {"client_id": "x", "scans": f"(01){GTIN}(21)A", "place": PLANT} | wrong
        answer = await page.client.post("/work/commission", data=told, headers=page.headers)
        assert answer.status_code == 422, wrong
        assert word in answer.text.lower()
    script = await page.send("ship", ["<script>alert(1)</script>"])
    assert script.status_code == 409
    assert "<script>alert" not in script.text


async def test_each_is_offered_what_it_may_do(client, store, now, page) -> None:
    everything = await client.get("/work", headers=page.headers)
    assert all(f'href="/work/{kind}"' in everything.text for kind in KINDS if kind != "undo")
    html = {"accept": "text/html", **signed(store, now, "picker", "act")}
    picker = await client.get("/work", headers=html)
    assert 'href="/work/pick"' in picker.text
    assert 'href="/work/destroy"' not in picker.text
    assert (await client.get("/work/destroy", headers=html)).status_code == 403
    assert "although it is refused" not in (await client.get("/work/pick", headers=html)).text
    for kind in KINDS:
        assert (await client.get(f"/work/{kind}", headers=page.headers)).status_code == 200


async def test_the_page_of_supply_confirms_a_check_with_its_reason_and_names_the_customer(
    page, store, now
) -> None:
    odd = {"lot": "L1", "expiry": "2028-05-31"}
    await page.send("commission", [pack(1), pack(2)], **odd)
    mark(store, [pack(1), pack(2)], now)
    refused = await page.send("supply", [pack(1)], customer="veterinarian")
    assert refused.status_code == 409
    form = re.sub(r"\s+", " ", refused.text)
    assert '<option value="veterinarian" selected>' in form
    assert 'name="confirmed" value="yes"> The packs were checked' in form
    silent = await page.send("supply", [pack(1)], confirmed="yes")
    assert silent.status_code == 422
    assert "say how the packs were checked" in silent.text
    checked = {"confirmed": "yes", "reason": "read the label", "customer": "veterinarian"}
    done = await page.send("supply", [pack(1)], **checked)
    assert done.status_code == 200, done.text
    assert state(store, 1).status.value == "dispensed"
    strange = await page.send("supply", [pack(2)], customer="astronaut")
    assert strange.status_code == 422
    assert "nursing-home" in strange.text


def mark(store, things, now):
    """A partner gives packs a disposition that nobody knows."""
    at = now.isoformat().replace("+00:00", "Z")
    event = see(0, things, "inspecting", "https://example.com/disp/wet", where=PLANT)
    with store.write(now) as tx:
        record(tx, [replace(event, event_time=at)])


async def test_a_pack_out_of_an_opened_case_is_moved_without_unpacking_it(page, store) -> None:
    await page.send("commission", [pack(1), pack(2)], lot="L1", expiry="2028-05-31")
    await page.send("pack", [pack(1), pack(2)], parent=sscc(1))
    refused = await page.send("move", [pack(1)], f"{PLANT}.A-1")
    assert refused.status_code == 409
    assert 'name="opened"' in refused.text
    moved = await page.send("move", [pack(1)], f"{PLANT}.A-1", opened="yes")
    assert moved.status_code == 200, moved.text
    assert state(store, 1).parent is None
    assert state(store, 2).parent == f"/00/{sscc(1)}"
    form = await page.client.get("/work/inspect", headers=page.headers)
    assert 'name="opened"' not in form.text
