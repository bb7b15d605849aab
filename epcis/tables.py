"""Every table of this floor, imported: so that the one `metadata` knows them all."""

import epcis.archive.archive_tables
import epcis.exchange.exchange_tables
import epcis.ledger.ledger_tables
import epcis.query.query_tables
import epcis.store.event_tables
import epcis.store.work_tables

FLOORS = (
    epcis.store.event_tables,
    epcis.store.work_tables,
    epcis.ledger.ledger_tables,
    epcis.archive.archive_tables,
    epcis.query.query_tables,
    epcis.exchange.exchange_tables,
)
