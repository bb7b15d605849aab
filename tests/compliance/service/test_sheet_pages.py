"""The warehouse's sheet over HTTP, on the page and by the command: one answer at each."""

from __future__ import annotations

import asyncio
import json

import pytest
from typer.testing import CliRunner

from compliance.service import access
from compliance.service.access import Grant
from compliance.service.accounts import put_account
from compliance.service.cli import command_line
from tests.compliance.service.browsers import WORD

GOOD = b"gtin,serial,lot,expiry,place\n9521321000018,A1,L1,2028-05-31,9521321000001\n"
WRONG = GOOD.replace(b"2028-05-31", b"31.05.2028")
MAP = b'dates = "%d.%m.%Y"\n'


@pytest.fixture
def clerk(browser, store, now):
    with store.write(now) as tx:
        put_account(tx, Grant("clerk", access.EVERYTHING), WORD, by="qa")
    clerk = browser()
    clerk.sign_in("clerk")
    return clerk


def send(browser, path: str, sheet: bytes, accept: str = "text/html", **more):
    files = {"file": ("stock.csv", sheet)}
    if "map_file" in more:
        files["map_file"] = ("ours.toml", more.pop("map_file"))
    posting = browser.http.post(path, files=files, data=more, headers={"Accept": accept})
    return asyncio.run(posting)


def test_the_page_checks_a_sheet_and_then_takes_it_in(clerk) -> None:
    assert "Take in a sheet" in clerk.get("/sheets").text
    wrong = send(clerk, "/sheets", WRONG, table="stock")
    assert (wrong.status_code, "<td>2</td>" in wrong.text) == (422, True)
    assert "a day is written as" in wrong.text
    checked = send(clerk, "/sheets", WRONG, table="stock", map_file=MAP, dry_run="true")
    assert "all good, nothing written" in checked.text
    done = send(clerk, "/sheets", WRONG, table="stock", map_file=MAP)
    assert (done.status_code, "captured with 1 new events" in done.text) == (200, True)
    again = send(clerk, "/sheets", GOOD, table="stock")
    assert "is known here" in again.text


def test_a_program_gets_the_same_as_json(clerk) -> None:
    refused = send(clerk, "/sheets/stock", WRONG, "application/json").json()
    assert refused["findings"][0]["where"] == {"line": 2, "path": "expiry"}
    dry = send(clerk, "/sheets/stock?dry_run=true", GOOD, "application/json").json()
    assert (dry["rows"], dry["good"], dry["written"]) == (1, True, False)
    assert send(clerk, "/sheets/stock", GOOD, "application/json").json()["events"] == 1
    written = asyncio.run(clerk.http.get("/sheets/packs/file?format=csv"))
    assert '"09521321000018","A1","L1"' in written.text
    assert asyncio.run(clerk.http.get("/sheets/packs/file?format=xlsx")).content[:2] == b"PK"
    assert asyncio.run(clerk.http.get("/sheets/colours/file")).status_code == 404
    names = {one["table"] for one in asyncio.run(clerk.http.get("/sheets/tables")).json()}
    assert names == {"products", "places", "stock"}


@pytest.mark.parametrize(
    ("path", "sheet", "more", "status"),
    [
        ("/sheets/colours", GOOD, {}, 404),
        ("/sheets/stock", b"\0\0", {}, 422),
        ("/sheets/stock", GOOD, {"map": "nobodys"}, 422),
        ("/sheets/stock", GOOD, {"map_file": b"[broken"}, 422),
        ("/sheets/stock?at=yesterday", GOOD, {}, 400),
    ],
)
def test_nonsense_is_a_problem_that_says_what(clerk, path, sheet, more, status) -> None:
    answer = send(clerk, path, sheet, "application/json", **more)
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    )
    page = send(clerk, "/sheets", sheet, table=path.split("/")[2].split("?")[0], **more)
    assert page.status_code in (200, status)


def test_a_partner_cannot_ask_which_packs_are_here(browser, store, now) -> None:
    with store.write(now) as tx:
        stranger = Grant("stranger", access.EVERYTHING, "/414/0366666000014")
        put_account(tx, stranger, WORD, by="qa")
    stranger = browser()
    stranger.sign_in("stranger")
    assert send(stranger, "/sheets/stock?dry_run=true", GOOD).status_code == 404


def test_the_command_says_what_the_page_says(settings, store, tmp_path) -> None:
    (tmp_path / "stock.csv").write_bytes(WRONG)
    (tmp_path / "ours.toml").write_bytes(MAP)
    run = ["import", "stock", str(tmp_path / "stock.csv")]
    where = {"PACKTRAIL_DATABASE": settings.database, "PACKTRAIL_DATA_DIR": str(settings.data_dir)}

    def packtrail(*more: str):
        return CliRunner().invoke(command_line(), [*run, *more], env=where)

    refused = packtrail()
    assert (refused.exit_code, "row 2: expiry is" in refused.output) == (1, True)
    mapped = ["--map", str(tmp_path / "ours.toml")]
    assert "all good, nothing written" in packtrail(*mapped, "--dry-run").output
    done = packtrail(*mapped, "--json")
    assert (done.exit_code, json.loads(done.output)["events"]) == (0, 1)
    assert packtrail(*mapped).exit_code == 1
    assert "ready ones are" in packtrail("--map", "none.toml").output
    out = str(tmp_path / "packs.csv")
    written = CliRunner().invoke(command_line(), ["export", "packs", "-o", out], env=where)
    assert (written.exit_code, "1 rows" in written.output) == (0, True), written.output
    unknown = CliRunner().invoke(command_line(), ["import", "colours", "x"], env=where)
    assert (unknown.exit_code, "there are products, places, stock" in unknown.output) == (2, True)
