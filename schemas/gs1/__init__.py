"""GS1 keys, Application Identifiers, EPC URNs, Digital Link and national numbers."""
