"""What a picture needs of a device: its values and what was usual, in buckets that keep the extremes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aegisflow.domain.device import Device
from aegisflow.domain.equipment import SensorSpec

MAX_BUCKETS = 3_000
"""Above so many, two neighbours become one: a picture has no more points than that."""


@dataclass(slots=True)
class SensorTrace:
    """One sensor, a bucket per element."""

    at: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    mean: list[float] = field(default_factory=list)
    level: list[float] = field(default_factory=list)
    """Not a number before there is a baseline."""
    count: list[int] = field(default_factory=list)

    def halve(self) -> None:
        """Make one bucket of two neighbours."""
        pairs = range(0, len(self.at) - 1, 2)
        self.low = [min(self.low[i], self.low[i + 1]) for i in pairs]
        self.high = [max(self.high[i], self.high[i + 1]) for i in pairs]
        weights = [(self.count[i], self.count[i + 1]) for i in pairs]
        self.mean = [
            (self.mean[i] * a + self.mean[i + 1] * b) / (a + b) for i, (a, b) in zip(pairs, weights, strict=True)
        ]
        self.count = [a + b for a, b in weights]
        self.at, self.level = [self.at[i] for i in pairs], [self.level[i] for i in pairs]


class Trace:
    """Gathers the readings of one device, in memory that does not grow with the recording."""

    def __init__(self) -> None:
        self.sensors: dict[str, SensorTrace] = {}
        self.last_at = 0.0
        self.specs: Mapping[str, SensorSpec] = {}
        """Units and limits of the sensors."""
        self._width: dict[str, int] = {}

    def take(self, at: float, values: Mapping[str, float], levels: Mapping[str, float]) -> None:
        """Take in a reading and what is usual for its sensors."""
        self.last_at = max(self.last_at, at)
        for name, value in values.items():
            series = self.sensors.setdefault(name, SensorTrace())
            width = self._width.setdefault(name, 1)
            if series.at and series.count[-1] < width:
                last = len(series.at) - 1
                series.low[last] = min(series.low[last], value)
                series.high[last] = max(series.high[last], value)
                series.count[last] += 1
                series.mean[last] += (value - series.mean[last]) / series.count[last]
                continue
            if len(series.at) >= MAX_BUCKETS:
                series.halve()
                self._width[name] = 2 * width
            series.at.append(at)
            series.low.append(value)
            series.high.append(value)
            series.mean.append(value)
            series.level.append(levels.get(name, float("nan")))
            series.count.append(1)


class Traces:
    """The traces of all devices."""

    def __init__(self) -> None:
        self.devices: dict[str, Trace] = {}

    def take(self, device: Device, at: float, values: dict[str, float]) -> None:
        """See one reading."""
        trace = self.devices.setdefault(device.spec.device_id, Trace())
        trace.specs = device.spec.sensors
        trace.take(at, values, device.levels)

    def pass_over(self, device_id: str) -> None:
        """Hear of a row that was refused, of which nothing is drawn."""
