"""Sign the head of the log, and record what was signed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import func, insert, select, update

from compliance.seal.key_folder import held_file
from compliance.seal.signer import SealRefused
from epcis.database.many_writers import one_at_a_time
from epcis.ledger.append import LogForked
from epcis.ledger.checkpoint import ED25519, Checkpoint, LogKey
from epcis.ledger.entry import LeafKind
from epcis.ledger.ledger_tables import ledger_checkpoint, ledger_head, ledger_key
from epcis.ledger.sequencer import catch_up
from epcis.ledger.signed import Signed, newest_signed, signed_without_entry, subject_of
from epcis.ledger.tree import Tree, head_of

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from cryptography.x509 import Certificate

    from compliance.seal.keys import Keys
    from epcis.ledger.store import Store, Transaction

STAMP_EVERY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint and its signed note."""

    checkpoint: Checkpoint
    note: str


def log_key(keys: Keys, origin: str) -> LogKey:
    """The public key that verifies the checkpoints of a log; it signs under the log's name."""
    raw = keys.log.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return LogKey(origin, ED25519, raw)


def log_key_pem(keys: Keys) -> bytes:
    """The same public key for `openssl pkeyutl`."""
    return keys.log.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def sign(checkpoint: Checkpoint, keys: Keys) -> str:
    """The signed note of a checkpoint."""
    text = str(checkpoint)
    line = log_key(keys, checkpoint.origin).line(keys.log.sign(text.encode()))
    return f"{text}\n{line}\n"


def seal_log(store: Store, keys: Keys, *, now: datetime) -> SignedCheckpoint:
    """Sign the log's present head and keep the note; the same note where nothing was added.

    Each checkpoint covers an entry with the checkpoint before it, and the newest is also kept in
    the folder of the keys, so that no checkpoint can disappear unnoticed.
    Raises epcis.ledger.append.LogForked where the log does not continue what was signed before.
    """
    introduce(store, keys, now=now)
    catch_up(store, now=now)
    _log_what_was_signed(store, now=now)
    catch_up(store, now=now)
    with store.write(now) as tx:
        # Another process that is signing finishes first; this one then sees its checkpoint.
        one_at_a_time(tx, "signing")
        tree = Tree(tx.connection)
        checkpoint = tree.checkpoint()
        _continues_what_was_signed(tx, tree)
        kept = tx.connection.execute(
            select(ledger_checkpoint.c.root, ledger_checkpoint.c.note).where(
                ledger_checkpoint.c.size == checkpoint.size
            )
        ).first()
        if kept and kept.root != checkpoint.root:
            raise LogForked(f"another root was signed for {checkpoint.size} entries")
        if kept and kept.note:
            store.signed = checkpoint.in_a_line
            return SignedCheckpoint(checkpoint, kept.note)
        note = sign(checkpoint, keys)
        tx.connection.execute(
            insert(ledger_checkpoint).values(
                size=checkpoint.size, root=checkpoint.root, made=tx.now, note=note
            )
        )
    _hold(store, keys)
    store.signed = checkpoint.in_a_line
    return SignedCheckpoint(checkpoint, note)


def stamp_checkpoint(store: Store, keys: Keys, sealed: SignedCheckpoint, *, now: datetime) -> bytes:
    """The time stamp over a checkpoint's note, requested once and kept.

    Raises SealRefused where the authority does not stamp; the checkpoint is valid without.
    """
    where = ledger_checkpoint.c.size == sealed.checkpoint.size
    with store.read() as snapshot:
        kept = snapshot.connection.scalar(select(ledger_checkpoint.c.timestamp).where(where))
    if kept:
        return bytes(kept)
    from compliance.seal.timestamp import stamp

    token = stamp(keys.stamper, sha256(sealed.note.encode()).digest())
    with store.write(now) as tx:
        tx.connection.execute(update(ledger_checkpoint).where(where).values(timestamp=token))
    _hold(store, keys)
    return token


