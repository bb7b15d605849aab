"""What follows from the kind of company that runs an installation."""

from __future__ import annotations

from typing import NamedTuple

from compliance.site import CompanyKind


class CompanyKindRow(NamedTuple):
    """What follows from a kind of company."""

    label: str
    about: str
    role: str
    """Role of the first user, beside `admin`."""
    is_scanner: bool
    """Whether its first task is a scan; else it is a file."""
    leaves_out: frozenset[str] = frozenset()
    """Pages that are no work of such a company."""


_MAKING = frozenset({"/serials", "/line", "/labels"})
_OVERSIGHT = frozenset({"/regulator"})
KIND_ROWS = {
    CompanyKind.US_PHARMACY: CompanyKindRow(
        "Pharmacy in the United States",
        "Dispenser under DSCSA: receive, verify, quarantine, answer trace requests.",
        "pharmacist",
        is_scanner=True,
        leaves_out=_MAKING | _OVERSIGHT | {"/orders", "/sensors"},
    ),
    CompanyKind.EU_PHARMACY: CompanyKindRow(
        "Pharmacy or hospital in Europe",
        "Verify and decommission each pack under Delegated Regulation (EU) 2016/161.",
        "pharmacist",
        is_scanner=True,
        leaves_out=_MAKING
        | _OVERSIGHT
        | {"/orders", "/sensors", "/returns", "/transactions", "/partners"},
    ),
    CompanyKind.WHOLESALER: CompanyKindRow(
        "Wholesaler or logistics provider",
        "Receive, store, pick and ship; verify what comes back.",
        "wholesaler",
        is_scanner=False,
        leaves_out=_OVERSIGHT | {"/serials", "/line"},
    ),
    CompanyKind.MANUFACTURER: CompanyKindRow(
        "Manufacturer, repackager or packing line",
        "Serial numbers, commissioning, shipping, recalls, answers to partners.",
        "manufacturer",
        is_scanner=False,
        leaves_out=_OVERSIGHT,
    ),
    CompanyKind.AUTHORITY: CompanyKindRow(
        "Authority",
        "Read what may be seen, for a stated purpose, and check dossiers.",
        "regulator",
        is_scanner=False,
        leaves_out=_MAKING
        | {"/work", "/receive", "/stock", "/orders", "/counts", "/returns", "/sheets", "/channels"},
    ),
}
"""Every kind of company, in the order of the form."""
