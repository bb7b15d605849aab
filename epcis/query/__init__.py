"""The EPCIS query language: parameters, units, patterns, paging and named queries (section 8.2)."""
