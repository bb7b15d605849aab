"""EPCIS 2.0 JSON-LD: members to events and header, and back."""
