"""AS2, inward: take a message or a receipt, and answer with the right disposition.

A message is on the disk before its receipt says so: partners delete what was confirmed. What is
turned away is noted for the person who connects the partner.
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from epcis.exchange.as2 import (
    as2_headers,
    as2_id,
    host_of,
    judged_mdn,
    number_of,
    open_receipt,
    plain_name,
    queued_receipt,
)
from epcis.exchange.as2_build import MdnWanted, mdn_part
from epcis.exchange.as2_layers import As2Opener, As2Refused, As2Trust
from epcis.exchange.as2_settings import NO, find_as2_channel, trust_of
from epcis.exchange.cms_signature import digest_name
from epcis.exchange.door_limit import RETRY_AFTER_S, DoorLimit
from epcis.exchange.mailbox import (
    NO_RECEIPT,
    ArrivedMessage,
    Direction,
    MessageReceipt,
    MessageRefused,
    MessageToSend,
    Refusal,
    find_message,
    message_by_id,
    note_refusal,
    receive,
    send,
    send_again,
)
from epcis.exchange.mime_entity import MimeEntity, MimeRefused
from epcis.exchange.secret_box import SecretSealed
from epcis.exchange.worker import note_delivery

if TYPE_CHECKING:
    from collections.abc import Mapping

    from epcis.exchange.as2_build import As2Part
    from epcis.exchange.as2_layers import OpenedAs2
    from epcis.exchange.channel import Channel
    from epcis.exchange.exchange import Exchange
    from epcis.exchange.mailbox import Received
    from epcis.exchange.spool import Region

REPEAT_WINDOW: Final = timedelta(days=3)
"""A message that comes again within this time is a partner's retry, and gets the same receipt."""
RECEIPT_FILE: Final = "receipt"
"""Name of a receipt among the messages to be sent."""
_NAME_CHARACTERS_MAX: Final = 128
_NO_TRUST: Final = As2Trust((), ())


