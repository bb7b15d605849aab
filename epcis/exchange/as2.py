"""AS2 channels, outward: send a message, and judge the receipt that comes back."""

from __future__ import annotations

import hashlib
import io
import re
from contextlib import ExitStack
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

from epcis.exchange.as2_build import dressed, payload_part, quotable
from epcis.exchange.as2_layers import As2Opener, As2Refused
from epcis.exchange.as2_receipt import read_mdn
from epcis.exchange.as2_settings import NO, NONE, dress_of, trust_of
from epcis.exchange.channel import ChannelRefused
from epcis.exchange.exchange import Delivery
from epcis.exchange.mailbox import MessageReceipt, MessageState, change
from epcis.exchange.mime_entity import MimeEntity, MimeRefused, read_entity
from epcis.exchange.outward import post_to_partner
from epcis.exchange.spool import Region

if TYPE_CHECKING:
    from datetime import datetime

    from epcis.exchange.as2_build import As2Part
    from epcis.exchange.as2_layers import OpenedAs2
    from epcis.exchange.as2_receipt import PartnerMdn
    from epcis.exchange.channel import Channel
    from epcis.exchange.exchange import Exchange
    from epcis.exchange.mailbox import ExchangeMessage
    from epcis.exchange.outward import ServerAnswer

AS2_VERSION: Final = "1.2"
"""RFC 4130 with compression (RFC 5402); the version's third digit names nothing else we need."""
_OURS: Final = re.compile(r"<?packtrail-(\d{1,18})-([0-9a-f]{32})@")


def as2_id(channel: Channel, message: ExchangeMessage) -> str:
    """The AS2 Message-ID of a message to be sent: the same each time it is sent."""
    host = re.sub(r"[^A-Za-z0-9.-]+", "-", channel.setting("own_name")).strip("-.") or "packtrail"
    return f"<packtrail-{message.id}-{_digest_of(message)}@{host[:80]}>"


def _digest_of(message: ExchangeMessage) -> str:
    named = f"{message.channel}\n{message.message_id}\n{message.sha256}"
    return hashlib.sha256(named.encode()).hexdigest()[:32]


def number_of(message_id: str) -> int | None:
    """The number of the message that an AS2 Message-ID of ours names; None where it is not ours."""
    found = _OURS.match(message_id)
    return int(found[1]) if found else None


def quoted_name(name: str) -> str:
    """An AS2 name as a header has it (RFC 4130 section 6.2).

    >>> quoted_name("PLAIN"), quoted_name("two words")
    ('PLAIN', '"two words"')
    """
    if re.fullmatch(r"[!#-\[\]-~]+", name):
        return name
    return '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'


def plain_name(header: str) -> str:
    r"""An AS2 name from its header.

    >>> plain_name('"two \\"words\\""')
    'two "words"'
    """
    text = header.strip()
    if len(text) >= 2 and text.startswith('"') and text.endswith('"'):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def as2_headers(sender: str, receiver: str, message_id: str, at: datetime) -> dict[str, str]:
    """The headers of every AS2 request and answer."""
    return {
        "AS2-Version": AS2_VERSION,
        "AS2-From": quoted_name(sender),
        "AS2-To": quoted_name(receiver),
        "Message-ID": message_id,
        "Date": format_datetime(at),
        "MIME-Version": "1.0",
        "User-Agent": "Packtrail",
    }


def deliver_as2(
    exchange: Exchange, channel: Channel, message: ExchangeMessage, body: Region
) -> Delivery:
    """Send a message, or a receipt that its message wanted later, and judge the answer."""
    if message.reply_to:
        return _deliver_receipt(exchange, channel, message, body)
    address = channel.setting("address")
    if not address:
        return Delivery(MessageState.DEAD, f"channel {channel.name} has no address to send to")
    try:
        with exchange.store.read() as snapshot:
            dress = dress_of(exchange, snapshot, channel)
    except ChannelRefused as refused:
        return Delivery(MessageState.WAITING, str(refused))
    with ExitStack() as files:
        keep = files.enter_context
        bare = payload_part(body, message.media_type, message.file_name)
        part, mic = dressed(bare, dress, exchange.clock(), exchange.spool, keep)
        with exchange.store.write(exchange.clock()) as tx:
            change(tx, message.id, mic=mic)
            # A receipt that comes before the answer needs it: without this row it has nothing to
            # be compared with.
        whole = exchange.spool.write(part.chunks())
        keep(whole.file)
        headers = {
            **as2_headers(
                channel.setting("own_name"),
                channel.setting("partner_name"),
                as2_id(channel, message),
                exchange.clock(),
            ),
            "Subject": quotable(message.file_name) or "Message",
            **_asked(channel),
            **part.headers,
        }
        answer = post_to_partner(
            exchange, address, whole, headers, clear_allowed=bool(dress.cipher)
        )
        return _judged(exchange, channel, mic, answer)


