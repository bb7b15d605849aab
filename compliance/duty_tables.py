"""The tables of `compliance`: access, licences, cases, audits and service times."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from epcis.database.metadata import metadata
from epcis.ledger.proved import Outside, Register, proof

api_key = Table(
    "api_key",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("secret_sha256", String(64), nullable=False),
    Column("scopes", String(200), nullable=False),
    Column("party", String(100)),
    Column("role", String(20), nullable=False, server_default=""),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("revoked_us", BigInteger),
    info=proof(Register()),
)

access_lock = Table(
    "access_lock",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("since_us", BigInteger, nullable=False),
    Column("by", String(100), nullable=False),
    info=proof(Register()),
)
"""One row from the first credential on: without one of theirs nobody enters ever again."""

site_profile = Table(
    "site_profile",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(20), nullable=False),
    Column("name", String(100), nullable=False),
    Column("gln", String(13), nullable=False),
    Column("licence", String(100), nullable=False),
    Column("country", String(2), nullable=False),
    Column("time_zone", String(60), nullable=False),
    Column("files", String(20), nullable=False),
    Column("by", String(100), nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    info=proof(Register()),
)
"""One row: the company that runs this installation (`compliance.site`)."""

user_account = Table(
    "user_account",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("password", String(200), nullable=False),
    Column("scopes", String(200), nullable=False),
    Column("party", String(100)),
    Column("role", String(20), nullable=False, server_default=""),
    Column("changed_us", BigInteger, nullable=False),
    Column("ended_us", BigInteger),
    Column("by", String(100), nullable=False),
    info=proof(Register(secret=frozenset({"password"}))),
)
"""Who signs in with a password, which is kept as its Argon2id hash."""

browser_session = Table(
    "browser_session",
    metadata,
    Column("token_sha256", String(64), primary_key=True),
    Column("id", String(16), nullable=False, unique=True),
    Column("name", String(100), nullable=False),
    Column("scopes", String(200), nullable=False),
    Column("party", String(100)),
    Column("role", String(20), nullable=False, server_default=""),
    Column("started_us", BigInteger, nullable=False),
    Column("fresh_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("ended_us", BigInteger),
    Column("client", String(64), nullable=False),
    info=proof(Register(secret=frozenset({"token_sha256"}))),
)
"""`fresh_us` is when its user last proved who it is, `client` the address it began from."""

session_use = Table(
    "session_use",
    metadata,
    Column("session", String(16), primary_key=True),
    Column("seen_us", BigInteger, nullable=False),
    info=proof(Outside("when a session was last used, so that an idle one ends")),
)

approval = Table(
    "approval",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("act", String(20), nullable=False),
    Column("request_sha256", String(64), nullable=False),
    Column("what", Text, nullable=False),
    Column("scope", String(20), nullable=False),
    Column("party", String(100)),
    Column("asked_by", String(100), nullable=False),
    Column("asked_us", BigInteger, nullable=False),
    Column("approved_by", String(100)),
    Column("approved_us", BigInteger),
    Column("used_us", BigInteger),
    Index("approval_request", "request_sha256"),
    info=proof(Register()),
)
"""An act that waits for a second person, the request it is for, and who approved it."""

purpose_read = Table(
    "purpose_read",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("by", String(100), nullable=False),
    Column("role", String(20), nullable=False),
    Column("purpose", String(200), nullable=False),
    Column("address", String(200), nullable=False),
    Column("owner", String(100), nullable=False),
    Index("purpose_read_at", "at_us"),
    info=proof(Register()),
)
"""What an authority, auditor or the operator read of others, and why; `owner` is the uploader of
the product that was named, empty where the read was of everybody's."""