@dataclass(frozen=True, slots=True)
class As2Answer:
    """What the sender's request is answered with."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""


NO_ROOM: Final = As2Answer(
    503,
    {"Content-Type": "text/plain; charset=utf-8", "Retry-After": str(RETRY_AFTER_S)},
    b"too many messages at once; send it again in a moment\n",
)
"""The answer where there is no room: the sender tries again by itself."""


class As2Visit:
    """One request of a partner to our AS2 address."""

    def __init__(self, exchange: Exchange, headers: Mapping[str, str]) -> None:
        """Header names are in lower case."""
        self._exchange, self._headers = exchange, headers
        self._own_name = plain_name(headers.get("as2-to", ""))[:_NAME_CHARACTERS_MAX]
        self._partner_name = plain_name(headers.get("as2-from", ""))[:_NAME_CHARACTERS_MAX]
        self._message_id = headers.get("message-id", "").strip()[:1_000]
        self._later_at = headers.get("receipt-delivery-option", "").strip()[:2_000]
        self._options = headers.get("disposition-notification-options", "")[:2_000]
        self._wants_receipt = bool(headers.get("disposition-notification-to", "").strip())
        self._trust = _NO_TRUST
        with exchange.store.read() as snapshot:
            self._channel = find_as2_channel(snapshot, self._own_name, self._partner_name)

    def refused_at_once(self) -> As2Answer | None:
        """The answer to somebody unknown, given before the body is read: nobody fills the disk."""
        if self._channel is None:
            return self._refuse(
                As2Refused(
                    "error: unknown-trading-partner",
                    f"nobody is connected here as AS2-From '{self._partner_name}' to AS2-To"
                    f" '{self._own_name}': compare both names letter by letter",
                )
            )
        if not self._message_id:
            return self._refuse(As2Refused("failure: unsupported format", "it has no Message-ID"))
        return None

    def take(self, body: Region) -> As2Answer:
        """Take the message or receipt. Raises StoreFull and StoreAway."""
        channel, exchange = self._channel, self._exchange
        assert channel is not None, "the caller asked for `refused_at_once`"
        entity = MimeEntity(dict(self._headers), body, body)
        with ExitStack() as files:
            try:
                with exchange.store.read() as snapshot:
                    self._trust = trust_of(exchange, snapshot, channel)
                opener = As2Opener(self._trust, exchange.spool, files.enter_context)
                opened = opener.open(entity)
                if opened.is_receipt:
                    return self._take_receipt(channel, opened, entity, files)
                return self._take_message(channel, opened)
            except As2Refused as refused:
                return self._refuse(refused)
            except SecretSealed as refused:
                text = str(refused)
                return self._refuse(As2Refused("error: unexpected-processing-error", text))

    # --- messages ---------------------------------------------------------------------------------

    def _take_message(self, channel: Channel, opened: OpenedAs2) -> As2Answer:
        if channel.setting("signed_only") != NO and not opened.signature:
            raise As2Refused("error: insufficient-message-security", "it is not signed")
        if channel.setting("encrypted_only") != NO and not opened.is_encrypted:
            raise As2Refused("error: insufficient-message-security", "it is not encrypted")
        algorithm = self._digest_for(opened.signature)
        made = self._receipt(mic=f"{opened.mic_of.mic(algorithm)}, {algorithm}", digest=algorithm)
        is_later = made is not None and bool(self._later_at)
        arrived = ArrivedMessage(
            channel.name,
            self._message_id,
            opened.payload,
            file_name=opened.entity.file_name,
            media_type=opened.entity.get("content-type") or "application/octet-stream",
            receipt=_as_receipt(made),
            later=self._in_line(channel, made) if made and is_later else None,
            is_acknowledged=made is not None and not is_later,
        )
        try:
            received = receive(self._exchange.store, arrived, self._exchange.clock())
        except MessageRefused as refused:
            raise As2Refused("error: duplicate-document", str(refused)) from None
        if received.is_repeat:
            return self._answer_repeat(channel, received)
        return As2Answer(200) if is_later else self._answer(received.receipt)

    def _answer_repeat(self, channel: Channel, received: Received) -> As2Answer:
        """The same receipt for a partner's retry; later than that it is a replay, and named so."""
        first = received.message.way["received"]
        if self._exchange.clock() - first > REPEAT_WINDOW:
            raise As2Refused(
                "warning: duplicate-document",
                f"it came before, on {first:%Y-%m-%d %H:%M} UTC, and nothing was done again",
            )
        if not self._later_at:
            return self._answer(received.receipt)
        with self._exchange.store.write(self._exchange.clock()) as tx:
            queued = message_by_id(tx, channel.name, Direction.OUT, self._receipt_id())
            if queued is not None:
                send_again(tx, queued.id)
        return As2Answer(200)

    # --- receipts of ours -------------------------------------------------------------------------

    def _digest_for(self, signature: str) -> str:
        """The first digest that the sender names for the receipt and that we allow.

        Where it names none, that of its signature.
        """
        for one in self._options.split(";"):
            name, _, values = one.partition("=")
            if name.strip().lower() != "signed-receipt-micalg":
                continue
            for value in values.split(","):
                found = digest_name(value)
                if found and (found != "sha1" or self._trust.sha1_allowed):
                    return found
        return signature or "sha256"

    def _receipt(
        self, *, mic: str = "", modifier: str = "", text: str = "", digest: str = "sha256"
    ) -> As2Part | None:
        """A receipt as the sender wants it; None where it wants none."""
        if not self._wants_receipt:
            return None
        mdn_wanted = MdnWanted(self._message_id, self._own_name, modifier, text, mic)
        is_signed = "pkcs7-signature" in self._options.lower()
        own = self._trust.own[0] if self._trust.own and is_signed else None
        return mdn_part(mdn_wanted, own, digest, self._exchange.clock())

    def _receipt_id(self) -> str:
        return f"{RECEIPT_FILE}-{hashlib.sha256(self._message_id.encode()).hexdigest()}"

    def _in_line(self, channel: Channel, made: As2Part) -> MessageToSend:
        """A receipt among the messages to be sent."""
        return MessageToSend(
            channel.name,
            self._receipt_id(),
            queued_receipt(made),
            RECEIPT_FILE,
            "multipart/report",
            self._later_at,
        )

    def _answer(self, receipt: MessageReceipt) -> As2Answer:
        if not receipt.content:
            return As2Answer(200)
        headers = as2_headers(
            self._own_name,
            self._partner_name,
            f"<{self._receipt_id()[:40]}@packtrail>",
            self._exchange.clock(),
        )
        return As2Answer(200, headers | {"Content-Type": receipt.media_type}, receipt.content)

    def _refuse(self, refused: As2Refused) -> As2Answer:
        """Note why a message was turned away, and tell its sender."""
        channel, exchange = self._channel, self._exchange
        code = refused.modifier.partition(": ")[2]
        name = channel.name if channel else ""
        noted = Refusal(name, self._partner_name, self._message_id, code, str(refused))
        made = self._receipt(modifier=refused.modifier, text=str(refused))
        own_host = host_of(channel.setting("address")) if channel else ""
        is_later = bool(self._later_at) and made is not None
        # Nobody proved who asks: a receipt goes to no host but the one entered for the partner.
        is_sent_later = is_later and bool(own_host) and host_of(self._later_at) == own_host
        if DoorLimit.of(exchange.store).may_note(exchange.clock()):
            with exchange.store.write(exchange.clock()) as tx:
                note_refusal(tx, noted)
                if is_sent_later and channel is not None and made is not None:
                    line = self._in_line(channel, made)
                    if message_by_id(tx, channel.name, Direction.OUT, line.message_id) is None:
                        send(tx, line)
        elif is_sent_later:
            return NO_ROOM
        if is_sent_later:
            return As2Answer(200)
        if made is None or is_later:
            content = f"{refused.modifier}: {refused}\n".encode()
            return As2Answer(403, {"Content-Type": "text/plain; charset=utf-8"}, content)
        return self._answer(_as_receipt(made))

    # --- receipts of the partner ------------------------------------------------------------------

    def _take_receipt(
        self, channel: Channel, opened: OpenedAs2, entity: MimeEntity, files: ExitStack
    ) -> As2Answer:
        """A receipt that comes later, for a message of ours."""
        exchange = self._exchange
        try:
            mdn, is_signed = open_receipt(exchange, opened, files)
        except MimeRefused as refused:
            raise As2Refused("failure: unsupported format", str(refused)) from None
        if not is_signed and channel.setting("receipt_signed") != NO:
            raise As2Refused(
                "error: insufficient-message-security",
                f"the receipt is not signed, so anybody may have sent it: {mdn.in_words()}",
            )
        number = number_of(mdn.message_id)
        with exchange.store.read() as snapshot:
            found = None if number is None else find_message(snapshot, number)
        if found is None or as2_id(channel, found) != mdn.message_id:
            raise As2Refused("failure: unsupported format", "it is for no message of ours")
        receipt = MessageReceipt(entity.get("content-type"), entity.body.read(2**20))
        result = judged_mdn(channel, found.mic, mdn, receipt, is_signed=is_signed)
        note_delivery(exchange, found, result, is_try=False)
        return As2Answer(200)


def _as_receipt(made: As2Part | None) -> MessageReceipt:
    if made is None:
        return NO_RECEIPT
    return MessageReceipt(made.headers["Content-Type"], b"".join(made.chunks()))
