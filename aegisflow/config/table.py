"""A plant and its mistakes as people read them, for ``aegisflow check``."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from aegisflow.config.configuration import Configuration
from aegisflow.config.sources import SourceSettings
from aegisflow.config.units import UNITS, close_units
from aegisflow.config.warnings import painful, two_voices, useless_links
from aegisflow.domain.equipment import DeviceSpec, Limits, ParameterSpec, PlantSpec, SensorSpec
from aegisflow.domain.times import format_duration
from aegisflow.errors import ConfigError

_NAMES_SHOWN = 12
"""Device names in one cell; a line of 10,000 devices is counted, not listed."""
_GROUPS_SHOWN = 40
"""Sets of sensors shown; a plant with more shows the first ones and says so."""


def table(configuration: Configuration) -> RenderableType:
    """Return the plant: a summary, its lines, and every set of sensors that devices share."""
    groups = _groups(configuration.plant)
    parts: list[RenderableType] = [_summary(configuration), _lines(configuration.plant)]
    parts += [_sensors(devices) for devices in groups[:_GROUPS_SHOWN]]
    if len(groups) > _GROUPS_SHOWN:
        parts.append(Text(f"… and {len(groups) - _GROUPS_SHOWN} more sets of sensors"))
    return Group(*parts)


def doubts(configuration: Configuration, learned: Iterable[str] = ()) -> RenderableType:
    """Return what is no mistake and should be looked at all the same, a line each; empty where there is nothing.

    Args:
        configuration: the file.
        learned: what readings say against it, in words.
    """
    text = Text()
    for unit, sensors in _unknown_units(configuration.plant).items():
        near = close_units(unit)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        text.append("warning: ", style="bold yellow")
        text.append(f"{unit!r} is no unit that AegisFlow knows{hint} ({_listed(sensors)})\n")
    for what, devices in _counted_delays(configuration.plant).items():
        text.append("warning: ", style="bold yellow")
        text.append(f"{what} ({_listed(devices)})\n")
    for what, where in (*painful(configuration.plant), *useless_links(configuration), *two_voices(configuration)):
        text.append("warning: ", style="bold yellow")
        text.append(f"{what} ({_listed(where)})\n")
    for what in learned:
        text.append("warning: ", style="bold yellow")
        text.append(f"{what}\n")
    return text


def explain(error: ConfigError) -> RenderableType:
    """Return the mistakes of a file: where, what was found, what was expected."""
    text = Text()
    for mistake in error.mistakes:
        where = mistake.file if mistake.line is None else f"{mistake.file}:{mistake.line}"
        text.append(f"{where}: ", style="dim")
        text.append(mistake.path or "the whole file", style="bold")
        text.append("\n  found     ", style="dim").append(mistake.value, style="red")
        text.append("\n  expected  ", style="dim").append(f"{mistake.expected}\n")
    count = len(error.mistakes)
    text.append("1 mistake" if count == 1 else f"{count} mistakes", style="bold red")
    return text


def _summary(configuration: Configuration) -> Table:
    plant, broker, store = configuration.plant, configuration.broker, configuration.store
    sensors = sum(len(device.sensors) for device in plant.devices.values())
    tls = "TLS" if broker.tls is not None else "no TLS"
    keeps = f"readings {format_duration(store.raw_retention_s)}, minutes {format_duration(store.minute_retention_s)}"
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    for name, value in (
        ("plant", plant.name),
        ("equipment", f"{len(plant.lines)} lines, {len(plant.devices)} devices, {sensors} sensors"),
        ("broker", f"{broker.host}:{broker.port}, MQTT {broker.protocol}, {tls}, client {broker.client_id}"),
        ("readings on", broker.topics.sensors),
        *((f"source {name}", _source(source)) for name, source in configuration.sources.items()),
        ("store", _without_password(store.url)),
        ("", f"keeps {keeps}"),
        ("manuals", str(configuration.manuals.folder)),
    ):
        grid.add_row(name, Text(value))
    return grid


def _source(source: SourceSettings) -> str:
    """Return a source in a line, with what it costs."""
    slow = [name for name, sensor in source.sensors.items() if sensor is not None and sensor.jmespath]
    note = f"; jmespath for {_listed(slow)}, ten times as slow as a path" if slow else ""
    return f"{source.preset or source.format} on {', '.join((*source.topic, *source.states))}{note}"


def _lines(plant: PlantSpec) -> Table:
    result = Table(title="Lines", title_justify="left", expand=False)
    for heading in ("line", "description", "devices"):
        result.add_column(heading, overflow="fold")
    for line in plant.lines.values():
        result.add_row(Text(line.line_id), Text(line.description), Text(_listed(line.devices)))
    return result


def _groups(plant: PlantSpec) -> list[list[DeviceSpec]]:
    """Return the devices, those together that share one set of sensors."""
    groups: dict[tuple[str, int], list[DeviceSpec]] = {}
    for device in plant.devices.values():
        groups.setdefault((device.kind, id(device.sensors)), []).append(device)
    return list(groups.values())


def _sensors(devices: list[DeviceSpec]) -> Table:
    first = devices[0]
    title = f"{first.kind}: {_listed(device.device_id for device in devices)}"
    result = Table(title=Text(title), title_justify="left", expand=False)
    result.add_column("sensor", overflow="fold")
    result.add_column("unit", no_wrap=True)
    for heading in ("normal", "alarm", "trip", "span"):
        result.add_column(heading, no_wrap=True)
    result.add_column("detector", no_wrap=True)
    for sensor in first.sensors.values():
        result.add_row(*(Text(cell) for cell in _row(sensor)))
    if first.parameters:
        setpoints = (
            f"{item.name} {_range(item.limits)} {item.unit}{_steps(item.max_change, item.max_change_per_hour)}"
            for item in first.parameters.values()
        )
        result.caption = Text(f"settable: {', '.join(setpoints)}")
        result.caption_justify = "left"
    if first.load is not None and (steps := _steps(first.load.max_change, first.load.max_change_per_hour)):
        result.caption = Text(f"{result.caption or ''}\nload{steps}, in % of full load".strip())
        result.caption_justify = "left"
    return result


def _steps(at_once: float | None, in_an_hour: float | None) -> str:
    told = ([f"{at_once:g} at once"] if at_once is not None else []) + (
        [f"{in_an_hour:g} in an hour"] if in_an_hour is not None else []
    )
    return f" (by at most {' and '.join(told)})" if told else ""


def _unknown_units(plant: PlantSpec) -> dict[str, list[str]]:
    """Return each unit that nobody could check, with the sensors and set-points that have it."""
    found: dict[str, dict[str, None]] = {}
    for device in plant.devices.values():
        measured: list[SensorSpec | ParameterSpec] = [*device.sensors.values(), *device.parameters.values()]
        for item in measured:
            if item.unit not in UNITS:
                found.setdefault(item.unit, {})[f"{item.name} of {device.kind}"] = None
    return {unit: list(where) for unit, where in found.items()}


def _counted_delays(plant: PlantSpec) -> dict[str, list[str]]:
    """Return each delay that counts readings, in words, with the devices that have it."""
    found: dict[str, list[str]] = {}
    for device in plant.devices.values():
        alarm = device.alarm
        for key, count, seconds in (
            ("on_delay", alarm.on_readings, alarm.on_delay_s),
            ("off_delay", alarm.off_readings, alarm.off_delay_s),
        ):
            if count:
                taken = f"{format_duration(seconds)}, or {count} intervals of a device that reports more seldom"
                written = f"alarm.{key}: {seconds:g}s"
                what = f"alarm.{key}: {count} counts readings and is taken as {taken}; write {written}"
                found.setdefault(what, []).append(device.device_id)
    return found


def _row(sensor: SensorSpec) -> Iterable[str]:
    bounds = (_range(limits) for limits in (sensor.normal, sensor.alarm, sensor.trip, sensor.span))
    return (sensor.name, sensor.unit, *bounds, f"{sensor.detector.window}, |z| > {sensor.detector.threshold:g}")


def _range(limits: Limits) -> str:
    if limits.low is None:
        return "–" if limits.high is None else f"≤ {limits.high:g}"
    return f"≥ {limits.low:g}" if limits.high is None else f"{limits.low:g} … {limits.high:g}"


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = len(every) - _NAMES_SHOWN
    return ", ".join(every[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _without_password(url: str) -> str:
    scheme, mark, rest = url.partition("://")
    account, at, place = rest.rpartition("@")
    return f"{scheme}{mark}{account.partition(':')[0]}{at}{place}"
