"""A store with something in every table, and the deeds of somebody who falsifies it.

A deed flips a value, drops or inserts a row, or swaps values of two rows, in any column of any
table that some proof covers. What it did and where is known, so a check can be held to name it.
"""

from __future__ import annotations

import json
import random
import sqlite3
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import (
    BigInteger,
    Boolean,
    Float,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
)

import compliance.service.migrations.tables  # noqa: F401  # every floor's
from compliance.recall.answers import (
    RecallAnswer,
    RecallContact,
    keep_answer,
    keep_contact,
    notices_of,
)
from compliance.recall.messages import hand_over
from compliance.recall.recall import approve_recall, open_recall
from compliance.seal.checkpoint import seal_log, stamp_checkpoint
from compliance.service.access import Grant, new_key
from compliance.warehouse.counts import CountWanted, open_count, recount, scan_into
from compliance.warehouse.orders import OrderLine, OrderWanted, open_order
from compliance.warehouse.warehouse_tables import count_result, order_pick
from epcis.capture import capture, record
from epcis.codec.document import Syntax, write_document
from epcis.database.columns import Instant, ItemKey
from epcis.database.item_keys import settle
from epcis.database.metadata import metadata
from epcis.database.raw_driver import RawDriver
from epcis.ledger.entry import LeafKind
from epcis.ledger.proved import Outside, Register, proof_of
from epcis.ledger.sequencer import catch_up
from epcis.ledger.witness import take_witness
from epcis.model import (
    Header,
    Node,
    ObjectEvent,
    Party,
    Place,
    QuantityElement,
    SensorElement,
    SensorReport,
    Vocabulary,
    VocabularyElement,
)
from epcis.query import named
from epcis.subscribe import subscription
from tests import chain
from tests.verdicts import verify
from verification.alerts import alert
from verification.decision.act import PackAct, PackRequest, ParticipantRole, Who
from verification.decision.rule_pack import shipped
from verification.decision.words import Doubt, LotState, ProductState
from verification.fmd.perform import perform
from verification.fmd.upload import Batch, Market, Product, upload_batch, upload_product
from verification.registry import pack_registry, participants
from verification.returns import saleable_return
from verification.serials.grant import GrantWanted, grant_serials, serials_between
from verification.serials.imported import import_serials, read_numbers
from verification.serials.pool import PoolKind, PoolWanted, open_pool
from verification.serials.report import LineReport, report_serials
from verification.vrs.directory import take_over

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Column, Connection, Table

    from compliance.seal import Keys
    from epcis.ledger.store import Store, Transaction

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
GTIN = "05901234123457"
HOLDER = Who(client="mah", role=ParticipantRole.MAH, authorisation="MAH-1")
PHARMACY = Who(
    client="pharmacy", role=ParticipantRole.PHARMACY, location="P1", authorisation="PH-1"
)
PACKS = [chain.pack(n) for n in range(12)]


def build(store: Store, keys: Keys) -> None:
    """Something in every table: captured, made, uploaded, asked, recalled, signed and seen."""
    capture(store, _document(_story(), _masters(), 0), now=NOW, sender="maker", party=chain.MAKER)
    capture(store, _document([_rich_event()], (), 1), now=NOW, sender="wholesaler")
    with store.write(NOW) as tx:
        record(tx, [chain.see(50, PACKS[1:2], "storing"), chain.wrong(_story()[5], 60)])
        _registers(tx)
    with store.write(NOW + timedelta(minutes=1)) as tx:
        _uploads_and_operations(tx)
    seal_log(store, keys, now=NOW + timedelta(minutes=2))
    opened = open_recall(store, chain.GTIN, "L1", reason="wrong strength", by="Ada", now=NOW)
    with store.write(NOW + timedelta(minutes=3)) as tx:
        approve_recall(tx, opened.id, by="Ben")
        keep_contact(tx, RecallContact.parse("0366666000014", "qa@wholesale.example"), by="Ada")
        for notice in notices_of(tx, opened.id):
            hand_over(tx, notice.id, by="Ada")
            keep_answer(tx, notice.id, RecallAnswer(by="Cleo", received=4, found=4))
    _lengthen(store)
    sealed = seal_log(store, keys, now=NOW + timedelta(minutes=3))
    with store.write(NOW + timedelta(minutes=4)) as tx:
        take_witness(tx, sealed.note, "partner")
    if store.is_sqlite:
        with store.write(NOW + timedelta(minutes=4)) as tx:
            settle(RawDriver(tx), "item_key_even", keys_max=5)
    catch_up(store, now=NOW + timedelta(minutes=5))
    newest = seal_log(store, keys, now=NOW + timedelta(minutes=5))
    stamp_checkpoint(store, keys, newest, now=NOW + timedelta(minutes=5))


