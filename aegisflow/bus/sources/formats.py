"""Payloads of foreign machines, decoded to what paths can lead into: objects, lists, numbers, words."""

import codecs
import json
import re
from collections.abc import Callable
from typing import Any

import msgspec

from aegisflow.bus.binary import refusal_of_bytes
from aegisflow.errors import PayloadError

__all__ = ["FORMATS", "decode_json", "is_hex", "is_number", "text_of"]

_decode = msgspec.json.Decoder().decode
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_HEX = re.compile(r"0[xX][0-9a-fA-F]{1,16}")
_PLAIN_SHARE = 0.7
"""Share of ASCII in a text that is not in UTF-8, from which on it is one all the same, in Latin-1."""
_BARE_SIZES = (4, 8)
_RELATIVE_BELOW = 2**28
"""A time of SenML below this is relative to now (RFC 8428, 4.5.3)."""


def is_number(text: str) -> bool:
    """Return whether a text is a number as machines write it: digits, a point, an exponent."""
    return _NUMBER.fullmatch(text) is not None


def is_hex(text: str) -> bool:
    """Return whether a text is a register in hexadecimal digits, as bridges to Modbus write it: 0x02BC."""
    return _HEX.fullmatch(text) is not None


def decode_json(payload: bytes, received_at: float = 0.0) -> Any:
    """Return what a JSON text says; NaN and Infinity, which are no JSON, are read as such.

    A byte order mark before it and NULs behind it are passed over, and what was encoded twice is decoded twice, since
    gateways of all kinds send these.

    Raises:
        PayloadError: it is no JSON.
    """
    try:
        said = _decode(payload)
    except (ValueError, RecursionError):
        said = _lenient(payload)
    if said.__class__ is str and said[:1] in ("{", "["):
        try:
            return _decode(said)
        except (ValueError, RecursionError):
            pass
    return said


def _lenient(payload: bytes) -> Any:
    try:
        text = _unwrapped(payload)
        try:
            return _decode(text)
        except (ValueError, RecursionError):
            # As floats, because Python raises for an integer of more than 4,300 digits, and this way it is infinite.
            return json.loads(text, parse_int=float)
    except UnicodeDecodeError as problem:
        raise refusal_of_bytes(payload, problem) from None
    except RecursionError:
        raise PayloadError("not_json", "nested too deep") from None
    except ValueError as problem:
        raise PayloadError("not_json", str(problem)) from None


def _unwrapped(payload: bytes) -> str:
    """Return a text without its byte order mark, which may say that it is UTF-16, and without NULs behind it."""
    if len(payload) > 2 and payload.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return payload.decode("utf-16").rstrip("\0")
    try:
        return payload.decode("utf-8-sig").rstrip("\0")
    except UnicodeDecodeError:
        text = payload.rstrip(b"\0").decode("latin-1")
        if _is_latin(text, len(payload)):
            return text
        raise


def _is_latin(text: str, size: int) -> bool:
    """Return whether a controller wrote °C or Öl in its own code page: text throughout, but for some letters."""
    plain = sum(letter.isascii() and (letter.isprintable() or letter in "\t\r\n") for letter in text)
    letters = sum(not letter.isascii() and (letter.isalpha() or letter in "°²³±") for letter in text)
    # Bytes of this size may as well be a bare number.
    is_text = size not in _BARE_SIZES or text[:1].isdigit() or text[:1] in "+-{["
    return is_text and plain + letters == len(text) and plain >= _PLAIN_SHARE * len(text)


def text_of(payload: bytes) -> str:
    """Return a payload as text, without a byte order mark before it and NULs behind it.

    Raises:
        PayloadError: it is none.
    """
    try:
        return _unwrapped(payload)
    except UnicodeDecodeError as problem:
        raise refusal_of_bytes(payload, problem) from None


def _value(payload: bytes, _received_at: float) -> Any:
    """Return a bare value: a number, a truth value, or else a word; None for an empty payload, which deletes."""
    text = text_of(payload).strip()
    if is_number(text):
        return float(text)
    if len(text) > 1 and text[0] == text[-1] == '"':  # a text as JSON writes it
        try:
            return _decode(text)
        except ValueError:
            return text
    return {"true": True, "false": False, "": None, "null": None}.get(text.lower(), text)


