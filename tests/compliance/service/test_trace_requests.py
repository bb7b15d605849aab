"""An authority or a partner asks where a pack comes from, and the answer is due by a clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from chain import (
    GTIN,
    MAKER,
    PHARMACY,
    WHOLESALER,
    case,
    commission,
    pack,
    put,
    receive,
    ship,
)

from compliance.dossier import export, verify_export
from compliance.dossier.kinds import TraceRequestOf
from compliance.duty_clocks import REQUESTS, ClockState, running_clocks
from compliance.partners.licences import PartnerRole
from compliance.reports.trace_answer import trace_answer
from compliance.requests.trace_requests import (
    RequestedItem,
    RequestReason,
    RequestRefused,
    ResponseType,
    TraceRequest,
    due_of,
    end_request,
    enter_request,
    list_requests,
)
from compliance.seal import Keys
from epcis.capture import record

FRIDAY = datetime(2026, 11, 27, 20, tzinfo=UTC)


@pytest.fixture
def chain_of_three(store):
    """Pack 1 from the maker by the wholesaler to the pharmacy; pack 2 stays at the wholesaler.

    Pack 7 appears at the wholesaler: nobody made it, and the sale to the pharmacy is the first.
    """
    with store.write(FRIDAY) as tx:
        record(tx, [
            commission(0, [pack(1), pack(2)]),
            put(1, case(1), [pack(1), pack(2)]),
            ship(2, [case(1)]),
            receive(3, [case(1)]),
            put(4, case(1), [pack(1), pack(2)], action="DELETE", where=WHOLESALER),
            ship(5, [pack(1)], sender=WHOLESALER, receiver=PHARMACY),
            receive(6, [pack(1)], receiver=PHARMACY),
            ship(7, [pack(7)], sender=WHOLESALER, receiver=PHARMACY),
        ])  # fmt: skip
    return store


def request(items, **more):
    values = {
        "organisation": "FDA",
        "contact": "dscsa@fda.example",
        "response_type": ResponseType.INFORMATION,
        "reason": RequestReason.SUSPECT,
        "items": tuple(items),
        "is_authority": True,
        "authenticated": "called back",
        "role": PartnerRole.DISPENSER,
        "owner": PHARMACY,
    }
    return TraceRequest(**{**values, **more})


def one(serial="", lot=""):
    return RequestedItem.parse(GTIN, serial=serial, lot=lot)


def entered(store, *items, at=FRIDAY, **more):
    with store.write(at) as tx:
        return enter_request(tx, request(items, **more), by="ann")


def answer_to(store, asked):
    with store.read() as snapshot:
        return trace_answer(snapshot, asked)


@pytest.mark.parametrize(
    ("role", "received", "due"),
    [
        ("wholesaler", "2026-11-23T15:00Z", "2026-11-24T15:00Z"),
        ("wholesaler", "2026-11-25T15:00Z", "2026-11-27T15:00Z"),  # over Thanksgiving
        ("manufacturer", "2026-11-27T20:00Z", "2026-11-29T20:00Z"),  # never later than 48 hours
        ("dispenser", "2026-11-27T20:00Z", "2026-12-01T20:00Z"),
        ("dispenser", "2026-12-24T15:00Z", "2026-12-29T15:00Z"),  # over Christmas
        ("dispenser", "2026-11-28T15:00Z", "2026-12-02T05:00Z"),  # a Saturday counts from Monday
    ],
)
def test_the_clock_follows_the_role_and_the_calendar(role, received, due) -> None:
    assert due_of(datetime.fromisoformat(received), PartnerRole(role)) == (
        datetime.fromisoformat(due)
    )


def test_an_authority_is_shown_every_owner_back_to_the_manufacturer(chain_of_three) -> None:
    asked = entered(chain_of_three, one("P1"))
    (found,) = answer_to(chain_of_three, asked).packs
    assert [(each.seller, each.buyer) for each in found.changes] == [
        (MAKER, WHOLESALER),
        (WHOLESALER, PHARMACY),
    ]
    assert (found.lot, found.gaps, found.withheld) == ("L1", (), 0)


def test_a_partner_is_shown_its_own_and_ours_and_nothing_of_others(chain_of_three) -> None:
    asked = entered(chain_of_three, one("P1"), is_authority=False)
    (found,) = answer_to(chain_of_three, asked).packs
    assert [(each.seller, each.buyer) for each in found.changes] == [(WHOLESALER, PHARMACY)]
    assert found.withheld == 1
    assert MAKER not in str([each.as_dict() for each in found.changes])
    assert not any(MAKER in gap for gap in found.gaps)


def test_what_is_missing_is_named_and_never_filled_in(chain_of_three) -> None:
    asked = entered(chain_of_three, one("P7"), one("NONE"))
    answer = answer_to(chain_of_three, asked)
    (found,) = answer.packs
    assert any("does not reach the manufacturer" in gap for gap in found.gaps)
    assert answer.gaps == (f"GTIN {GTIN} serial NONE: no record names it",)


def test_a_late_file_improves_the_answer(chain_of_three) -> None:
    asked = entered(chain_of_three, one("P7"))
    with chain_of_three.write(FRIDAY) as tx:
        record(tx, [commission(-10, [pack(7)]), ship(-9, [pack(7)])])
    (found,) = answer_to(chain_of_three, asked).packs
    assert found.gaps == ()
    assert len(found.changes) == 2


def test_a_lot_is_answered_pack_by_pack_and_last_owners_only_once(chain_of_three) -> None:
    asked = entered(chain_of_three, one(lot="L1"), response_type=ResponseType.LAST_OWNERS)
    answer = answer_to(chain_of_three, asked)
    assert {each.key.rpartition("/")[2]: each.changes[-1].buyer for each in answer.packs} == {
        "P1": PHARMACY,
        "P2": WHOLESALER,
    }
    assert {len(each.changes) for each in answer.packs} == {1}


def test_a_request_without_an_answer_is_overdue_until_somebody_ends_it(chain_of_three) -> None:
    late = entered(chain_of_three, one("P1"), role=PartnerRole.WHOLESALER)
    entered(chain_of_three, one("P1"))
    after = FRIDAY + timedelta(hours=50)
    with chain_of_three.read() as snapshot:
        clocks = [each for each in running_clocks(snapshot) if each.duty == REQUESTS]
        assert [each.state(after) for each in clocks] == [ClockState.OVERDUE, ClockState.RUNNING]
        assert [each.state(after) for each in list_requests(snapshot)] == ["overdue", "open"]
    with chain_of_three.write(after) as tx:
        end_request(tx, late.id, is_refused=False, note="by the portal", by="ann")
        with pytest.raises(RequestRefused, match="answered already"):
            end_request(tx, late.id, is_refused=True, note="again", by="ann")
    with chain_of_three.read() as snapshot:
        assert [each.subject for each in running_clocks(snapshot)] != [late.id]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"authenticated": " "}, "'authenticated' is missing"),
        ({"organisation": ""}, "'organisation' is missing"),
        ({"circumstances": "x" * 5000}, "at most 4000"),
        ({"items": ()}, "1 to 200"),
    ],
)
def test_a_request_that_cannot_be_answered_is_refused(more, why) -> None:
    with pytest.raises(RequestRefused, match=why):
        request(**{"items": [one("P1")], **more}).check()


def test_the_signed_answer_is_a_dossier_that_anybody_verifies(
    chain_of_three, settings, tmp_path
) -> None:
    asked = entered(chain_of_three, one("P1"))
    keys = Keys.open(settings.keys_folder)
    file = tmp_path / "answer.asice"
    made = export(chain_of_three, TraceRequestOf(asked.id), file, keys, now=FRIDAY, by="ann")
    assert made.events == 2
    assert verify_export(file, keys.root_pem()).exit_code == 0


def test_a_person_enters_a_request_reads_the_answer_and_ends_it(chain_of_three, browser) -> None:
    ann = browser()
    ann.sign_in()
    form = {
        "asker": "authority", "organisation": "State Board", "contact": "+1 555 0100",
        "authenticated": "badge seen", "response_type": "all known owners",
        "reason": "compliance audit", "role": "dispenser",
    }  # fmt: skip
    slip = ann.post("/requests/board", **form, items=f"{GTIN} ")
    assert (slip.status_code, "write GTIN and serial number" in slip.text) == (422, True)
    assert "State Board" in slip.text
    sent = ann.post("/requests/board", **form, items=f"{GTIN} P1\n{GTIN} lot L1")
    assert sent.status_code == 303, sent.text
    page = ann.get(sent.headers["location"]).text
    assert "Answer from what is known now" in page
    assert WHOLESALER in page
    number = sent.headers["location"].rpartition("=")[2]
    ann.post("/requests/board/end", number=number, outcome="answered", note="by letter")
    assert "by letter" in ann.get(f"/requests/board?number={number}").text
    assert "State Board" in ann.get("/requests").text
