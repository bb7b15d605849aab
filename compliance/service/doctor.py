"""What this machine has and lacks, and what that means for Packtrail."""

from __future__ import annotations

import ctypes.util
import os
import platform
import shutil
import socket
from contextlib import closing
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError

from compliance.duty_clocks import ClockState
from compliance.seal.signer import SealRefused
from compliance.service.indicators import indicators_at
from compliance.service.migrate import NewerDatabaseError, open_migrated
from compliance.service.practice import PracticeRefusedError, practice_of
from compliance.service.readiness import room
from compliance.service.server_keys import keys_of
from compliance.service.tracing import missing_tracing
from epcis.database.transactions import StoreAway
from epcis.database.whole_copy import missing_programs
from epcis.http_context import REFUSING, utc_now
from verification.image.reader import missing_decoders
from verification.settings import NO_GLN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compliance.service.indicators import Indicators
    from compliance.service.settings import Settings

_STATIC = Path(__file__).parent / "static"
_ASSETS = ("packtrail.css", "scan.js", "icon.svg", "words.svg")
_FREE_BYTES_MIN = 512 * 1024 * 1024
_REACH_TIMEOUT_S = 2.0
BACKLOG_AGE_S_MAX = 60.0
"""What waits longer was promised to be done by then."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: is it well, and what follows where it is not."""

    name: str
    well: bool
    says: str
    means: str = ""
    needed: bool = True
    """Whether Packtrail cannot work without it."""

    @property
    def can_work(self) -> bool:
        """Whether Packtrail works in spite of what was found."""
        return self.well or not self.needed

    @property
    def mark(self) -> str:
        """A word for the margin.

        >>> Check("libzbar", well=False, says="missing", needed=False).mark
        'lacks'
        """
        return "has  " if self.well else "FAULT" if self.needed else "lacks"

    def as_dict(self) -> dict[str, object]:
        """The check as `packtrail doctor --json` prints it."""
        return {
            "name": self.name,
            "well": self.well,
            "needed": self.needed,
            "says": self.says,
            "means": self.means,
        }


def missing_zbar() -> str | None:
    """One sentence where libzbar is missing; None where it is there."""
    if ctypes.util.find_library("zbar"):
        return None
    return (
        "Note: libzbar is not installed. Linear codes and QR codes are read without a second "
        "opinion; Data Matrix is not affected (Debian: libzbar0)."
    )


def examine(settings: Settings) -> list[Check]:
    """Look at everything Packtrail uses; touches nothing but the database it opens."""
    return [
        *_programs(),
        *_libraries(),
        *_database(settings),
        _keys(settings),
        *_practice(settings),
        _owner(settings),
        _assets(),
        _space(settings),
        _backup_programs(settings),
        *_tracing(settings),
    ]


def _programs() -> Iterator[Check]:
    yield Check("Python", well=True, says=f"{platform.python_version()} on {platform.system()}")
    yield Check("Packtrail", well=True, says=metadata.version("packtrail"))
    openssl = shutil.which("openssl")
    yield Check(
        "openssl",
        well=openssl is not None,
        says=openssl or "not found",
        means="" if openssl else "exports are made and checked all the same; inspectors use it",
        needed=False,
    )


def _libraries() -> Iterator[Check]:
    for name, means in (
        ("zxing-cpp", "no bar codes can be drawn or read"),
        ("lxml", "no XML can be read"),
        ("pyhanko", "no exports can be signed"),
    ):
        yield _distribution(name, means)
    lost = missing_decoders()
    yield Check(
        "pictures",
        well=not lost,
        says=f"not installed: {', '.join(lost)}" if lost else "can be read",
        means="no pictures are read: install packtrail[pictures]" if lost else "",
        needed=False,
    )
    note = missing_zbar()
    yield Check("libzbar", well=note is None, says=note or "installed", needed=False)
    dmtx = ctypes.util.find_library("dmtx")
    yield Check(
        "libdmtx",
        well=dmtx is not None,
        says=dmtx or "not installed",
        means="" if dmtx else "one decoder fewer for hard Data Matrix pictures",
        needed=False,
    )


def _distribution(name: str, means: str) -> Check:
    try:
        return Check(name, well=True, says=metadata.version(name))
    except metadata.PackageNotFoundError:
        return Check(name, well=False, says="not installed", means=means)


def _database(settings: Settings) -> Iterator[Check]:
    """The database, and what it says about how well the duties are kept."""
    shown = settings.database_url.split("@")[-1]
    try:
        with closing(open_migrated(settings)) as store, store.read() as snapshot:
            read = indicators_at(snapshot, utc_now())
    except (*REFUSING, SQLAlchemyError, OSError, NewerDatabaseError) as fault:
        yield Check("database", well=False, says=f"{shown}: {fault}", means="nothing can be kept")
        return
    yield Check("database", well=True, says=shown)
    yield _answers_in_time(read)
    yield _clocks(read)
    yield _backlog(read)
    yield _exchange(read)


def _answers_in_time(read: Indicators) -> Check:
    share = read.share_in_time
    sentence = "no answers yet" if share is None else f"{share:.2%} of {read.answers} within 300 ms"
    return Check(
        "answers in time",
        well=read.keeps_the_share,
        says=sentence,
        means="" if read.keeps_the_share else "the law asks for 95 % (2016/161 Art. 35(1)(f))",
        needed=False,
    )


