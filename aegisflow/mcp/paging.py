"""Cursors: where the next page begins, bound to the question that was asked."""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from aegisflow.errors import BadValueError

_LARGEST = 2.0**53
_EXPECTED = "the next_cursor of the page before with all other arguments unchanged, or no cursor to start anew"


def make_cursor(question: Mapping[str, object], *position: str | float | int) -> str:
    """Return an opaque text that stands for ``position`` in the answers to ``question``."""
    packed = json.dumps([_fingerprint(question), *position], separators=(",", ":"))
    return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")


def read_cursor(cursor: str, question: Mapping[str, object], *kinds: type) -> list[Any]:
    """Return the position that ``make_cursor`` put into ``cursor``; ``kinds`` are the types of its parts.

    Raises:
        BadValueError: it is no cursor, or belongs to another question.
    """
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        parts: list[Any] = json.loads(packed)
        fingerprint, *position = parts
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise BadValueError("cursor", cursor, _EXPECTED) from None
    fits = [type(part) for part in position] == list(kinds) and all(
        isinstance(part, str) or abs(part) < _LARGEST for part in position
    )
    if fingerprint != _fingerprint(question) or not fits:
        raise BadValueError("cursor", cursor, _EXPECTED)
    return position


def _fingerprint(question: Mapping[str, object]) -> str:
    canonical = json.dumps(question, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
