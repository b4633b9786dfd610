"""From the sources of a file to settings: presets laid beneath, and what only the whole plant can show to be wrong."""

from collections.abc import Mapping
from types import MappingProxyType

from aegisflow.config.mistakes import KeyPath, Mistakes, Shown, closest, one_of
from aegisflow.config.paths import may_coincide, parse_topic
from aegisflow.config.presets import PRESETS, over_preset
from aegisflow.config.services import ClockSettings, Topics
from aegisflow.config.sources import SourceSettings
from aegisflow.config.units import conversion
from aegisflow.domain.equipment import PlantSpec

__all__ = ["build_sources"]


def build_sources(
    given: Mapping[str, SourceSettings], plant: PlantSpec, topics: Topics, clock: ClockSettings, mistakes: Mistakes
) -> Mapping[str, SourceSettings]:
    """Return the sources with their presets beneath; what is wrong is added to ``mistakes``."""
    built: dict[str, SourceSettings] = {}
    for name, part in given.items():
        at = ("sources", name)
        if part.preset and part.preset not in PRESETS:
            expected = f"a preset, {one_of(list(PRESETS))}{closest(part.preset, list(PRESETS))}"
            mistakes.add((*at, "preset"), part.preset, expected)
            continue
        source = over_preset(part, part.preset) if part.preset else part
        built[name] = source
        _check_topics(at, source, topics, mistakes)
        _check_shape(at, source, mistakes)
        has_time = source.time.path or source.format == "sparkplug_b"
        if clock.source == "stream" and not has_time and not (source.points and source.points.time):
            mistakes.add((*at, "time"), Shown("none"), "the path of a time, since clock.source is stream")
        _check_names(at, source, plant, mistakes)
    return MappingProxyType(built)


def _check_topics(at: KeyPath, source: SourceSettings, own: Topics, mistakes: Mistakes) -> None:
    if not source.topic:
        if not mistakes.any_in((*at, "topic")):
            mistakes.add((*at, "topic"), None, "the topics of its messages, such as plant/{device}/+")
        return
    for text in (*source.topic, *source.states):
        topic = parse_topic(text)
        for key, template in own:
            if may_coincide(topic.filter, template):
                expected = f"a topic that cannot be taken for one of broker.topics.{key}, {template}"
                mistakes.add((*at, "topic" if text in source.topic else "states"), text, expected)
        if source.format == "homeassistant" and not source.states and not mistakes.any_in((*at, "states")):
            mistakes.add((*at, "states"), None, "the topics of the states, such as zigbee2mqtt/+")
        if source.format in ("homeassistant", "sparkplug_b"):  # their messages say who they are from
            continue
        says = source.device.path or source.device.id or (source.points and source.points.device)
        if not topic.devices and not says and not mistakes.any_in((*at, "device")):
            mistakes.add((*at, "device"), None, "a path or an id, since its topic has no {device}")


def _check_shape(at: KeyPath, source: SourceSettings, mistakes: Mistakes) -> None:
    has_sensor = [parse_topic(text).has_sensor for text in source.topic]
    single = any(has_sensor)
    if single and not all(has_sensor):
        mistakes.add((*at, "topic"), Shown("{sensor} in some of its topics"), "{sensor} in all of them or in none")
    if single and source.points is not None:
        mistakes.add((*at, "points"), Shown("points beside {sensor} in the topic"), "one or the other")
    if source.value and not single and source.topic:
        mistakes.add((*at, "value"), Shown("a path"), "nothing, since its topic has no {sensor}")
    if source.format == "value" and not single and source.topic:
        mistakes.add((*at, "topic"), Shown("no {sensor}"), "{sensor} in the topic, since format is value")
    if source.fields and source.format != "csv":
        mistakes.add(
            (*at, "fields"), Shown(f"fields with format {source.format}"), "format: csv, whose fields they name"
        )
    for name, sensor in source.sensors.items():
        if sensor is not None and sensor.path and sensor.jmespath:
            mistakes.add((*at, "sensors", name, "jmespath"), Shown("jmespath beside path"), "one or the other")


def _check_names(at: KeyPath, source: SourceSettings, plant: PlantSpec, mistakes: Mistakes) -> None:
    """Find names that the plant does not have, and units that nothing converts."""
    devices = [name for name, device in plant.devices.items() if not device.signed]
    for theirs, ours in source.devices.items():
        if ours not in devices:
            expected = f"a device that is not signed, {one_of(devices)}{closest(ours, devices)}"
            mistakes.add((*at, "devices", theirs), ours, expected)
    if source.device.id and source.device.id not in devices:
        expected = f"a device that is not signed, {one_of(devices)}{closest(source.device.id, devices)}"
        mistakes.add((*at, "device", "id"), source.device.id, expected)
    # The sensors of a preset are those that such machines may have, and not those that this plant has.
    own = {name for name in source.sensors if (*at, "sensors", name) in mistakes.lines}
    specs = {id(device.sensors): device.sensors for device in plant.devices.values()}
    units = {name: {sensors[name].unit for sensors in specs.values() if name in sensors} for name in source.sensors}
    for name, sensor in source.sensors.items():
        below = (*at, "sensors", name)
        if not units[name] and name in own:
            known = sorted({name for sensors in specs.values() for name in sensors})
            mistakes.add(below, Shown(repr(name)), f"a sensor of the plant, {one_of(known)}{closest(name, known)}")
        elif sensor is not None and sensor.unit is not None and units[name]:
            # Of another machine a sensor of this name may have another unit.
            if any(conversion(sensor.unit, unit) is not None for unit in units[name]):
                continue
            expected = f"the sensor's own unit {' or '.join(sorted(units[name]))}, or one that can be converted to it"
            mistakes.add((*below, "unit"), sensor.unit, expected)
