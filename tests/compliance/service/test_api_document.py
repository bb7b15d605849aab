"""Whoever reads the API finds words, not names of functions, and examples that are taken."""

from __future__ import annotations

import re

import httpx
import jsonschema_rs
import pytest

from compliance.seal import Keys
from compliance.service.api_examples import EXAMPLES, XML_EXAMPLES
from compliance.service.app import create_app
from compliance.service.context import ServiceContext

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(settings, store, clock):
    keys = Keys.open(settings.keys_folder)
    app = create_app(ServiceContext.of(settings, store, keys, clock))
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield client


def operations(document):
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            yield path, method, one


async def test_every_operation_says_in_words_what_it_does(client) -> None:
    document = (await client.get("/openapi.json")).json()
    wrong = [
        f"{method} {path}: {one.get('summary')}"
        for path, method, one in operations(document)
        if len((one.get("summary") or "").split()) < 2
        or re.sub(r"\W+", "_", one["summary"].lower()) in one["operationId"]
    ]
    assert not wrong, "\n".join(wrong)


async def test_every_body_of_json_has_an_example_that_fits_its_schema(client) -> None:
    document = (await client.get("/openapi.json")).json()
    wrong = []
    for path, method, one in operations(document):
        for kind, body in one.get("requestBody", {}).get("content", {}).items():
            if not kind.endswith("json"):
                continue
            examples = [each["value"] for each in body.get("examples", {}).values()]
            examples += [body["example"]] if "example" in body else []
            if not examples:
                wrong.append(f"{method} {path} has no example")
            schema = {**body["schema"], "components": document["components"]}
            check = jsonschema_rs.Draft202012Validator(schema)
            wrong += [
                f"{method} {path}: {fault.message}"
                for example in examples
                for fault in check.iter_errors(example)
            ]
    assert not wrong, "\n".join(wrong)
    known = {path for path, _, one in operations(document) if "requestBody" in one}
    assert known >= EXAMPLES.keys() | XML_EXAMPLES.keys()


async def test_every_example_is_understood_where_it_is_sent(client) -> None:
    misread = []
    paths = (await client.get("/openapi.json")).json()["paths"]
    for path, body in EXAMPLES.items():
        method = "put" if "put" in paths[path] else "post"
        address = re.sub(r"\{\w+\}", "none", path.replace("{sends}", "shipment"))
        answer = await client.request(method, address, json=body)
        if answer.status_code >= 500 or answer.status_code in (400, 415):
            misread.append(f"{path}: {answer.status_code} {answer.text[:300]}")
    for path, text in XML_EXAMPLES.items():
        headers = {"Content-Type": "text/xml"}
        answer = await client.post(path, content=text, headers=headers)
        if answer.status_code >= 400:
            misread.append(f"{path}: {answer.status_code} {answer.text[:300]}")
    assert not misread, "\n".join(misread)
