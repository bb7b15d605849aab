"""A migrated store of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from repository import webhook

from compliance.seal import Keys
from compliance.service.accounts import put_account
from compliance.service.app import create_app
from compliance.service.context import ServiceContext
from compliance.service.migrate import open_migrated
from compliance.service.settings import Settings
from epcis.ledger.store import Store
from tests.compliance.service.browsers import ADMIN, ANN, WORD, Browser, TurningClock
from verification.decision.act import ParticipantRole, Who
from verification.decision.rule_pack import shipped
from verification.fmd.upload import Batch, Market, Product, upload_batch, upload_product

__all__ = ["webhook"]  # a fixture of all

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def settings(tmp_path: Path, database: str) -> Settings:
    return Settings(data_dir=tmp_path, database=database)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = open_migrated(settings)
    yield opened
    opened.close()


@pytest.fixture
def packs(store, now):
    """A store with one uploaded pack."""
    maker = Who(client="maker", role=ParticipantRole.MAH, location="plant", authorisation="m")
    market = Market(
        country="FI", mah_name="Trail", mah_address="Road 1", manufacturer_address="Road 2"
    )
    product = Product(
        code="05901234123457",
        name="Trailol 20 mg",
        common_name="trailolum",
        form="tablet",
        strength="20 mg",
        pack_type="box",
        pack_size=30,
        markets=(market,),
    )
    batch = Batch(
        code="05901234123457",
        lot="A1",
        expiry=date(2031, 5, 31),
        markets=("FI",),
        serials=("H7K2M9Q4R8TX",),
    )
    with store.write(now) as tx:
        assert upload_product(tx, product, maker).accepted
        assert upload_batch(tx, batch, maker, shipped()).accepted
    return store


@pytest.fixture
def clock() -> TurningClock:
    return TurningClock()


@pytest.fixture
def browser_of(store, clock):
    """A browser in front of a server with settings of its own."""
    with store.write(clock.now) as tx:
        put_account(tx, ANN, WORD, by="qa")
        put_account(tx, ADMIN, WORD, by="qa")

    def of(settings, address="192.0.2.1"):
        keys = Keys.open(settings.keys_folder)
        return Browser(create_app(ServiceContext.of(settings, store, keys, clock)), address)

    return of


@pytest.fixture
def browser(settings, browser_of):
    return lambda address="192.0.2.1": browser_of(settings, address)
