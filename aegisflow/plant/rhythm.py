"""How often devices have reported so far, beside a running plant or without one: does a plant file contradict it?"""

from collections.abc import Iterator
from math import inf

from aegisflow.config.configuration import Configuration
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.domain.interval import Interval, contradiction, too_short
from aegisflow.domain.readings import Reading
from aegisflow.domain.times import Period
from aegisflow.errors import StoreError
from aegisflow.store.archive import Archive
from aegisflow.store.connection import Connection, file_of

__all__ = ["contradictions"]

_READINGS = 64
"""Newest readings of a device of which its intervals are learned."""
_MAX_DEVICES = 1000
"""A person who waits for the answer is not made to wait for more."""
_EVER = Period(-1e15, 1e15)


def contradictions(configuration: Configuration) -> tuple[str, ...]:
    """Return each setting that calls silent or stale what is only between two readings, in words.

    Told by the newest readings in the store, where that is a file that exists; a running plant tells it of
    each device, wherever its store is.
    """
    file = file_of(configuration.store.url)
    given = [device for device in configuration.plant.devices.values() if _gives_any(device)]
    if file is None or not file.exists() or not given:
        return ()
    archive = Archive(Connection(configuration.store.url, read_only=True))
    try:
        found: dict[str, list[str]] = {}
        for device in given[:_MAX_DEVICES]:
            for what in _contradictions(device, archive.readings(device.device_id, _EVER, _READINGS)):
                found.setdefault(what, []).append(device.device_id)
    except StoreError:
        return ()  # whoever checks a file need not be able to read its store
    finally:
        archive.close()
    return tuple(f"{', '.join(names[:12])}{' and more' * (len(names) > 12)}: {what}" for what, names in found.items())


def _gives_any(device: DeviceSpec) -> bool:
    given = [device.silent_after_s, *(sensor.stale_after_s for sensor in device.sensors.values())]
    return any(one is not None and one < inf for one in given)


def _contradictions(device: DeviceSpec, readings: tuple[Reading, ...]) -> Iterator[str]:
    whole, each = Interval(), {name: Interval() for name in device.sensors}
    for reading in readings:
        whole.note(reading.at)
        for name in reading.values:
            if name in each:
                each[name].note(reading.at)
    if too_short(device.silent_after_s, whole):
        yield f"it {contradiction('silent_after', device.silent_after_s, whole, 'silent')}"
    for name, sensor in device.sensors.items():
        if not sensor.by_exception and too_short(sensor.stale_after_s, each[name]):
            yield f"{name} {contradiction('stale_after', sensor.stale_after_s, each[name], 'stale')}"
