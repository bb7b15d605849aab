"""The signed snapshot for verification without a line."""
