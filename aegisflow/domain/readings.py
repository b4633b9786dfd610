"""What a device tells about itself: readings, and what became of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Receipt(NamedTuple):
    """What the bus needs back to acknowledge one message to the broker, once it is committed."""

    generation: int
    """Counts connections: packet ids start again with each, so a receipt is good for one only."""
    packet_id: int


class RefusalReason(StrEnum):
    """Why one value cannot be used; each stands for a status code of OPC UA (part 8, data access)."""

    OUT_OF_SPAN = "out_of_span"
    """The instrument cannot report it: BadOutOfRange."""
    NOT_A_NUMBER = "not_a_number"
    """NaN, infinite, or beyond double precision: BadDecodingError."""
    WRONG_TYPE = "wrong_type"
    """Text, a truth value, a list or an object where a number belongs: BadTypeMismatch."""
    MISSING_MARKER = "missing_marker"
    """One of the values by which the sender says that it has none: BadNoData."""
    BAD_QUALITY = "bad_quality"
    """The sender itself says that it is bad: whatever status it gives."""
    WRONG_UNIT = "wrong_unit"
    """In a unit that does not convert to the sensor's own: BadConfigurationError."""
    BAD_TIMESTAMP = "bad_timestamp"
    """Nobody can say when it was so: BadInvalidTimestamp."""


class RefusedValue(NamedTuple):
    """One value of a message that cannot be used; the other values of the message are not touched by it."""

    sensor: str
    reason: RefusalReason
    sample: str
    """What the sender wrote, shortened for people."""


class Reading(NamedTuple):
    """One report of one device: the values of its sensors at one instant.

    Every value is finite and within the span of its sensor; a sensor that did not report is absent,
    and one whose value cannot be used is in ``refused``.
    """

    device_id: str
    at: float
    """UTC epoch seconds: by the sender's clock as it comes, by the plant's once ``Timeline`` has placed it."""
    values: Mapping[str, float]
    """Sensor name to value, in the unit that ``plant.yaml`` gives the sensor."""
    received_at: float
    """UTC epoch seconds by the plant's clock, when the gateway took it."""
    receipt: Receipt | None = None
    refused: tuple[RefusedValue, ...] = ()
    """What the message said of sensors and cannot be used."""
    stamp: float | None = None
    """What the sender's clock said, where ``at`` is something else."""
    signed: bool = False
    """Whether its device's key proves that nobody else said it."""


class Quality(StrEnum):
    """How far the last value of a sensor can be relied upon, as OPC UA grades it (part 8, 6.3.2)."""

    GOOD = "good"
    UNCERTAIN = "uncertain"
    """There is a value, and something is known against it: it is old, or its sender's clock is wrong."""
    BAD = "bad"
    """There is none that can be used."""


class Disposition(StrEnum):
    """What a device did with a reading."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    """A true repetition, with the stamp and the values of one already taken: dropped."""
    LATE = "late"
    """Not the newest by its stamp: stored in its place, and judged like any other."""
    CONFLICT = "conflict"
    """A stamp already taken, with another value for the same sensor: stored beside it, and judged."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was refused: where it came from, why, and its beginning."""

    at: float
    """When it was refused; UTC epoch seconds."""
    topic: str
    device_id: str | None
    """None unless it is a device of the plant."""
    reason: str
    detail: str
    payload: bytes
    """Its first 1,024 bytes."""
    size: int
    sha256: str
    """Of the whole payload, hexadecimal."""