def _story() -> list[Any]:
    case, other = chain.case(1), chain.case(2)
    return [
        chain.commission(0, PACKS),
        chain.put(1, case, PACKS[:4]),
        chain.put(2, other, PACKS[4:8]),
        chain.ship(3, [case, other]),
        chain.receive(4, [case]),
        chain.see(5, PACKS[8:9], "dispensing", "dispensed"),
        chain.put(6, case, PACKS[:1], "DELETE"),
        chain.repackage(7, PACKS[9:10], [chain.pack(40)]),
    ]


def _masters() -> tuple[Vocabulary, ...]:
    kind = "urn:epcglobal:epcis:vtype:Location"
    name = ("urn:epcglobal:cbv:mda#name", ("North Pharmacy",))
    city = ("urn:epcglobal:cbv:mda#city", ("Cork",))
    top, below = "urn:epc:id:sgln:9521321.00001.0", "urn:epc:id:sgln:9521321.00001.1"
    return (
        Vocabulary(
            type=kind,
            elements=(
                VocabularyElement(id=top, attributes=(name, city), children=(below,)),
                VocabularyElement(id=below, attributes=(name,)),
            ),
        ),
    )


def _rich_event() -> ObjectEvent:
    """An event that is found by everything an event can be found by."""
    report = SensorReport(type="gs1:Temperature", value="7.5", uom="CEL", max_value="8.1")
    return ObjectEvent(
        event_time=chain.at(30),
        event_time_zone_offset="+00:00",
        action="OBSERVE",
        epcs=(PACKS[2],),
        quantities=(
            QuantityElement(epc_class="urn:epc:class:lgtin:9521321.012345.L9", quantity="7"),
        ),
        read_point=Place(id="urn:epc:id:sgln:9521321.00001.0"),
        sources=(
            Party(type="urn:epcglobal:cbv:sdt:owning_party", id="urn:epc:id:pgln:9521321.00001"),
        ),
        sensor_elements=(SensorElement(reports=(report,)),),
        extensions=(Node(name="price", namespace="https://example.org/x", children=("12",)),),
    )


def _document(events: list[Any], masters: tuple[Vocabulary, ...], minute: int) -> bytes:
    out = BytesIO()
    header = Header(schema_version="2.0", creation_date=chain.at(minute), master_data=masters)
    write_document(header, events, out, Syntax.JSON_LD)
    return out.getvalue()


def _registers(tx: Transaction) -> None:
    new_key(tx, Grant("till", frozenset({"verify"})), now=NOW)
    new_key(tx, Grant("office", frozenset({"export", "query"})), now=NOW)
    named.add(tx, "mine", {"eventTypes": ["ObjectEvent"]}, owner="till", party=None)
    named.add(tx, "other", {"eventTypes": ["ObjectEvent"]}, owner="till", party=None)
    for name in ("mine", "other"):
        subscription.add(tx, _subscription(name))
    for who in (HOLDER, PHARMACY):
        participants.register(tx, who, by="admin")
    for lot in ("L8", "L9"):
        pack_registry.set_lot_state(tx, GTIN, lot, LotState.HELD, "cold chain", now=NOW, by="Ada")
        pack_registry.set_doubt(tx, GTIN, Doubt.SUSPECT, case_id="C-1", now=NOW, lot=lot)
    for raised in (Doubt.SUSPECT, None):
        for lot in ("L6", "L7"):
            later = NOW + timedelta(hours=raised is None)
            pack_registry.set_doubt(tx, GTIN, raised, case_id="C-2", now=later, lot=lot)
    for market in ("IE", "FR"):
        pack_registry.set_product_state(
            tx, chain.GTIN, ProductState.WITHDRAWN, "sold off", market=market, now=NOW, by="Ada"
        )
    entries = [
        {"gtin": GTIN, "base_url": f"https://{place}.example", "responder_gln": "9521321000018",
         "valid_from": "2026-01-01T00:00:00Z"}
        for place in ("one", "two")
    ]  # fmt: skip
    take_over(tx, json.dumps(entries).encode(), "agreed")
    _serials(tx)
    _orders(tx)


