"""Quarantine: goods that are held, by whom, why, and until when."""
