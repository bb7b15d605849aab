"""From a photo to the symbols in it."""
