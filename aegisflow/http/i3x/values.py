"""Values of i3X's objects: each a value, how good it is, and since when."""

from collections.abc import Iterable, Mapping
from typing import Any

from aegisflow.domain.readings import Quality
from aegisflow.domain.times import Period, format_instant
from aegisflow.domain.views import DeviceStatus, SensorStatus, Stream
from aegisflow.http.i3x.space import AddressSpace, Element
from aegisflow.plant.protocol import Plant

Vqt = dict[str, Any]

MAX_POINTS = 500
"""Of one sensor's history in one answer; a longer one comes in buckets, each with its mean."""
_GRADES = {Quality.GOOD: "Good", Quality.UNCERTAIN: "Uncertain", Quality.BAD: "Bad"}


def vqt(value: Any, quality: str, at: float) -> Vqt:
    """Return a value as i3X writes it: one that is absent cannot be good, and one that is bad is not told."""
    if value is None or quality == "Bad":
        value, quality = None, quality if quality in ("Bad", "GoodNoData") else "Bad"
    return {"value": value, "quality": quality, "timestamp": format_instant(at)}


def statuses(plant: Plant, elements: Iterable[Element]) -> dict[str, DeviceStatus]:
    """Return the devices that the values of these objects are read of, as they are now."""
    wanted = {element.device_id for element in elements if element.device_id}
    if len(wanted) > 1:
        return {one.device_id: one for one in plant.all_status().value if one.device_id in wanted}
    return {device_id: plant.device_status(device_id).value for device_id in wanted}


def current(element: Element, found: Mapping[str, DeviceStatus], now: float) -> Vqt:
    """Return what an object shows now."""
    if not element.device_id:
        return vqt({"name": element.name}, "Good", now)
    status = found.get(element.device_id)
    if status is None:  # it did not answer in time
        return vqt(None, "Bad", now)
    if element.sensor:
        return _sensor(next(one for one in status.sensors if one.spec.name == element.sensor), now)
    if status.latest_at is None:
        return vqt(None, "GoodNoData", now)
    values = {one.spec.name: one.value for one in status.sensors if one.quality is not Quality.BAD}
    good = not status.silent and all(one.quality is Quality.GOOD for one in status.sensors)
    return vqt(values, "Good" if good else "Uncertain", status.latest_at)


def _sensor(status: SensorStatus, now: float) -> Vqt:
    if status.at is None:
        return vqt(None, "GoodNoData", now)
    return vqt(status.value, _GRADES[status.quality], status.at)


def with_components(
    space: AddressSpace, element: Element, depth: int, found: Mapping[str, DeviceStatus], now: float
) -> Vqt:
    """Return what an object shows now, with what it is made of where the depth reaches it."""
    said: Vqt = {"isComposition": element.is_composition, **current(element, found, now)}
    if element.is_composition and depth != 1:
        said["components"] = {one.element_id: current(one, found, now) for one in space.components(element)}
    return said


def history(plant: Plant, element: Element, period: Period) -> tuple[list[Vqt], bool]:
    """Return what an object has shown over a period, oldest first, and whether some of it are means of several."""
    if not element.device_id:
        return [vqt(None, "GoodNoData", period.end)], False
    sensors = (element.sensor,) if element.sensor else ()
    stream = plant.sensor_stream(element.device_id, sensors, period, MAX_POINTS).value
    by_time = _by_time(stream)
    is_thinned = any(point.count > 1 for summary in stream.sensors for point in summary.series)
    if not by_time:
        return [vqt(None, "GoodNoData", period.end)], False
    rows = ((at, values.get(element.sensor) if element.sensor else values) for at, values in sorted(by_time.items()))
    return [vqt(value, "Good", max(at, period.start)) for at, value in rows], is_thinned


def _by_time(stream: Stream) -> dict[float, dict[str, float]]:
    found: dict[float, dict[str, float]] = {}
    for summary in stream.sensors:
        for point in summary.series:
            found.setdefault(point.at, {})[summary.sensor] = point.mean
    return found
