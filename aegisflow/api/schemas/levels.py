"""Levels that people have accepted as normal, as people and programs see them, and how they ask for it."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self

from aegisflow.api.fields import Read, words
from aegisflow.api.schemas.base import NAME_BYTES, WORDS_BYTES, Moment, ReadShape, Request, Shape, moment
from aegisflow.api.text import clean
from aegisflow.domain.alarms.levels import AcceptedLevel
from aegisflow.domain.times import format_instant

__all__ = ["AcceptAlarmRequest", "LevelList", "LevelSummary", "LevelsRequest"]

MAX_SENSORS = 100


class LevelSummary(Shape):
    """What is normal for a sensor because somebody said so; that person's words come last."""

    device_id: str
    sensor: str
    unit: str
    level: float
    """In the sensor's unit, as is ``before``."""
    before: float
    """The level that holds again when this is taken back."""
    at: Moment
    by: str
    words: str

    @classmethod
    def of(cls, level: AcceptedLevel) -> Self:
        """Return an accepted level as people see it."""
        return cls(
            device_id=level.device_id,
            sensor=level.sensor,
            unit=level.unit,
            level=level.level,
            before=level.before,
            at=format_instant(level.at),
            by=clean(level.by, NAME_BYTES),
            words=clean(level.reason, WORDS_BYTES),
        )


class LevelList(ReadShape):
    """Accepted levels, by device and sensor."""

    levels: list[LevelSummary]
    unavailable: dict[str, str]
    """Who could not be asked, and why."""

    @classmethod
    def of(
        cls,
        levels: Iterable[AcceptedLevel],
        unavailable: Mapping[str, str] | None = None,
        broker_away_since: float | None = None,
    ) -> Self:
        """Return these levels."""
        return cls(
            broker_away_since=moment(broker_away_since),
            levels=[LevelSummary.of(level) for level in levels],
            unavailable=dict(unavailable or {}),
        )


class AcceptAlarmRequest(Request):
    """Say that what the sensors of an alarm show now is normal."""

    reason: Annotated[str, words(WORDS_BYTES, "why, in a few words")]


def _sensors(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MAX_SENSORS:
        raise ValueError(value)
    names = [clean(name, NAME_BYTES) if isinstance(name, str) else "" for name in value]
    if not all(names):
        raise ValueError(value)
    return tuple(dict.fromkeys(names))


Sensors = Annotated[
    tuple[str, ...],
    Read(
        _sensors,
        f"a list of 1 to {MAX_SENSORS} names of sensors",
        {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MAX_SENSORS},
    ),
]


class LevelsRequest(Request):
    """Say that what these sensors show now is normal, or no longer."""

    sensors: Sensors
    reason: Annotated[str, words(WORDS_BYTES, "why, in a few words")]
