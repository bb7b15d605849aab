"""Goods that customers send back: matched with what was shipped to them, taken in, and decided."""