def _asked(channel: Channel) -> dict[str, str]:
    """The headers that ask for a receipt (RFC 4130 section 7.3)."""
    if channel.setting("receipt") == NONE:
        return {}
    asked = {"Disposition-Notification-To": quotable(channel.setting("own_name"))}
    if channel.setting("receipt_signed") != NO:
        asked["Disposition-Notification-Options"] = (
            "signed-receipt-protocol=optional, pkcs7-signature; "
            f"signed-receipt-micalg=optional, {channel.setting('mic')}"
        )
    if channel.setting("receipt") == "async":
        asked["Receipt-Delivery-Option"] = quotable(channel.setting("receipt_address"))
    return asked


def _deliver_receipt(
    exchange: Exchange, channel: Channel, message: ExchangeMessage, body: Region
) -> Delivery:
    entity = read_entity(body)
    own, partner = channel.setting("own_name"), channel.setting("partner_name")
    message_id = as2_id(channel, message)
    headers = as2_headers(own, partner, message_id, exchange.clock()) | {
        "Content-Type": entity.get("content-type")
    }
    answer = post_to_partner(exchange, message.reply_to, entity.body, headers, clear_allowed=True)
    if answer.is_taken:
        return Delivery(MessageState.DELIVERED)
    return Delivery(MessageState.DEAD if answer.is_final else MessageState.WAITING, answer.reason)


def _judged(exchange: Exchange, channel: Channel, mic: str, answer: ServerAnswer) -> Delivery:
    """What an answer to a message means."""
    if not answer.is_taken:
        return Delivery(MessageState.DEAD if answer.is_final else MessageState.WAITING,
                        in_words(answer), mic=mic)  # fmt: skip
    wanted = channel.setting("receipt")
    kind = answer.headers.get("content-type", "")
    is_report = kind.lower().startswith("multipart/")
    if not is_report:
        if wanted == "sync":
            return Delivery(
                MessageState.WAITING,
                "the partner's server took it and gave no receipt: ask the partner to answer with"
                " one, or set receipt=async or none",
                mic=mic,
            )
        return Delivery(MessageState.DELIVERED, mic=mic, is_receipt_due=wanted == "async")
    with ExitStack() as files:
        region = Region.whole(io.BytesIO(answer.content))
        entity = MimeEntity(dict(answer.headers), region, region)
        try:
            with exchange.store.read() as snapshot:
                trust = trust_of(exchange, snapshot, channel)
            opened = As2Opener(trust, exchange.spool, files.enter_context).open(entity)
            mdn, is_signed = open_receipt(exchange, opened, files)
        except (As2Refused, MimeRefused) as refused:
            return Delivery(
                MessageState.DEAD, f"the partner's receipt is not to be trusted: {refused}", mic=mic
            )
    receipt = MessageReceipt(kind, answer.content)
    return judged_mdn(channel, mic, mdn, receipt, is_signed=is_signed)


def open_receipt(
    exchange: Exchange, opened: OpenedAs2, files: ExitStack
) -> tuple[PartnerMdn, bool]:
    """What a receipt without its layers says, and whether it is signed. Raises `MimeRefused`."""
    if not opened.is_receipt:
        raise MimeRefused("what came is no receipt")
    return read_mdn(opened, exchange.spool, files.enter_context), bool(opened.signature)


def judged_mdn(
    channel: Channel, mic: str, mdn: PartnerMdn, receipt: MessageReceipt, *, is_signed: bool
) -> Delivery:
    """What a receipt means for its message."""
    if not mdn.is_success:
        state = MessageState.WAITING if mdn.may_go_later else MessageState.DEAD
        return Delivery(state, mdn.in_words(), receipt, mic)
    if not is_signed and channel.setting("receipt_signed") != NO:
        return Delivery(
            MessageState.DEAD,
            "the partner's receipt is not signed: ask it to sign, or set receipt_signed=no",
            receipt,
            mic,
        )
    digest, _, algorithm = mic.partition(", ")
    if mdn.mic_algorithm == algorithm and mdn.mic != digest:
        return Delivery(
            MessageState.DEAD,
            "the partner confirms other bytes than we sent: the digests differ. Compare the file"
            " with the partner before you send it again",
            receipt,
            mic,
        )
    detail = ""
    if mdn.mic_algorithm != algorithm:
        detail = f"the partner's receipt has no {algorithm} digest, so the bytes are not compared"
    if mdn.modifier:
        detail = f"the partner has it, and says: {mdn.modifier}"
    return Delivery(MessageState.RECEIPTED, detail, receipt, mic)


def in_words(answer: ServerAnswer) -> str:
    """Why a partner's server did not take a message, and what to do."""
    facts = {
        401: "it asks for a name and password",
        403: "it refuses our address or certificate: ask the partner to admit this server",
        404: "nothing is at this address: compare it with the partner's",
        405: "this address takes no AS2: compare it with the partner's",
        413: "the message is too large for the partner",
    }
    known = facts.get(answer.status or 0, "")
    return f"{answer.reason}: {known}" if known else answer.reason


def queued_receipt(part: As2Part) -> Region:
    """A receipt that goes later, with its headers."""
    return Region.whole(io.BytesIO(part.head() + b"".join(part.chunks())))


def host_of(address: str) -> str:
    """The host that an address names; empty where it is none."""
    from urllib.parse import urlsplit

    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""
