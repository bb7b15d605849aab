"""Making a dossier: collect, prove, print, seal, and only then rename it to its final name."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from compliance.dossier.chosen import Chosen
from compliance.dossier.contents import DossierContents
from compliance.dossier.gather import EVENTS, EXTRACTS, INDEX, RECORDS, TABLE, Gathering
from compliance.dossier.index import HEADER, RECORD
from compliance.dossier.kinds import EventPeriod, History
from compliance.dossier.package import Package
from compliance.dossier.paper import paper_of, readme_of, report_of
from compliance.dossier.redaction import RedactionProfile, Redactor, secret_of, shipped
from compliance.dossier.refusal import CannotSeal, ExportRefused
from compliance.dossier.table import EXCEL_EVENTS_MAX, write_excel
from compliance.seal.checkpoint import log_key_pem, seal_log, stamp_checkpoint
from compliance.seal.signer import SealRefused
from epcis.archive.reading import ArchiveAway
from epcis.database.columns import microseconds
from epcis.database.reading import little_memory
from epcis.ledger.append import LogForked
from epcis.ledger.entry import LeafKind
from epcis.ledger.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from compliance.dossier.kinds import DossierSelection
    from compliance.dossier.package import Member
    from compliance.seal.checkpoint import SignedCheckpoint
    from compliance.seal.keys import Keys
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store

FORMAT = "packtrail-dossier-1"
PROOF, WORKBOOK = "log/proof.bin", "events.xlsx"
PAGES_KIB = 4096
"""Database pages held while a dossier is collected."""
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Exported:
    """A dossier that was made."""

    path: Path
    events: int
    records: int
    size_bytes: int
    sha256: str
    log_size: int
    log_root: str

    def as_dict(self) -> dict[str, object]:
        """The dossier as `packtrail export --json` shows it."""
        return {
            "events": self.events,
            "records": self.records,
            "size_bytes": self.size_bytes,
            "sha256": self.sha256,
            "log": {"size": self.log_size, "root": self.log_root},
        }


@dataclass(frozen=True, slots=True)
class Recipient:
    """The recipient of a dossier, who determines what it shows."""

    profile: RedactionProfile | None = None
    """How much of each entry is shown; None: the default of this kind of dossier."""
    party: str | None = None
    """Canonical GLN key: only the events this party may see; None: all."""


OPERATOR: Final = Recipient()


def export(
    store: Store,
    selection: DossierSelection,
    out_path: str | Path,
    keys: Keys,
    *,
    now: datetime,
    by: str,
    recipient: Recipient = OPERATOR,
    progress: Callable[[int, int], None] | None = None,
) -> Exported:
    """Write the signed dossier of a selection to `out_path`; `progress` gets (done, total).

    The file appears under its name only when it is complete; the same request again continues an
    interrupted export. Raises ExportRefused where there is nothing to export, no seal can be made,
    or the store differs from the log, and OSError where the disk refuses; both leave no file.
    """
    out = Path(out_path)
    if out.exists() and not out.is_file():
        raise ExportRefused(f"{out} is there already and is no ordinary file")
    folder = out.with_name(f".{out.name}.part")
    party = recipient.party
    profile = recipient.profile or shipped(selection.profile)
    redactor = Redactor(profile, secret_of(keys), own=party)
    try:
        sealed = seal_log(store, keys, now=now)
        with store.read() as snapshot, little_memory(snapshot, PAGES_KIB):
            made = _make(
                snapshot, selection, redactor, sealed,
                folder=folder, party=party, now=now, progress=progress,
            )  # fmt: skip
        stamp = stamp_checkpoint(store, keys, sealed, now=now)
        package = folder / "package"
        _pack(package, made, stamp, keys, now=now, by=by)
        exported = _described(package, out, made)
        _log_export(store, exported, selection, by=by, now=now)
        # A crash before this leaves the export logged but not delivered; it can be asked for again.
        package.replace(out)
    except SealRefused as refusal:
        shutil.rmtree(folder, ignore_errors=True)
        raise CannotSeal(str(refusal)) from refusal
    except (ExportRefused, LogForked, ArchiveAway) as refusal:
        shutil.rmtree(folder, ignore_errors=True)
        raise ExportRefused(str(refusal)) from refusal
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    return exported


def _make(
    snapshot: Snapshot,
    selection: DossierSelection,
    redactor: Redactor,
    sealed: SignedCheckpoint,
    *,
    folder: Path,
    party: str | None,
    now: datetime,
    progress: Callable[[int, int], None] | None,
) -> DossierContents:
    size = sealed.checkpoint.size
    chosen = Chosen(snapshot, selection, size, party=party)
    if not chosen.total and isinstance(selection, History):
        raise ExportRefused(f"nothing is known about {_selection_text(selection)}")
    request = {
        "selection": selection.as_dict(),
        "profile": redactor.profile.sha256(),
        "party": party,
        "log": [sealed.checkpoint.origin, size, sealed.checkpoint.root.hex()],
    }
    gathered = Gathering(folder, request).run(chosen, redactor, progress)
    # A party sees its own events only, so it gets no figures counted over all events.
    kept_sections = () if party else selection.sections(snapshot, now)
    sections = tuple(redactor.section(one) for one in kept_sections)
    with (folder / PROOF).open("wb") as proof:
        proof.writelines(Tree(snapshot.connection).selection(_indices(folder / INDEX), size))
    return DossierContents(selection, redactor, gathered, chosen.complete, sealed, folder, sections)


def _indices(path: Path) -> Iterator[int]:
    with path.open("rb") as file:
        file.seek(HEADER.size)
        while record := file.read(RECORD.size):
            yield int.from_bytes(record[:8], "big")


def _pack(
    package_path: Path, made: DossierContents, stamp: bytes, keys: Keys, *, now: datetime, by: str
) -> None:
    from compliance.seal.cades import sign_beside
    from compliance.seal.pades import sign_pdf

    with package_path.open("w+b") as file, Package(file) as package:
        data = [package.add_file(name, made.folder / name) for name in (EVENTS, TABLE, RECORDS)]
        if made.gathered.extracts:
            data.append(package.add_file(EXTRACTS, made.folder / EXTRACTS))
        if made.gathered.rows <= EXCEL_EVENTS_MAX:
            write_excel(made.folder / TABLE, made.folder / WORKBOOK)
            data.append(package.add_file(WORKBOOK, made.folder / WORKBOOK))
        data.append(package.add_file(INDEX, made.folder / INDEX))
        data.append(package.add_file(PROOF, made.folder / PROOF))
        data.append(package.add("report.json", report_of(made.asked, made.sections)))
        package.add("manifest.json", _manifest(made, data))
        paper = paper_of(made, keys, now=now, by=made.redactor.person(by))
        package.add("report.pdf", sign_pdf(paper, keys, reason=made.subject))
        package.add("log/checkpoint", made.sealed.note.encode())
        package.add("log/checkpoint.tsr", stamp)
        package.add("log/key.pem", log_key_pem(keys))
        package.add("verify_dossier.py", (HERE / "verify_dossier.py").read_bytes())
        package.add("viewer.html", (HERE / "viewer.html").read_bytes())
        package.add("README.txt", readme_of(keys, made))
        package.seal(lambda manifest: sign_beside(manifest, keys))


def _manifest(made: DossierContents, data: list[Member]) -> bytes:
    """The manifest: what was requested and found; the same request gives the same bytes."""
    gathered = made.gathered
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "selection": made.asked,
        "redaction": {**made.redactor.profile.as_dict(), "sha256": made.redactor.profile.sha256()},
        "counts": {
            "events": gathered.events,
            "records": gathered.records,
            "withheld": gathered.withheld,
        },
        "extracts": gathered.extracts,
        "event_times": {"first": gathered.first_event, "last": gathered.last_event},
        "software": {"name": "packtrail", "version": _version()},
        "files": [
            {"name": one.name, "size": one.size_bytes, "sha256": one.sha256.hex()}
            for one in data
            if one.name != PROOF
        ],
    }
    if made.complete is not None and isinstance(made.selection, EventPeriod):
        manifest["complete"] = {
            "first": made.complete.start,
            "last": made.complete.stop - 1,
            "from_us": microseconds(made.selection.from_),
            "to_us": microseconds(made.selection.to),
        }
    return (json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _described(package: Path, out: Path, made: DossierContents) -> Exported:
    digest = sha256()
    with package.open("rb") as file:
        while piece := file.read(1 << 18):
            digest.update(piece)
    return Exported(
        path=out,
        events=made.gathered.events,
        records=made.gathered.records,
        size_bytes=package.stat().st_size,
        sha256=digest.hexdigest(),
        log_size=made.sealed.checkpoint.size,
        log_root=made.sealed.checkpoint.root.hex(),
    )


def _log_export(
    store: Store, exported: Exported, selection: DossierSelection, *, by: str, now: datetime
) -> None:
    details = {"act": "export", "by": by, "sha256": exported.sha256, "events": exported.events}
    with store.write(now) as tx:
        tx.log(
            LeafKind.EXPORT,
            json.dumps(details, sort_keys=True).encode(),
            json.dumps({"selection": selection.as_dict()}, sort_keys=True).encode(),
        )


def _selection_text(selection: DossierSelection) -> str:
    """The selection in words: `pack 09521321000017 A1`."""
    return " ".join(selection.as_dict().values())


def _version() -> str:
    try:
        return version("packtrail")
    except PackageNotFoundError:
        return "unreleased"
