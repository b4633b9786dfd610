"""The step of the schema to readings whose sender's clock is wrong: what it said is kept beside when they came."""

from aegisflow.store.connection import Connection


def add_stamp(connection: Connection) -> None:
    """Give readings the column; those of before were all stored under the sender's stamp. Needs no other step."""
    for table in ("fresh_readings", "readings"):
        connection.run(f"ALTER TABLE {table} ADD COLUMN stamp DOUBLE PRECISION")
