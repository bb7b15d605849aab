"""No statement writes to a register past the log, whichever way it takes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import bindparam, delete, insert, select, text, update

import verification.registry.pack_tables  # so that its registers are made
from epcis.database.raw_driver import RawDriver
from epcis.database.register_guard import UnloggedWrite
from epcis.fsck.registers import check_registers

NOW = datetime(2026, 6, 1, tzinfo=UTC)
lot_state = verification.registry.pack_tables.lot_state
ROW = {
    "gtin": "09521321000016", "lot": "L1", "market": "", "state": "recalled", "reason": "glass",
    "since_us": 1, "by": "A",
}  # fmt: skip
COLUMNS = tuple(ROW)
_NAMES = ", ".join(f'"{name}"' for name in COLUMNS)
_VALUES = ", ".join(f"'{value}'" for value in ROW.values())
_INSERT = f"INSERT INTO lot_state ({_NAMES}) VALUES ({_VALUES})"

PAST_THE_LOG = {
    "text": lambda tx: tx.connection.execute(text("UPDATE lot_state SET state = 'active'")),
    "the driver's SQL": lambda tx: tx.connection.exec_driver_sql(_INSERT),
    "in lower case": lambda tx: tx.connection.exec_driver_sql(_INSERT.replace("INTO", "into")),
    "with a schema": lambda tx: tx.connection.exec_driver_sql("DELETE FROM main.lot_state"),
    "raw": lambda tx: RawDriver(tx).run("DELETE FROM lot_state"),
    "raw, one": lambda tx: RawDriver(tx).one(_INSERT + " RETURNING gtin"),
    "raw, many": lambda tx: RawDriver(tx).run_many("DELETE FROM lot_state WHERE lot = ?", [("L",)]),
    "raw rows": lambda tx: RawDriver(tx).insert("lot_state", COLUMNS, [tuple(ROW.values())]),
    "raw mixed": lambda tx: RawDriver(tx).insert_mixed("lot_state", COLUMNS, [tuple(ROW.values())]),
    "raw update": lambda tx: RawDriver(tx).update("lot_state", "gtin", ("lot",), [("L2", "0")]),
    "from a query": lambda tx: tx.connection.execute(
        insert(lot_state).from_select(list(COLUMNS), select(*(lot_state.c[n] for n in COLUMNS)))
    ),
    "a new key": lambda tx: tx.connection.execute(update(lot_state).values(lot="L2")),
}


@pytest.mark.parametrize("way", PAST_THE_LOG)
def test_a_write_that_the_log_would_not_see_is_refused(store, way) -> None:
    with pytest.raises(UnloggedWrite, match="lot_state"), store.write(NOW) as tx:
        PAST_THE_LOG[way](tx)
    with store.read() as snapshot:
        assert snapshot.connection.execute(select(lot_state)).all() == []


def test_every_way_that_is_open_leaves_the_log_telling_the_rows(store) -> None:
    def faults() -> list[object]:
        return list(check_registers(store, lambda _what, _count: None))

    two = [ROW, {**ROW, "lot": "L2"}]
    for write in (
        lambda tx: tx.connection.execute(insert(lot_state), two),
        lambda tx: tx.connection.execute(insert(lot_state).values(**{**ROW, "lot": "L3"})),
        lambda tx: tx.connection.execute(
            update(lot_state).where(lot_state.c.lot == "L1").values(state="active")
        ),
        lambda tx: tx.connection.execute(
            update(lot_state).where(lot_state.c.lot == bindparam("which")).values(reason="dust"),
            [{"which": "L1"}, {"which": "L2"}],
        ),
        lambda tx: tx.connection.execute(update(lot_state).values(by="B")),
        lambda tx: tx.connection.execute(delete(lot_state).where(lot_state.c.lot == "L2")),
        lambda tx: tx.connection.execute(delete(lot_state)),
    ):
        with store.write(NOW) as tx:
            write(tx)
        assert faults() == []


def test_a_row_changed_past_packtrail_is_told(store) -> None:
    with store.write(NOW) as tx:
        tx.connection.execute(insert(lot_state).values(**ROW))
    with store.engine.begin() as connection:  # as somebody with a database client would
        connection.exec_driver_sql("UPDATE lot_state SET state = 'active'")
    assert len(list(check_registers(store, lambda _what, _count: None))) == 1
