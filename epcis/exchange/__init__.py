"""How documents travel between trading partners."""
