"""Checks over a file, a shipment or a trace; each gives findings."""
