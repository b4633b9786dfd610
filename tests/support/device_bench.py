"""Devices that were fed something, for tests."""

from aegisflow.domain.alarms.model import AlarmEvent, Change
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.domain.readings import Reading
from tests.support.samples import device_spec, healthy


def fed(readings: list[Reading], spec: DeviceSpec | None = None) -> Device:
    device = Device(spec or device_spec())
    for taken in readings:
        device.record(taken)
    return device


def hot(count: int, start: float, seed: int = 9) -> list[Reading]:
    """Return readings of a machine that is beyond its temperature's alarm limit."""
    return [
        taken._replace(values={**taken.values, "temperature": taken.values["temperature"] + 25})
        for taken in healthy(count, seed, start)
    ]


def events_of(device: Device, readings: list[Reading]) -> list[AlarmEvent]:
    return [event for taken in readings for event in device.record(taken)[1]]


def first_alarm(device: Device, readings: list[Reading]) -> int:
    """Return the index of the reading that raises an alarm."""
    return next(index for index, taken in enumerate(readings) if device.record(taken)[1])


def with_alarm() -> Device:
    device = fed(list(healthy(100)))
    assert events_of(device, hot(12, 500.0))[0].change is Change.RAISED
    return device
