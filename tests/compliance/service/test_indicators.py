"""How well duties are kept: the same figures in the metrics and in `packtrail doctor`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from chain import pack, see
from hands import hand
from prometheus_client.parser import text_string_to_metric_families

from compliance.cases.cases import CaseKind, NewCase, Notice, State, open_case, take_step
from compliance.duty_clocks import ANSWERS, AUDITS, NOTICES, ClockState, running_clocks
from compliance.partners.audits import close_audit, plan_audit
from compliance.reports.service_times import LONGER, add_times
from compliance.seal import Keys
from compliance.service.app import create_app
from compliance.service.context import ServiceContext
from compliance.service.doctor import _exchange
from compliance.service.indicators import indicators_at
from epcis.capture import capture
from epcis.codec.document import write_event_json
from verification.registry.pack_tables import verification_request

pytestmark = pytest.mark.anyio
HOUR = timedelta(hours=1)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def declared_illegitimate(store, now):
    wanted = NewCase(CaseKind.SUSPECT, "counterfeit", "09506000134352", "a false hologram", lot="L")
    with store.write(now) as tx:
        case = open_case(tx, wanted, by="Ada").id
        take_step(tx, case, State.INVESTIGATING, by="Ada")
        take_step(tx, case, State.ILLEGITIMATE, by="Ada", note="the maker says so")
    return case


def states(store, now) -> dict[str, str]:
    with store.read() as snapshot:
        return {clock.subject: clock.state(now).value for clock in running_clocks(snapshot)}


def test_the_notices_of_a_case_run_for_a_day_and_end_when_both_were_given(store, now):
    case = declared_illegitimate(store, now)
    assert states(store, now + 17 * HOUR) == {case: "running"}
    assert states(store, now + 19 * HOUR) == {case: "at risk"}
    assert states(store, now + 24 * HOUR) == {case: "overdue"}
    with store.write(now) as tx:
        take_step(tx, case, Notice.FDA, by="Ada")
        take_step(tx, case, Notice.FDA, by="Ada")
    assert states(store, now) == {case: "running"}
    with store.write(now) as tx:
        take_step(tx, case, Notice.PARTNERS, by="Ada")
    assert states(store, now) == {}


def test_a_question_runs_while_it_is_asked_again_and_an_audit_until_it_is_done(store, now):
    hour_us = 3_600_000_000
    with store.write(now) as tx:
        audit = plan_audit(tx, now.date(), scope="all", auditor="Lovelace & Co", by="qa").id
        for name, next_us in (("waits", 1), ("answered", None)):
            tx.connection.execute(
                verification_request.insert().values(
                    corr_uuid=name, asked_us=0, due_us=24 * hour_us, next_us=next_us, tries=1,
                    question=b"{}", answer=b"{}",
                )
            )  # fmt: skip
    began = datetime(1970, 1, 1, tzinfo=UTC)
    with store.read() as snapshot:
        found = {clock.duty: clock for clock in running_clocks(snapshot)}
    assert found[ANSWERS].subject == "waits"
    assert found[ANSWERS].state(began + 20 * HOUR) is ClockState.AT_RISK
    assert found[AUDITS].due.date() == now.date() + timedelta(days=1)
    with store.write(now) as tx:
        close_audit(tx, audit, now.date(), outcome="no findings", by="qa")
    assert set(states(store, now)) == {"waits"}


async def metrics(settings, store, now) -> dict[tuple[str, ...], float]:
    """Every gauge, by its name and the values of its labels."""
    keys = Keys.open(settings.keys_folder)
    app = create_app(ServiceContext.of(settings, store, keys, lambda: now))
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        said = (await client.get("/metrics")).text
    families = text_string_to_metric_families(said)
    return {
        (one.name, *one.labels.values()): one.value for family in families for one in family.samples
    }


async def test_metrics_say_how_well_duties_are_kept(settings, store, now):
    before = await metrics(settings, store, now)
    assert ("packtrail_answers_in_time_share",) not in before  # of nothing there is no share
    capture(store, write_event_json(see(1, [pack("waits")], "storing")), now=now)
    case = declared_illegitimate(store, now)
    with store.write(now) as tx:
        counts = {("packs", 300): 90, ("verify", 5): 7, ("packs", LONGER): 3, ("epcis", LONGER): 9}
        add_times(tx, (now - timedelta(days=28)).date(), counts)
        add_times(tx, (now - timedelta(days=31)).date(), {("packs", LONGER): 5_000})
    later = await metrics(settings, store, now + 20 * HOUR)
    assert later["packtrail_answers_in_time_share",] == pytest.approx(0.97)
    assert later["packtrail_answers_in_time_share_min",] == 0.95
    assert later["packtrail_clocks", NOTICES, "at risk"] == 1
    assert later["packtrail_clocks", NOTICES, "overdue"] == 0
    assert later["packtrail_clocks", AUDITS, "running"] == 0
    assert later["packtrail_outbox_rows",] == 1
    assert later["packtrail_outbox_age_seconds",] == 20 * 3600
    assert later["packtrail_capture_jobs_waiting",] == 0
    assert not any(case in label for label in later)


def test_doctor_says_which_clock_is_near_its_end_and_what_waits(settings, store, tmp_path):
    now = datetime.now(UTC)
    case = declared_illegitimate(store, now - 20 * HOUR)
    capture(store, write_event_json(see(1, [pack("waits")], "storing")), now=now - HOUR)
    with store.write(now) as tx:
        add_times(tx, now.date(), {("packs", 300): 9, ("packs", LONGER): 1})
    run = hand(
        {"PACKTRAIL_DATA_DIR": str(settings.data_dir), "PACKTRAIL_DATABASE": settings.database_url}
    )
    told = run("doctor", "--json")
    assert told.code == 0, told.err  # it can work; what is late is said all the same
    said = {one["name"]: one for one in told.json}
    assert said["legal clocks"]["says"] == "1 run, 1 at risk, 0 overdue"
    assert said["legal clocks"]["means"].startswith(f"{case}: {NOTICES}, by ")
    assert "90.00% of 10 within 300 ms" in said["answers in time"]["says"]
    assert "95 %" in said["answers in time"]["means"]
    assert not said["backlog"]["well"]
    assert "1 to judge" in said["backlog"]["says"]


async def test_stuck_messages_and_ending_certificates_are_named(settings, store, now, tmp_path):
    from partners import Site

    site = Site(store, tmp_path / "site", now)
    site.connect("maker", "as2", own_name="US", partner_name="MAKER")  # and no address to send to
    site.connect("erp", "folder")
    site.receive("erp", "m-1", b"%PDF-1.4 no shipment")
    site.send("maker", "o-1", b"<a/>")
    before = await metrics(settings, store, now)
    assert before["packtrail_exchange_stuck", "dead"] == 0
    assert before["packtrail_exchange_certificates_ending",] == 0
    site.work()
    soon = now + timedelta(days=3 * 365 - 20)
    later = await metrics(settings, store, soon)
    assert later["packtrail_exchange_stuck", "dead"] == 1
    assert later["packtrail_exchange_stuck", "set aside"] == 1
    assert later["packtrail_exchange_certificates_ending",] == 1
    with store.read() as snapshot:
        check = _exchange(indicators_at(snapshot, soon))
    assert check.says == "2 messages wait for a person, 1 certificates end soon"
    assert "a certificate of channel maker expires on" in check.means
