"""The tables of this floor: products, lots and packs with their legal state, and what was asked.

Times are microseconds since 1970 in UTC (`_us`), days are ISO 8601 text. A pack without a row in
`pack` has the state that its events give it.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text

from epcis.database.metadata import BigId, index_where, metadata
from epcis.ledger.proved import DerivedFrom, Outside, Register, proof

product = Table(
    "product",
    metadata,
    Column("code", String(50), primary_key=True),
    Column("scheme", String(4), nullable=False),
    Column("version", Integer, nullable=False),
    Column("name", String(500), nullable=False),
    Column("details", Text, nullable=False),
    Column("owner", String(100), nullable=False),
    Column("uploaded_us", BigInteger, nullable=False),
    info=proof(Register()),
)

product_version = Table(
    "product_version",
    metadata,
    Column("code", String(50), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("details", Text, nullable=False),
    Column("uploaded_us", BigInteger, nullable=False),
    Column("by", String(100), nullable=False),
    info=proof(Register()),
)

product_market = Table(
    "product_market",
    metadata,
    Column("code", String(50), primary_key=True),
    Column("market", String(2), primary_key=True),
    Column("state", String(20), nullable=False),
    Column("since_us", BigInteger, nullable=False),
    Column("by", String(100), nullable=False),
    Column("reason", Text, nullable=False),
    info=proof(Register()),
)

batch = Table(
    "batch",
    metadata,
    Column("code", String(50), primary_key=True),
    Column("lot", String(20), primary_key=True),
    Column("expiry", String(10), nullable=False),
    Column("product_version", Integer, nullable=False),
    Column("markets", String(400), nullable=False),
    Column("serial_shape", String(40), nullable=False),
    Column("released", String(10)),
    Column("packs", Integer, nullable=False),
    Column("owner", String(100), nullable=False),
    Column("uploaded_us", BigInteger, nullable=False),
    info=proof(Register()),
)

lot_state = Table(
    "lot_state",
    metadata,
    Column("gtin", String(50), primary_key=True),
    Column("lot", String(20), primary_key=True),
    Column("market", String(2), primary_key=True),
    Column("state", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("since_us", BigInteger, nullable=False),
    Column("by", String(100), nullable=False),
    info=proof(Register()),
)
"""`market` is empty where a state holds everywhere."""

stop_mark = Table(
    "stop_mark",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("mark", BigInteger, nullable=False),
    info=proof(Outside("a random mark that says that stops changed")),
)
"""One row: changes with every restriction set or lifted (`verification.decision.restrictions`)."""

exempt_lot = Table(
    "exempt_lot",
    metadata,
    Column("code", String(50), primary_key=True),
    Column("lot", String(20), primary_key=True),
    Column("market", String(2), primary_key=True),
    info=proof(Register()),
)

pack = Table(
    "pack",
    metadata,
    Column("code", String(50), primary_key=True),
    Column("serial", String(20), primary_key=True),
    Column("lot", String(20)),
    Column("expiry", String(10)),
    Column("state", String(20), nullable=False),
    Column("since_us", BigInteger, nullable=False),
    Column("location", String(100), nullable=False),
    Column("authorisation", String(100), nullable=False),
    Column("repeats", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("stolen", Integer, nullable=False),
    Column("public", Integer, nullable=False),
    Column(
        "completes",
        Integer,
        nullable=False,
        server_default="0",
        comment="1: at the upload events have no lot or no expiry of the pack",
    ),
    index_where("pack_completing", "code", where="completes = 1"),
    # The lot first: by the product alone it must not be taken for the key, see decision 0093.
    Index("pack_by_lot", "lot", "code"),
    index_where("pack_locked", "code", where="state = 'Locked'"),
    info=proof(
        DerivedFrom(
            "its upload and its newest operation",
            {"completes": "which packs stock judges one by one, no word about them"},
        )
    ),
)
"""`stolen` marks a pack that is stolen besides its state, `public` one supplied to the public."""

doubt = Table(
    "doubt",
    metadata,
    Column("gtin", String(50), primary_key=True),
    Column("lot", String(20), primary_key=True),
    Column("serial", String(20), primary_key=True),
    Column("serial_to", String(20), primary_key=True, comment="last of a range, or empty"),
    Column("case_id", String(40), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("since_us", BigInteger, nullable=False),
    info=proof(Register()),
)
"""Open suspicion; `lot` or `serial` is empty where it holds for the whole lot, or for one pack."""

past_doubt = Table(
    "past_doubt",
    metadata,
    Column("gtin", String(50), primary_key=True),
    Column("lot", String(20), primary_key=True),
    Column("serial", String(20), primary_key=True),
    Column("serial_to", String(20), primary_key=True),
    Column("case_id", String(40), primary_key=True),
    Column("since_us", BigInteger, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("until_us", BigInteger, nullable=False),
    info=proof(Register()),
)
"""Suspicion that was cleared: acts done before that, and sent after it, are judged by it."""

pack_operation = Table(
    "pack_operation",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("at_us", BigInteger, nullable=False),
    Column("scanned_us", BigInteger),
    Column("code", String(50), nullable=False),
    Column("serial", String(20), nullable=False),
    Column("operation", String(20), nullable=False),
    Column("result", String(40), nullable=False),
    Column("client", String(100), nullable=False),
    Column("location", String(100), nullable=False),
    Column("alert", String(40)),
    Column("rules", String(64)),
    Index("pack_operation_client", "client", "at_us"),
    info=proof(DerivedFrom("its entry of the log", {"id": "a number that nothing refers to"})),
)
"""Every question and act, in order of time; what it was in full is in its entry of the log."""

participant = Table(
    "participant",
    metadata,
    Column("client", String(100), primary_key=True),
    Column("role", String(20), nullable=False),
    Column("location", String(100), nullable=False),
    Column("authorisation", String(100), nullable=False),
    Column("market", String(2), nullable=False),
    Column("since_us", BigInteger, nullable=False),
    Column("by", String(100), nullable=False),
    info=proof(Register()),
)
"""Which role, premises and licence a client acts under (2016/161 Art. 37(b))."""

client_transaction = Table(
    "client_transaction",
    metadata,
    Column("client", String(100), primary_key=True),
    Column("id", String(100), primary_key=True),
    Column("request_sha256", String(64), nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    info=proof(Outside("answers for retries; the operation itself is in the log")),
)

act = Table(
    "act",
    metadata,
    Column("client", String(100), primary_key=True),
    Column("id", String(100), primary_key=True, comment="the client's own id of the act"),
    Column("request_sha256", String(64), nullable=False),
    Column("answer", LargeBinary, nullable=False, comment="ActAnswer, JSON"),
    Column("at_us", BigInteger, nullable=False),
    Column("event", Text, comment="the id of its event, by which the client is found"),
    Index("act_event", "event"),
    info=proof(Outside("answers for retries; the act itself is an event and in the log")),
)

alert = Table(
    "alert",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("hub", String(4), nullable=False),
    Column("result", String(40), nullable=False),
    Column("code", String(50), nullable=False),
    Column("serial", String(20), nullable=False),
    Column("lot", String(20)),
    Column("client", String(100), nullable=False),
    Column("location", String(100), nullable=False),
    Column("cause", String(40), nullable=False),
    Column("confidence", String(10), nullable=False),
    Column("late", Integer, nullable=False),
    Column("status", String(24), nullable=False),
    Column("market", String(2), nullable=False),
    Column("times", Integer, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    Index("alert_at", "at_us"),
    Index("alert_pack", "code", "serial"),
    info=proof(Register()),
)
"""`market` is where the pack was scanned; `times` says how often the same client met the same cause
while the alert was open, `last_us` when it last did."""

alert_step = Table(
    "alert_step",
    metadata,
    Column("alert", String(40), primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("by", String(100), nullable=False),
    Column("status", String(24), nullable=False),
    Column("reason", String(100), nullable=False),
    Column("comment", String(500), nullable=False),
    info=proof(Register()),
)

rule_pack = Table(
    "rule_pack",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("id", String(40), nullable=False),
    Column("version", String(20), nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("first_used_us", BigInteger, nullable=False),
    info=proof(
        DerivedFrom("its name, its SHA-256", {"first_used_us": "the operations under it say when"})
    ),
)

bulk = Table(
    "bulk",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("client", String(100), nullable=False),
    Column("who", Text, nullable=False),
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Column("finished_us", BigInteger),
    Column("expires_us", BigInteger, nullable=False),
    info=proof(Outside("how far work is; each operation of it is in the log")),
)

bulk_part = Table(
    "bulk_part",
    metadata,
    Column("bulk", String(40), primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("requests", LargeBinary, nullable=False),
    Column("answers", LargeBinary),
    info=proof(Outside("work still to do and answers to fetch; each operation is in the log")),
)
"""A bulk is worked off part by part; a part and its answers are one transaction."""

repack_link = Table(
    "repack_link",
    metadata,
    Column("code", String(50), primary_key=True),
    Column("lot", String(20), primary_key=True),
    Column("from_code", String(50), primary_key=True),
    Column("from_lot", String(20), primary_key=True),
    Column("doses", Integer, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    info=proof(Register()),
)

unknown_answer = Table(
    "unknown_answer",
    metadata,
    Column("guesser", String(120), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("answers", Integer, nullable=False),
    info=proof(Outside("a count against guessing that begins anew each day")),
)
"""How many answers 'no such serial' each client and each network was given on a day."""

lookup_entry = Table(
    "lookup_entry",
    metadata,
    Column("gtin", String(14), primary_key=True),
    Column("base_url", String(500), primary_key=True),
    Column("responder_gln", String(13), nullable=False),
    Column("contexts", String(300), nullable=False),
    Column("valid_from_us", BigInteger, nullable=False),
    Column("valid_to_us", BigInteger),
    Column("source", String(200), nullable=False),
    Column("fetched_us", BigInteger, nullable=False),
    info=proof(Register(beside={"fetched_us": "when it was last seen unchanged"})),
)

verification_request = Table(
    "verification_request",
    metadata,
    Column("corr_uuid", String(36), primary_key=True),
    Column("asked_us", BigInteger, nullable=False),
    Column("due_us", BigInteger, nullable=False),
    Column("next_us", BigInteger),
    Column("tries", Integer, nullable=False),
    Column("question", LargeBinary, nullable=False),
    Column("answer", LargeBinary),
    Index("verification_request_next", "next_us"),
    info=proof(Outside("questions under way; question and answer are in the log")),
)

saleable_return = Table(
    "saleable_return",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("gtin", String(14), nullable=False),
    Column("serial", String(20), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("decision", String(20), nullable=False),
    Column("proof", LargeBinary, nullable=False),
    Column("question", String(36)),
    Column("follows", String(40)),
    Index("saleable_return_pack", "gtin", "serial"),
    Index("saleable_return_waiting", "decision"),
    Index("saleable_return_follows", "follows"),
    info=proof(Register()),
)
"""A decision that waits names the question it waits for; the one after it `follows` it."""

expiry_extension = Table(
    "expiry_extension",
    metadata,
    Column("gtin", String(14), primary_key=True),
    Column("lot", String(20), primary_key=True),
    Column("expiry", String(10), nullable=False),
    Column("reference", String(200), nullable=False),
    Column("since_us", BigInteger, nullable=False),
    Column("by", String(100), nullable=False),
    info=proof(Register()),
)
"""The later expiry a manufacturer has given a lot whose packs are printed with an earlier one."""

sensor_rule = Table(
    "sensor_rule",
    metadata,
    Column("gtin", String(14), primary_key=True),
    Column("is_on", Integer, nullable=False),
    Column("limits", Text, nullable=False),
    Column("since_us", BigInteger, nullable=False),
    Column("by", String(100), nullable=False),
    info=proof(Register()),
)
"""What sensor reports mean for the packs of a product; `limits` is JSON."""

anomaly = Table(
    "anomaly",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("severity", String(10), nullable=False),
    Column("code", String(50), nullable=False),
    Column("serial", String(20), nullable=False),
    Column("client", String(100), nullable=False),
    Column("what", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Column("closed_us", BigInteger),
    Column("closed_by", String(100)),
    Column("comment", String(500)),
    Index("anomaly_at", "at_us"),
    info=proof(Register()),
)
"""What the history of questions gave away, each thing once."""

anomaly_watch = Table(
    "anomaly_watch",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("seen", BigInteger, nullable=False),
    info=proof(Outside("how far the history was looked through; looking again changes nothing")),
)
"""Up to which row of `pack_operation` the history was looked through."""

answer_aside = Table(
    "answer_aside",
    metadata,
    Column("journal", String(32), primary_key=True),
    Column("taken", BigInteger, nullable=False),
    info=proof(Outside("how far answers kept beside the database are in the history and log")),
)
"""Up to which number the answers of a journal (`verification.answering.aside`) were taken in."""

national_login = Table(
    "national_login",
    metadata,
    Column("login_id", String(100), primary_key=True),
    Column("user_id", String(100), primary_key=True),
    Column("client", String(100), nullable=False),
    Column("party", String(100)),
    Column("password", String(200), nullable=False),
    Column("is_initial", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    Column("by", String(100), nullable=False),
    info=proof(Register(secret=frozenset({"password"}))),
)
"""Who enters the SOAP family by the login, user and password in each of its requests."""
