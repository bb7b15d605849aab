"""A recall's notices go out by e-mail, and whoever gets one answers without an account."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from chain import GTIN, PHARMACY, WHOLESALER, case, commission, pack, put, receive, ship
from mail_server import KeepingMailServer

from compliance.recall.answers import (
    RecallAnswer,
    RecallContact,
    answers_of,
    find_notice,
    keep_answer,
    keep_contact,
    notices_of,
)
from compliance.recall.arrivals import add_arrivals
from compliance.recall.messages import MailServer, NoticePost, hand_over, send_due
from compliance.recall.recall import (
    RecallWanted,
    approve_recall,
    close_recall,
    start_recall,
    withdraw_recall,
)
from compliance.recall.scope import RecallRefused, RecallScope
from compliance.reports.recalls import recall_sections
from epcis.capture import record

ADDRESS = "https://track.example"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def mail_server():
    server = KeepingMailServer()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def post(mail_server):
    server = MailServer(
        host="127.0.0.1", port=mail_server.port, security="none", sender="recall@maker.example"
    )
    return NoticePost(server, ADDRESS, "quality@maker.example")


@pytest.fixture
def chain_of_four(store):
    """Packs 1 and 2 at the wholesaler, who has an address; 3 and 4 still at the maker."""
    with store.write(NOON) as tx:
        record(tx, [
            commission(0, [pack(n) for n in range(1, 5)]),
            put(1, case(1), [pack(1), pack(2)]),
            ship(2, [case(1)]),
            receive(3, [case(1)]),
        ])  # fmt: skip
        keep_contact(tx, RecallContact.parse(WHOLESALER, "qa@wholesale.example"), by="ann")
    return store


def opened(store, *, by="ann", is_drill=False):
    scope = RecallScope.parse(gtin=GTIN, lot="L1")
    wanted = RecallWanted(
        scope=scope, reason="glass particles", recall_class="II", is_drill=is_drill
    )
    with store.write(NOON) as tx:
        return start_recall(tx, wanted, by=by)


def approved(store, **more):
    recall = opened(store, **more)
    with store.write(NOON + timedelta(minutes=1)) as tx:
        return approve_recall(tx, recall.id, by="ben")


def notice_to(store, recall, key):
    with store.read() as snapshot:
        (found,) = [one for one in notices_of(snapshot, recall.id) if one.gln == key]
    return found


def link_in(message) -> str:
    (link,) = re.findall(rf"{ADDRESS}(/answer/\S+)", message.get_content())
    return link


def hours(number: float) -> datetime:
    return NOON + timedelta(hours=number)


def test_nobody_gets_a_notice_before_a_second_person_approved_the_recall(
    chain_of_four, mail_server, post
) -> None:
    recall = opened(chain_of_four)
    assert send_due(chain_of_four, post, hours(1)) == 0
    with chain_of_four.write(hours(1)) as tx:
        approve_recall(tx, recall.id, by="ben")
    assert send_due(chain_of_four, post, hours(2)) == 1
    (message,) = mail_server.kept
    assert message["To"] == "qa@wholesale.example"
    assert message["Subject"] == f"URGENT: recall of lot L1 of {GTIN}"
    text = message.get_content()
    assert "glass particles" in text
    assert "Packs that you have by our records: 2" in text
    assert "Answer by 2026-06-04 14:00 UTC" in text
    assert send_due(chain_of_four, post, hours(3)) == 0


def test_the_holder_answers_by_the_link_without_an_account_and_corrects_itself(
    chain_of_four, mail_server, post, browser
) -> None:
    recall = approved(chain_of_four)
    send_due(chain_of_four, post, hours(1))
    holder, link = browser(), link_in(mail_server.kept[0])
    page = holder.get(link)
    assert (page.status_code, "glass particles" in page.text) == (200, True)
    assert page.headers["referrer-policy"] == "same-origin"
    slip = holder.post(link, by="Cleo", received="2", found="3")
    assert (slip.status_code, "only 2 received" in slip.text) == (422, True)
    assert notice_to(chain_of_four, recall, WHOLESALER).acknowledged is None
    odd = holder.post(link, by="Cleo", received="two", found="1")
    assert (odd.status_code, "no number of packs" in odd.text) == (422, True)
    done = holder.post(link, by="Cleo", received="2", found="1", quarantined="1")
    assert (done.status_code, "your answer is kept" in done.text) == (200, True)
    assert "1 of the packs in our records were not found" in done.text
    holder.post(link, by="Cleo", received="2", found="2", quarantined="1", returned="1")
    notice = notice_to(chain_of_four, recall, WHOLESALER)
    assert notice.acknowledged is not None
    assert (notice.answer.found, notice.answer.returned, notice.missing) == (2, 1, 0)
    with chain_of_four.read() as snapshot:
        assert [one.found for one in answers_of(snapshot, notice.id)] == [1, 2]


@pytest.mark.parametrize("token", ["x", "%00", "a" * 500, "../recalls"])
def test_a_link_that_is_none_opens_nothing(chain_of_four, browser, token) -> None:
    stranger = browser()
    for page in (stranger.get(f"/answer/{token}"), stranger.post(f"/answer/{token}", by="Eve")):
        assert page.status_code in (303, 401, 404)
        assert GTIN not in page.text


def test_who_stays_silent_is_reminded_and_our_own_people_hear_of_it(
    chain_of_four, mail_server, post
) -> None:
    recall = approved(chain_of_four)
    send_due(chain_of_four, post, hours(1))
    assert send_due(chain_of_four, post, hours(24)) == 0
    assert send_due(chain_of_four, post, hours(26)) == 1
    assert mail_server.kept[-1]["Subject"].startswith("REMINDER: URGENT: recall")
    assert not notice_to(chain_of_four, recall, WHOLESALER).is_overdue(hours(72))
    send_due(chain_of_four, post, hours(74))
    assert mail_server.kept[-1]["To"] == "quality@maker.example"
    assert WHOLESALER in mail_server.kept[-1].get_content()
    notice = notice_to(chain_of_four, recall, WHOLESALER)
    assert notice.escalated == hours(74)
    with chain_of_four.write(hours(75)) as tx:
        keep_answer(tx, notice.id, RecallAnswer(by="Cleo", received=2, found=2), entered_by="ann")
    number = len(mail_server.kept)
    send_due(chain_of_four, post, hours(200))
    assert len(mail_server.kept) == number


def test_more_packs_at_a_holder_are_a_new_notice_and_ask_for_a_new_answer(
    chain_of_four, mail_server, post
) -> None:
    recall = approved(chain_of_four)
    send_due(chain_of_four, post, hours(1))
    notice = notice_to(chain_of_four, recall, WHOLESALER)
    with chain_of_four.write(hours(2)) as tx:
        keep_answer(tx, notice.id, RecallAnswer(by="Cleo", received=2, found=2))
    later = [put(200, case(2), [pack(3)]), ship(201, [case(2)]), receive(202, [case(2)])]
    with chain_of_four.write(hours(3)) as tx:
        record(tx, later)
        key = f"/01/{GTIN}/21/P3"
        add_arrivals(tx, [key], by="reader", named="a late file")
    again = notice_to(chain_of_four, recall, WHOLESALER)
    assert (again.packs, again.acknowledged) == (3, None)
    assert send_due(chain_of_four, post, hours(5)) == 1
    assert "by our records: 3" in mail_server.kept[-1].get_content()


def test_what_could_not_be_sent_says_why_and_is_sent_later(
    chain_of_four, mail_server, post
) -> None:
    recall = approved(chain_of_four)
    mail_server.refuses = "wholesale.example"
    assert send_due(chain_of_four, post, hours(1)) == 0
    assert "no such mailbox" in notice_to(chain_of_four, recall, WHOLESALER).fault
    maker = [one for one in _notices(chain_of_four, recall) if one.gln != WHOLESALER]
    assert [one.fault for one in maker] == [
        f"no e-mail address or webhook of {maker[0].gln} is entered"
    ]
    mail_server.refuses = "nobody@"
    assert send_due(chain_of_four, post, hours(1.1)) == 0
    assert send_due(chain_of_four, post, hours(2)) == 1
    assert notice_to(chain_of_four, recall, WHOLESALER).fault == ""


def _notices(store, recall):
    with store.read() as snapshot:
        return notices_of(snapshot, recall.id)


def test_a_drill_says_that_it_is_one(chain_of_four, mail_server, post) -> None:
    approved(chain_of_four, is_drill=True)
    send_due(chain_of_four, post, hours(1))
    (message,) = mail_server.kept
    assert message["Subject"].startswith("DRILL: ")
    assert "leave the packs as they are" in message.get_content()


def test_a_link_is_handed_over_by_telephone_and_the_answer_is_in_the_report(
    chain_of_four, browser
) -> None:
    recall = approved(chain_of_four)
    notice = notice_to(chain_of_four, recall, WHOLESALER)
    with chain_of_four.write(hours(1)) as tx:
        token = hand_over(tx, notice.id, by="ann")
    browser().post(f"/answer/{token}", by="Cleo", received="2", found="2", destroyed="2")
    with chain_of_four.read() as snapshot:
        sections = recall_sections(snapshot, recall, hours(2))
        (answers,) = [one for one in sections if one.title == "Notices and their answers"]
    (row,) = [row for row in answers.rows if row[0] == WHOLESALER]
    assert row[4:] == ("Cleo", "2", "2", "0", "0", "2", "0")


def test_nobody_answers_a_recall_that_is_over_or_not_yet_one(chain_of_four, browser) -> None:
    recall = opened(chain_of_four)
    notice = notice_to(chain_of_four, recall, WHOLESALER)
    answer = RecallAnswer(by="Cleo", received=2, found=2)
    with pytest.raises(RecallRefused, match="not approved"), chain_of_four.write(NOON) as tx:
        keep_answer(tx, notice.id, answer)
    with chain_of_four.write(hours(1)) as tx:
        approve_recall(tx, recall.id, by="ben")
        token = hand_over(tx, notice.id, by="ann")
        withdraw_recall(tx, recall.id, why="wrong lot", by="ann")
        withdraw_recall(tx, recall.id, why="wrong lot", by="ben")
    page = browser().get(f"/answer/{token}")
    assert "is taken back: wrong lot" in page.text
    late = browser().post(f"/answer/{token}", by="Cleo", received="2", found="2")
    assert (late.status_code, "is closed" in late.text) == (422, True)
    with chain_of_four.read() as snapshot:
        assert find_notice(snapshot, notice.id).answer is None
    closed = approved(chain_of_four)
    close_recall(chain_of_four, closed.id, by="ann", now=hours(3))
    with pytest.raises(RecallRefused, match="not open"), chain_of_four.write(hours(4)) as tx:
        hand_over(tx, notice_to(chain_of_four, closed, WHOLESALER).id, by="ann")


@pytest.mark.parametrize(
    ("number", "email", "says"),
    [
        ("123", "qa@wholesale.example", "13 digits"),
        (PHARMACY, "qa", "no e-mail address"),
        (PHARMACY, "qa@x.example\r\nBcc: all@x.example", "no e-mail address"),
        (PHARMACY, "a@b@c.example", "one @"),
    ],
)
def test_a_contact_that_is_none_is_refused(number, email, says) -> None:
    with pytest.raises(RecallRefused, match=says):
        RecallContact.parse(number, email)
