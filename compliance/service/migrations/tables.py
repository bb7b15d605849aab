"""Every floor's tables: imported, so that the one `metadata` knows them all."""

import compliance.dossier.dossier_tables
import compliance.duty_tables
import compliance.recall.recall_tables
import compliance.retention.retention_tables
import compliance.seal.seal_tables
import compliance.warehouse.warehouse_tables
import epcis.archive.archive_tables
import epcis.exchange.exchange_tables
import epcis.ledger.ledger_tables
import epcis.query.query_tables
import epcis.store.event_tables
import epcis.store.work_tables
import verification.registry.pack_tables
import verification.serials.serial_tables

FLOORS = (
    epcis.store.event_tables,
    epcis.store.work_tables,
    epcis.ledger.ledger_tables,
    epcis.archive.archive_tables,
    epcis.query.query_tables,
    epcis.exchange.exchange_tables,
    verification.registry.pack_tables,
    verification.serials.serial_tables,
    compliance.duty_tables,
    compliance.recall.recall_tables,
    compliance.retention.retention_tables,
    compliance.seal.seal_tables,
    compliance.dossier.dossier_tables,
    compliance.warehouse.warehouse_tables,
)
