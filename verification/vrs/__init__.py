"""Verification between trading partners (GS1 Lightweight Messaging Standard, DSCSA)."""
