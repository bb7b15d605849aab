"""Trace requests of authorities and partners."""
