"""What was refused, of whom and why: a bounded table in which a person finds topic, sample and reason."""

from dataclasses import dataclass

__all__ = ["RefusedLine", "RefusedTable"]

MAX_LINES = 5_000
"""Device, sensor and reason together; further ones are only counted."""
LOG_EVERY_S = 600.0
"""One line of log per device, sensor and reason in so long."""

_Key = tuple[str | None, str, str]


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """One kind of refusal."""

    device_id: str | None
    """None where the topic names no device of the plant."""
    sensor: str
    """Empty where the message was refused as a whole."""
    reason: str
    count: int
    first_at: float
    """UTC epoch seconds by the plant's clock."""
    last_at: float
    topic: str
    """Of the newest."""
    sample: str
    """What was refused the last time: the value, or the beginning of the message."""
    detail: str
    """What was expected."""


class RefusedTable:
    """Counts refusals by device, sensor and reason since the plant was started."""

    def __init__(self) -> None:
        self._lines: dict[_Key, RefusedLine] = {}
        self._told: dict[_Key, float] = {}
        self.uncounted = 0
        """Refusals of kinds for which there is no room."""

    def note(
        self, device_id: str | None, sensor: str, reason: str, topic: str, sample: str, detail: str, at: float
    ) -> RefusedLine | None:
        """Count a refusal; return its line when it is time to tell people of it, None otherwise."""
        key = (device_id, sensor, reason)
        line = self._lines.get(key)
        if line is None and len(self._lines) >= MAX_LINES:
            self.uncounted += 1
            return None
        count, first_at = (1, at) if line is None else (line.count + 1, line.first_at)
        line = RefusedLine(device_id, sensor, reason, count, first_at, at, topic[:256], sample, detail)
        self._lines[key] = line
        told = self._told.get(key)
        if told is not None and 0.0 <= at - told < LOG_EVERY_S:
            return None
        self._told[key] = at
        return line

    def lines(self) -> tuple[RefusedLine, ...]:
        """Return all kinds, the newest first."""
        return tuple(sorted(self._lines.values(), key=lambda line: -line.last_at))
