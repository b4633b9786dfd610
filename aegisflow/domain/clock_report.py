"""What people are told of the clock of a device, and of how often it reports."""

from collections.abc import Iterable

from aegisflow.domain.detection import SensorDetector
from aegisflow.domain.interval import Interval, contradiction, too_short
from aegisflow.domain.timeline import Timeline
from aegisflow.domain.times import format_duration
from aegisflow.domain.views import ClockView

__all__ = ["clock_notes", "clock_view", "interval_notes"]


def clock_notes(timeline: Timeline) -> tuple[str, ...]:
    """Return what is worth knowing of a device's clock and stamps, as sentences."""
    notes = []
    if timeline.clock.is_off:
        side = "ahead of" if timeline.clock.offset_s > 0 else "behind"
        off = format_duration(abs(timeline.clock.offset_s))
        notes.append(f"its clock is {off} {side} ours; its readings are dated by when they came")
    if timeline.is_coarse:
        notes.append("its stamps are whole seconds; readings of one second are spread within it in order of arrival")
    if timeline.conflicts:
        notes.append(f"{timeline.conflicts:,} readings told another value for a sensor and stamp already told")
    return tuple(notes)


def clock_view(timeline: Timeline) -> ClockView:
    """Return a device's clock in figures."""
    clock = timeline.clock
    return ClockView(
        offset_s=clock.offset_s,
        drift_ppm=clock.drift_ppm,
        changes=clock.changes,
        interval_s=timeline.interval.median_s,
        regularity=timeline.interval.regularity,
        is_coarse=timeline.is_coarse,
        late=timeline.late,
        repetitions=timeline.repetitions,
        conflicts=timeline.conflicts,
    )


def interval_notes(
    silent_after_s: float | None, device: Interval, sensors: Iterable[SensorDetector]
) -> tuple[str, ...]:
    """Return which settings contradict how often a device and its sensors report, as has been learned."""
    notes = []
    if too_short(silent_after_s, device):
        notes.append(f"it {contradiction('silent_after', silent_after_s, device, 'silent')}")
    for sensor in sensors:
        given, interval = sensor.spec.stale_after_s, sensor.interval or device
        if not sensor.spec.by_exception and too_short(given, interval):
            notes.append(f"{sensor.name} {contradiction('stale_after', given, interval, 'stale')}")
    return tuple(notes)
