"""Signatures of commands and answers: HMAC-SHA256 over the message without its ``mac`` (RFC 2104).

The signed text is canonical JSON: keys sorted, no spaces, UTF-8.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping

__all__ = ["is_signed", "sign"]


def sign(content: Mapping[str, object], key: bytes) -> dict[str, object]:
    """Return the content with its ``mac`` in hexadecimal."""
    return {**content, "mac": _mac(content, key)}


def is_signed(payload: bytes, key: bytes) -> bool:
    """Return whether the payload is a JSON object with the right ``mac``."""
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        return False
    if not isinstance(content, dict):
        return False
    mac = content.pop("mac", None)
    # compare_digest raises at a text that is not ASCII.
    return isinstance(mac, str) and mac.isascii() and hmac.compare_digest(mac, _mac(content, key))


def _mac(content: Mapping[str, object], key: bytes) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
