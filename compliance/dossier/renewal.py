"""New time stamps for dossiers that are kept for years.

The keys and algorithms under a time stamp become weak with age. While they are still good, a new
stamp over the whole file and its earlier stamps prolongs the proof, as in RFC 4998. The dossier
is not changed: the stamps are files beside it, `NAME.1.tsr`, `NAME.2.tsr` and so on, each
over the dossier followed by the earlier stamps. `openssl ts -verify` alone checks them.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from compliance.dossier.refusal import ExportRefused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pyhanko.sign.timestamps import TimeStamper

RENEWALS_MAX = 100
"""One a year, and some to spare."""
RENEWAL_BYTES_MAX = 1 << 20
_PIECE_BYTES = 1 << 20


def renewals_of(dossier: Path) -> list[Path]:
    """The renewal stamps of a dossier, the oldest first, up to the first number that is missing.

    >>> from pathlib import Path
    >>> renewals_of(Path("nowhere/a.asice"))
    []
    """
    numbered = (_renewal(dossier, number) for number in range(1, RENEWALS_MAX + 1))
    found = []
    for path in numbered:
        if not path.is_file():
            break
        found.append(path)
    return found


def renewed_digest(dossier: Path, before: Sequence[Path], algorithm: str = "sha256") -> bytes:
    """The digest to stamp: over the dossier, then the earlier stamps. Raises OSError."""
    digest = hashlib.new(algorithm)
    for path in (dossier, *before):
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                digest.update(piece)
    return digest.digest()


def renew(dossier: Path, stamper: TimeStamper) -> Path:
    """Stamp a dossier anew; the caller has checked it and its stamps (`verify_export`).

    The stamp appears under its name only when it is complete. Raises SealRefused where no stamp
    can be had, ExportRefused after `RENEWALS_MAX` stamps, and OSError.
    """
    before = renewals_of(dossier)
    if len(before) == RENEWALS_MAX:
        raise ExportRefused(f"{dossier.name} was stamped {RENEWALS_MAX} times already")
    from compliance.seal.timestamp import stamp

    token = stamp(stamper, renewed_digest(dossier, before))
    path = _renewal(dossier, len(before) + 1)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(token)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    return path


def _renewal(dossier: Path, number: int) -> Path:
    return dossier.with_name(f"{dossier.name}.{number}.tsr")
