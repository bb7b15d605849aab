"""Transaction information and statement of a shipment, as a document of its own."""
