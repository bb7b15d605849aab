"""The reader of the outbox: what a captured document leads to."""
