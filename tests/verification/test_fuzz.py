"""Whatever is sent, nobody gets a 500."""

from __future__ import annotations

import random

import pytest

PATHS = (
    "/packs/verify",
    "/packs/supply",
    "/packs/undo",
    "/packs/status",
    "/verify/gtin/05901234123457/lot/A123/ser/S1",
    "/checkConnectivity",
    "/fmd/product/gs1/05901234123457/pack/S1",
    "/fmd/product/packs",
    "/fmd/product/packs/x",
    "/fmd/soap",
    "/fmd/uploads/product",
    "/fmd/uploads/batch",
    "/fmd/uploads/recall",
    "/fmd/alerts",
    "/fmd/alerts/x",
    "/fmd/alerts/x/steps",
    "/fmd/participants/x",
    "/fmd/must-verify",
    "/packs/returns",
    "/verify/directory",
    "/verify/directory/x",
    "/verify/requests/x",
)
BODIES = (
    b"",
    b"{}",
    b"[]",
    b"null",
    b'{"gtin":"05901234123457","serial":"S1"}',
    b'{"gtin":"05901234123457","serial":"S1","lot":"A123","expiry":"270531","undo_of":"supply"}',
    b'{"state":"Supplied"}',
    b'{"packs":[{"productCode":"05901234123457","serialNumber":"S1"}],"state":"Supplied"}',
    b'{"text":"]d2010590123412345721S1\\u001d10A123"}',
    b'{"code":"05901234123457","lot":"A","reason":"x"}',
    b"""<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><G110Request>
    <Product><ProductCode scheme="GTIN">05901234123457</ProductCode></Product>
    <Pack sn="S1"/></G110Request></s:Body></s:Envelope>""",
)
QUERIES = (
    b"",
    b"gtin=05901234123457&serial=S1",
    b"reqGLN=0366666000014&corrUUID=2f7f2f7e-5d0b-4a0e-9a34-7a9d6f0f3f10&exp=270500",
    b"since=2026-11-01T00:00:00Z&until=2026-11-22T00:00:00Z",
    b"batch=A123&expiry=270531",
    b"code=05901234123457&supplier=x&market=IE",
)
METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS", "\u0041")


def bent(chance, data):
    """The same bytes with something wrong in them."""
    data = bytearray(data)
    for _ in range(chance.choice((0, 0, 1, 1, 2, 5))):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(4):
            case 0:
                data[at:at] = bytes(chance.choices(range(256), k=chance.randrange(1, 4)))
            case 1:
                del data[at : at + chance.randrange(1, 8)]
            case 2 if data:
                data[at % len(data)] = chance.randrange(256)
            case _:
                data[at:at] = chance.choice((b"%", b"%2F", b"%00", b"&", b"/", b"\xff", b"9" * 30))
    return bytes(data)


@pytest.mark.parametrize("requests", [2_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_no_request_gets_a_500(client, holder, requests, everything):
    holder.caller = everything
    chance = random.Random(2161)
    for number in range(requests):
        path = chance.choice(PATHS)
        url = bent(chance, path.encode()).decode("latin-1").replace("?", "%3F")
        query = bent(chance, chance.choice(QUERIES)).decode("latin-1")
        answer = client.request(
            chance.choice(METHODS),
            f"{url}?{query}".encode("ascii", "replace").decode(),
            content=bent(chance, chance.choice(BODIES)),
            headers={
                "content-type": chance.choice(("application/json", "text/xml", "")),
                "emvs-data-entry-mode": chance.choice(("manual", "non-manual", "x")),
            },
        )
        assert answer.status_code < 500 or answer.status_code in (503, 504), (number, url, query)
