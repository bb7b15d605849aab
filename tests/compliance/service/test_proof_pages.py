"""A dossier is verified by anybody who has it, and the log says how it does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from compliance.seal import Keys
from compliance.service import access
from compliance.service.access import Grant
from compliance.service.app import create_app
from compliance.service.context import ServiceContext
from epcis.capture import capture

pytestmark = pytest.mark.anyio
PACK = {"gtin": "00355555678908", "serial": "U1"}
PAGE = {"Accept": "text/html"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(store, settings, now, examples: Path) -> AsyncIterator[httpx.AsyncClient]:
    capture(store, (examples / "shipment.xml").read_bytes(), now=now)
    app = create_app(
        ServiceContext.of(settings, store, Keys.open(settings.keys_folder), lambda: now)
    )
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield client


def files(dossier: bytes, roots: bytes = b"") -> dict[str, tuple[str, bytes]]:
    sent = {"dossier": ("proof.asice", dossier)}
    return sent | ({"roots": ("root.pem", roots)} if roots else {})


async def test_anybody_verifies_a_dossier(client, store, now, tmp_path: Path) -> None:
    dossier = (await client.post("/proof", data=PACK)).content
    with store.write(now) as tx:
        access.new_key(tx, Grant("root", frozenset({"admin"})), now=now)
    # A key exists, so this browser is nobody from now on.
    assert (await client.get("/log", headers=PAGE)).status_code == 401
    assert "Verify a dossier" in (await client.get("/verify-dossier", headers=PAGE)).text
    told = (await client.post("/verify-dossier", files=files(dossier))).json()
    assert (told["outcome"], told["findings"][0]["code"]) == ("intact", "dossier.intact")
    page = await client.post("/verify-dossier", files=files(dossier), headers=PAGE)
    assert 'data-outcome="intact"' in page.text
    middle = len(dossier) // 2
    changed = dossier[:middle] + bytes([dossier[middle] ^ 1]) + dossier[middle + 1 :]
    told = (await client.post("/verify-dossier", files=files(changed))).json()
    assert told["outcome"] == "tampered"
    strange = Keys.open(tmp_path / "others").root_pem()
    told = (await client.post("/verify-dossier", files=files(dossier, strange))).json()
    assert told["outcome"] == "cannot tell"


@pytest.mark.parametrize("sent", [b"", b"PK\x03\x04", b"%PDF-1.7", b"\x00" * 5_000_000])
async def test_what_is_no_dossier_is_answered(client, sent: bytes) -> None:
    told = await client.post("/verify-dossier", files=files(sent))
    assert told.status_code == 200
    assert told.json()["outcome"] != "intact"
    nothing = await client.post("/verify-dossier", headers=PAGE)
    assert nothing.status_code == 400
    assert "<h1>" in nothing.text


async def test_the_log_says_how_it_does(client) -> None:
    page = (await client.get("/log", headers=PAGE)).text
    assert "Newest checkpoint" in page
    assert "Forks seen" in page
