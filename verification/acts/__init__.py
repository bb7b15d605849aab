"""Acts in the warehouse: each is one EPCIS event, judged before it happens."""
