"""Check a dossier with the program inside it, but with signatures verified in this process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compliance.dossier.renewal import RENEWAL_BYTES_MAX, renewals_of, renewed_digest
from compliance.dossier.verify_dossier import (
    CannotTell,
    Tampered,
    check,
)
from schemas.finding import Finding, Severity

if TYPE_CHECKING:
    from os import PathLike

INTACT, TAMPERED, CANNOT_TELL = 0, 1, 2
_ASK_AGAIN = "ask its maker for the dossier again, and tell him"
_GET_ROOT = "get the maker's root certificate by a way you trust and name it with --trust"


@dataclass(frozen=True, slots=True)
class VerifiedDossier:
    """Result of checking a dossier."""

    exit_code: int
    """0 intact, 1 tampered, 2 cannot tell."""
    findings: tuple[Finding, ...]
    signed_at: datetime | None = None
    stamped_at: datetime | None = None
    """Time of its latest stamp: the seal's, or a renewal's (`compliance.dossier.renewal`)."""


def verify_export(path: str | PathLike[str], trust_pem: bytes | None) -> VerifiedDossier:
    """Check a dossier and the stamps beside it against root certificates (PEM), without network.

    A damaged file or one that is no dossier counts as tampered; with the wrong root certificate the
    result is "cannot tell".
    """
    from compliance.dossier.signatures import InProcess  # who only makes dossiers does without

    try:
        found = check(path, trust_pem, InProcess())
        renewed = _check_renewals(Path(path), trust_pem or b"", found["signed_at"])
    except Tampered as fault:
        return _outcome(TAMPERED, Severity.CRITICAL, fault.args, _ASK_AGAIN)
    except CannotTell as fault:
        return _outcome(CANNOT_TELL, Severity.ERROR, fault.args, _GET_ROOT)
    except OSError as fault:
        refused = ("file.unreadable", f"the dossier cannot be read: {fault.strerror or fault}")
        return _outcome(CANNOT_TELL, Severity.ERROR, refused, "check its name and permissions")
    what = f"{found['entries']} entries, all in a log of {found['log_size']}, sealed and intact"
    signed_at = datetime.fromtimestamp(found["signed_at"], UTC)
    stamped_at = signed_at
    if renewed:
        stamped_at = datetime.fromtimestamp(renewed[-1], UTC)
        what += f"; stamped anew {len(renewed)} times, last on {stamped_at:%Y-%m-%d}"
    return VerifiedDossier(
        INTACT, (Finding("dossier.intact", Severity.INFO, what),), signed_at, stamped_at
    )


def _check_renewals(dossier: Path, root_pem: bytes, signed_at: int) -> list[int]:
    """Check the renewal stamps of a dossier, each later than the one before; returns their times.

    Times are seconds since 1970. Raises Tampered, CannotTell and OSError as the check of the
    dossier itself does.
    """
    from compliance.dossier.signatures import stamped_at

    renewals, times = renewals_of(dossier), [signed_at]
    for number, path in enumerate(renewals):
        if path.stat().st_size > RENEWAL_BYTES_MAX:
            raise Tampered("renewal.wrong", f"{path.name} is too large for a time stamp")
        over = partial(renewed_digest, dossier, renewals[:number])
        try:
            times.append(stamped_at(path.read_bytes(), over, root_pem))
        except Tampered as fault:
            raise Tampered(
                "renewal.wrong", f"{path.name} is no time stamp of this dossier"
            ) from fault
        if times[-1] < times[-2]:
            raise Tampered("renewal.order", f"{path.name} is earlier than the time stamp before it")
    return times[1:]


# An exception holds its arguments untyped.
def _outcome(code: int, severity: Severity, outcome: tuple[Any, ...], hint: str) -> VerifiedDossier:
    return VerifiedDossier(
        code, (Finding(f"dossier.{outcome[0]}", severity, str(outcome[1]), hint),)
    )