def _clocks(read: Indicators) -> Check:
    late = read.clocks_that_are(ClockState.OVERDUE)
    near = read.clocks_that_are(ClockState.AT_RISK)
    first = next(iter([*late, *near]), None)
    return Check(
        "legal clocks",
        well=first is None,
        says=f"{len(read.clocks)} run, {len(near)} at risk, {len(late)} overdue",
        means=""
        if first is None
        else f"{first.subject}: {first.duty}, by {first.due:%F %H:%M} UTC",
        needed=False,
    )


def _backlog(read: Indicators) -> Check:
    age_s = max(read.outbox_age.total_seconds(), read.log_delay.total_seconds())
    well = age_s < BACKLOG_AGE_S_MAX
    return Check(
        "backlog",
        well=well,
        says=f"{read.jobs} documents to store, {read.outbox.rows} to judge; oldest {age_s:.0f} s",
        means="" if well else "no server works on it, or it cannot keep up: see its log",
        needed=False,
    )


def _exchange(read: Indicators) -> Check:
    stuck, ending = read.exchange.stuck, read.exchange.ending
    means = [] if not stuck else ["look under /messages and send or capture them again"]
    if ending:
        means.append(f"a certificate of channel {ending[0].channel} {ending[0].warning(read.now)}")
    return Check(
        "exchange with partners",
        well=not means,
        says=f"{stuck} messages wait for a person, {len(ending)} certificates end soon",
        means="; ".join(means),
        needed=False,
    )


def _keys(settings: Settings) -> Check:
    if settings.key_secret:
        return _shared_keys(settings)
    folder = settings.keys_folder
    if not folder.exists():
        return Check(
            "keys", well=True, says=f"none yet; made in {folder} at the first export or start"
        )
    open_to_others = [
        path.name
        for path in folder.glob("*key*")
        if path.stat().st_mode & 0o077 and os.name != "nt"
    ]
    if open_to_others:
        return Check(
            "keys",
            well=False,
            says=f"readable by others: {', '.join(open_to_others)}",
            means=f"anyone on this machine can sign as you: chmod 600 them in {folder}",
        )
    return Check("keys", well=True, says=str(folder))


def _shared_keys(settings: Settings) -> Check:
    try:
        with closing(open_migrated(settings)) as store:
            root = keys_of(settings, store).root_fingerprint()
    except (SealRefused, StoreAway) as fault:
        means = "nothing can be signed: the server will not start"
        return Check("keys", well=False, says=str(fault), means=means)
    return Check("keys", well=True, says=f"shared in the database, root {root[:23]}…")


def _practice(settings: Settings) -> Iterator[Check]:
    """Rules, peers, wallet and lookup directory, as a server would start with them."""
    try:
        made = practice_of(settings)
    except PracticeRefusedError as refused:
        yield Check(
            "verification", well=False, says=str(refused), means="the server will not start"
        )
        return
    rules = made.rule_pack
    yield Check("rule pack", well=True, says=f"{rules.id} {rules.version}, signature good")
    yield from (_reached(f"peer {one.name}", one.base_url) for one in made.peers)
    if settings.wallet_url:
        yield _reached("wallet", settings.wallet_url)
    elif made.credentials is not None:
        yield Check(
            "wallet",
            well=False,
            says="a test wallet: its credentials prove nothing to anybody",
            needed=False,
        )


def missing_owner(settings: Settings) -> str | None:
    """One sentence where the operator's GLN is not set; None where it is."""
    if settings.owner_gln:
        return None
    return (
        f"Note: PACKTRAIL_OWNER_GLN is not set. Verification answers carry responderGLN {NO_GLN}, "
        "which is nobody's, and partners may refuse questions that carry it."
    )


def _owner(settings: Settings) -> Check:
    note = missing_owner(settings)
    return Check("operator's GLN", well=note is None, says=note or settings.owner_gln, needed=False)


def _reached(
    name: str, url: str, means: str = "packs known only there get 'cannot tell' until it does"
) -> Check:
    """Whether somebody listens at an address; nothing is sent."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80}.get(parts.scheme, 443)
    try:
        socket.create_connection((parts.hostname or "", port), _REACH_TIMEOUT_S).close()
    except OSError as fault:
        return Check(
            name,
            well=False,
            says=f"{url} does not answer: {fault.strerror or fault}",
            means=means,
            needed=False,
        )
    return Check(name, well=True, says=url)


def _assets() -> Check:
    lost = [name for name in _ASSETS if not (_STATIC / name).is_file()]
    return Check(
        "browser assets",
        well=not lost,
        says=f"missing: {', '.join(lost)}" if lost else "all in the installation",
        means="the web page will not work: install Packtrail again" if lost else "",
    )


def _space(settings: Settings) -> Check:
    folder = settings.data_dir
    free = room(folder)
    return Check(
        "disk",
        well=free >= _FREE_BYTES_MIN,
        says=f"{free // 1024**2} MiB free at {folder}",
        means="" if free >= _FREE_BYTES_MIN else "captures will soon be refused (507)",
        needed=False,
    )


def _backup_programs(settings: Settings) -> Check:
    """What `packtrail backup` runs where a server has the database."""
    lost = missing_programs(settings.database_url)
    return Check(
        "backup programs",
        well=not lost,
        says=f"missing: {', '.join(lost)}" if lost else "all there",
        means="packtrail backup cannot work: install the database's client programs"
        if lost
        else "",
        needed=False,
    )


def _tracing(settings: Settings) -> Iterator[Check]:
    if not settings.traces_to:
        return
    if missing := missing_tracing(settings):
        yield Check("tracing", well=False, says=missing, means="the server will not start")
        return
    yield _reached("collector of traces", settings.traces_to, "spans are lost meanwhile")
