"""Serial numbers before they are on a pack: pools, grants to lines, and what became of them."""
