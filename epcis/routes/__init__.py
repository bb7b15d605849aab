"""The EPCIS repository on HTTP: REST 2.0, and the 1.2 query interface at `/epcis/soap`."""
