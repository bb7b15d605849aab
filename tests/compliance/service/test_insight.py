"""What lasts how long, moves slowly, comes back or gets lost, counted from acts and files."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from typer.testing import CliRunner

from compliance.insight.movements import MovedWay, movements
from compliance.insight.tables import reorder_point
from compliance.seal import Keys
from compliance.service.app import create_app
from compliance.service.cli import command_line
from compliance.service.context import ServiceContext
from tests.compliance.service.hands import (
    GTIN,
    PHARMACY,
    PLANT,
    WAREHOUSE,
    Clock,
    Hands,
    made,
    pack,
    signed,
    sscc,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock(now):
    return Clock(now)


@pytest.fixture
async def client(store, settings, clock):
    app = create_app(ServiceContext.of(settings, store, Keys.open(settings.keys_folder), clock))
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield client


@pytest.fixture
def hands(client, store, now):
    scopes = ("act", "supply", "destroy", "recall", "verify", "capture", "query", "admin")
    return Hands(client, signed(store, now, "ann", *scopes))


async def table(hands, kind, **asked):
    answer = await hands.client.get(f"/insight/{kind}", params=asked, headers=hands.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["rows"]


@pytest.fixture
async def a_month(hands, clock):
    """A pallet of ten goes to the warehouse, which ships seven, gets one back and loses one."""
    await made(hands, range(1, 13))
    await hands.do("pack", [pack(n) for n in range(1, 11)], parent=sscc(1))
    await hands.do("pack", [sscc(1)], parent=sscc(2))
    clock.now += timedelta(days=1)
    await hands.do("ship", [sscc(2)], to=WAREHOUSE)
    clock.now += timedelta(days=1)
    await hands.do("receive", [sscc(2)], WAREHOUSE, to=PLANT)
    await hands.do("unpack", [sscc(1)], WAREHOUSE, parent=sscc(2))
    await hands.do("unpack", [pack(n) for n in range(1, 11)], WAREHOUSE, parent=sscc(1))
    for first, last in ((1, 3), (3, 8)):
        clock.now += timedelta(days=7)
        await hands.do("ship", [pack(n) for n in range(first, last)], WAREHOUSE, to=PHARMACY)
    await hands.do("return", [pack(1)], WAREHOUSE, to=PHARMACY)
    await hands.do("count-adjust", [pack(9)], WAREHOUSE, result="missing", reason="not found")
    clock.now += timedelta(days=7)


async def test_what_comes_and_goes_is_counted_in_packs_not_in_pallets(hands, a_month) -> None:
    (row,) = await table(hands, "turnover", place=WAREHOUSE, days=30)
    assert (row["GTIN"], row["packs in"], row["packs out"]) == (GTIN, 10, 7)
    assert row["packs in stock"] == 3
    assert row["stock lasts days"] == round(3 / (7 / 30), 1)
    (plant,) = await table(hands, "turnover", place=PLANT, days=30)
    assert (plant["packs in"], plant["packs out"], plant["packs in stock"]) == (12, 10, 2)
    (back,) = await table(hands, "returns", place=WAREHOUSE, days=30)
    assert (back["lot"], back["packs back"], back["% of packs out"]) == ("L1", 1, 14.3)
    lost = await table(hands, "shrinkage", place=WAREHOUSE, days=30)
    assert sorted((row["cause"], row["packs"]) for row in lost) == [("lost", 1), ("missing now", 1)]


async def test_slow_movers_ages_and_expiries_stand_by_their_days(hands, clock, a_month) -> None:
    (slow,) = await table(hands, "slow", place=WAREHOUSE)
    assert slow["days since"] == 7
    (age,) = await table(hands, "age", place=WAREHOUSE)
    assert (age["days here"], age["packs"]) == (7, 3)
    (recent,) = await table(hands, "age", place=WAREHOUSE, days=3)
    assert (recent["last arrival"], recent["days here"]) == ("before", 3)
    (expiry,) = await table(hands, "expiry", place=WAREHOUSE)
    assert expiry["expiry"] == "2028-05-31"
    left = expiry["days left"]
    clock.now += timedelta(days=left)
    (last,) = await table(hands, "expiry", place=WAREHOUSE)
    assert last["days left"] == 0


async def test_a_voided_shipment_was_no_demand(hands, clock) -> None:
    await made(hands, range(1, 4))
    await hands.do("ship", [pack(1), pack(2)], to=WAREHOUSE)
    (row,) = await table(hands, "demand", place=PLANT, days=28)
    assert row["out a week"] == 0.5
    await hands.do("void", [pack(1), pack(2)])
    (row,) = await table(hands, "turnover", place=PLANT, days=28)
    assert (row["packs out"], row["packs in stock"]) == (0, 3)


async def test_what_to_order_follows_the_formula_that_the_page_explains(hands, a_month) -> None:
    (row,) = await table(hands, "demand", place=WAREHOUSE, days=28, leadDays=14)
    weeks = [0, 2, 5, 0]
    assert row["out a week"] == round(sum(weeks) / 4, 1)
    spread = (sum((one - sum(weeks) / 4) ** 2 for one in weeks) / 4) ** 0.5
    assert row["spread"] == round(spread, 1)
    assert row["order now"] == row["reorder point"] - 3
    page = await hands.client.get(
        "/insight/demand", params={"place": WAREHOUSE},
        headers={**hands.headers, "accept": "text/html"},
    )  # fmt: skip
    assert "1.65" in page.text
    assert "no season" in page.text


async def test_a_table_goes_out_as_csv_excel_and_chart(hands, a_month, tmp_path) -> None:
    asked = {"place": WAREHOUSE, "days": 30}
    get = hands.client.get
    plain = await get("/insight/turnover", params={**asked, "format": "csv"}, headers=hands.headers)
    head, row = csv.reader(io.StringIO(plain.text))
    assert dict(zip(head, row, strict=True))["packs out"] == "7"
    book = await get("/insight/turnover", params={**asked, "format": "xlsx"}, headers=hands.headers)
    sheet = load_workbook(io.BytesIO(book.content)).active
    assert [[cell.value for cell in line] for line in sheet.rows] == [head, row]
    chart = await get("/insight/turnover", params={**asked, "format": "svg"}, headers=hands.headers)
    assert chart.headers["content-type"].startswith("image/svg+xml")
    assert f">{GTIN}<" in chart.text


async def test_wrong_questions_are_answered_with_what_to_ask(hands) -> None:
    get = hands.client.get
    unknown = await get("/insight/weather", headers=hands.headers)
    assert unknown.status_code == 404
    assert "turnover" in unknown.json()["detail"]
    for wrong in ({"place": "123"}, {"days": 0}, {"days": "x"}, {"leadDays": 400}):
        refused = await get("/insight/demand", params=wrong, headers=hands.headers)
        assert refused.status_code in (400, 422)
        assert next(iter(wrong)) in refused.text
    page = await get(
        "/insight/demand", params={"place": "123"}, headers={**hands.headers, "accept": "text/html"}
    )
    assert page.status_code == 422
    assert 'role="alert"' in page.text


async def test_a_stranger_learns_nothing_of_another_site(
    client, hands, store, now, a_month
) -> None:
    stranger = signed(store, now, "eve", "query", party=PHARMACY)
    answer = await client.get("/insight/turnover", params={"place": WAREHOUSE}, headers=stranger)
    assert answer.status_code == 200
    assert all(row["packs out"] == 0 for row in answer.json()["rows"])
    assert WAREHOUSE not in answer.text


async def test_the_command_shows_the_same_numbers(
    hands, settings, clock, a_month, tmp_path
) -> None:
    out = tmp_path / "turnover.csv"
    words = ["insight", "turnover", "--place", WAREHOUSE, "--days", "30"]
    words += ["--database", settings.database, "--now", clock.now.isoformat()]
    shown = CliRunner().invoke(command_line("insight"), words)
    assert shown.exit_code == 0, shown.output
    assert shown.output.splitlines()[1].split()[:3] == [GTIN, "10", "7"]
    written = CliRunner().invoke(command_line("insight"), [*words, "-o", str(out)])
    assert written.exit_code == 0, written.output
    assert GTIN in out.read_text()
    wrong = CliRunner().invoke(command_line("insight"), ["insight", "weather", *words[2:]])
    assert wrong.exit_code == 2
    assert "turnover" in wrong.output


async def test_movements_of_a_day_are_those_of_its_events(hands, store, clock, a_month) -> None:
    until = clock.now.date() + timedelta(days=1)
    with store.read() as snapshot:
        found = movements(snapshot, f"/414/{WAREHOUSE}", until - timedelta(days=30), until)
        later = movements(snapshot, f"/414/{WAREHOUSE}", until - timedelta(days=7), until)
    assert not found.is_cut
    by_way = {}
    for one in found.rows:
        by_way[one.direction] = by_way.get(one.direction, 0) + one.packs
    assert by_way == {MovedWay.IN: 10, MovedWay.OUT: 7, MovedWay.BACK: 1, MovedWay.LOST: 1}
    assert sum(one.packs for one in later.rows) <= 7


@given(
    a_week=st.floats(0, 1e5), spread=st.floats(0, 1e4), lead_days=st.integers(0, 365),
    more=st.floats(0, 1e4),
)  # fmt: skip
def test_more_demand_more_spread_or_more_time_never_asks_for_less(
    a_week, spread, lead_days, more
) -> None:
    point = reorder_point(a_week, spread, lead_days)
    assert point >= 0
    assert reorder_point(a_week + more, spread, lead_days) >= point
    assert reorder_point(a_week, spread + more, lead_days) >= point
    assert reorder_point(a_week, spread, lead_days + 1) >= point
