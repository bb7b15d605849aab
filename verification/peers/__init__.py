"""Other repositories: asked for packs that are not known here."""
