"""The store: one database, one writer, many readers; on SQLite or on PostgreSQL."""

from aegisflow.store.opening import Store, open_store

__all__ = ["Store", "open_store"]
