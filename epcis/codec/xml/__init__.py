"""EPCIS XML, 1.0 to 2.0: elements to events and header, and back."""
