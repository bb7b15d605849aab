"""Every door that answers about packs, asked from outside: what it says, and whether it passes.

`DOORS` names each door by its route or command. `SILENT` names, with a reason, every other route
and command; `test_doors` fails where one stands in neither.
"""

from __future__ import annotations

import io
import json
import re
import time
import uuid
from datetime import date
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr
from zipfile import ZipFile

from verification.acts.kinds import ActKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import httpx

REQUESTER = "0366666000014"
SITE = "0614141007776"
"""Where the packs of the tests lie."""


class PrintedPack(NamedTuple):
    """What stands on a pack."""

    gtin: str
    serial: str
    lot: str
    expiry: date

    @property
    def yymmdd(self) -> str:
        return self.expiry.strftime("%y%m%d")

    @property
    def values(self) -> dict[str, str]:
        return {
            "gtin": self.gtin,
            "serial": self.serial,
            "lot": self.lot,
            "expiry": self.expiry.isoformat(),
        }


class Said(NamedTuple):
    """What a door said about one pack."""

    passed: bool
    """It said OK, verified with nothing beside it, not stopped, resell; or did the act."""
    word: str | None = None
    """The verdict, where the door names one."""
    what: str = ""
    """The answer as it came, for whoever reads the failure."""


def verify(http: httpx.Client, pack: PrintedPack) -> Said:
    told = http.post("/packs/verify", json=pack.values).json()
    return Said(told["verdict"] == "OK", told["verdict"], str(told))


def status(http: httpx.Client, pack: PrintedPack) -> Said:
    told = http.get("/packs/status", params=pack.values).json()
    passed = told["verdict"] == "OK" or told["result"] == "done" or told["colour"] == "green"
    return Said(passed, told["verdict"], str(told))


def act(kind: str) -> Callable[[httpx.Client, PrintedPack], Said]:
    """The door of one act on one pack."""

    def ask(http: httpx.Client, pack: PrintedPack) -> Said:
        told = http.post(f"/packs/{kind}", json=pack.values).json()
        passed = told["result"] == "done" or told["colour"] == "green"
        return Said(passed, told["verdict"], str(told))

    return ask


def partner(http: httpx.Client, pack: PrintedPack) -> Said:
    """A trading partner's question: verified, and nothing beside it."""
    lot, serial = quote(pack.lot, safe=""), quote(pack.serial, safe="")
    path = f"/verify/gtin/{pack.gtin}/lot/{lot}/ser/{serial}"
    query = f"exp={pack.yymmdd}&linkType=verificationService"
    query += f"&reqGLN={REQUESTER}&corrUUID={uuid.uuid4()}"
    answer = http.get(f"{path}?{query}")
    if answer.status_code == 404:
        return Said(passed=False, what="404")
    told = answer.json()
    assert told["responderGLN"], told
    assert told["corrUUID"], told
    data = told["data"]
    quiet = not {"additionalInfo", "notCompared"} & data.keys()
    return Said(data["verified"] and quiet, what=str(data))


def page_json(http: httpx.Client, pack: PrintedPack) -> Said:
    told = http.get(f"{_link(pack)}.json", params={"10": pack.lot, "17": pack.yymmdd}).json()
    return Said(told["verdict"] == "OK", told["verdict"], str(told))


def page(http: httpx.Client, pack: PrintedPack) -> Said:
    return _card(http.get(_link(pack), params={"10": pack.lot, "17": pack.yymmdd}).text)


def scan_card(http: httpx.Client, pack: PrintedPack) -> Said:
    return _card(http.post("/scan-card", data={"text": _scanned(pack)}).text)


def returned(http: httpx.Client, pack: PrintedPack) -> Said:
    told = http.post("/packs/returns", json=pack.values).json()
    return Said(told["return"]["decision"] == "resell", told["own"]["verdict"], str(told))


def returns_page(http: httpx.Client, pack: PrintedPack) -> Said:
    data = {"text": _scanned(pack), "stored_well": "yes", "place": REQUESTER}
    html = http.post("/returns", data=data).text
    decision = re.search(r'data-decision="(\w+)"', html)
    assert decision, html[:2000]
    return Said(decision[1] == "resell", what=decision[1])


def returned_pack(http: httpx.Client, pack: PrintedPack) -> Said:
    body = {
        "clientId": uuid.uuid4().hex,
        "scan": _scanned(pack),
        "storedWell": True,
        "place": REQUESTER,
    }
    answer = http.post("/returns/packs", json=body)
    assert answer.status_code in (200, 201, 409), answer.text
    told = answer.json()
    return Said(told["decision"] == "resell", what=str(told))


