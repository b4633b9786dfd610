"""All that a device remembers, for those who compare two of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.commands.model import Mode


@dataclass(frozen=True, slots=True)
class DeviceSnapshot:
    """All that a device remembers; two devices with equal snapshots behave the same from now on."""

    latest_at: float
    times: tuple[float, ...]
    """Timestamps by which duplicates are known, ascending."""
    windows: Mapping[str, tuple[float, ...]]
    """Sensor to the values in its window, oldest first."""
    figures: Mapping[str, tuple[float | None, ...]]
    """Sensor to its running figures."""
    alarms: tuple[Alarm, ...]
    mode: Mode
    reduction_pct: float
