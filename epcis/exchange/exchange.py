"""What exchange works with, put together by the front desk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from epcis.capture_job import incoming
from epcis.exchange.mailbox import NO_RECEIPT, MessageReceipt, MessageState
from epcis.exchange.spool import SpoolRoom

if TYPE_CHECKING:
    from pathlib import Path

    from epcis.clock import Clock
    from epcis.codec.document import DocumentLimits
    from epcis.exchange.secret_box import SecretBox
    from epcis.ledger.store import Store


@dataclass(frozen=True, slots=True)
class Exchange:
    """The parts that channels need."""

    store: Store
    clock: Clock
    box: SecretBox
    folder: Path
    """Folder of the folder channels, one below it for each."""
    data_dir: Path | None
    private_allowed: bool
    """Whether partners may be at private and loopback addresses."""
    size_bytes_max: int
    """Largest message, and largest of what is unpacked from one."""
    limits: DocumentLimits

    @property
    def spool(self) -> SpoolRoom:
        """Where bytes wait while they are worked on: beside the bodies of capture jobs."""
        return SpoolRoom(incoming(self.store, self.data_dir), self.size_bytes_max)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of one try to deliver a message."""

    state: MessageState
    """`WAITING`: it is tried again later; `DEAD`: the partner refuses it for good."""
    reason: str = ""
    receipt: MessageReceipt = NO_RECEIPT
    mic: str = ""
    """Digest that a receipt which comes later must repeat."""
    is_receipt_due: bool = False
    """Whether a receipt comes later."""
