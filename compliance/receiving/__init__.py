"""Goods at the dock: what was announced against what was scanned, and what becomes of both."""
