"""Many pictures: read in worker processes, given back in the order they were named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.finding import Finding, Severity
from verification.image.symbol import PictureReading
from verification.image.worker import PictureReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def read_pictures(
    paths: Iterable[Path], *, processes: int = 0
) -> Iterator[tuple[Path, PictureReading]]:
    """Each picture with its reading; one that cannot be opened gives a finding."""
    del processes
    with PictureReader() as reader:
        for path in paths:
            try:
                data = path.read_bytes()
            except OSError as fault:
                yield path, PictureReading(findings=(_unreadable(path, fault),))
                continue
            yield path, reader.read(data)


def _unreadable(path: Path, fault: OSError) -> Finding:
    return Finding(
        "image.unreadable",
        Severity.ERROR,
        f"{path} cannot be read: {fault.strerror or fault}",
        "name a picture file that exists and may be read",
    )
