"""One description of what EPCIS documents hold; schema files and pages are generated from it."""
