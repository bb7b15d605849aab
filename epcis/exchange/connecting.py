"""Connect a partner: a channel, checked by its kind, with a key of our own where it needs one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from epcis.exchange.certificates import (
    certificate_of_partner,
    enter_own_certificate,
    make_own_key,
    trust_certificate,
)
from epcis.exchange.channel import ChannelRefused, add_channel, list_channels
from epcis.exchange.kinds import KINDS

if TYPE_CHECKING:
    from epcis.database.transactions import Snapshot
    from epcis.exchange.certificates import ChannelCertificate
    from epcis.exchange.channel import Channel, NewChannel
    from epcis.exchange.exchange import Exchange


@dataclass(frozen=True, slots=True)
class PartnerCertificate:
    """A partner's certificate as it was given: the file, and what opens it."""

    content: bytes = b""
    password: str = field(default="", repr=False)


NO_CERTIFICATE: Final = PartnerCertificate()


def connect_partner(
    exchange: Exchange,
    wanted: NewChannel,
    certificate: PartnerCertificate = NO_CERTIFICATE,
    *,
    by: str,
) -> Channel:
    """Make a channel and what it needs to begin, and trust a certificate that is given with it.

    Nothing is made where anything is refused. Raises `ChannelRefused`.
    """
    row, now = KINDS[wanted.kind], exchange.clock()
    checked = wanted.checked(row.settings)
    if certificate.content:
        certificate_of_partner(certificate.content, certificate.password)
    key = make_own_key(checked.settings.get("own_name", wanted.name), now) if row.has_keys else None
    with exchange.store.write(now) as tx:
        _must_be_known_alone(tx, checked)
        made = add_channel(tx, checked, exchange.box, by=by)
        if key is not None:
            enter_own_certificate(tx, made.name, key, exchange.box, by=by)
        if key is not None and certificate.content:
            given, password = certificate.content, certificate.password
            trust_certificate(tx, made.name, given, by=by, password=password)
    return made


def add_certificate(
    exchange: Exchange, channel: Channel, content: bytes, *, by: str, password: str = ""
) -> ChannelCertificate:
    """Trust a partner's certificate from its file; without content, make a further key of our own.

    Raises `ChannelRefused`.
    """
    now = exchange.clock()
    key = None if content else make_own_key(channel.setting("own_name") or channel.name, now)
    with exchange.store.write(now) as tx:
        if key is None:
            return trust_certificate(tx, channel.name, content, by=by, password=password)
        return enter_own_certificate(tx, channel.name, key, exchange.box, by=by)


def _must_be_known_alone(snapshot: Snapshot, wanted: NewChannel) -> None:
    identity = KINDS[wanted.kind].identity
    known_by = [wanted.settings[name] for name in identity]
    for one in list_channels(snapshot) if identity else ():
        if one.kind is wanted.kind and known_by == [one.setting(name) for name in identity]:
            raise ChannelRefused(
                f"channel {one.name} has the same {' and '.join(identity)}: what comes would"
                " belong to both"
            )
