"""The database: engine, connections, transactions; the one room with dialects."""