def _orders(tx: Transaction) -> None:
    """Two orders, one of them with packs picked for it."""
    for number in ("SO-1", "SO-2"):
        lines = [OrderLine(chain.GTIN, 2), OrderLine(chain.GTIN, 3, "L1")]
        wanted = OrderWanted(number, chain.PHARMACY, lines)
        open_order(tx, wanted, own_site=f"/414/{chain.MAKER}", by="Ada")
    picked = [
        {"order": "SO-1", "pack": f"/01/{chain.GTIN}/21/P{at}", "line": at, "lot": "L1",
         "event": f"urn:uuid:{at}"}
        for at in (1, 2)
    ]  # fmt: skip
    tx.connection.execute(order_pick.insert(), picked)
    _counts(tx)


def _counts(tx: Transaction) -> None:
    """Two counts with scans and recounts, and what they found."""
    for at in (1, 2):
        opened = open_count(tx, CountWanted(), own_site=f"/414/{chain.MAKER}", by="Ada")
        for scanned in (f"/01/{chain.GTIN}/21/P1", f"/01/{chain.GTIN}/21/P2"):
            scan_into(tx, opened.id, [scanned], by="Ben")
        recount(tx, opened.id, why=f"shelf {at} was left out", by="Ada")
        rows = [
            {"session": opened.id, "key": f"/01/{chain.GTIN}/21/P{one}", "finding": "missing",
             "gtin": chain.GTIN, "lot": "L1", "counted_at": "", "recorded_at": "here",
             "event": f"urn:uuid:{one}", "seen_us": 1_000_000 * one, "seen_at": "here",
             "seen_by": "Ben"}
            for one in (at, at + 1)
        ]  # fmt: skip
        tx.connection.execute(count_result.insert(), rows)


def _serials(tx: Transaction) -> None:
    """Two pools, two grants, numbers that were imported and voided."""
    drawn = open_pool(tx, PoolWanted(code=chain.GTIN), by="Ada")
    listed = open_pool(tx, PoolWanted(code=chain.GTIN, kind=PoolKind.IMPORTED), by="Ada")
    import_serials(tx, listed.id, read_numbers(["8492017563920", "1730264981504"], listed))
    for request_id in ("order 1", "order 2"):
        wanted = GrantWanted(source=drawn.id, count=5, request_id=request_id)
        grant = grant_serials(tx, wanted, by="line 1")
        void = serials_between(tx, drawn, grant.first, grant.after)[:2]
        report_serials(tx, grant.id, LineReport(void=tuple(void), reason="torn"), by="line 1")


def _subscription(query: str) -> subscription.Subscription:
    return subscription.Subscription(
        id=f"to-{query}", query=query, version="2.0", owner="till", party=None,
        dest="https://partner.example/hook", token="secret", made=NOW, initial_record_time=NOW,
        acknowledged_record_time=NOW, due=NOW,
    )  # fmt: skip


def _uploads_and_operations(tx: Transaction) -> None:
    rules = shipped()
    product = Product(
        code=GTIN, name="Trailol 20 mg tablets", common_name="trailol", form="Tablet",
        strength="20 mg", pack_type="Blister", pack_size=30,
        markets=(Market(country="IE", mah_name="Trail Pharma", mah_address="1 Road, Cork"),),
    )  # fmt: skip
    assert upload_product(tx, product, HOLDER).accepted
    assert upload_product(tx, product, HOLDER).accepted
    chance = random.Random(7)
    for lot in ("U1", "U2"):
        serials = tuple("".join(chance.choices("ABCDEFGH2345", k=12)) for _ in range(6))
        batch = Batch(
            code=GTIN, lot=lot, expiry=date(2028, 5, 31), markets=("IE",), serials=serials,
            released=date(2026, 6, 2), source=((GTIN, "OLD", 30), (GTIN, "OLDER", 20)),
        )  # fmt: skip
        assert upload_batch(tx, batch, HOLDER, rules).accepted
        for serial, operation in zip(serials, ("supply", "verify", "supply"), strict=False):
            asked = PackRequest(
                operation=PackAct(operation), code=GTIN, serial=serial, lot=lot,
                expiry=date(2028, 5, 31),
            )  # fmt: skip
            perform(tx, [(asked, PHARMACY)], rules)
    for serial in ("NOSUCH1", "NOSUCH2"):
        asked = PackRequest(
            operation=PackAct.VERIFY, code=GTIN, serial=serial, lot="U1", expiry=date(2028, 5, 31)
        )
        (answer,) = perform(tx, [(asked, PHARMACY)], rules)
        if answer.alert:
            alert.move(tx, answer.alert, alert.Status.UNDER_INVESTIGATION, by="Ada")
        verdict = verify(tx, GTIN, serial, now=NOW)
        saleable_return.keep(tx, verdict, None, known=saleable_return.ReturnProof(None))


