"""A workstation with another keyboard is taught once; its scans are right from then on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import numpy as np
import pytest
import zxingcpp

from compliance.seal import Keys
from compliance.service.app import create_app
from compliance.service.context import ServiceContext
from verification.scan import calibration_text
from verification.scan.keyboard import Keyboard

pytestmark = pytest.mark.anyio
KEYBOARD = Keyboard("qwertz")
PACK = "010590123412345721ZY-1\x1d17310531"


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


def typed(text):
    """What the workstation writes; it loses the separator."""
    return KEYBOARD.types(text.replace("\x1d", ""))


async def test_the_code_on_the_page_is_the_calibration_code(client) -> None:
    answer = await client.get("/workstation/code.svg")
    assert answer.headers["content-type"].startswith("image/svg")
    drawn = zxingcpp.create_barcode(calibration_text(), zxingcpp.DataMatrix, forceSquare=True)
    picture = np.asarray(drawn.to_image(scale=4, add_quiet_zones=True))
    assert zxingcpp.read_barcodes(picture)[0].bytes == calibration_text().encode()
    assert answer.text == drawn.to_svg(scale=5, add_quiet_zones=True)


async def test_a_workstation_learns_and_forgets(client) -> None:
    assert "Not calibrated" in (await client.get("/workstation")).text
    learnt = await client.post("/workstation", data={"text": typed(calibration_text())})
    assert learnt.status_code == 303
    page = (await client.get("/workstation")).text
    assert "Z as Y" in page
    assert "separator between fields is lost" in page
    card = await client.post("/scan-card", data={"text": typed(PACK)})
    assert "ZY-1" in card.text
    assert "05901234123457" in card.text
    await client.post("/workstation/forget")
    assert "Not calibrated" in (await client.get("/workstation")).text


@pytest.mark.parametrize("text", ["hello", "x" * 82])
async def test_another_code_teaches_nothing(client, text) -> None:
    page = await client.post("/workstation", data={"text": text})
    assert (page.status_code, "Not learnt" in page.text) == (200, True)


@pytest.mark.parametrize("kept", ["x", "AAAA", "%%%", "\u00e9"])
async def test_a_spoilt_cookie_does_no_harm(client, kept) -> None:
    headers = {"Cookie": f"packtrail_layout={kept}".encode()}
    assert (await client.get("/workstation", headers=headers)).status_code == 200
