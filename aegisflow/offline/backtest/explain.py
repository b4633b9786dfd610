"""Why an alarm was raised in a backtest, and what would have prevented it: tried, not guessed."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.equipment import DeviceSpec, Limits, PlantSpec, SensorSpec
from aegisflow.domain.times import format_duration, format_instant
from aegisflow.errors import UnknownNameError
from aegisflow.offline.backtest.run import Replay
from aegisflow.offline.recordings.options import ReadingOptions

AROUND_S = 900.0
"""An alarm of the device raised so near the first counts as the same one."""
_ON_DELAYS = (6, 12, 36, 120)
_SHARES = (1.0, 1.25, 1.6, 2.0, 3.0)
"""Of the deviation that the alarm was raised for: deadbands that are tried."""


def explain(
    path: Path,
    plant: PlantSpec | None,
    alarms: Mapping[str, Alarm],
    alarm_id: str,
    options: ReadingOptions | None = None,
) -> str:
    """Return why an alarm was raised, and which single change of plant.yaml would have prevented it.

    Each candidate is tried on the recording: a longer on-delay, a wider deadband, an alarm limit further
    out. A change that hides this alarm may hide a fault, too; only who knows the machine can tell.

    Raises:
        UnknownNameError: the backtest raised no such alarm.
    """
    alarm = alarms.get(alarm_id)
    if alarm is None:
        raise UnknownNameError("alarm", alarm_id, list(alarms))
    lines = [
        f"{alarm.alarm_id}: {alarm.severity} {alarm.first_type}"
        + (f", later {alarm.fault_type}" if alarm.fault_type != alarm.first_type else "")
        + f", raised {format_instant(alarm.raised_at)}"
        + ("" if alarm.cleared_at is None else f", over after {format_duration(alarm.cleared_at - alarm.raised_at)}"),
        "why:",
        *(f"  {reason}" for reason in alarm.reasons),
    ]
    lines += [
        f"  {item.sensor} ({item.detector}): {item.value:.4g}, usual {item.baseline:.4g} ± {item.spread:.2g}, "
        f"{item.z:+.1f} spreads, {item.direction} since {format_instant(item.since)}"
        for item in alarm.evidence
    ]
    replay = Replay(path, plant, alarm.device_id, options)
    lines.append("what would have prevented it (each tried alone, on this recording):")
    found = [what for what, spec in _candidates(replay.spec, alarm) if not _raised(replay, spec, alarm)]
    lines += [f"  {what}" for what in found] or ["  none of the changes tried: the alarm does not hang on one setting"]
    return "\n".join(lines)


def _raised(replay: Replay, spec: DeviceSpec, alarm: Alarm) -> bool:
    until = alarm.raised_at + AROUND_S
    return any(abs(other.raised_at - alarm.raised_at) <= AROUND_S for other in replay.alarms(spec, until))


def _candidates(spec: DeviceSpec, alarm: Alarm) -> Iterator[tuple[str, DeviceSpec]]:
    """Yield changes, of each kind the smallest first."""
    for on_delay in _ON_DELAYS:
        if on_delay > spec.alarm.on_delay:
            what = f"alarm.on_delay: {on_delay} instead of {spec.alarm.on_delay}"
            yield what, replace(spec, alarm=replace(spec.alarm, on_delay=on_delay))
    for item in alarm.evidence:
        sensor = spec.sensors.get(item.sensor)
        if sensor is None:
            continue
        size = abs(item.value - item.baseline)
        for share in _SHARES:
            deadband = float(f"{size * share:.2g}")
            if size and deadband > (sensor.deadband or 0.0):
                what = f"sensors.{item.sensor}.deadband: {deadband:g} instead of {sensor.deadband or 'none'}"
                yield what, _with(spec, replace(sensor, deadband=deadband))
        if item.detector == "limit":
            yield (
                f"sensors.{item.sensor}.alarm: none, only its trip limit",
                _with(spec, replace(sensor, alarm=Limits())),
            )


def _with(spec: DeviceSpec, sensor: SensorSpec) -> DeviceSpec:
    return replace(spec, sensors={**spec.sensors, sensor.name: sensor})