def _lengthen(store: Store) -> None:
    """So many entries that a tile is full and one above it has begun."""
    with store.write(NOW + timedelta(minutes=2)) as tx:
        record(tx, [chain.see(100 + n, PACKS[3:4], "storing") for n in range(230)])
        fill_empty_registers(tx)
        for number in range(760):
            tx.log(LeafKind.SETTING, b"%d" % number)
    catch_up(store, now=NOW + timedelta(minutes=2))


def fill_empty_registers(tx: Transaction) -> None:
    """Two rows in every register that no act above wrote to."""
    for table in metadata.sorted_tables:
        if not isinstance(proof_of(table), Register) or table.name == "archive_file":
            continue
        if tx.connection.execute(table.select().limit(1)).first() is None:
            for number in (1, 2):
                tx.connection.execute(table.insert().values(_plausible(table, number, tx)))


def _plausible(table: Table, number: int, tx: Transaction) -> dict[str, Any]:
    row = {}
    for column in table.columns:
        owner = next(iter(column.foreign_keys), None)
        if owner is not None:
            # The second row names another one, where there is one: the name may be its key.
            named = tx.connection.scalars(owner.column.table.select().limit(number)).all()
            row[column.name] = named[-1]
        elif column.name != "tenant" and column is not table.autoincrement_column:
            row[column.name] = _value(column, number)
    return row


def _value(column: Column[Any], number: int) -> Any:
    if isinstance(column.type, Instant):
        return NOW + timedelta(minutes=number)
    if isinstance(column.type, LargeBinary):
        return bytes([number]) * 32
    if isinstance(column.type, Boolean):
        return number % 2 == 1
    return (
        f"{column.name}-{number}"[: getattr(column.type, "length", None) or 99]
        if isinstance(column.type, Text | String)
        else number
    )


@dataclass(frozen=True, slots=True)
class Deed:
    """What was falsified, and which places of a finding name it."""

    what: str
    """`flip`, `drop`, `insert` or `swap`."""
    table: str
    column: str
    keys: tuple[tuple[Any, ...], ...]
    places: frozenset[str]

    def __str__(self) -> str:
        return f"{self.what} {self.table}.{self.column} of {self.keys}"

    def is_named_by(self, paths: set[str | None]) -> bool:
        """Whether one of the places is among those that were found."""
        return bool(self.places & paths)


