"""A capture of a broker, read as it was heard."""

from collections.abc import Callable, Iterator
from pathlib import Path

from aegisflow.bus.sources.capture import CapturedMessage, captured_message
from aegisflow.errors import RecordingError

__all__ = ["read_capture"]

MAX_LINE = 1_000_000
_TOLD_EVERY = 500
"""Lines after which the progress is told again."""
_EXPECTED = (
    "lines of mosquitto_sub -v ('TOPIC PAYLOAD'), of mosquitto_sub -F '%I %t %p', or JSON lines with topic and payload"
)


def read_capture(
    path: Path,
    every_s: float = 1.0,
    broken: Callable[[int, bytes], None] = lambda number, line: None,
    progress: Callable[[float], None] = lambda share: None,
) -> Iterator[CapturedMessage]:
    """Give the messages of a capture in its order; lines that are none are passed over.

    Args:
        path: the file.
        every_s: how far apart messages lie whose lines say no time, in seconds.
        broken: is told of each line that is passed over, but for empty ones: its number and the line.
        progress: is told now and then which share of the file has been read, 0 to 1.

    Raises:
        RecordingError: it cannot be read, or none of its lines is a message.
    """
    found = 0
    try:
        with path.open("rb") as file:
            size = max(1, path.stat().st_size)
            for number, line in enumerate(iter(lambda: file.readline(MAX_LINE), b"")):
                if number % _TOLD_EVERY == 0:
                    progress(min(1.0, file.tell() / size))
                message = captured_message(line.rstrip(b"\r\n"), number * every_s)
                if message is not None:
                    found += 1
                    yield message
                elif line.strip():
                    broken(number + 1, line)
    except OSError as error:
        raise RecordingError(path, None, (error.strerror or str(error)).lower(), "a file that can be read") from None
    progress(1.0)
    if not found:
        raise RecordingError(path, 1, "no message", _EXPECTED)