def stamp_is_due(store: Store, *, now: datetime) -> bool:
    """Whether the last time stamped checkpoint is a day old, or there is none."""
    with store.read() as snapshot:
        last = snapshot.connection.scalar(
            select(func.max(ledger_checkpoint.c.made)).where(
                ledger_checkpoint.c.timestamp.is_not(None)
            )
        )
    return last is None or now - last >= STAMP_EVERY


def introduce(store: Store, keys: Keys, *, now: datetime) -> LogKey:
    """Publish the log's public key to its readers, as an entry of the log."""
    with store.read() as snapshot:
        origin = snapshot.connection.scalar(select(ledger_head.c.origin))
        if origin:
            key = log_key(keys, origin)
            if snapshot.connection.scalar(
                select(ledger_key.c.added).where(ledger_key.c.key_id == key.key_id)
            ):
                return key
    with store.write(now) as tx:
        return _introduce(tx, keys)


def log_key_change(
    store: Store, what: str, certificate: Certificate, *, by: str, now: datetime
) -> None:
    """Record in the log that a key was made or revoked."""
    details = {
        "act": what,
        "by": by,
        "certificate": f"{certificate.serial_number:x}",
        "name": certificate.subject.rfc4514_string(),
    }
    with store.write(now) as tx:
        tx.log(LeafKind.KEY, json.dumps(details, sort_keys=True).encode())


def _introduce(tx: Transaction, keys: Keys) -> LogKey:
    head_of(tx)
    origin = tx.connection.scalars(select(ledger_head.c.origin)).one()
    key = log_key(keys, origin)
    known = ledger_key.c.key_id == key.key_id
    if tx.connection.scalar(select(ledger_key.c.added).where(known)) is None:
        tx.connection.execute(
            insert(ledger_key).values(
                name=key.name,
                key_id=key.key_id,
                public_key=bytes([key.kind]) + key.public_key,
                added=tx.now,
            )
        )
        details = {"what": "log key", "key": str(key), "root": keys.root_fingerprint()}
        tx.log(LeafKind.KEY, json.dumps(details, sort_keys=True).encode())
    return key


def _log_what_was_signed(store: Store, *, now: datetime) -> None:
    """Add an entry with the last checkpoint, if the log grew since.

    Adds further ones for checkpoints that another process signed but did not log.
    """
    with store.write(now) as tx:
        signed = newest_signed(tx)
        if signed is None:
            return
        rest = signed_without_entry(tx)
        if Tree(tx.connection).size > signed.size or rest not in ([], [signed]):
            for one in rest:
                tx.log(LeafKind.CHECKPOINT, bytes(one), subject=subject_of(one.size))


def _hold(store: Store, keys: Keys) -> None:
    """Keep the newest checkpoint beside the keys: changes of the database do not reach it."""
    with store.read() as snapshot:
        signed = newest_signed(snapshot)
        origin = snapshot.connection.scalar(select(ledger_head.c.origin)) or ""
    if signed is not None:
        keys.hold(origin, bytes(signed))


def held_checkpoints(store: Store, folder: Path) -> list[Signed]:
    """The newest checkpoint of this log that is kept in the folder of the keys, for `epcis.fsck`.

    Empty where these keys never signed one. Raises SealRefused for a file that is damaged.
    """
    with store.read() as snapshot:
        origin = snapshot.connection.scalar(select(ledger_head.c.origin)) or ""
    path = held_file(folder, origin)
    try:
        return [Signed.parse(path.read_bytes())] if path.exists() else []
    except ValueError as fault:
        raise SealRefused(f"the checkpoint held in {path} is damaged") from fault


def _continues_what_was_signed(tx: Transaction, tree: Tree) -> None:
    last = newest_signed(tx)
    if last is None:
        return
    if last.size > tree.size:
        raise LogForked(f"the log lost entries: {last.size} were signed, {tree.size} are left")
    if tree.checkpoint(last.size).root.hex() != last.root:
        raise LogForked(f"the first {last.size} entries are not those that were signed")
