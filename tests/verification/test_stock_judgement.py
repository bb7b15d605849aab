"""Stock says of each pack what a verification says, whatever happened to it and wherever."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from chain import (
    GTIN,
    MAKER,
    WHOLESALER,
    alarm,
    case,
    commission,
    lasting,
    put,
    receive,
    see,
    ship,
    wrong,
)
from msgspec.structs import replace

import verification.registry.pack_tables  # noqa: F401  # declares this floor's tables
from epcis.capture import capture, record
from epcis.ledger.store import Store
from epcis.model import SensorElement, SensorReport
from epcis.store.items import items
from tests.verdicts import verify
from verification.decision.act import PackAct, PackRequest, ParticipantRole, Who
from verification.decision.rule_pack import shipped
from verification.decision.sensors import SensorLimit, SensorRule
from verification.decision.words import Doubt, LotState, ProductState, Reason, Word
from verification.fmd.event import event_of
from verification.fmd.expiry_extension import Extension, extend
from verification.fmd.perform import perform
from verification.fmd.upload import Batch, Market, Product, upload_batch, upload_product
from verification.registry.pack_registry import set_doubt, set_lot_state, set_product_state
from verification.registry.sensor_rules import set_rule
from verification.stock import Standing, StockFilter, stock, stock_items

NOW = datetime(2026, 6, 1, tzinfo=UTC)
COLD = SensorRule(GTIN, limits=(SensorLimit("Temperature", "CEL", low="2", high="8"),))
MAKER_OF_IT = Who(
    client="mah", role=ParticipantRole.MAH, location=f"/414/{MAKER}", authorisation="m"
)
WAREHOUSE = Who(client="dock", role=ParticipantRole.WHOLESALER, location=f"/414/{WHOLESALER}")
PHARMACY = Who(client="till", role=ParticipantRole.PHARMACY, location="/414/9506000134352")
ENDED = {
    Reason.DISPENSED, Reason.DESTROYED, Reason.EXPORTED, Reason.SAMPLE, Reason.FREE_SAMPLE,
    Reason.CHECKED_OUT, Reason.DECOMMISSIONED, Reason.STOLEN,
}  # fmt: skip


def serial(number):
    """A serial number that nobody guesses."""
    return f"H7K2M9Q4R8T{number:02d}"


def pack(number):
    return f"https://id.gs1.org/01/{GTIN}/21/{serial(number)}"


CONFLICTS = {"lot-conflict", "expiry-conflict", "commissioned-twice"}
UNSAID = {Reason.UNKNOWN_SERIAL, Reason.NOT_COMMISSIONED}


def is_only_uploaded(snapshot, number):
    """The registry has the pack, and no event that still counts names it."""
    key = f"/01/{GTIN}/21/{serial(number)}"
    return key not in items(snapshot, [key])


MEDICINE = Product(
    code=GTIN,
    name="Trailol 20 mg",
    common_name="trailolum",
    form="tablet",
    strength="20 mg",
    pack_type="box",
    pack_size=30,
    markets=(
        Market(
            country="IE",
            national_code="IE-1",
            article_57_code="A57-1",
            mah_name="m",
            mah_address="a",
            manufacturer_address="b",
            wholesalers=("w",),
            wholesalers_as_of=NOW.date(),
        ),
    ),
)


@pytest.fixture
def store(database):
    store = Store.open(database)
    store.create_all()
    yield store
    store.close()


def listed(snapshot, now, **asked):
    """Everything in stock, a few at a time."""
    found, after = {}, ""
    while after is not None:
        page = stock_items(snapshot, StockFilter(**asked), now, after=after, most=5, market="")
        for one in page.items:
            assert one.id not in found, "an item is on two pages"
            found[one.id] = one
        after = page.next
    return found


def standing(store, number, now=NOW):
    """How a pack stands, by the list of its product and by all counts."""
    with store.read() as snapshot:
        agree(snapshot, now, [number])
        one = listed(snapshot, now, gtin=GTIN).get(f"/01/{GTIN}/21/{serial(number)}")
        return None if one is None else (one.standing.value, *one.reasons)


def agree(snapshot, now, numbers):
    """Lists, counts and verifications of these packs say the same."""
    every = listed(snapshot, now)
    of_product = listed(snapshot, now, gtin=GTIN)
    assert of_product == {key: one for key, one in every.items() if one.gtin == GTIN}
    for number in numbers:
        told = verify(snapshot, GTIN, serial(number), now=now)
        one = every.get(f"/01/{GTIN}/21/{serial(number)}")
        if one is None:
            # Supplied or the like, or every event about it was declared wrong.
            gone = (ENDED | UNSAID) & {told.reason, *told.also}
            assert gone or is_only_uploaded(snapshot, number), (number, told)
            continue
        assert (one.standing is Standing.IN_STOCK) <= (told.word is Word.OK), (number, one, told)
        if one.standing not in (Standing.MISSING, Standing.IN_TRANSIT):
            assert (one.standing is Standing.IN_STOCK) is (told.word is Word.OK), (one, told)
        if one.standing in (Standing.ON_HOLD, Standing.IN_TRANSIT):
            said = {told.reason.value, *(also.value for also in told.also)} - {"genuine"}
            if said & CONFLICTS:  # a verification also names what the other lot or expiry brings
                assert CONFLICTS & {*one.reasons}, (number, one, told)
            else:
                assert set(one.reasons) == said, (number, one, told)
    counted = Counter()
    for row in stock(snapshot, StockFilter(), now, market="").rows:
        assert row.items > 0, row
        counted[row.place, row.gtin, row.lot, row.expiry, row.standing, row.reasons] += row.items
    assert counted == Counter(
        (one.place, one.gtin, one.lot, one.expiry, one.standing, one.reasons)
        for one in every.values()
    )


def tell(store, *events, now=NOW):
    with store.write(now) as tx:
        record(tx, list(events))


def reading(minute, things, value="20"):
    report = SensorReport(type="gs1:Temperature", uom="CEL", value=value)
    element = SensorElement(reports=(report,))
    return replace(see(minute, things, "sensor_reporting"), sensor_elements=(element,))


def without(event, *names):
    """A commissioning whose sender leaves out the lot or the expiry."""
    left = tuple(node for node in event.ilmd if node.name not in names)
    return replace(event, ilmd=left or None)


def uploaded(tx, numbers, lot="L1", expiry=date(2028, 5, 31)):
    """The maker uploads packs to the national repository."""
    upload_product(tx, MEDICINE, MAKER_OF_IT)
    serials = tuple(map(serial, numbers))
    batch = Batch(code=GTIN, lot=lot, expiry=expiry, markets=("IE",), serials=serials)
    return upload_batch(tx, batch, MAKER_OF_IT, shipped())


def test_a_pack_without_lot_or_expiry_is_no_stock_and_the_case_beside_it_is(store):
    tell(
        store,
        without(commission(0, [pack(0)]), "lotNumber", "itemExpirationDate"),
        without(commission(0, [pack(1)]), "itemExpirationDate"),
        commission(0, [case(0)]),
    )
    assert standing(store, 0) == ("on hold", "expiry-not-recorded")
    assert standing(store, 1) == ("on hold", "expiry-not-recorded")
    with store.read() as snapshot:
        totals = stock(snapshot, StockFilter(), NOW, market="").totals
    assert (totals[Standing.IN_STOCK], totals[Standing.ON_HOLD]) == (1, 2)


def test_what_the_maker_uploads_afterwards_is_the_lot_and_expiry_of_the_pack(store):
    tell(
        store,
        without(commission(0, [pack(0)]), "lotNumber", "itemExpirationDate"),
        without(commission(0, [pack(1)]), "itemExpirationDate"),
    )
    with store.write(NOW) as tx:
        assert uploaded(tx, [0, 1]).accepted
    assert standing(store, 0) == ("in stock",)
    assert standing(store, 1) == ("in stock",)
    with store.read() as snapshot:
        (row,) = stock(snapshot, StockFilter(lot="L1", gtin=GTIN), NOW, market="").rows
    assert (row.lot, row.expiry, row.items) == ("L1", "2028-05-31", 2)


def test_a_lock_of_the_registry_holds_whatever_a_partner_says(store):
    with store.write(NOW - timedelta(days=30)) as tx:
        uploaded(tx, [0, 1])
    with store.write(NOW - timedelta(days=20)) as tx:
        lock = PackRequest(operation=PackAct.LOCK, code=GTIN, serial=serial(0))
        assert perform(tx, [(lock, WAREHOUSE)], shipped())[0].http == 200
    sellable = see(99_999, [pack(0)], "inspecting", "sellable_accessible")
    tell(store, replace(sellable, event_time="2026-05-31T00:00:00Z"))
    assert standing(store, 0) == ("on hold", "locked")
    assert standing(store, 1) == ("in stock",)


def test_master_data_tells_the_expiry_that_no_event_told_or_another_one(store):
    tell(store, without(commission(0, [pack(0)]), "itemExpirationDate"))
    tell(store, commission(0, [pack(1)], lot="L2"))
    for lot, day in (("L1", "2026-12-31"), ("L2", "2027-12-31")):
        capture(store, master_data(lot, day), now=NOW)
    assert standing(store, 0) == ("in stock",)
    assert standing(store, 1) == ("on hold", "expiry-conflict")
    later = datetime(2027, 1, 1, tzinfo=UTC)
    assert standing(store, 0, later) == ("expired",)


def master_data(lot, day):
    name = "urn:epcglobal:cbv:mda#itemExpirationDate"
    return f"""<e:EPCISMasterDataDocument xmlns:e="urn:epcglobal:epcis-masterdata:xsd:1"
      schemaVersion="1.2" creationDate="2026-05-01T00:00:00Z"><EPCISBody><VocabularyList>
      <Vocabulary type="urn:epcglobal:epcis:vtype:EPCClass"><VocabularyElementList>
      <VocabularyElement id="urn:epc:class:lgtin:9521321.000001.{lot}">
      <attribute id="{name}">{day}</attribute></VocabularyElement></VocabularyElementList>
      </Vocabulary></VocabularyList></EPCISBody></e:EPCISMasterDataDocument>""".encode()


def test_an_extended_lot_stays_in_stock_past_its_print(store):
    tell(store, commission(0, [pack(0)]))
    later = datetime(2028, 6, 1, tzinfo=UTC)
    assert standing(store, 0, later) == ("expired",)
    with store.write(NOW) as tx:
        extend(
            tx,
            [Extension(gtin=GTIN, lot="L1", expiry=date(2028, 9, 30), reference="N 1")],
            by="ann",
        )
    assert standing(store, 0, later) == ("in stock",)
    assert standing(store, 0, datetime(2028, 10, 1, tzinfo=UTC)) == ("expired",)


def test_a_reading_beyond_the_limit_holds_what_was_in_the_pallet_then_until_its_release(store):
    box, other, pallet = case(0), case(1), case(2)
    tell(
        store,
        commission(0, [pack(n) for n in range(5)]),
        put(1, box, [pack(0), pack(1)]),
        put(1, other, [pack(2)]),
        put(2, pallet, [box]),
        reading(3, [pallet]),
        put(4, pallet, [other]),
        reading(5, [pallet], value="5"),
        reading(6, [pack(4)]),
    )
    assert standing(store, 0) == ("in stock",), "no limit is set yet"
    with store.write(NOW) as tx:
        set_rule(tx, COLD, by="qa")
    assert standing(store, 0) == standing(store, 1) == ("on hold", "sensor-alarm")
    assert standing(store, 2) == standing(store, 3) == ("in stock",)
    assert standing(store, 4) == ("on hold", "sensor-alarm")
    tell(store, see(7, [pack(0), pack(4)], "inspecting", "sellable_accessible"))
    assert standing(store, 0) == standing(store, 4) == ("in stock",)
    assert standing(store, 1) == ("on hold", "sensor-alarm")
    tell(store, reading(8, [box], value="-1"))
    assert standing(store, 0) == ("on hold", "sensor-alarm")
    with store.write(NOW) as tx:
        set_rule(tx, SensorRule(GTIN, on=False), by="qa")
    assert standing(store, 1) == ("in stock",)


def test_a_recall_in_another_market_stops_nothing_here(store):
    tell(store, commission(0, [pack(0)]))
    with store.write(NOW) as tx:
        set_lot_state(tx, GTIN, "L1", LotState.RECALLED, "x", now=NOW, by="ann", market="FR")
    assert standing(store, 0) == ("in stock",)
    with store.read() as snapshot:
        french = stock(snapshot, StockFilter(), NOW, market="FR").totals
        unnamed = stock(snapshot, StockFilter(), NOW).totals
    assert french[Standing.ON_HOLD] == unnamed[Standing.ON_HOLD] == 1


def test_a_supply_declared_wrong_is_no_stock_while_the_registry_says_supplied(store):
    with store.write(NOW - timedelta(days=30)) as tx:
        uploaded(tx, [0])
    with store.write(NOW) as tx:
        supply = PackRequest(operation=PackAct.SUPPLY, code=GTIN, serial=serial(0))
        assert perform(tx, [(supply, PHARMACY)], shipped())[0].http == 200
    assert standing(store, 0) is None
    event = event_of(PackAct.SUPPLY, [(GTIN, serial(0))], PHARMACY, NOW)
    tell(store, wrong(event, 99_999), now=NOW + timedelta(days=1))
    assert standing(store, 0, NOW + timedelta(days=1)) == ("on hold", "dispensed")


def test_what_was_dispensed_and_came_back_lies_there_on_hold(store):
    tell(
        store,
        commission(0, [pack(0), pack(1)]),
        see(1, [pack(0), pack(1)], "dispensing", "dispensed"),
        see(2, [pack(0)], "receiving", "returned"),
    )
    assert standing(store, 0) == ("on hold", "returned-after-end", "returned")
    assert standing(store, 1) is None


PACKS = range(16)
BOXES = range(3)
WORDS = [
    "damaged", "recalled", "expired", "non_conformant", "sellable_accessible", "destroyed",
    "dispensed", "returned", "stolen", "wet", "no_pedigree_match", "in_progress", "unknown",
]  # fmt: skip


class _History:
    """Whatever may happen to some packs, drawn by a seed."""

    def __init__(self, store, seed):
        self.store, self.draw, self.minute = store, random.Random(seed), 0
        self.events = []

    def some(self):
        return [pack(one) for one in self.draw.sample(PACKS, self.draw.randint(1, 5))]

    def things(self):
        boxes = [[case(self.draw.choice(BOXES))]]
        return self.draw.choice([self.some(), *boxes])

    def step(self):
        self.minute += 1
        kind = self.draw.choice([
            self.made, self.made, self.packed, self.packed, self.seen, self.seen, self.sent,
            self.read, self.lasts, self.unsaid, self.uploads, self.acts, self.stops, self.ruled,
        ])  # fmt: skip
        kind()

    def say(self, event):
        self.events.append(event)
        tell(self.store, event)

    def made(self):
        event = commission(
            self.minute,
            self.some(),
            lot=self.draw.choice(["L1", "L2"]),
            expiry=self.draw.choice(["2028-05-31", "2028-05-31", "2026-05-01"]),
        )
        names = ["lotNumber", "itemExpirationDate"]
        self.say(without(event, *self.draw.sample(names, self.draw.choice([0, 0, 0, 1, 2]))))

    def packed(self):
        action = self.draw.choice(["ADD", "ADD", "DELETE"])
        children = self.draw.choice([self.some(), [case(1)]])
        self.say(put(self.minute, case(self.draw.choice([0, 2])), children, action=action))

    def seen(self):
        word = self.draw.choice(WORDS)
        self.say(see(self.minute, self.things(), self.draw.choice(["inspecting", "storing"]), word))

    def sent(self):
        things = self.things()
        self.say(ship(self.minute, things))
        if self.draw.random() < 0.7:
            self.minute += 1
            self.say(receive(self.minute, things))

    def read(self):
        value = self.draw.choice(["20", "5", "-3"])
        event = reading(self.minute, self.things(), value)
        self.say(event if self.draw.random() < 0.7 else alarm(self.minute, self.things()))

    def lasts(self):
        self.say(
            lasting(
                self.minute, self.things(), **{self.draw.choice(["set_", "unset"]): ["damaged"]}
            )
        )

    def unsaid(self):
        if self.events:
            self.say(wrong(self.events.pop(self.draw.randrange(len(self.events))), self.minute))
            self.events.pop()

    def uploads(self):
        with self.store.write(NOW) as tx:
            uploaded(tx, self.draw.sample(PACKS, 4), lot=self.draw.choice(["L1", "L2"]))

    def acts(self):
        act = self.draw.choice(
            [PackAct.LOCK, PackAct.SUPPLY, PackAct.UNDO, PackAct.STOLEN, PackAct.DESTROY]
        )
        name = serial(self.draw.choice(PACKS))
        with self.store.write(NOW) as tx:
            request = PackRequest(operation=act, code=GTIN, serial=name, reason="x")
            perform(tx, [(request, self.draw.choice([PHARMACY, WAREHOUSE]))], shipped())

    def stops(self):
        with self.store.write(NOW) as tx:
            number = self.draw.choice(PACKS)
            doubt = self.draw.choice(list(Doubt))
            if self.draw.random() < 0.5:
                set_doubt(tx, GTIN, doubt, case_id="C1", now=NOW, serial=serial(number))
            elif self.draw.random() < 0.3:
                set_doubt(
                    tx, GTIN, doubt, case_id="C2", now=NOW, serial=serial(3), serial_to=serial(6)
                )
            elif self.draw.random() < 0.2:
                set_doubt(tx, GTIN, doubt, case_id="C3", now=NOW, lot="L2")
            elif self.draw.random() < 0.1:
                set_lot_state(tx, GTIN, "L2", LotState.HELD, "x", now=NOW, by="ann")
            elif self.draw.random() < 0.05:
                state = ProductState.WITHDRAWN
                set_product_state(tx, GTIN, state, "x", market="", now=NOW, by="ann")

    def ruled(self):
        rule = COLD if self.draw.random() < 0.8 else SensorRule(GTIN, on=False)
        with self.store.write(NOW) as tx:
            set_rule(tx, rule, by="qa")


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happened_stock_and_verification_agree(store, seed):
    history = _History(store, seed)
    for step in range(1, 61):
        history.step()
        if step % 20 == 0:
            with store.read() as snapshot:
                agree(snapshot, NOW, PACKS)