sign_in_failure = Table(
    "sign_in_failure",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("client", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    info=proof(Outside("wrong passwords of a client for a name, which are forgotten soon")),
)

sign_in_link = Table(
    "sign_in_link",
    metadata,
    Column("token_sha256", String(64), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("scopes", String(200), nullable=False),
    Column("party", String(100)),
    Column("role", String(20), nullable=False, server_default=""),
    Column("expires_us", BigInteger, nullable=False),
    Column("used_us", BigInteger),
    info=proof(Outside("links that open a session once")),
)

partner_licence = Table(
    "partner_licence",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("gln", String(13), nullable=False),
    Column("name", String(200), nullable=False),
    Column("role", String(20), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("authority", String(200), nullable=False),
    Column("number", String(100), nullable=False),
    Column("valid_from", String(10), nullable=False),
    Column("valid_to", String(10)),
    Column("ended", String(10)),
    Column("source", Text, nullable=False),
    Column("checked_us", BigInteger, nullable=False),
    Column("by", String(100), nullable=False),
    Index("partner_licence_gln", "gln"),
    info=proof(Register()),
)
"""Evidence that a trading partner was authorized (FD&C Act 581(2)); days are ISO 8601."""

case_file = Table(
    "case_file",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("category", String(40), nullable=False),
    Column("state", String(30), nullable=False),
    Column("opened_us", BigInteger, nullable=False),
    Column("opened_by", String(100), nullable=False),
    Column("gtin", String(14), nullable=False),
    Column("lot", String(20), nullable=False),
    Column("serial", String(20), nullable=False),
    Column("partner", String(13), nullable=False),
    Column("what", Text, nullable=False),
    Column("illegitimate_us", BigInteger),
    Column("incident", String(40), nullable=False),
    Column("facts", Text, nullable=False),
    Column("mark", String(200), nullable=False, comment="of a problem that the reader found"),
    Index("case_file_opened", "opened_us"),
    Index("case_file_mark", "mark"),
    info=proof(Register()),
)
"""Suspect product and exceptions; `facts` is a JSON object of further data for Form FDA 3911."""

case_item = Table(
    "case_item",
    metadata,
    Column("case", String(40), ForeignKey("case_file.id"), primary_key=True),
    Column("key", String(200), primary_key=True),
    Index("case_item_key", "key"),
    info=proof(Register(by=("case",))),
)
"""The packs and containers of a case that the reader of captured documents opened."""

case_step = Table(
    "case_step",
    metadata,
    Column("case", String(40), ForeignKey("case_file.id"), primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("at_us", BigInteger, nullable=False),
    Column("by", String(100), nullable=False),
    Column("act", String(30), nullable=False),
    Column("note", Text, nullable=False),
    info=proof(Register()),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("gtin", String(14), nullable=False),
    Column("lot", String(20), nullable=False),
    Column("serial", String(20), nullable=False),
    Column("serial_to", String(20), nullable=False),
    Column("key", String(200), nullable=False),
    Column("document", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("owner", String(100), nullable=False),
    Column("placed_us", BigInteger, nullable=False),
    Column("placed_by", String(100), nullable=False),
    Column("due_us", BigInteger, nullable=False),
    Column("released_us", BigInteger),
    Column("released_by", String(100)),
    Column("why", Text, nullable=False),
    info=proof(Register()),
)
"""Goods that are held; what does not name the subject is empty."""

quarantine_item = Table(
    "quarantine_item",
    metadata,
    Column("quarantine", String(40), ForeignKey("quarantine.id"), primary_key=True),
    Column("key", String(200), primary_key=True),
    Index("quarantine_item_key", "key"),
    info=proof(Register(by=("quarantine",))),
)
"""The packs and containers that a quarantine of a container or shipment named."""

system_audit = Table(
    "system_audit",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("planned", String(10), nullable=False),
    Column("scope", Text, nullable=False),
    Column("auditor", String(200), nullable=False),
    Column("done", String(10)),
    Column("outcome", Text, nullable=False),
    Column("entered_us", BigInteger, nullable=False),
    Column("by", String(100), nullable=False),
    info=proof(Register()),
)
"""The audits of this repository, planned and done (2016/161 Art. 37(e))."""

service_time = Table(
    "service_time",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("area", String(20), primary_key=True),
    Column("limit_ms", Integer, primary_key=True, autoincrement=False),
    Column("answers", BigInteger, nullable=False),
    info=proof(Outside("what the server measured about itself, added up a minute at a time")),
)
"""Answers of a day that took at most `limit_ms` and more than the next lower limit; 0: longer."""
