"""The page of an identifier is its GS1 Digital Link, in every form that is asked for."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pypdfium2
import pytest
from lxml import etree

from compliance.seal import Keys
from compliance.service import access, demo
from compliance.service.access import Grant
from compliance.service.app import create_app
from compliance.service.context import ServiceContext
from epcis.capture import capture

pytestmark = pytest.mark.anyio
CARDIOLIN, RENOVAST = "09521321001015", "09521321001022"
PACK = f"/01/{CARDIOLIN}/21/0795112158512"
GTIN = "00355555678908"
PAGE = {"Accept": "text/html"}
VOCABULARY = "https://ref.gs1.org/voc/"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(store, settings, now) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        ServiceContext.of(settings, store, Keys.open(settings.keys_folder), lambda: now)
    )
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield client


@pytest.fixture
def shipped(store, now, examples: Path) -> None:
    capture(store, (examples / "shipment.xml").read_bytes(), now=now)


async def words(client: httpx.AsyncClient, path: str) -> str:
    """What a page says, without its marks."""
    page = await client.get(path, headers=PAGE)
    assert page.status_code == 200, page.text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text.partition("<main")[2]))


async def test_each_kind_of_identifier_has_its_page(client, store, now, tmp_path: Path) -> None:
    demo.build(store, tmp_path / "labels", now)
    pack = await words(client, PACK)
    for said in ("OK", "Custody", "Lindenhof Pharmacy unpacked it", "inside its container"):
        assert said in pack
    case = (
        f"/00/{(await client.get(PACK + '.json')).json()['trace']['containment'][0]['parent'][4:]}"
    )
    assert "What happened" in await words(client, case)
    product = await words(client, f"/01/{CARDIOLIN}")
    assert "Cardiolin 20 mg" in product
    assert "CA2601" in product
    lot = await words(client, f"/01/{RENOVAST}/10/RE7715")
    for said in ("Recalled", "Assay below specification", "Who has packs of it"):
        assert said in lot
    assert "Lindenhof Pharmacy" in await words(client, "/414/9521323000016")
    page = (await client.get(f"/01/{CARDIOLIN}/21/0795112158512", headers=PAGE)).text
    assert 'class="custody"' in page


@pytest.mark.usefixtures("shipped")
async def test_a_thing_in_a_case_is_drawn_in_it(client) -> None:
    page = await client.get(f"/01/{GTIN}/21/U1", headers=PAGE)
    assert page.text.count('class="this"') >= 1
    assert "What it is in" in page.text
    outer, carton = re.findall(r'<a href="(/[^"]+)" aria-label', page.text)
    assert outer.startswith("/00/")
    inside = await client.get(outer, headers=PAGE)
    assert "What is in it" in inside.text
    assert f'<li><a href="{carton}">' in inside.text
    assert f"/01/{GTIN}/21/U1" in (await client.get(carton, headers=PAGE)).text


@pytest.mark.usefixtures("shipped")
async def test_the_ending_of_an_address_chooses_the_form(client) -> None:
    link = f"/01/{GTIN}/21/U1"
    told = (await client.get(f"{link}.json")).json()
    assert (told["verdict"], told["kind"]) == ("OK", "Pack")
    assert told["timeline"]
    xml = await client.get(f"{link}.xml")
    assert xml.headers["content-type"].startswith("application/xml")
    root = etree.fromstring(xml.content)
    assert root.tag.endswith("EPCISQueryDocument")
    assert len(root.findall(".//eventTime")) == len(told["trace"]["events"])
    table = await client.get(f"{link}.csv")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["eventID"] for row in rows] == [one["eventID"] for one in told["trace"]["events"]]
    paper = await client.get(f"{link}.pdf")
    text = pypdfium2.PdfDocument(paper.content)[0].get_textpage().get_text_range()
    assert "U1" in text
    assert told["say"].split(":")[0] in text


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("*/*", "text/html"),
        ("", "text/html"),
        ("application/json", "application/json"),
        ("application/ld+json", "application/json"),
        ("text/csv", "text/csv"),
        ("application/pdf", "application/pdf"),
        ("text/xml", "application/xml"),
        ("application/linkset+json", "application/linkset+json"),
    ],
)
async def test_the_header_accept_chooses_the_form(client, accept: str, kind: str) -> None:
    found = await client.get(f"/01/{GTIN}/21/U1", headers={"Accept": accept})
    assert found.status_code == 200
    assert found.headers["content-type"].startswith(kind)
    assert found.headers["vary"].startswith("Accept")
    assert 'rel="linkset"' in found.headers["link"]


@pytest.mark.usefixtures("shipped")
async def test_a_form_that_nobody_gives_is_refused(client) -> None:
    refused = await client.get(f"/01/{GTIN}/21/U1", headers={"Accept": "image/gif"})
    assert refused.status_code == 406


@pytest.mark.usefixtures("shipped")
async def test_a_link_set_names_what_the_address_gives(client) -> None:
    link = f"/01/{GTIN}/21/U1"
    asked = {"linkType": "linkset"}
    (links,) = (await client.get(link, params=asked)).json()["linkset"]
    assert links["anchor"] == f"http://localhost{link}"
    targets = [target for name, ones in links.items() if name != "anchor" for target in ones]
    assert {name for name in links if name != "anchor"} >= {f"{VOCABULARY}defaultLink"}
    for target in targets:
        found = await client.get(target["href"])
        assert found.headers["content-type"].startswith(target["type"]), target
    epcis = await client.get(link, params={"linkType": "gs1:epcis"})
    assert epcis.headers["content-type"].startswith("application/xml")
    same = await client.get(link, params={"linkType": f"{VOCABULARY}epcis"})
    assert same.content == epcis.content
    assert (await client.get(link, params={"linkType": "gs1:recipe"})).status_code == 404


async def test_an_ending_that_belongs_to_a_recorded_serial_is_no_form(
    client, store, now, examples: Path
) -> None:
    file = (examples / "shipment.xml").read_bytes()
    assert b".U1<" in file
    capture(store, file.replace(b".U1<", b".U1.pdf<"), now=now)
    page = await client.get(f"/01/{GTIN}/21/U1.pdf", headers={"Accept": "application/json"})
    assert page.json()["serial"] == "U1.pdf"
    assert (await client.get(f"/01/{GTIN}/21/U1.pdf.pdf")).content.startswith(b"%PDF")


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize(
    "path", ["/00/095213220000041997", "/01/09521321001015", f"/01/{GTIN}/10/NONE"]
)
async def test_what_nobody_recorded_says_what_to_do(client, path: str) -> None:
    page = await client.get(path, headers=PAGE)
    assert page.status_code == 404
    assert "Compare it with the label" in page.text
    if "/10/" in path:
        assert f"/01/{GTIN}" in page.text


@pytest.mark.usefixtures("shipped")
async def test_a_till_sees_the_verdict_and_no_history(client, store, now) -> None:
    with store.write(now) as tx:
        key = access.new_key(tx, Grant("till", frozenset({"verify"})), now=now)
    till = {"Authorization": f"Bearer {key}"}
    page = await client.get(f"/01/{GTIN}/21/U1", headers={**till, **PAGE})
    assert 'data-word="OK"' in page.text
    assert "What happened" not in page.text
    for path in (f"/01/{GTIN}/21/U1.xml", f"/01/{GTIN}", "/00/095213220000041997"):
        assert (await client.get(path, headers=till)).status_code == 403
