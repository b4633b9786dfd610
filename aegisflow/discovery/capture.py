"""Captured messages: lines of ``mosquitto_sub -v``, with or without a time before them, or JSON lines."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from aegisflow.bus.sources.formats import is_number
from aegisflow.discovery import Message
from aegisflow.errors import RecordingError

__all__ = ["read_capture"]

MAX_LINE = 1_000_000
_TIME = re.compile(r"(\d{9,10}(?:\.\d+)?|\d{4}-\d\d-\d\dT\S+)\s+")
_WORDS = frozenset({"true", "false", "on", "off", "online", "offline", "open", "closed"})
_EXPECTED = (
    "lines of mosquitto_sub -v ('TOPIC PAYLOAD'), of mosquitto_sub -F '%I %t %p', or JSON lines with topic and payload"
)


def read_capture(path: Path, every_s: float = 1.0) -> Iterator[Message]:
    """Give the messages of a capture in its order; lines without a topic are passed over.

    Args:
        path: the file.
        every_s: how far apart messages lie whose lines say no time, in seconds.

    Raises:
        RecordingError: it cannot be read, or none of its lines is a message.
    """
    found = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(MAX_LINE), b"")):
                message = _message(line.rstrip(b"\r\n"), number * every_s)
                if message is not None:
                    found += 1
                    yield message
    except OSError as error:
        raise RecordingError(path, None, (error.strerror or str(error)).lower(), "a file that can be read") from None
    if not found:
        raise RecordingError(path, 1, "no message", _EXPECTED)


def _message(line: bytes, at: float) -> Message | None:
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
    return Message(topic, payload.encode("utf-8", "surrogateescape"), at)


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


def _of_json(line: bytes, at: float) -> Message | None:
    """Return the message of a line such as ``mosquitto_sub -F %j`` writes it."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    topic, payload = said.get("topic"), said.get("payload")
    if not isinstance(topic, str) or not topic or payload is None:
        return None
    time = next((moment for key in ("tst", "time", "timestamp", "at") if (moment := _instant(said.get(key)))), at)
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return Message(topic, text.encode("utf-8", "surrogatepass"), time, bool(said.get("retain", said.get("retained"))))


def _instant(said: object) -> float | None:
    if isinstance(said, int | float) and not isinstance(said, bool):
        return float(said)
    if not isinstance(said, str):
        return None
    try:
        return float(said)
    except ValueError:
        pass
    try:
        # mosquitto writes offsets without a colon, which Python reads from 3.11 on.
        return datetime.fromisoformat(said).timestamp()
    except (ValueError, OverflowError):
        return None
