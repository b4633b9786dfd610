"""The chain of the audit: every row carries a hash over itself and the row before.

Whoever changes, removes or slips in a row breaks every hash after it; whoever cuts off the end is seen
by the head that was exported outside of the database.
"""

import hashlib
import json

__all__ = ["GENESIS", "OF_COMMAND", "OF_TOKEN", "row_hash", "sealed_head", "sealed_row", "text_digest"]

GENESIS = "0" * 64
"""Stands before the first row."""
OF_COMMAND, OF_TOKEN = "command ", "token "
"""Before the id of a record: so a row of the audit names the record whose digest it has."""


def text_digest(text: str) -> str:
    """Return SHA-256, hexadecimal, of a text; any text has one, half a surrogate pair included."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def sealed_row(digest: str) -> str:
    """Return the text that the seal of a row is over, from the row's hash."""
    return f"aegisflow audit row {digest}"


def sealed_head(row: int, digest: str, at: str) -> str:
    """Return the text that the seal of an exported head is over.

    Args:
        row: number of the newest row.
        digest: its hash.
        at: when, as ISO 8601.
    """
    return f"aegisflow audit head {row} {digest} {at}"


def row_hash(before: str, at: float, actor: str, act: str, subject: str, detail: str) -> str:
    """Return SHA-256, hexadecimal, over the hash before and the row.

    Args:
        before: hash of the row before; ``GENESIS`` for the first.
        at: UTC epoch seconds.
        actor: who did it.
        act: what.
        subject: to what.
        detail: the row's JSON text, as stored.
    """
    text = json.dumps([before, repr(float(at)), actor, act, subject, detail], ensure_ascii=False, separators=(",", ":"))
    return text_digest(text)