def rest(state: str | None) -> Callable[[httpx.Client, PrintedPack], Said]:
    """The national REST family: GET verifies, PATCH changes the state."""

    def ask(http: httpx.Client, pack: PrintedPack) -> Said:
        url = f"/fmd/product/gs1/{pack.gtin}/pack/{quote(pack.serial, safe='')}"
        query = f"batch={quote(pack.lot, safe='')}&expiry={pack.yymmdd}"
        answer = http.request(
            "GET" if state is None else "PATCH",
            f"{url}?{query}",
            json=None if state is None else {"state": state},
            headers={"emvs-data-entry-mode": "non-manual"},
        )
        told = answer.json()
        return Said(answer.status_code == 200 and "warning" not in told, what=answer.text)

    return ask


def soap(code: str) -> Callable[[httpx.Client, PrintedPack], Said]:
    """The national SOAP family: `G110` verifies, `G120` supplies; a success says nothing else."""

    def ask(http: httpx.Client, pack: PrintedPack) -> Said:
        text = http.post("/fmd/soap", content=_envelope(code, [pack])).text
        codes = set(re.findall(r'(?:code|returnCode)="(NMVS_\w+)"', text))
        word = re.search(r'verdict="(\w+)"', text)
        # A verification succeeds for any pack on record: its colour and verdict carry the warning.
        passed = codes == {"NMVS_SUCCESS"} and 'colour="green"' in text
        return Said(passed, word[1] if word else None, text)

    return ask


def rest_bulk(http: httpx.Client, packs: Sequence[PrintedPack], state: str | None) -> list[Said]:
    """A bulk of the REST family, its results fetched."""
    listed = [
        {
            "productCode": one.gtin,
            "serialNumber": one.serial,
            "batchId": one.lot,
            "expiryDate": one.yymmdd,
        }
        for one in packs
    ]
    body = {"packs": listed} | ({"state": state} if state else {})
    sent = http.post(
        "/fmd/product/packs", json=body, headers={"emvs-data-entry-mode": "non-manual"}
    )
    assert sent.status_code == 202, sent.text
    until_s = time.monotonic() + 60
    while (got := http.get(sent.headers["location"])).status_code == 202:
        assert time.monotonic() < until_s, "the bulk is not worked off"
    said = []
    for one in got.json()["packs"]:
        told = one["result"]
        said.append(Said("warning" not in told, what=str(told)))
    return said


def stock_items(http: httpx.Client, **asked: str) -> list[dict]:
    """Everything in stock, page by page."""
    found: list[dict] = []
    after: str | None = ""
    while after is not None:
        page = http.get("/stock/items", params={"limit": "100", **asked, "after": after}).json()
        found += page["items"]
        after = page["next"]
    return found


LINES_MAX = 50


def pick_lists(http: httpx.Client, lines: list[dict]) -> list[dict]:
    """The pick lists of orders at the packs' site with these lines, a line each."""
    found: list[dict] = []
    for at in range(0, len(lines), LINES_MAX):
        order = {"number": f"O-{uuid.uuid4()}", "customer": REQUESTER, "site": SITE}
        some = lines[at : at + LINES_MAX]
        opened = http.post("/orders", json={**order, "lines": some})
        assert opened.status_code == 201, opened.text
        told = http.get("/orders/list", params={"number": order["number"]}).json()
        found += told["pickList"]
    return found


def dossier(http: httpx.Client, wanted: dict[str, str]) -> dict[str, dict]:
    """A dossier, made and fetched: the sections of its report by title."""
    asked = http.post("/exports", json=wanted)
    assert asked.status_code == 202, asked.text
    until_s = time.monotonic() + 120
    while (job := http.get(asked.headers["location"]).json())["state"] in ("waiting", "running"):
        assert time.monotonic() < until_s, "the dossier is not made"
    assert job["state"] == "ready", job
    fetched = http.get(f"{asked.headers['location']}/file")
    with ZipFile(io.BytesIO(fetched.content)) as archive:
        sections = json.loads(archive.read("report.json"))["sections"]
    return {one["title"]: one for one in sections}


def rows_of(section: dict) -> list[dict[str, str]]:
    """The rows of a section of a report, by column."""
    return [dict(zip(section["columns"], row, strict=True)) for row in section["rows"]]


