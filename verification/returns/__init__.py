"""Saleable returns."""
