"""Somebody with every right on the database changes something: fsck says that, and where."""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from compliance.fsck import fsck
from compliance.seal import Keys
from epcis.database.metadata import metadata
from epcis.ledger.proved import Outside, proof_of
from epcis.ledger.store import Store
from tests import falsified

ROUNDS, ROUNDS_SLOW, ROUNDS_ON_POSTGRESQL = 6, 50, 1
DEEDS_PER_ROUND = 10
_numbers = count()


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A folder with a sound database and the keys that signed its log."""
    folder = tmp_path_factory.mktemp("whole")
    store = Store.open(str(folder / "whole.db"))
    store.create_all()
    falsified.build(store, Keys.open(folder / "keys"))
    assert found_in(store, folder / "keys") == []
    store.close()
    return folder


def found_in(store: Store, keys: Path):
    return list(fsck(store, now=falsified.NOW, keys_folder=keys))


def check(store: Store, keys: Path, seed: str) -> None:
    deed = falsified.falsify(store, seed)
    findings = found_in(store, keys)
    assert findings, f"seed {seed}: {deed} was not found"
    paths = {finding.where.path for finding in findings}
    assert deed.is_named_by(paths), f"seed {seed}: {deed} is not named by {sorted(map(str, paths))}"


def check_round(whole: Path, folder: Path, number: int) -> None:
    for nth in range(DEEDS_PER_ROUND):
        copied = folder / f"{nth}.db"
        shutil.copy(whole / "whole.db", copied)
        store = Store.open(str(copied))
        check(store, whole / "keys", f"{number}.{nth}")
        store.close()
        copied.unlink()


@pytest.mark.parametrize("number", range(ROUNDS))
def test_whatever_is_changed_is_found_and_its_place_named(whole, tmp_path, number):
    check_round(whole, tmp_path, number)


@pytest.mark.endurance
@pytest.mark.parametrize("number", range(ROUNDS, ROUNDS + ROUNDS_SLOW))
def test_five_hundred_changes_are_found_and_named(whole, tmp_path, number):
    check_round(whole, tmp_path, number)


@pytest.mark.postgresql
def test_the_same_holds_on_postgresql(postgresql, tmp_path):
    whole = postgresql.new_database()
    store = Store.open(whole)
    store.create_all()
    keys = tmp_path / "keys"
    falsified.build(store, Keys.open(keys))
    assert found_in(store, keys) == []
    store.close()
    url = make_url(whole)
    for nth in range(ROUNDS_ON_POSTGRESQL * DEEDS_PER_ROUND):
        copied = url.set(database=f"falsified_{next(_numbers)}")
        server = url.set(database="postgres").render_as_string(hide_password=False)
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE {copied.database} TEMPLATE "{url.database}"')
        store = Store.open(copied.render_as_string(hide_password=False))
        check(store, keys, f"postgresql {nth}")
        store.close()


def test_every_table_says_how_it_is_proved():
    for table in metadata.sorted_tables:
        how = proof_of(table)
        beside = {} if isinstance(how, Outside) else how.beside
        assert set(beside) <= set(table.columns.keys()), table.name
        assert isinstance(how, Outside) <= bool(getattr(how, "why", "")), table.name


def test_a_database_set_back_to_yesterday_is_found_by_the_checkpoint_beside_the_keys(
    whole, tmp_path
):
    folder = shutil.copytree(whole, tmp_path / "copy")
    store = Store.open(str(folder / "whole.db"))
    yesterday = shutil.copy(folder / "whole.db", tmp_path / "yesterday.db")
    with store.write(falsified.NOW) as tx:
        falsified.pack_registry.set_lot_state(
            tx, falsified.GTIN, "L9", falsified.LotState.RECALLED, "glass", now=falsified.NOW,
            by="Ada",
        )  # fmt: skip
    falsified.seal_log(store, Keys.open(folder / "keys"), now=falsified.NOW)
    assert found_in(store, folder / "keys") == []
    store.close()
    set_back = Store.open(str(yesterday))
    (found,) = found_in(set_back, folder / "keys")
    set_back.close()
    assert found.where.path.startswith("ledger_checkpoint/")
    assert "gone" in found.what
