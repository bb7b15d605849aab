"""Every floor's tables: imported, so that the one `metadata` knows them all."""

import compliance.dossier.tables
import compliance.retention.tables
import compliance.tables
import epcis.archive.tables
import epcis.ledger.tables
import epcis.query.tables
import epcis.store.tables
import verification.tables

FLOORS = (
    epcis.store.tables,
    epcis.ledger.tables,
    epcis.archive.tables,
    epcis.query.tables,
    verification.tables,
    compliance.tables,
    compliance.retention.tables,
    compliance.dossier.tables,
    compliance.dossier.tables,
)
