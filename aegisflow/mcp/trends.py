"""Sensors over a period, of one device or several beside each other: their figures, and series on one grid of time."""

from collections.abc import Mapping, Sequence

from aegisflow.api.text import shorten
from aegisflow.domain.equipment import Limits, PlantSpec
from aegisflow.domain.readings import Quality
from aegisflow.domain.times import Period, format_instant
from aegisflow.domain.views import SensorSummary, SeriesPoint, Stream
from aegisflow.mcp.presenters import sensor_trend
from aegisflow.mcp.schemas import SensorTrend, Series

__all__ = ["USUAL_POINTS", "SeriesGrid", "gaps_of", "trends_of"]

USUAL_POINTS = 40
"""Points of each series where nobody says how many; fewer where these take more than such an answer should."""
_MAX_NAMED = 20

Trend = tuple[SensorSummary, SensorTrend]
"""A sensor over a period, as the plant told it and as it is presented, without its series."""


def trends_of(
    inventory: PlantSpec, streams: Sequence[Stream], quality: Mapping[tuple[str, str], Quality]
) -> list[Trend]:
    """Return the sensors of all streams with their figures, the same sensor of several devices beside each other.

    Args:
        inventory: what is normal for each.
        streams: of the device that is asked about, and of those it is compared with.
        quality: device and sensor to how far the newest value can be relied upon.
    """
    order = {summary.sensor: position for position, summary in enumerate(streams[0].sensors)}
    found: list[tuple[int, int, Trend]] = []
    for number, stream in enumerate(streams):
        device = inventory.devices.get(stream.device_id)
        for summary in stream.sensors:
            spec = device.sensors.get(summary.sensor) if device else None
            normal = spec.normal if spec else Limits()
            name = stream.device_id if len(streams) > 1 else None
            trend = sensor_trend(
                summary, stream.period.start, normal, quality.get((stream.device_id, summary.sensor)), name
            )
            found.append((order[summary.sensor], number, (summary, trend)))
    return [trend for _, _, trend in sorted(found, key=lambda one: one[:2])]


def gaps_of(streams: Sequence[Stream]) -> list[str]:
    """Return the gaps of all streams as ``start/end``, the longest first; of several devices with the device before."""
    several = len(streams) > 1
    gaps = [(gap, f"{stream.device_id} " if several else "") for stream in streams for gap in stream.gaps]
    gaps.sort(key=lambda one: one[0].start - one[0].end)
    return [f"{whose}{format_instant(gap.start)}/{format_instant(gap.end)}" for gap, whose in gaps]


class SeriesGrid:
    """Sensors of one period whose series are all in the same buckets, so that their times are told once.

    Args:
        trends: the sensors, with series down-sampled to buckets of the period; those without readings are absent.
        period: which all are of.
        buckets: how many the period was divided into.
    """

    def __init__(self, trends: Sequence[Trend], period: Period, buckets: int) -> None:
        self._trends = [trend for _, trend in trends]
        self._width_s = (period.end - period.start) / buckets
        self._buckets = buckets
        self._series = [
            {min(round((point.at - period.start) / self._width_s), buckets - 1): point for point in summary.series}
            for summary, _ in trends
        ]
        self._found = {index for points in self._series for index in points}
        """Buckets in which any sensor has readings."""

    @property
    def sensors(self) -> int:
        """How many there are."""
        return len(self._trends)

    @property
    def finest(self) -> int:
        """How many buckets there are to show."""
        return len(self._found)

    def left_out(self, count: int) -> list[str]:
        """Return the sensors behind the first ``count``."""
        names = [f"{one.device_id} {one.sensor}" if one.device_id else one.sensor for one in self._trends[count:]]
        more = len(names) - _MAX_NAMED
        return [*names[:_MAX_NAMED], f"{more} more"] if more > 0 else names

    def show(self, count: int, most: int) -> tuple[list[int], list[SensorTrend]]:
        """Return where at most ``most`` buckets begin, in seconds after the start, and the first ``count`` sensors.

        A bucket that is shown stands for equally many neighbouring ones, and keeps their extremes. A sensor has no
        value where only others have one; and no series where it has no reading, or ``most`` is 0.
        """
        if most <= 0 or not self._found:
            return [], self._trends[:count]
        # The least width for which so few are left; with most at least 1, all in one is always few enough.
        width = next(
            width for width in range(1, self._buckets + 1) if len({index // width for index in self._found}) <= most
        )
        groups = sorted({index // width for index in self._found})
        shown = []
        for trend, points in zip(self._trends[:count], self._series[:count], strict=True):
            merged: dict[int, list[SeriesPoint]] = {}
            for index, point in points.items():
                merged.setdefault(index // width, []).append(point)
            series = _series([merged.get(group, []) for group in groups]) if points else None
            shown.append(trend.model_copy(update={"series": series}))
        return [round(group * width * self._width_s) for group in groups], shown


def _series(buckets: list[list[SeriesPoint]]) -> Series:
    return Series(
        mean=[shorten(_mean(points)) if points else None for points in buckets],
        min=[shorten(min(point.min for point in points)) if points else None for points in buckets],
        max=[shorten(max(point.max for point in points)) if points else None for points in buckets],
    )


def _mean(points: list[SeriesPoint]) -> float:
    count = sum(point.count for point in points)
    return sum(point.mean * point.count for point in points) / count if count else points[0].mean
