"""Named queries: kept as sent, read anew whenever they are asked (EPCIS 2.0 section 8.2.6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson
from sqlalchemy import delete, insert, select

from epcis.query.names import Names
from epcis.query.parameters import QueryRefused, parse
from epcis.query.query_tables import named_query, subscription
from schemas.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction
    from epcis.query.conditions import Query

STANDARD: Final = ("SimpleEventQuery", "SimpleMasterDataQuery")
"""Names of the standard's own queries; nobody can take them."""
NAMED_QUERIES_MAX: Final = 10_000
"""Most named queries of one repository."""
_NAME: Final = re.compile(r"[^\s/?#%\x00-\x1f\x7f]{1,200}")


class NameTaken(Exception):  # noqa: N818  # says what it is
    """There is a query of this name already."""


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """A query under a name."""

    name: str
    made: datetime
    owner: str
    party: str | None
    body: Mapping[str, object]
    """The query as sent."""

    @property
    def query(self) -> Query:
        """The query, read; raises `QueryRefused` where its parameters are no longer understood."""
        return read_body(self.body)


def read_body(body: object, names: Names | None = None) -> Query:
    """A query body of JSON; raises `QueryRefused` with everything that is wrong.

    >>> read_body({"eventType": ["ObjectEvent"]}).order is None
    True
    """
    if not isinstance(body, dict):
        raise _refused("the query must be a JSON object of parameters")
    return parse(body, Names.of_context(body.get("@context"), names))


def check_name(name: object) -> str:
    """A usable name; raises `QueryRefused`.

    >>> check_name("recent-shipments")
    'recent-shipments'
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _refused("name must be 1 to 200 characters without spaces, '/', '?', '#' or '%'")
    return name


def _refused(what: str) -> QueryRefused:
    return QueryRefused(
        "QueryValidationException", [Finding("query.definition", Severity.ERROR, what)]
    )


def add(
    tx: Transaction, name: str, body: Mapping[str, object], *, owner: str, party: str | None
) -> None:
    """Keep a query under a name; raises `NameTaken`."""
    table = named_query
    taken = tx.connection.execute(select(table.c.name).where(table.c.name == name)).first()
    if taken or name in STANDARD:
        raise NameTaken(name)
    tx.connection.execute(
        insert(table).values(
            name=name, made=tx.now, owner=owner, party=party, query=orjson.dumps(body)
        )
    )


def get(snapshot: Snapshot, name: str, *, party: str | None) -> NamedQuery | None:
    """The query of this name, where the party may know of it."""
    found = listing(snapshot, party=party, only=name, rows_max=1)
    return found[0] if found else None


def listing(
    snapshot: Snapshot,
    *,
    party: str | None,
    rows_max: int,
    after: str | None = None,
    only: str | None = None,
) -> list[NamedQuery]:
    """Named queries by name; a caller with a party sees those of its own party."""
    table = named_query.c
    statement = select(named_query).order_by(table.name).limit(rows_max)
    if party is not None:
        statement = statement.where(table.party == party)
    if after is not None:
        statement = statement.where(table.name > after)
    if only is not None:
        statement = statement.where(table.name == only)
    return [
        NamedQuery(row.name, row.made, row.owner, row.party, orjson.loads(row.query))
        for row in snapshot.connection.execute(statement)
    ]


def remove(tx: Transaction, name: str) -> None:
    """Forget a query and end every subscription to it."""
    tx.connection.execute(delete(subscription).where(subscription.c.query == name))
    tx.connection.execute(delete(named_query).where(named_query.c.name == name))
