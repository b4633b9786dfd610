"""Captured messages: lines of ``mosquitto_sub -v``, with or without a time before them, or JSON lines."""

import json
import re
from datetime import datetime
from math import isfinite
from typing import NamedTuple

from aegisflow.bus.sources.formats import is_number

__all__ = ["CapturedMessage", "captured_message"]

_TIME = re.compile(r"(\d{9,10}(?:\.\d+)?|\d{4}-\d\d-\d\dT\S+)\s+")
_WORDS = frozenset({"true", "false", "on", "off", "online", "offline", "open", "closed"})
_TIME_KEYS = ("tst", "time", "timestamp", "at")


class CapturedMessage(NamedTuple):
    """What a broker delivered."""

    topic: str
    payload: bytes
    at: float
    """UTC epoch seconds at which it came."""
    retained: bool = False


def captured_message(line: bytes, at: float) -> CapturedMessage | None:
    """Return the message of a line; None where it is none.

    Args:
        line: without its end.
        at: UTC epoch seconds at which a message came whose line says no time.
    """
    if line.startswith(b"{"):
        return _of_json(line, at)
    text = line.decode("utf-8", "surrogateescape")
    stamped = _TIME.match(text)
    if stamped is not None:
        moment = _instant(stamped[1])
        at, text = (at, text) if moment is None else (moment, text[stamped.end() :])
    topic, payload = _parted(text)
    if not payload or not topic.strip() or not topic.isprintable():
        return None
    return CapturedMessage(topic, payload.encode("utf-8", "surrogateescape"), at)


def _parted(text: str) -> tuple[str, str]:
    """Return topic and payload of a line: a topic may have blanks in it, and so may a payload."""
    structured = min((place for mark in (" {", " [") if (place := text.find(mark)) > 0), default=-1)
    if structured > 0:
        return text[:structured], text[structured + 1 :]
    topic, _, value = text.rpartition(" ")
    if "=" not in topic and (is_number(value) or value.lower() in _WORDS):
        return topic, value
    topic, _, payload = text.partition(" ")
    return topic, payload


def _of_json(line: bytes, at: float) -> CapturedMessage | None:
    """Return the message of a line such as ``mosquitto_sub -F %j`` writes it."""
    try:
        # mosquitto_sub -F %j writes the bytes of a payload as they are, whether they are UTF-8 or not.
        said = json.loads(line.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return None
    topic, payload = said.get("topic"), said.get("payload")
    if not isinstance(topic, str) or not topic or payload is None:
        return None
    time = next((moment for key in _TIME_KEYS if (moment := _instant(said.get(key))) is not None), at)
    text = payload if isinstance(payload, str) else json.dumps(payload)
    retained = bool(said.get("retain", said.get("retained")))
    return CapturedMessage(topic, _bytes_of(text), time, retained)


def _bytes_of(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a pair, which JSON can say and no text can be
        return text.encode("utf-8", "surrogatepass")


def _instant(said: object) -> float | None:
    if isinstance(said, bool) or not isinstance(said, int | float | str):
        return None
    try:
        at = float(said)
        return at if isfinite(at) else None
    except OverflowError:
        return None
    except ValueError:
        pass
    try:
        # mosquitto writes offsets without a colon, which Python reads from 3.11 on.
        return datetime.fromisoformat(str(said)).timestamp()
    except (ValueError, OverflowError):
        return None
