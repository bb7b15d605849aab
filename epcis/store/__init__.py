"""One storage interface over SQLite and PostgreSQL; `database.Store` is the door."""
