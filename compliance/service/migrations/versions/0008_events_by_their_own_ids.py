"""The same content under two ids is two events: the identity of an event takes in its own id.

Revision: 0008, after 0007
"""

from hashlib import sha256

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_AT_ONCE = 10_000
# A declaration keeps the identity it has: sent again, it would only say the same once more.
_NAMED = sa.text(
    "SELECT seq, hash, event_id FROM event WHERE seq > :last AND declared_error IS NULL"
    " AND event_id NOT LIKE 'ni:///sha-256;%' ORDER BY seq LIMIT :many"
)
_CHANGE = sa.text("UPDATE event SET identity = :identity WHERE seq = :seq")


def upgrade() -> None:
    connection = op.get_bind()
    last = 0
    while rows := connection.execute(_NAMED, {"last": last, "many": _AT_ONCE}).all():
        last = rows[-1].seq
        connection.execute(
            _CHANGE,
            [
                {"seq": row.seq, "identity": _identity(bytes(row.hash), row.event_id)}
                for row in rows
            ],
        )


def _identity(digest: bytes, event_id: str) -> bytes:
    return sha256(digest + b"\0\0" + event_id.encode("utf-8", "surrogatepass")).digest()