def _scanned(pack: PrintedPack) -> str:
    """What a scanner types."""
    return f"]d201{pack.gtin}17{pack.yymmdd}10{pack.lot}\x1d21{pack.serial}"


def _link(pack: PrintedPack) -> str:
    return f"/01/{pack.gtin}/21/{quote(pack.serial, safe='')}"


def _card(html: str) -> Said:
    # Each page has the card for a scan that is not answered, as a template that is not shown.
    words = re.findall(
        r'data-word="(\w+)"', re.sub(r"<template.*?</template>", "", html, flags=re.DOTALL)
    )
    assert len(words) == 1, html[:2000]
    return Said(words[0] == "OK", words[0], words[0])


def _envelope(code: str, packs: Sequence[PrintedPack]) -> bytes:
    first = packs[0]
    serials = "".join(f"<Pack sn={quoteattr(one.serial)}/>" for one in packs)
    return f"""<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"
      xmlns:t="urn:types.nmvs.eu:v5.0"><s:Body><t:{code}Request>
      <Header><Transaction><ManualEntry>false</ManualEntry></Transaction></Header>
      <Body><Product><ProductCode scheme="GTIN">{first.gtin}</ProductCode>
      <Batch><Id>{escape(first.lot)}</Id><ExpDate>{first.yymmdd}</ExpDate></Batch></Product>{serials}
      </Body></t:{code}Request></s:Body></s:Envelope>""".encode()


VERIFYING: dict[str, Callable[[httpx.Client, PrintedPack], Said]] = {
    "POST /packs/verify": verify,
    "GET /packs/status": status,
    "GET /verify/gtin/{gtin}/lot/{lot}/ser/{serial}": partner,
    "GET /01/{link:path} .json": page_json,
    "GET /01/{link:path}": page,
    "POST /scan-card": scan_card,
    "POST /packs/returns": returned,
    "POST /returns": returns_page,
    "POST /returns/packs": returned_pack,
    "GET /fmd/product/{scheme}/{code}/pack/{serial}": rest(None),
    "POST /fmd/soap": soap("G110"),
}
"""Doors that judge a pack and change nothing about it."""

SELLING: dict[str, Callable[[httpx.Client, PrintedPack], Said]] = {
    "POST /packs/supply": act("supply"),
    "POST /packs/partial-supply": act("partial-supply"),
    "POST /packs/export": act("export"),
    "POST /packs/free-sample": act("free-sample"),
    "POST /packs/check-out": act("check-out"),
    "PATCH /fmd/product/{scheme}/{code}/pack/{serial}": rest("Supplied"),
    "POST /fmd/soap G120": soap("G120"),
}
"""Doors that sell or give away a pack: never unless the verdict is OK."""

UNDOING = {"POST /packs/undo": act("undo")}
TAKING_OUT = {f"POST /packs/{kind}": act(kind) for kind in ("destroy", "sample", "lock", "stolen")}
"""Doors that take a pack out of trade, which what speaks against selling does not forbid."""

ELSEWHERE = {
    *(f"POST /{door}/{kind.value}" for kind in ActKind for door in ("acts", "work")),
    "packtrail act",
    "POST /fmd/product/packs",
    "GET /fmd/product/packs/{bulk}",
    "GET /fmd/snapshot",
    "POST /fmd/intermarket",
    "packtrail verify",
    "packtrail snapshot make",
    "packtrail snapshot ask",
    "POST /exports",
    "GET /exports/{job_id}/file",
    "POST /dossiers",
    "packtrail export",
    "GET /stock",
    "GET /stock/items",
    "packtrail stock",
    "GET /orders/list",
    "packtrail order pick",
}
"""Doors that are asked in a way of their own: bulk, files, commands, dossiers, stock, pick lists,
another market's repository (`test_two_markets`), acts in the warehouse (`test_acts`,
`test_work_pages`)."""

