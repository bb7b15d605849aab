"""Keys in the database, shared by servers that know the secret which seals them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from compliance.seal import Keys, SealRefused
from compliance.seal.cades import sign_beside
from compliance.seal.checkpoint import log_key_pem
from compliance.seal.seal_tables import sealed_key
from compliance.service.migrate import open_migrated
from compliance.service.server_keys import keys_of
from compliance.service.settings import Settings
from epcis.http_context import utc_now
from epcis.ledger.store import Store

SECRET = "a secret of the operator"


@pytest.fixture
def server(database, tmp_path):
    """The keys of a server with a folder of its own, by its name."""
    opened = []

    def of(name: str, secret: str = SECRET) -> Keys:
        settings = Settings(data_dir=tmp_path / name, database=database, key_secret=secret)
        opened.append(open_migrated(settings))
        return keys_of(settings, opened[-1])

    yield of
    for store in opened:
        store.close()


def test_servers_that_start_at_once_have_one_root_and_one_log_key(server):
    server("first", secret="")
    with ThreadPoolExecutor() as hands:
        made = list(hands.map(server, "abcd"))
    assert len({keys.root_fingerprint() for keys in made}) == 1
    assert len({log_key_pem(keys) for keys in made}) == 1
    assert len({keys.secret("exchange.key", bytes([n])) for n, keys in enumerate(made)}) == 1


def test_a_key_made_or_revoked_by_one_server_is_so_for_the_other(server):
    one, other = server("a"), server("b")
    made = one.rotate()
    assert other.seal.certificate == made
    other.revoke(made)
    with pytest.raises(SealRefused, match="revoked"):
        sign_beside(b"x", one)
    assert other.rotate() in one.certificates()


def test_keys_of_a_folder_are_taken_over_so_that_old_seals_stay_valid(server):
    before = server("a", secret="")
    shared, other = server("a"), server("b")
    assert shared.root == other.root == before.root
    assert other.certificates() == before.certificates()
    server("c", secret="")
    assert server("c").root == before.root, "the first server decides"


def test_without_the_secret_the_database_opens_no_key(server, database):
    server("a")
    with pytest.raises(SealRefused, match="PACKTRAIL_KEY_SECRET"):
        server("b", secret="another secret, long enough")
    with pytest.raises(SealRefused, match="fewer than"):
        server("b", secret="short")
    store = Store.open(database)
    with store.read() as snapshot:
        rows = snapshot.connection.execute(select(sealed_key.c.name, sealed_key.c.sealed)).all()
    store.close()
    assert {"root.key", "log.key", "keys.json"} <= {row.name for row in rows}
    assert not any(b"PRIVATE KEY" in bytes(row.sealed) for row in rows)


def test_a_row_put_in_the_place_of_another_is_refused(server, database):
    keys = server("a")
    store = Store.open(database)
    names = sealed_key.c.name
    with store.write(utc_now()) as tx:
        seal = tx.connection.scalar(select(sealed_key.c.sealed).where(names == "seal-1.key"))
        wrong = update(sealed_key).where(names == "time-1.key").values(sealed=seal)
        tx.connection.execute(wrong)
    store.close()
    with pytest.raises(SealRefused, match="was changed"):
        sign_beside(b"x", keys)


def test_the_checkpoint_that_was_signed_last_is_kept_outside_of_the_database(server, tmp_path):
    keys = server("a")
    keys.hold("trail.example/log", b"{}")
    (kept,) = (tmp_path / "a" / "keys").iterdir()
    assert kept.name.startswith("signed-")
    assert isinstance(keys, Keys)
