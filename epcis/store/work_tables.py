"""Tables by which several servers on one database share their work."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, Text

from epcis.database.metadata import metadata
from epcis.ledger.proved import Outside, proof

lease = Table(
    "lease",
    metadata,
    Column("work", Text, primary_key=True, comment="what is being done, as capture ID"),
    Column("holder", Text, nullable=False, comment="who does it; differs for each taking"),
    Column("until_us", BigInteger, nullable=False, comment="by the clock of the database server"),
    info=proof(Outside("who does which work now; each kind of work has its own record")),
)

shared_part = Table(
    "shared_part",
    metadata,
    Column("file", Text, primary_key=True, comment="as incoming/ID or exports/ID"),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
    info=proof(Outside("bodies that wait and finished dossiers; what they hold is proved itself")),
)
