"""GS1 keys, EPC identifiers, vocabularies, schema files and findings; no I/O."""
