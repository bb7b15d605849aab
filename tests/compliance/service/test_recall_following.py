"""A recall is followed to its end: webhooks, effectiveness checks, and packs that come back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from chain import GTIN, PHARMACY, WHOLESALER, case, commission, pack, put, receive, ship

from compliance.cases.cases import CaseKind, list_cases
from compliance.recall.answers import (
    RecallAnswer,
    RecallContact,
    keep_answer,
    keep_contact,
    notices_of,
)
from compliance.recall.checks import CheckResult, checks_of, keep_check, percent_of, plan_checks
from compliance.recall.messages import NoticePost, send_due
from compliance.recall.notices import keep_notices
from compliance.recall.reach import Notified
from compliance.recall.recall import RecallWanted, approve_recall, start_recall
from compliance.recall.returned import ReturnOutcome, returns_of
from compliance.recall.scope import RecallRefused, RecallScope
from compliance.recall.webhook import NoticeHooks
from compliance.receiving.recall_returns import SUSPECTS_MAX, take_back
from compliance.reports.recalls import recall_sections
from epcis.capture import record
from epcis.subscribe.delivery import signature
from tests.verdicts import verify
from verification.decision.words import Word

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOOKS = NoticePost(None, "https://track.example", "", NoticeHooks(private_allowed=True))


def hours(number: float) -> datetime:
    return NOON + timedelta(hours=number)


@pytest.fixture
def chain_of_four(store):
    """Packs 1 and 2 at the wholesaler, 3 at the pharmacy, 4 still at the maker; lot L1."""
    with store.write(NOON) as tx:
        record(tx, [
            commission(0, [pack(n) for n in range(1, 5)]),
            commission(1, [pack(9)], lot="L2"),
            put(2, case(1), [pack(1), pack(2)]),
            ship(3, [case(1)]),
            receive(4, [case(1)]),
            ship(5, [pack(3)], receiver=PHARMACY),
            receive(6, [pack(3)], receiver=PHARMACY),
        ])  # fmt: skip
    return store


def approved(store, *, is_drill=False):
    wanted = RecallWanted(
        scope=RecallScope.parse(gtin=GTIN, lot="L1"),
        reason="glass",
        recall_class="II",
        is_drill=is_drill,
    )
    with store.write(NOON) as tx:
        opened = start_recall(tx, wanted, by="ann")
    with store.write(hours(1)) as tx:
        return approve_recall(tx, opened.id, by="ben")


def notice_to(store, recall, gln):
    with store.read() as snapshot:
        (found,) = [one for one in notices_of(snapshot, recall.id) if one.gln == gln]
    return found


def with_hook(store, webhook, *, token=""):
    contact = RecallContact.parse(WHOLESALER, "", webhook=webhook.url, token=token)
    with store.write(NOON) as tx:
        keep_contact(tx, contact, by="ann")


def test_a_program_of_the_holder_gets_the_notice_signed_with_the_link_to_answer(
    chain_of_four, webhook
) -> None:
    with_hook(chain_of_four, webhook, token="secret")
    recall = approved(chain_of_four)
    assert send_due(chain_of_four, HOOKS, hours(2)) == 1
    ((_, headers, body),) = webhook.received
    notice_sent = orjson.loads(body)
    assert (notice_sent["message"], notice_sent["packs"], notice_sent["class"]) == (
        "recall notice",
        2,
        "II",
    )
    assert notice_sent["answerAt"].startswith("https://track.example/answer/")
    assert headers["GS1-Signature"] == signature("secret", body, hours(2))
    notice = notice_to(chain_of_four, recall, WHOLESALER)
    assert (notice.channel, notice.fault) == ("webhook", "")
    assert send_due(chain_of_four, HOOKS, hours(3)) == 0
    assert send_due(chain_of_four, HOOKS, hours(27)) == 1
    assert orjson.loads(webhook.received[-1][2])["message"] == "recall reminder"


def test_a_webhook_inside_our_own_network_is_not_called(chain_of_four, webhook) -> None:
    with_hook(chain_of_four, webhook)
    recall = approved(chain_of_four)
    assert send_due(chain_of_four, NoticePost(None), hours(2)) == 0
    assert "public" in notice_to(chain_of_four, recall, WHOLESALER).fault
    assert not webhook.received


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({}, "an e-mail address, a webhook"),
        ({"webhook": "ftp://x.example/"}, "http"),
        ({"webhook": "https://u:p@x.example/"}, "password"),
        ({"webhook": "https://x.example/", "token": "é"}, "ASCII"),
    ],
)
def test_a_contact_that_reaches_nobody_is_refused(more, why) -> None:
    with pytest.raises(RecallRefused, match=why):
        RecallContact.parse(WHOLESALER, "", **more)


def many_holders(store, recall, number):
    holders = [Notified(f"{9521322000000 + n}", f"Pharmacy {n}", 1) for n in range(number)]
    with store.write(hours(2)) as tx:
        keep_notices(tx, recall.id, holders)


def test_the_level_says_how_many_holders_are_checked_and_nobody_picks_them(chain_of_four) -> None:
    recall = approved(chain_of_four)
    many_holders(chain_of_four, recall, 37)  # forty with those of the chain
    with chain_of_four.write(hours(3)) as tx:
        drawn = plan_checks(tx, recall.id, "C", by="ann")
        assert len(drawn.checks) == 4
        assert plan_checks(tx, recall.id, "C", by="ann").checks == drawn.checks
        more = plan_checks(tx, recall.id, "B", percent=50, by="ann")
        assert len(more.checks) == 20
        assert {one.notice for one in drawn.checks} <= {one.notice for one in more.checks}
        with pytest.raises(RecallRefused, match="stay drawn"):
            plan_checks(tx, recall.id, "D", by="ann")
    many_holders(chain_of_four, recall, 57)
    with chain_of_four.read() as snapshot:
        assert len(checks_of(snapshot, recall.id).checks) == 30
    with chain_of_four.write(hours(5)) as tx:
        assert len(plan_checks(tx, recall.id, "A", by="ann").checks) == 60


@pytest.mark.parametrize(
    ("level", "percent"), [("F", None), ("B", None), ("B", 10), ("B", 100), ("C", 20), ("", None)]
)
def test_a_level_that_is_none_is_refused(level, percent) -> None:
    with pytest.raises(RecallRefused):
        percent_of(level, percent)


def test_what_a_check_found_stands_in_the_closing_report(chain_of_four) -> None:
    recall = approved(chain_of_four)
    with chain_of_four.write(hours(2)) as tx:
        drawn = plan_checks(tx, recall.id, "A", by="ann").checks
        first, second = drawn[0].notice, drawn[1].notice
        keep_check(tx, first, CheckResult(outcome="effective", how="telephone"), by="cleo")
        with pytest.raises(RecallRefused, match="say in a note"):
            keep_check(tx, second, CheckResult(outcome="not effective", how="visit"), by="cleo")
        bad = CheckResult(outcome="not effective", how="visit", note="3 packs on the shelf")
        keep_check(tx, second, bad, by="cleo")
        with pytest.raises(RecallRefused, match="not among those"):
            keep_check(tx, "N-1", bad, by="cleo")
    with chain_of_four.read() as snapshot:
        sections = {one.title: one for one in recall_sections(snapshot, recall, hours(3))}
    report = sections["Effectiveness checks"]
    assert dict(report.facts)["effective"] == "1"
    assert any("3 packs on the shelf" in row for row in report.rows)


def returned(store, notice, numbers, *, by="dan", at=4.0):
    with store.write(hours(at)) as tx:
        return take_back(tx, notice.id, [pack(n) for n in numbers], by=by)


def outcomes(taken):
    return {one.key.rpartition("/")[2]: one.outcome for one in taken.packs}


def test_returned_packs_are_counted_by_serial_for_who_had_them(chain_of_four) -> None:
    recall = approved(chain_of_four)
    wholesaler = notice_to(chain_of_four, recall, WHOLESALER)
    with chain_of_four.write(hours(2)) as tx:
        answer = RecallAnswer(by="Cleo", received=2, found=2, returned=2)
        keep_answer(tx, wholesaler.id, answer)
    taken = returned(chain_of_four, wholesaler, [1, 3, 9])
    assert outcomes(taken) == {
        "P1": ReturnOutcome.THEIRS,
        "P3": ReturnOutcome.ELSEWHERE,
        "P9": ReturnOutcome.NOT_RECALLED,
    }
    again = returned(chain_of_four, wholesaler, [1])
    assert outcomes(again) == {"P1": ReturnOutcome.AGAIN}
    with chain_of_four.read() as snapshot:
        rows = {one.notice.gln: one for one in returns_of(snapshot, recall.id)}
        (found,) = list_cases(snapshot)
        sections = {one.title: one for one in recall_sections(snapshot, recall, hours(5))}
    assert (rows[WHOLESALER].accounted, rows[WHOLESALER].difference) == (2, 0)
    assert rows[PHARMACY].difference is None
    assert (found.kind, found.partner) == (CaseKind.EXCEPTION, WHOLESALER)
    assert [row[2] for row in sections["Packs that came back"].rows] == [
        "delivered there", "never delivered there", "not recalled",
    ]  # fmt: skip


def test_a_case_stands_for_the_packs_in_it(chain_of_four) -> None:
    recall = approved(chain_of_four)
    wholesaler = notice_to(chain_of_four, recall, WHOLESALER)
    with chain_of_four.write(hours(2)) as tx:
        taken = take_back(tx, wholesaler.id, [case(1), "rubbish"], by="dan")
    assert outcomes(taken) == {"P1": ReturnOutcome.THEIRS, "P2": ReturnOutcome.THEIRS}
    assert taken.unreadable == ("rubbish",)


def test_an_unknown_serial_and_one_from_two_holders_are_suspect(chain_of_four) -> None:
    recall = approved(chain_of_four)
    wholesaler = notice_to(chain_of_four, recall, WHOLESALER)
    pharmacy = notice_to(chain_of_four, recall, PHARMACY)
    returned(chain_of_four, wholesaler, [1])
    twice = returned(chain_of_four, pharmacy, [1, 77], at=5)
    assert outcomes(twice) == {"P1": ReturnOutcome.TWICE, "P77": ReturnOutcome.UNKNOWN}
    with chain_of_four.read() as snapshot:
        suspects = {one.serial: one for one in list_cases(snapshot)}
        assert suspects.keys() == {"P1", "P77"}
        assert {one.kind for one in suspects.values()} == {CaseKind.SUSPECT}
        assert verify(snapshot, GTIN, "P77", now=hours(6)).word is not Word.OK
    with pytest.raises(RecallRefused, match="list belongs"):
        returned(chain_of_four, pharmacy, range(1000, 1001 + SUSPECTS_MAX), at=7)


def test_a_drill_counts_and_opens_no_case(chain_of_four) -> None:
    recall = approved(chain_of_four, is_drill=True)
    wholesaler = notice_to(chain_of_four, recall, WHOLESALER)
    assert outcomes(returned(chain_of_four, wholesaler, [77])) == {"P77": ReturnOutcome.UNKNOWN}
    with chain_of_four.read() as snapshot:
        assert list_cases(snapshot) == []


def test_a_person_draws_checks_and_counts_returns_on_the_page(chain_of_four, browser) -> None:
    recall = approved(chain_of_four)
    wholesaler = notice_to(chain_of_four, recall, WHOLESALER)
    ann = browser()
    ann.sign_in()
    board = ann.get("/recalls/board").text
    assert f"/recalls/board/follow?number={recall.id}" in board
    refused = ann.post("/recalls/board/checks", number=recall.id, level="B")
    assert (refused.status_code, "level B" in refused.text) == (409, True)
    drawn = ann.post("/recalls/board/checks", number=recall.id, level="A")
    assert drawn.status_code == 303, drawn.text
    page = ann.get(f"/recalls/board/follow?number={recall.id}").text
    assert "To be checked." in page
    ann.post(
        "/recalls/board/check", number=wholesaler.id, outcome="effective", how="visit", note="all"
    )
    counted = ann.post(
        "/recalls/board/returns", number=wholesaler.id, scans=f"{pack(1)}\n{pack(2)}"
    )
    assert "Counted: 2 packs" in counted.text
    assert "1 of 3 are checked" in counted.text
