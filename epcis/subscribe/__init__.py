"""Standing queries: subscriptions, their schedules and their delivery (EPCIS 2.0 section 8.2.5)."""
