"""What a sensor has shown over a period, as people and programs draw it."""

from typing import Self

from aegisflow.api.schemas.base import ReadShape, Shape, moment
from aegisflow.domain.equipment import DeviceSpec, SensorSpec
from aegisflow.domain.views import Answer, SensorSummary, Stream

__all__ = ["TrendBand", "TrendLine", "TrendSummary"]


class TrendBand(Shape):
    """A low and a high bound in the sensor's unit; None is no bound."""

    low: float | None
    high: float | None


class TrendLine(Shape):
    """One sensor over a period; the lists are of one length, a place in them for each bucket with values."""

    sensor: str
    unit: str
    normal: TrendBand
    alarm: TrendBand
    trip: TrendBand
    at: list[float]
    """Start of each bucket, UTC epoch seconds."""
    mean: list[float]
    low: list[float]
    """The least value of each bucket: with ``high``, no peak is lost however long the period."""
    high: list[float]
    least: float | None
    """Of the whole period, as are ``most`` and ``average``."""
    most: float | None
    average: float | None

    @classmethod
    def of(cls, summary: SensorSummary, spec: SensorSpec) -> Self:
        """Return a sensor beside its limits."""
        return cls(
            sensor=spec.name,
            unit=spec.unit,
            normal=TrendBand(low=spec.normal.low, high=spec.normal.high),
            alarm=TrendBand(low=spec.alarm.low, high=spec.alarm.high),
            trip=TrendBand(low=spec.trip.low, high=spec.trip.high),
            at=[point.at for point in summary.series],
            mean=[point.mean for point in summary.series],
            low=[point.min for point in summary.series],
            high=[point.max for point in summary.series],
            least=summary.min,
            most=summary.max,
            average=summary.mean,
        )


class TrendSummary(ReadShape):
    """Sensors of a device over a period."""

    device_id: str
    start: float
    """UTC epoch seconds, as is ``end``."""
    end: float
    resolution: str
    """``raw``, or ``minutes`` where one-minute aggregates stand in for readings that are gone."""
    gaps: list[tuple[float, float]]
    """Spans without readings."""
    sensors: list[TrendLine]

    @classmethod
    def of(cls, answer: Answer[Stream], device: DeviceSpec) -> Self:
        """Return what a device's sensors have shown."""
        stream = answer.value
        return cls(
            broker_away_since=moment(answer.broker_away_since),
            device_id=stream.device_id,
            start=stream.period.start,
            end=stream.period.end,
            resolution=stream.resolution,
            gaps=[(gap.start, gap.end) for gap in stream.gaps],
            sensors=[TrendLine.of(one, device.sensors[one.sensor]) for one in stream.sensors],
        )
