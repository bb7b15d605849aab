"""What EPCIS documents are made of, described once; schema files and pages are written from it."""
