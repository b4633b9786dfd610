"""What is no mistake in a plant file, and will hurt all the same."""

from collections.abc import Iterator

from aegisflow.domain.equipment import DeviceSpec, Limits, PlantSpec, SensorKind

__all__ = ["painful"]

_LIMITED = (SensorKind.MEASUREMENT, SensorKind.COUNTER)
"""Kinds of sensors that have limits."""


def painful(plant: PlantSpec) -> Iterator[tuple[str, list[str]]]:
    """Yield what will hurt, in words, each with the devices or sensors that it is about."""
    kinds: dict[tuple[str, int], DeviceSpec] = {}
    for device in plant.devices.values():
        kinds.setdefault((device.kind, id(device.sensors)), device)
    first = list(kinds.values())
    unnamed = dict.fromkeys(device.kind for device in first if not device.faults)
    if unnamed:
        yield (
            "no type of fault under faults: fits its sensors, so that every alarm is unclassified and agents may do "
            "next to nothing",
            list(unnamed),
        )
    free = dict.fromkeys(
        f"{sensor.name} of {device.kind}"
        for device in first
        for sensor in device.sensors.values()
        if sensor.kind in _LIMITED and not any(_is_bounded(one) for one in (sensor.normal, sensor.alarm, sensor.trip))
    )
    if free:
        yield "no limit says what is normal, so that only its own past does", list(free)
    for device in first:
        for name, recovery in device.recovery.items():
            span = device.sensors[name].span
            if _apart(Limits(recovery.low, recovery.high), span):
                yield (
                    f"recovery.{name} wants {recovery}, which its span [{span.low:g}, {span.high:g}] never shows: "
                    "no machine that was stopped is ever started again",
                    [device.kind],
                )


def _is_bounded(limits: Limits) -> bool:
    return limits.low is not None or limits.high is not None


def _apart(one: Limits, other: Limits) -> bool:
    """Return whether no value lies within both."""
    pairs = ((one.low, one.high), (one.low, other.high), (other.low, one.high))
    return any(low is not None and high is not None and low > high for low, high in pairs)