SILENT = {
    r"(GET|POST|PUT|DELETE|OPTIONS|HEAD) /epcis": "events as they were captured, no judgement",
    r"\w+ /(log|health|live|ready|metrics|openapi|workstation|reads)": "nothing about packs",
    r"\w+ /(connect|identity|sign-in|oidc|purpose)": "nothing about packs, only who somebody is",
    r"(GET /exports(/\{job_id\}|/profiles)?|DELETE /exports/\{job_id\}|GET /dossiers)$": (
        "which dossiers were asked for; what they say is asked at POST /exports"
    ),
    r"(\w+ /|packtrail )approvals": "acts that wait for a second person; judged when they are done",
    r"GET /work": "the empty form of an act",
    r"\w+ /(sessions|sign-out|step-up|static)": "nothing about packs, only who somebody is",
    r"(ANY|WEBSOCKET) /epcis": "events as they were captured, no judgement",
    r"GET /(reference|docs)": "what the API and the pages are, nothing about packs",
    r"\w+ /(first-run|first-task|settings)": "who runs this installation",
    r"GET /(offline|service-worker)": "the empty page, and what the browser does without a line",
    r"packtrail site": "who runs this installation",
    r"\w+ /verify-dossier": "whether a dossier is whole, not what it says of packs",
    r"GET /(00|253|414|417|8003|8004)/": "what cases, documents and places went through; no packs",
    r"\w+ /sensors": "what readings mean; packs are judged by it when they are asked about",
    r"\w+ /sheets": "takes in what is there; it is judged when it is asked about",
    r"packtrail import": "takes in what is there; it is judged when it is asked about",
    r"\w+ /proof": "that an entry stands in the log",
    r"(GET /|packtrail )insight": "numbers of packs over a period, none about one pack",
    r"\w+ /(recalls|recall|quarantine|answer)": "names packs that are stopped, clears none",
    r"(GET /stock|packtrail stock)": "a view of item state; each act on the goods is judged",
    r"\w+ /(recalls|recall|quarantine)": "names packs that are stopped, clears none",
    r"\w+ /(archive|cases|holds|requests|audits|partners|retention|access|alerts|anomalies)": (
        "work about packs, no answer about one"
    ),
    r"\w+ /(channels|messages|as2)": "files to and from partners; capture judges what is in them",
    r"packtrail exchange": "files to and from partners",
    r"\w+ /fmd/(alerts|logins|participants|uploads|must-verify|anomalies|exemptions|lots)": (
        "the desks of the national system"
    ),
    r"\w+ /verify/(directory|extensions|requests|sensors)": "what partners told, and answers kept",
    r"\w+ /(verify/)?checkConnectivity": "about a product, not a pack",
    r"(\w+ /transactions|packtrail transaction)": "what was shipped, no judgement on a pack",
    r"(\w+ /receiv(e|ing)|packtrail receive)": "acts of receiving and holding, judged as those are",
    r"\w+ /files": "explains a file; what is captured is judged afterwards",
    r"GET /packs/returns": "decisions kept, made at POST /packs/returns",
    r"(GET /returns|POST /returns/(page/)?settled)": "decisions kept, made at POST /returns",
    r"POST /packs/scan": "reads a code, says nothing about the pack",
    r"GET /packs/\{pack\}/trace": "events and places, no judgement",
    r"GET /$": "the page to scan on",
    r"GET /(menu|jump)$": "ways to other pages",
    r"packtrail (access|alerts|anomalies|archive|audit|capture|case|check|convert|directory)": (
        "no answer about a pack"
    ),
    r"packtrail (doctor|extensions|fsck|hash|hold|keys|licence|parse|recall|request|restamp)": (
        "no answer about a pack"
    ),
    r"packtrail (backup|restore|validation)": "no answer about a pack",
    r"\w+ /keys": "what dossiers are signed with",
    r"packtrail (quarantine|retention|returns|scan|sensors|serve|trace|snapshot (check|key))": (
        "no answer about a pack"
    ),
    r"(\w+ /|packtrail )(serials|label|line)": "numbers and labels before they are on a pack",
    r"(\w+ /|packtrail )counts?": "what lies where; an adjustment is an act, judged as those are",
    r"GET /regulator": "what somebody read, and why",
    r"POST /tables/excel": "what a page has shown already, as a file",
    r"(\w+ /|packtrail )inspections?": "samples of a lot, which is on hold; a result is an act",
    r"(\w+ /|packtrail )orders?": "what customers ask for; packs are judged when they are picked",
    r"packtrail verify-export": ("no answer about a pack"),
}
"""Routes and commands that do not judge packs, by pattern, and why they need not."""


def silent_because(door: str) -> str | None:
    """Why a route or command need not be asked; None where nothing says so."""
    return next((why for pattern, why in SILENT.items() if re.match(pattern, door)), None)


def known_doors() -> set[str]:
    """All doors that are asked, by the name of their route or command."""
    named = {*VERIFYING, *SELLING, *UNDOING, *TAKING_OUT, *ELSEWHERE}
    return {re.sub(r" (\.json|G\d+)$", "", name) for name in named}
