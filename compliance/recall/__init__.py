"""Recalls."""