class Falsifier:
    """A database administrator with bad intentions, and a seed."""

    def __init__(self, connection: Connection, seed: int) -> None:
        self._driver: Any = connection.connection.driver_connection
        self._is_sqlite = connection.dialect.name == "sqlite"
        self._chance = random.Random(seed)

    def drop_guards(self) -> None:
        """What keeps mistakes from the log does not keep an administrator from it."""
        if self._is_sqlite:
            names = self._all("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for (name,) in names:
                self._run(f"DROP TRIGGER {name}")
            return
        self._run("SET session_replication_role = replica")
        self._run("ALTER TABLE event NO FORCE ROW LEVEL SECURITY")

    def attempt(self, what: str, table: Table, column: str) -> Deed | None:
        """Do it; None where there is no row for it, or the database itself does not let it be."""
        self._run("SAVEPOINT deed")
        try:
            return self._done(what, table, column)
        except (sqlite3.IntegrityError, sqlite3.OperationalError, psycopg.Error):
            self._run("ROLLBACK TO deed")
            return None

    def _done(self, what: str, table: Table, column: str) -> Deed | None:
        rows = self._rows(table)
        deed = self._falsify(what, table, column, rows)
        return deed if _set_of(rows) != _set_of(self._rows(table)) else None

    def _falsify(
        self, what: str, table: Table, column: str, rows: list[dict[str, Any]]
    ) -> Deed | None:
        if len(rows) < (2 if what == "swap" else 1):
            return None
        row = self._chance.choice(rows)
        if what == "drop":
            return self._drop(table, row)
        if what == "insert":
            return self._insert(table, row)
        if what == "flip":
            return self._set(table, row, column, self._other(table.c[column], row[column]))
        return self._swap(table, rows, column)

    def _drop(self, table: Table, row: dict[str, Any]) -> Deed:
        places = self._places(table, row)
        where, values = _where(table, row)
        self._run(f"DELETE FROM {table.name} WHERE {where}", values)
        return Deed("drop", table.name, "*", (_key(table, row),), places)

    def _insert(self, table: Table, row: dict[str, Any]) -> Deed:
        new = dict(row)
        for column in table.columns:
            if column.primary_key or _is_unique(table, column):
                new[column.name] = self._other(column, row[column.name])
        names = ", ".join(f'"{name}"' for name in new)
        marks = ", ".join("?" * len(new))
        self._run(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", list(new.values()))
        places = self._places(table, new) | self._places(table, row)
        return Deed("insert", table.name, "*", (_key(table, new),), places)

    def _set(self, table: Table, row: dict[str, Any], column: str, value: Any) -> Deed:
        where, values = _where(table, row)
        self._run(f'UPDATE {table.name} SET "{column}" = ? WHERE {where}', [value, *values])
        new = {**row, column: value}
        places = self._places(table, row) | self._places(table, new)
        return Deed("flip", table.name, column, (_key(table, row),), places)

    def _swap(self, table: Table, rows: list[dict[str, Any]], column: str) -> Deed | None:
        for _ in range(20):
            one, other = self._chance.sample(rows, 2)
            if one[column] != other[column]:
                break
        else:
            return None
        if table.c[column].primary_key or _is_unique(table, table.c[column]):
            self._set(table, one, column, self._other(table.c[column], one[column]))
            between = {**one, column: self._last}
            self._set(table, other, column, one[column])
            self._set(table, between, column, other[column])
        else:
            self._set(table, one, column, other[column])
            self._set(table, other, column, one[column])
        places = self._places(table, one) | self._places(table, other)
        return Deed("swap", table.name, column, (_key(table, one), _key(table, other)), places)

    _last: Any = None

    def _other(self, column: Column[Any], value: Any) -> Any:
        """A value that is not this one, of the same kind."""
        if isinstance(column.type, LargeBinary | ItemKey):
            new = bytearray(value or bytes(1))
            new[self._chance.randrange(len(new) or 1)] ^= 1 << self._chance.randrange(8)
            made: Any = bytes(new) if value is not None else b"\x01"
        elif isinstance(column.type, Text | String):
            made = self._other_text(value)
        elif isinstance(column.type, Boolean):
            made = (not value) if not self._is_sqlite else int(not value)
        elif isinstance(column.type, Float):
            made = (value or 0.0) + 1.5
        elif isinstance(column.type, SmallInteger):
            made = (value or 0) + self._chance.choice((1, 2))
        else:
            made = (value or 0) + self._chance.choice((1, 7, 1000, 86_400_000_000))
            if not isinstance(column.type, BigInteger | Instant):
                made = (value or 0) + 1
        self._last = made
        return made

    def _other_text(self, value: str | None) -> str:
        if not value:
            return "x"
        at = self._chance.randrange(len(value))
        return value[:at] + ("y" if value[at] != "y" else "z") + value[at + 1 :]

    def _rows(self, table: Table) -> list[dict[str, Any]]:
        names = [column.name for column in table.columns]
        listed = ", ".join(f'"{name}"' for name in names)
        rows = self._all(f"SELECT {listed} FROM {table.name} LIMIT 400")
        if table.name in _USED:
            used = {one for (one,) in self._all(_USED[table.name])}
            rows = [row for row in rows if row[0] in used]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _places(self, table: Table, row: dict[str, Any]) -> frozenset[str]:
        """The paths of findings that name a row."""
        places = {f"{table.name}/{','.join(map(_spelt, _key(table, row)))}"}
        families = ("event", "master_data")
        family = next((one for one in families if table.name.startswith(one)), table.name)
        places |= {place.format(**row) for place in _PLACES.get(family, ())}
        for asked, place, column in _FOUND_BY.get(family, ()):
            found = self._all(asked, [row[column]] if column else [])
            places |= {place.format(number) for (number,) in found}
        if table.name in ("ledger_tile", "ledger_head"):
            places |= {"/log", *(f"/log/{place}" for place in range(LOG_PLACES_MAX))}
        if table.name == "containment":
            places |= {f"containment/{row['block'] * 64 + bit}" for bit in range(64)}
        how = proof_of(table)
        if isinstance(how, Register) and how.by:
            places |= {f"{table.name}/" + ",".join(_spelt(row[name]) for name in how.by)}
        return frozenset(places)

    def commit(self) -> None:
        """What was done stands."""
        self._driver.commit()

    def _run(self, statement: str, values: list[Any] | None = None) -> None:
        mark = "?" if self._is_sqlite else "%s"
        cursor = self._driver.cursor()
        cursor.execute(statement.replace("?", mark), values or [])

    def _all(self, statement: str, values: list[Any] | None = None) -> list[Any]:
        cursor = self._driver.cursor()
        cursor.execute(statement.replace("?", "?" if self._is_sqlite else "%s"), values or [])
        found: list[Any] = cursor.fetchall()
        return found


_USED = {
    "item_state": "SELECT DISTINCT state_id FROM item",
}
"""An item state that no item has any more says nothing, and is in no proof."""
_OF_DOCUMENTS = "SELECT idx FROM ledger_entry WHERE kind = 3"
LOG_PLACES_MAX = 1_500
_PLACES: dict[str, tuple[str, ...]] = {
    "event": ("event/{seq}",),
    "ledger_entry": ("/log/{idx}", "event/{event}"),
    "ledger_checkpoint": ("/log", "/log/{size}"),
    "ledger_subject": ("/log/{place}",),
    "item_key_settled": ("item/{id}",),
    "item_key_even": ("item/{id}",),
    "item_key_odd": ("item/{id}",),
    "stock_group": ("stock_group/{block}",),
    "document_part": ("document/{document}", "document_part/{document}"),
    "document": ("document/{id}", "document_part/{id}"),
    "master_data": ("master_data/{type},{id}",),
    "pack_operation": ("pack_operation/{code},{serial}",),
    "pack": ("pack/{code},{lot}",),
}
"""Other paths that name a row; `event` and `master_data` stand for all tables that begin so."""
_FOUND_BY: dict[str, tuple[tuple[str, str, str], ...]] = {
    "event": (("SELECT idx FROM ledger_entry WHERE event = ?", "/log/{}", "seq"),),
    "document": ((_OF_DOCUMENTS, "/log/{}", ""),),
    "document_part": ((_OF_DOCUMENTS, "/log/{}", ""),),
    "item": (("SELECT id FROM item WHERE id = ?", "item/{}", "id"),),
    "lot": (("SELECT id FROM item WHERE lot = ?", "item/{}", "id"),),
    "item_state": (("SELECT id FROM item WHERE state_id = ?", "item/{}", "id"),),
}
"""And those that a question to the store finds: the question, the path, its column."""


def _set_of(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(repr(list(row.values())) for row in rows)


def _key(table: Table, row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[column.name] for column in table.primary_key)


def _where(table: Table, row: dict[str, Any]) -> tuple[str, list[Any]]:
    names = [column.name for column in table.primary_key]
    return " AND ".join(f'"{name}" = ?' for name in names), [row[name] for name in names]


def _spelt(value: Any) -> str:
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else str(value)


def _is_unique(table: Table, column: Column[Any]) -> bool:
    if column.unique:
        return True
    return any(
        isinstance(one, UniqueConstraint) and column.name in one.columns
        for one in table.constraints
    )


def deeds() -> Iterator[tuple[str, Table, str]]:
    """Everything that can be falsified: what, the table and the column, `*` for a whole row."""
    for _, table in sorted(metadata.tables.items()):
        how = proof_of(table)
        if isinstance(how, Outside):
            continue
        yield "drop", table, "*"
        yield "insert", table, "*"
        for column in table.columns:
            if column.name not in how.beside:
                yield "flip", table, column.name
                yield "swap", table, column.name


def falsify(store: Store, seed: int | str) -> Deed:
    """One deed after the other is tried, past all guards, until one changes something."""
    chance = random.Random(seed)
    choices = list(deeds())
    with store.engine.connect() as connection:
        driver = Falsifier(connection, chance.randrange(1 << 32))
        driver.drop_guards()
        while True:
            deed = driver.attempt(*chance.choice(choices))
            if deed is not None:
                driver.commit()
                return deed
