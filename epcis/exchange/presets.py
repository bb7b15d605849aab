"""Presets for partners: the settings that are usual with a partner, and what to ask it for.

A preset is a beginning. The partner's own sheet decides: whoever connects compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from epcis.exchange.channel import ChannelKind, ChannelRefused, NewChannel

if TYPE_CHECKING:
    from collections.abc import Mapping

_ASKED_OF_AS2: Final = ("own_name", "partner_name", "address")


@dataclass(frozen=True, slots=True)
class PartnerPreset:
    """One kind of partner."""

    title: str
    kind: ChannelKind
    about: str
    """What to ask the partner for, and where its sheet often differs."""
    settings: Mapping[str, str] = field(default_factory=dict)
    asks: tuple[str, ...] = ()
    """Settings that a person fills in; the rest is set."""


_AS2_USUAL: Final = {
    "signature": "sha256",
    "encryption": "aes256-cbc",
    "compression": "none",
    "receipt": "sync",
    "receipt_signed": "yes",
    "mic": "sha256",
}
PRESETS: Final[Mapping[str, PartnerPreset]] = {
    "as2": PartnerPreset(
        "Any AS2 server",
        ChannelKind.AS2,
        "Ask for its AS2 name, its address and its certificate.",
        _AS2_USUAL,
        _ASKED_OF_AS2,
    ),
    "sap-ich": PartnerPreset(
        "SAP Information Collaboration Hub",
        ChannelKind.AS2,
        "Tenants for test and production have AS2 names of their own: make one channel for each.",
        _AS2_USUAL,
        _ASKED_OF_AS2,
    ),
    "tracelink": PartnerPreset(
        "TraceLink",
        ChannelKind.AS2,
        "Where one AS2 name stands for many members, the business header names the member: set"
        " receiver in the rule of this channel to the member's GLN.",
        _AS2_USUAL,
        _ASKED_OF_AS2,
    ),
    "lspedia": PartnerPreset(
        "LSPedia",
        ChannelKind.AS2,
        "Ask for the AS2 names of test and production; begin with test.",
        _AS2_USUAL,
        _ASKED_OF_AS2,
    ),
    "cardinal": PartnerPreset(
        "Cardinal Health",
        ChannelKind.AS2,
        "A wholesaler's sheet often asks for receipts that come later: then set receipt=async with"
        " our address, and tell them the port.",
        _AS2_USUAL,
        (*_ASKED_OF_AS2, "receipt", "receipt_address"),
    ),
    "mendelson": PartnerPreset(
        "mendelson AS2 or OpenAS2",
        ChannelKind.AS2,
        "Old installations sign with SHA-1 and encrypt with 3DES: ask them to switch to SHA-256 and"
        " AES before you allow either.",
        _AS2_USUAL,
        (*_ASKED_OF_AS2, "sha1", "triple_des"),
    ),
    "portal": PartnerPreset(
        "A partner with a portal, or a person with files",
        ChannelKind.FOLDER,
        "Files that a person downloads there go into the folder; what we send lies ready to be"
        " uploaded.",
    ),
}
"""Every preset by its name."""


def preset_named(name: str) -> PartnerPreset:
    """Raises `ChannelRefused` for a preset that does not exist."""
    found = PRESETS.get(name)
    if found is None:
        raise ChannelRefused(f"'{name[:40]}' is none of {', '.join(PRESETS)}")
    return found


def channel_by_preset(
    preset: str,
    name: str,
    partner: str,
    given: Mapping[str, str],
    secrets: Mapping[str, str] | None = None,
) -> NewChannel:
    """A channel with the usual settings, and over them what a person gave.

    Raises `ChannelRefused`.

    >>> made = channel_by_preset("as2", "maker", "", {"own_name": "US", "partner_name": "M"})
    >>> made.settings["encryption"]
    'aes256-cbc'
    """
    chosen = preset_named(preset)
    return NewChannel(name, chosen.kind, partner, {**chosen.settings, **given}, secrets or {})
