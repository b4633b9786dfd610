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


class Reading(NamedTuple):
    """One report of one device: the values of its sensors at one instant.

    Every value is finite and within the span of its sensor; a sensor that did not report is absent.
    """

    device_id: str
    at: float
    """UTC epoch seconds by the device's clock."""
    values: Mapping[str, float]
    """Sensor name to value, in the unit that ``plant.yaml`` gives the sensor."""
    received_at: float
    """UTC epoch seconds by the plant's clock, when the gateway took it."""
    receipt: Receipt | None = None


class Quality(StrEnum):
    """How far the last value of a sensor can be relied upon."""

    GOOD = "good"
    STALE = "stale"
    """Its device reports, or did, but this sensor has not for longer than its ``stale_after_s``."""
    NEVER_SEEN = "never_seen"


class Disposition(StrEnum):
    """What a device did with a reading."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    """Same device, same timestamp as one already taken: dropped."""
    OUT_OF_ORDER = "out_of_order"
    """Older than the newest, within the allowed age: stored, but kept from windows and detectors."""


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
