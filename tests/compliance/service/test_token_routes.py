"""A pharmacy system asks for its token, then for its packs, as the REST family's clients do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from compliance.seal import Keys
from compliance.service import access
from compliance.service.access import Grant
from compliance.service.app import create_app
from compliance.service.context import ServiceContext
from verification.decision.act import ParticipantRole, Who
from verification.registry.participants import register

pytestmark = pytest.mark.anyio
PACK = "/fmd/product/gs1/05901234123457/pack/X1"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def key(store, now) -> str:
    with store.write(now) as tx:
        till = Who(client="till-1", role=ParticipantRole.PHARMACY, location="P1")
        register(tx, till, by="admin")
        return access.new_key(tx, Grant("till-1", frozenset({"verify"})), now=now)


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


@pytest.mark.parametrize("path", ["/connect/token", "/identity/connect/token"])
async def test_a_token_lets_in(client, key, path) -> None:
    form = {"grant_type": "client_credentials", "client_id": "till-1", "client_secret": key}
    given = await client.post(path, data=form)
    assert given.headers["cache-control"] == "no-store"
    headers = {
        "Authorization": f"{given.json()['token_type']} {given.json()['access_token']}",
        "emvs-data-entry-mode": "non-manual",
    }
    answer = await client.get(PACK, headers=headers)
    assert (answer.status_code, answer.json()["operationCode"]) == (404, "41020000")


WRONG = [
    ({"client_id": "till-2"}, 401, "invalid_client"),
    ({"client_secret": "pt_x_y"}, 401, "invalid_client"),
    ({"client_secret": ""}, 401, "invalid_client"),
    ({"grant_type": "password"}, 400, "unsupported_grant_type"),
]


@pytest.mark.parametrize(("more", "status", "error"), WRONG)
async def test_who_is_not_let_in_is_told_why(client, key, more, status, error) -> None:  # drawn
    form = {"grant_type": "client_credentials", "client_id": "till-1", "client_secret": key}
    refused = await client.post("/connect/token", data=form | more)
    assert (refused.status_code, refused.json()["error"]) == (status, error)
