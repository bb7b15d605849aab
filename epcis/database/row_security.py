"""A second fence on PostgreSQL: the database itself shows a party only its events.

Queries ask for what a caller may see; should one forget, row-level security still hides the rest.
Connections of the store say that they serve the house (`*`); a snapshot for a party says the
party; a connection that says nothing sees no event. The role of the service must be neither
superuser nor BYPASSRLS, for those pass any fence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.database.after_create import make_after_tables
from epcis.store.event_tables import metadata

if TYPE_CHECKING:
    from sqlalchemy import Connection

SETTING = "packtrail.party"
EVERYBODY = "*"

_STATEMENTS = (
    "ALTER TABLE event ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE event FORCE ROW LEVEL SECURITY",
    "DROP POLICY IF EXISTS event_is_for_its_parties ON event",
    """CREATE POLICY event_is_for_its_parties ON event USING (
      (SELECT current_setting('packtrail.party', true)) = '*'
      OR EXISTS (SELECT 1 FROM event_party p WHERE p.seq = event.seq
        AND p.party = (SELECT current_setting('packtrail.party', true))))""",
)
make_after_tables(metadata, "row security", postgresql=_STATEMENTS)


def serve(connection: Connection, party: str) -> None:
    """Show only this party's events (canonical GLN key) until the transaction ends."""
    connection.exec_driver_sql(f"SELECT set_config('{SETTING}', %s, true)", (party,))
