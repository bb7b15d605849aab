"""HTTPS channels: a partner's program pushes messages to us, and we push to its address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.exchange.exchange import Delivery
from epcis.exchange.mailbox import MessageReceipt, MessageState
from epcis.exchange.outward import post_to_partner
from epcis.subscribe.webhook_signature import standard_headers

if TYPE_CHECKING:
    from epcis.exchange.channel import Channel
    from epcis.exchange.exchange import Exchange
    from epcis.exchange.mailbox import ExchangeMessage
    from epcis.exchange.spool import Region


def push(exchange: Exchange, channel: Channel, message: ExchangeMessage, body: Region) -> Delivery:
    """POST a message to the partner's address; its answer is the receipt."""
    address = channel.setting("address")
    if not address:
        return Delivery(MessageState.DEAD, f"channel {channel.name} has no address to push to")
    headers = {"Content-Type": message.media_type, "Message-ID": message.message_id}
    if message.file_name.isascii() and message.file_name.isprintable():
        quoted = message.file_name.replace("\\", "").replace('"', "")
        headers["Content-Disposition"] = f'attachment; filename="{quoted}"'
    if key := channel.secret(exchange.box, "key"):
        headers["Authorization"] = f"Bearer {key}"
    if signing := channel.secret(exchange.box, "signing_key"):
        at = exchange.clock()
        headers |= standard_headers(signing, message.message_id, at, body.chunks())
    answer = post_to_partner(exchange, address, body, headers)
    if answer.is_taken:
        receipt = MessageReceipt(answer.headers.get("content-type", ""), answer.content)
        return Delivery(MessageState.RECEIPTED, receipt=receipt)
    answered = answer.content[:500].decode("utf-8", "replace")
    reason = f"{answer.reason}: {answered}" if answered else answer.reason
    return Delivery(MessageState.DEAD if answer.is_final else MessageState.WAITING, reason)
