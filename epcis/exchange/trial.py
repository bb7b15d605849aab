"""A message that tries a channel: a true EPCIS document without events."""

from __future__ import annotations

import io
import secrets
from typing import TYPE_CHECKING, Final

from epcis.exchange.mailbox import MessageToSend, send
from epcis.exchange.spool import Region

if TYPE_CHECKING:
    from epcis.exchange.channel import Channel
    from epcis.ledger.store import Transaction

TRIAL: Final = "trial-"
"""How the id of a trial message begins."""
_DOCUMENT: Final = """<?xml version="1.0" encoding="UTF-8"?>
<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1"
 schemaVersion="1.2" creationDate="{at}">
<EPCISBody><EventList/></EPCISBody></epcis:EPCISDocument>
"""


def send_trial(tx: Transaction, channel: Channel) -> int:
    """Put a trial message in line; its number."""
    body = _DOCUMENT.format(at=tx.now.strftime("%Y-%m-%dT%H:%M:%SZ")).encode()
    name = f"{TRIAL}{secrets.token_hex(8)}"
    return send(
        tx,
        MessageToSend(
            channel.name, name, Region.whole(io.BytesIO(body)), f"{name}.xml", "application/xml"
        ),
    )