def _senml(payload: bytes, received_at: float) -> Any:
    """Return the resolved records of a SenML pack (RFC 8428, section 4.6)."""
    pack = decode_json(payload)
    if not isinstance(pack, list):
        raise PayloadError("bad_payload", "expected a SenML pack, which is a JSON array")
    records: list[dict[str, Any]] = []
    base: dict[str, Any] = {"bn": "", "bt": 0, "bu": None, "bv": 0}
    for record in pack:
        if not isinstance(record, dict):
            raise PayloadError("bad_payload", "expected a SenML pack of objects")
        base.update({key: value for key, value in record.items() if key in base})
        time = _sum(base["bt"], record.get("t", 0))
        if isinstance(time, int | float) and time < _RELATIVE_BELOW:
            time = _sum(time, received_at)
        value = record.get("v")
        if value is not None:
            value = _sum(base["bv"], value) if base["bv"] else value
        name = record.get("n", "")
        records.append(
            {
                "name": name,
                "base": base["bn"],
                "full": f"{base['bn']}{name}",
                "value": next((one for one in (value, record.get("vb"), record.get("vs")) if one is not None), None),
                "unit": record.get("u", base["bu"]),
                "time": time,
            }
        )
    return records


def _sum(one: Any, other: Any) -> Any:
    for term in (one, other):
        if isinstance(term, bool) or not isinstance(term, int | float):
            return term  # whoever reads it refuses it
    try:
        return one + other
    except OverflowError:
        return float("inf")


# --- InfluxDB line protocol ---------------------------------------------------------------------
#
#   measurement,tag=value,tag=value field=1.5,other=2i,text="words" 1773480413000000000

_NAME = r"(?:[^,= \\]|\\.)+"
_LINE = re.compile(
    rf"(?P<name>(?:[^, \\]|\\.)+)(?P<tags>(?:,{_NAME}={_NAME})*) +"
    rf'(?P<fields>{_NAME}=(?:"(?:[^"\\]|\\.)*"|[^", ]+)(?:,{_NAME}=(?:"(?:[^"\\]|\\.)*"|[^", ]+))*)'
    r"(?: +(?P<time>-?\d{1,20}))? *"
)
_TAG = re.compile(rf",({_NAME})=({_NAME})")
_FIELD = re.compile(rf'({_NAME})=("(?:[^"\\]|\\.)*"|[^", ]+)')
_TRUTH = {"t": True, "T": True, "f": False, "F": False} | {
    word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")
}


def _influx_line(payload: bytes, _received_at: float) -> Any:
    """Return the points of a text in line protocol; a line that is none becomes the text itself, to be refused."""
    lines = (line.strip("\r") for line in text_of(payload).split("\n"))
    return [_line(line) for line in lines if line.strip() and not line.startswith("#")]


def _line(line: str) -> Any:
    match = _LINE.fullmatch(line)
    if match is None:
        return line
    time = match["time"]
    return {
        "name": _plain(match["name"]),
        "tags": {_plain(key): _plain(value) for key, value in _TAG.findall(match["tags"])},
        "fields": {_plain(key): _field(value) for key, value in _FIELD.findall(match["fields"])},
        "timestamp": None if time is None else int(time),
    }


def _plain(text: str) -> str:
    return re.sub(r"\\([,= \\])", r"\1", text) if "\\" in text else text


def _field(text: str) -> Any:
    if text.startswith('"'):
        return re.sub(r'\\(["\\])', r"\1", text[1:-1])
    if text in _TRUTH:
        return _TRUTH[text]
    number = text[:-1] if text[-1] in "iu" else text
    return float(number) if is_number(number) else text


FORMATS: dict[str, Callable[[bytes, float], Any]] = {
    "json": decode_json,
    "value": _value,
    "senml": _senml,
    "influx_line": _influx_line,
}
"""Name of a format to what decodes a payload, given when it came (UTC epoch seconds)."""
