"""What an AS2 channel asks for, and the keys and certificates that it works with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from epcis.exchange.as2_build import As2Dress
from epcis.exchange.as2_layers import As2Trust
from epcis.exchange.certificates import CertificateOwner, certificates_of
from epcis.exchange.channel import ChannelKind, ChannelRefused, ChannelSetting, list_channels
from epcis.exchange.cms_content import CIPHERS, OwnKey

if TYPE_CHECKING:
    from epcis.database.transactions import Snapshot
    from epcis.exchange.channel import Channel
    from epcis.exchange.exchange import Exchange

NONE, YES, NO = "none", "yes", "no"
_BEFORE, _AFTER = "before signing", "after signing"
_SYNC, _ASYNC = "sync", "async"
AS2_SETTINGS: Final = (
    ChannelSetting("own_name", "our AS2 name, as the partner entered it", None),
    ChannelSetting("partner_name", "the partner's AS2 name, letter by letter", None),
    ChannelSetting("address", "address of the partner's AS2 server; empty: we only receive"),
    ChannelSetting(
        "signature", "digest of our signature", "sha256", ("sha256", "sha384", "sha512", NONE)
    ),
    ChannelSetting("encryption", "cipher of what we send", "aes256-cbc", (*CIPHERS, NONE)),
    ChannelSetting("compression", "whether what we send is compressed", NONE,
                   (NONE, _BEFORE, _AFTER)),
    ChannelSetting(
        "receipt", "the receipt we ask for: in the answer, later, or none", _SYNC,
        (_SYNC, _ASYNC, NONE),
    ),
    ChannelSetting("receipt_signed", "whether the receipt must be signed", YES, (YES, NO)),
    ChannelSetting("receipt_address", "our own AS2 address, for receipts that come later"),
    ChannelSetting(
        "mic", "digest in the receipt", "sha256", ("sha256", "sha384", "sha512", "sha1")
    ),
    ChannelSetting("signed_only", "whether what comes must be signed", YES, (YES, NO)),
    ChannelSetting("encrypted_only", "whether what comes must be encrypted", YES, (YES, NO)),
    ChannelSetting("sha1", "whether SHA-1 is accepted: weak, for old partners", NO, (YES, NO)),
    ChannelSetting("triple_des", "whether 3DES is read: weak, for old partners", NO, (YES, NO)),
)  # fmt: skip
"""Settings of an AS2 channel."""


def find_as2_channel(snapshot: Snapshot, own_name: str, partner_name: str) -> Channel | None:
    """The channel in use between two AS2 names, whose letters count (RFC 4130 section 6.2)."""
    for one in list_channels(snapshot):
        if one.kind is not ChannelKind.AS2:
            continue
        if (one.setting("own_name"), one.setting("partner_name")) == (own_name, partner_name):
            return one
    return None


def own_keys(exchange: Exchange, snapshot: Snapshot, channel: Channel) -> list[OwnKey]:
    """Our keys of a channel, oldest first. Raises `SecretSealed`."""
    return [
        OwnKey(one.certificate(), one.private_key(exchange.box))
        for one in certificates_of(snapshot, channel.name, CertificateOwner.OURS)
    ]


def trust_of(exchange: Exchange, snapshot: Snapshot, channel: Channel) -> As2Trust:
    """What messages of a channel's partner are opened with."""
    partner = certificates_of(snapshot, channel.name, CertificateOwner.PARTNER)
    return As2Trust(
        own_keys(exchange, snapshot, channel),
        [one.certificate() for one in partner],
        sha1_allowed=channel.setting("sha1") == YES,
        triple_des_allowed=channel.setting("triple_des") == YES,
    )


def dress_of(exchange: Exchange, snapshot: Snapshot, channel: Channel) -> As2Dress:
    """The layers that a message to a channel's partner gets.

    Raises `ChannelRefused` where a key or certificate is missing.
    """
    signature, cipher = (_unless_none(channel, name) for name in ("signature", "encryption"))
    compression = channel.setting("compression")
    own, recipient = None, None
    if signature:
        keys = own_keys(exchange, snapshot, channel)
        if not keys:
            raise ChannelRefused(f"channel {channel.name} has no key of ours: make one")
        own = keys[0]
    if cipher:
        theirs = certificates_of(snapshot, channel.name, CertificateOwner.PARTNER)
        if not theirs:
            raise ChannelRefused(
                f"channel {channel.name} has no certificate of the partner to encrypt for:"
                " ask for it and enter it"
            )
        recipient = theirs[-1].certificate()
    chosen = {_BEFORE: "before", _AFTER: "after"}.get(compression, "")
    return As2Dress(signature, cipher, chosen, channel.setting("mic"), own, recipient)


def _unless_none(channel: Channel, name: str) -> str:
    value = channel.setting(name)
    return "" if value == NONE else value
