"""The kinds of channels: what each asks for, and how it sends, collects and acknowledges.

A new kind is a file with these functions and a row here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from epcis.exchange.as2 import deliver_as2
from epcis.exchange.as2_settings import AS2_SETTINGS
from epcis.exchange.channel import ChannelKind, ChannelSetting
from epcis.exchange.folder import acknowledge_by_file, collect_files, deliver_file
from epcis.exchange.https import push
from epcis.exchange.sftp import SFTP_SETTINGS, collect_by_sftp, deliver_by_sftp
from epcis.subscribe.webhook_signature import fault_of_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from epcis.exchange.channel import Channel
    from epcis.exchange.exchange import Delivery, Exchange
    from epcis.exchange.mailbox import ExchangeMessage
    from epcis.exchange.spool import Region


@dataclass(frozen=True, slots=True)
class KindRow:
    """One kind of channel."""

    what: str
    settings: tuple[ChannelSetting, ...]
    deliver: Callable[[Exchange, Channel, ExchangeMessage, Region], Delivery]
    collect: Callable[[Exchange, Channel], bool] | None = None
    """Looks for messages that wait elsewhere; None where partners bring them."""
    acknowledge: Callable[[Exchange, Channel, ExchangeMessage, dict[str, object]], None] | None = (
        None
    )
    """Tells the sender what became of a message, where its delivery got no answer."""
    has_keys: bool = False
    """Whether a channel signs or decrypts, so that it needs a key of ours."""
    identity: tuple[str, ...] = ()
    """Settings that no other channel may have the same, because messages are known by them."""


KINDS: Final[dict[ChannelKind, KindRow]] = {
    ChannelKind.FOLDER: KindRow(
        "Files in folders of this machine, for an ERP or a transfer program.",
        (),
        deliver_file,
        collect_files,
        acknowledge_by_file,
    ),
    ChannelKind.HTTPS: KindRow(
        "The partner's program pushes to us, and we push to its address.",
        (
            ChannelSetting("address", "https address we push to; empty: we only receive"),
            ChannelSetting("key", "what we show there as a bearer token", is_secret=True),
            ChannelSetting(
                "signing_key",
                "key that signs what we push (Standard Webhooks): whsec_ and base64",
                is_secret=True,
                fault_of=fault_of_key,
            ),
        ),
        push,
    ),
    ChannelKind.AS2: KindRow(
        "AS2: signed and encrypted over the internet, with receipts; what most partners use.",
        AS2_SETTINGS,
        deliver_as2,
        has_keys=True,
        identity=("own_name", "partner_name"),
    ),
    ChannelKind.SFTP: KindRow(
        "SFTP: we fetch from the partner's server and leave files there (extra `sftp`).",
        SFTP_SETTINGS,
        deliver_by_sftp,
        collect_by_sftp,
    ),
}
"""Every kind that can be connected."""


def kind_of(channel: Channel) -> KindRow:
    """The row of a channel's kind."""
    return KINDS[channel.kind]
