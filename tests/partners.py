"""A company that exchanges files: its store, its channels, and a clock that tests turn."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from chain import commission, pack
from service import document

from epcis.capture_job import do_next
from epcis.codec.document import DocumentLimits
from epcis.exchange.channel import Channel, ChannelKind, NewChannel, find_channel
from epcis.exchange.connecting import connect_partner
from epcis.exchange.exchange import Exchange
from epcis.exchange.mailbox import (
    ArrivedMessage,
    ExchangeMessage,
    MessageToSend,
    find_message,
    list_messages,
    receive,
    send,
)
from epcis.exchange.secret_box import SecretBox
from epcis.exchange.spool import Region
from epcis.exchange.worker import serve_channel
from epcis.ledger.store import Store


def a_shipment(number: int) -> bytes:
    """A document about a pack that no other number names."""
    return document(commission(number % 5000, [pack(f"X{number}")]))


def region(content: bytes) -> Region:
    return Region.whole(io.BytesIO(content))


def seed_of(folder: Path) -> bytes:
    """What the key file of a site holds; each site's differs."""
    return sha256(bytes(folder)).digest()


class Site:
    """One company; nothing happens beside the test."""

    def __init__(self, store: Store, folder: Path, now: datetime) -> None:
        self.now = now
        self.exchange = Exchange(
            store=store,
            clock=lambda: self.now,
            box=SecretBox.of(seed_of(folder)),
            folder=folder / "exchange",
            data_dir=folder,
            private_allowed=True,
            size_bytes_max=256 * 2**20,
            limits=DocumentLimits(),
        )
        self.store = store

    def connect(self, name: str, kind: str, partner: str = "", **settings: str) -> Channel:
        wanted = NewChannel(name, ChannelKind(kind), partner, settings)
        return connect_partner(self.exchange, wanted, by="Ada")

    def channel(self, name: str) -> Channel:
        with self.store.read() as snapshot:
            found = find_channel(snapshot, name)
        assert found is not None
        return found

    def receive(self, channel: str, message_id: str, content: bytes):
        return receive(self.store, ArrivedMessage(channel, message_id, region(content)), self.now)

    def send(self, channel: str, message_id: str, content: bytes, name: str = "a.xml") -> int:
        wanted = MessageToSend(channel, message_id, region(content), name, "application/xml")
        with self.store.write(self.now) as tx:
            return send(tx, wanted)

    def work(self) -> None:
        """All there is to do now: channels and capture jobs, until nothing changes."""
        limits = self.exchange.limits
        while True:
            did = False
            for name in self.names():
                did |= serve_channel(self.exchange, name)
            while do_next(self.store, self.exchange.clock, limits):
                did = True
            if not did:
                return

    def names(self) -> list[str]:
        from epcis.exchange.channel import list_channels

        with self.store.read() as snapshot:
            return [one.name for one in list_channels(snapshot)]

    def later(self, **by: float) -> None:
        self.now += timedelta(**by)

    def message(self, number: int) -> ExchangeMessage:
        with self.store.read() as snapshot:
            found = find_message(snapshot, number)
        assert found is not None
        return found

    def messages(self) -> list[ExchangeMessage]:
        """Oldest first."""
        with self.store.read() as snapshot:
            return list_messages(snapshot)[::-1]

    def events(self) -> int:
        from sqlalchemy import func, select

        from epcis.store.event_tables import event

        with self.store.read() as snapshot:
            return snapshot.connection.scalar(select(func.count()).select_from(event)) or 0
