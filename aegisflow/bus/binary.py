"""Payloads that are no text: named, so that whoever set up their sender knows what to change."""

import msgspec

from aegisflow.errors import PayloadError

__all__ = ["binary_kind", "refusal_of_bytes"]

_MARKS = {
    b"\xff\xd8\xff": "a JPEG image",
    b"\x89PNG": "a PNG image",
    b"GIF8": "a GIF image",
    b"\x1f\x8b": "compressed (gzip)",
    b"PK\x03\x04": "compressed (zip)",
    b"\x28\xb5\x2f\xfd": "compressed (zstd)",
    b"\x78\x9c": "compressed (zlib)",
    b"\x78\x01": "compressed (zlib)",
    b"\x78\xda": "compressed (zlib)",
}
_CBOR_TAG = b"\xd9\xd9\xf7"
"""Says that what follows is CBOR (RFC 8949, 3.4.6)."""
_DEEPEST = 16
_PLAIN_SIZES = (1, 2, 4, 8)


def binary_kind(payload: bytes) -> str:
    """Return what bytes that are no text seem to be, in words."""
    for mark, kind in _MARKS.items():
        if payload.startswith(mark):
            return kind
    if _is_message_pack(payload):
        return "MessagePack"
    if _is_cbor(payload):
        return "CBOR"
    if len(payload) in _PLAIN_SIZES:
        return f"{len(payload)} bytes, perhaps a bare number"
    return "bytes of unknown form, perhaps Protocol Buffers"


def refusal_of_bytes(payload: bytes, problem: UnicodeDecodeError) -> PayloadError:
    """Return the refusal of a payload that is not in UTF-8."""
    if payload.lstrip()[:1] in (b"{", b"["):
        return PayloadError("not_json", f"not UTF-8: {problem.reason} at byte {problem.start}")
    return PayloadError("binary", f"{binary_kind(payload)}; expected text")


def _is_message_pack(payload: bytes) -> bool:
    """Return whether it is one object or list in MessagePack."""
    # 0x80 to 0x9f are short objects and lists, 0xdc to 0xdf longer ones.
    if not payload or not (0x80 <= payload[0] <= 0x9F or 0xDC <= payload[0] <= 0xDF):
        return False
    try:
        return bool(msgspec.msgpack.decode(payload)) or len(payload) == 1
    except (ValueError, TypeError, RecursionError, OverflowError):
        return False


def _is_cbor(payload: bytes) -> bool:
    """Return whether it is one object or list in CBOR."""
    start = len(_CBOR_TAG) if payload.startswith(_CBOR_TAG) else 0
    if len(payload) <= start or payload[start] >> 5 not in (4, 5):
        return False
    try:
        return _end_of_item(payload, start, 0) == len(payload)
    except (IndexError, ValueError):
        return False


def _end_of_item(payload: bytes, place: int, depth: int) -> int:
    """Return where an item of CBOR ends that begins at a place (RFC 8949, 3)."""
    if depth > _DEEPEST:
        raise ValueError("nested too deep")
    kind, said = payload[place] >> 5, payload[place] & 31
    place += 1
    if said == 31:
        if kind not in (2, 3, 4, 5):
            raise ValueError("no item")
        while payload[place] != 0xFF:
            place = _end_of_item(payload, place, depth + 1)
        return place + 1
    if said > 27:
        raise ValueError("no item")
    size = {24: 1, 25: 2, 26: 4, 27: 8}.get(said, 0)
    number = int.from_bytes(payload[place : place + size], "big") if size else said
    place += size
    if kind in (2, 3):
        place += number
    elif kind in (4, 5, 6):
        # A tag says something of the one item behind it; an object has a key and a value for each of its items.
        for _ in range({4: number, 5: 2 * number, 6: 1}[kind]):
            place = _end_of_item(payload, place, depth + 1)
    if place > len(payload):
        raise ValueError("cut off")
    return place
