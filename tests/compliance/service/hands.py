"""Somebody with a scanner in front of a service, and the goods that tests act on."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

from compliance.service.access import Grant, new_key
from schemas.gs1.content_rules import check_digit

GTIN = "09521321000018"
PLANT, WAREHOUSE, PHARMACY = "9521321000018", "9521321000025", "9506000134352"
LOT = {"lot": "L1", "expiry": "2028-05-31"}


class Clock:
    """The time of the service, which a test may turn; it goes on by `step` with each look."""

    def __init__(self, now, step=timedelta(0)):
        self.now, self.step = now, step

    def __call__(self):
        self.now += self.step
        return self.now


def pack(number, gtin=GTIN):
    return f"https://id.gs1.org/01/{gtin}/21/P{number}"


def key(number, gtin=GTIN):
    return f"/01/{gtin}/21/P{number}"


def sscc(number):
    digits = f"{9521321_0000000000 + number:017d}"
    return digits + check_digit(digits)


_numbers = count(1)


class Hands:
    """Somebody with a scanner: each act gets a clientId of its own."""

    def __init__(self, client, headers=None):
        self.client, self.headers = client, headers

    async def ask(self, kind, scans=(), place=PLANT, **more):
        body = {"clientId": f"c{next(_numbers)}", "scans": list(scans), "place": place, **more}
        return await self.client.post(f"/acts/{kind}", json=body, headers=self.headers)

    async def do(self, kind, scans=(), place=PLANT, **more):
        """Do an act that must be done."""
        answer = await self.ask(kind, scans, place, **more)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert told["done"], told
        assert all(one["done"] for one in told["packs"])
        return told

    async def refused(self, kind, scans=(), place=PLANT, **more):
        """An act that must be refused: the reasons by scan, and nothing is done."""
        answer = await self.ask(kind, scans, place, **more)
        assert answer.status_code == 409, answer.text
        told = answer.json()
        assert not told["done"]
        assert told["event"] is None
        assert not any(one["done"] for one in told["packs"])
        assert all(one["say"] for one in told["packs"])
        return [one["reason"] for one in told["packs"]]


def signed(store, now, name, *scopes, party=None):
    """The headers of somebody with a key of these scopes."""
    with store.write(now) as tx:
        secret = new_key(tx, Grant(name, frozenset(scopes), party=party), now=now)
    return {"authorization": f"Bearer {secret}"}


async def made(hands, numbers, **more):
    return await hands.do("commission", [pack(n) for n in numbers], **(LOT | more))
