"""A small pharmacy takes a delivery in: by itself, in one afternoon, with nobody to ask."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime

import pytest

from benchmarks.shipment_files import BUYER, Shipment, gln
from compliance.cases.cases import State
from compliance.quarantine.quarantine import list_quarantines, release_quarantine
from compliance.reader.reader import read_next
from compliance.receiving.compare import ScanOutcome, compared
from compliance.receiving.expected import ReceivingRefused
from compliance.receiving.take_in import cases_about, take_in
from compliance.reports.letter import letter_about
from compliance.service.policy import SCOPES
from compliance.service.practice import practice_of
from compliance.service.settings import Settings
from epcis.capture import capture
from epcis.http_context import Caller
from epcis.store.item_status import ItemStatus
from epcis.store.items import items
from schemas.gs1.epc import canonical_key
from verification.acts.perform import ActContext

NOW = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.fixture
def file() -> str:
    return Shipment(random.Random(4), cases=2, packs=3).build()


@pytest.fixture
def context(tmp_path) -> ActContext:
    settings = Settings(data_dir=tmp_path, owner_gln=gln(BUYER))
    return ActContext(Caller("ann", frozenset(SCOPES)), practice_of(settings))


def taken(store, text):
    capture(store, text.encode(), now=NOW)
    while read_next(store, NOW):
        pass


def units(text: str) -> list[str]:
    """The packs of a file, as a scanner would give them."""
    epcs = dict.fromkeys(re.findall(r"<epc>(urn:epc:id:sgtin:\d+\.0\d+\.\d+)</epc>", text))
    return [canonical_key(one) for one in epcs]


def boxes(text: str) -> list[str]:
    return [canonical_key(one) for one in re.findall(r"<parentID>([^<]*)", text)]


def printed(key: str, lot: str, expiry: str) -> str:
    """What stands on a pack."""
    _, _, gtin, _, serial = key.split("/")
    return f"(01){gtin}(21){serial}(17){expiry}(10){lot}"


def in_data(store, keys) -> set[ItemStatus]:
    with store.read() as snapshot:
        return {one.status for one in items(snapshot, keys).values()}


def open_cases(store, keys):
    with store.read() as snapshot:
        return sorted(
            one.category for one in cases_about(snapshot, keys) if one.state is State.OPEN
        )


def delivered(store, context, scans, client_id="1"):
    with store.write(NOW) as tx:
        return take_in(tx, "PO-0", scans, client_id, context)


@pytest.mark.parametrize("by", ["pallet", "cases", "packs"])
def test_a_delivery_that_matches_is_received_however_it_is_scanned(store, context, file, by):
    taken(store, file)
    *inner, pallet = boxes(file)
    scans = {"pallet": [pallet], "cases": inner, "packs": units(file)}[by]
    with store.read() as snapshot:
        goods, found = compared(snapshot, "PO-0", scans, NOW)
    assert found.is_complete
    assert len(found.in_hand) == len(goods.packs) == 6
    done = delivered(store, context, scans)
    assert done.answer.done, done.answer
    assert done.cases == ()
    assert ItemStatus.IN_TRANSIT not in in_data(store, units(file))
    assert delivered(store, context, scans).answer == done.answer
    with store.read() as snapshot:
        _, again = compared(snapshot, "PO-0", units(file), NOW)
    assert {line.outcome for line in again.lines} == {ScanOutcome.HERE}


def test_a_pack_without_data_is_held_alone_and_its_file_closes_the_case(store, context, file):
    late = Shipment(random.Random(9), cases=1, packs=1, pallet=False).build()
    [extra] = units(late)
    taken(store, file)
    done = delivered(store, context, [*units(file), extra])
    assert done.answer.done
    assert ItemStatus.IN_TRANSIT not in in_data(store, units(file))
    [case] = done.cases
    assert case.category == "product no data"
    with store.read() as snapshot:
        [held] = list_quarantines(snapshot, only_open=True)
        text = letter_about(snapshot, case, owner_gln=gln(BUYER))
        assert letter_about(snapshot, case, owner_gln=gln(BUYER)) == text
    assert held.subject.serial in text
    assert case.id in text
    delivered(store, context, [extra], "2")
    with store.read() as snapshot:
        assert len(list_quarantines(snapshot)) == 1
    assert open_cases(store, [extra]) == ["product no data"]
    taken(store, late)
    assert open_cases(store, [extra]) == []
    refused = delivered(store, context, [extra], "3")
    assert not refused.answer.done
    with store.write(NOW) as tx:
        release_quarantine(tx, held.id, why="its file came", by="bob")
    assert delivered(store, context, [extra], "4").answer.done
    assert ItemStatus.IN_TRANSIT not in in_data(store, [extra])


def test_what_did_not_come_is_not_received_and_its_case_closes_when_it_does(store, context, file):
    taken(store, file)
    *first, lost = units(file)
    done = delivered(store, context, first)
    assert done.answer.missing == (lost,)
    assert [one.category for one in done.cases] == ["data no product"]
    assert in_data(store, [lost]) == {ItemStatus.IN_TRANSIT}
    assert ItemStatus.IN_TRANSIT not in in_data(store, first)
    assert open_cases(store, [lost]) == ["data no product"]
    assert delivered(store, context, [lost], "2").answer.done
    assert open_cases(store, [lost]) == []


def test_a_pack_of_another_lot_is_held_and_named(store, context, file):
    taken(store, file)
    first, *rest = units(file)
    lot = re.search(r"<cbvmda:lotNumber>([^<]*)", file)[1]
    wrong = printed(first, "OTHER", "290128")
    right = [printed(one, lot, "290128") for one in rest]
    done = delivered(store, context, [wrong, *right])
    assert [(one.category, one.lot) for one in done.cases] == [("data issue", "OTHER")]
    assert done.answer.missing == ()
    assert in_data(store, [first]) == {ItemStatus.IN_TRANSIT}
    with store.read() as snapshot:
        [held] = list_quarantines(snapshot, only_open=True)
    assert canonical_key(f"https://id.gs1.org{first}").endswith(held.subject.serial)


def test_scans_that_name_nothing_and_shipments_nobody_knows_change_nothing(store, context, file):
    taken(store, file)
    with store.read() as snapshot:
        _, found = compared(snapshot, "PO-0", ["?!", units(file)[0], units(file)[0]], NOW)
        assert [line.outcome for line in found.lines] == [
            ScanOutcome.UNREADABLE, ScanOutcome.MATCHES, ScanOutcome.TWICE
        ]  # fmt: skip
        with pytest.raises(ReceivingRefused, match="take the seller's file in"):
            compared(snapshot, "PO-99", [], NOW)
    with pytest.raises(ReceivingRefused), store.write(NOW) as tx:
        take_in(tx, "PO-99", [], "1", context)
    assert in_data(store, units(file)) == {ItemStatus.IN_TRANSIT}
