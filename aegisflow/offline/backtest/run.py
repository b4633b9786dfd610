"""One pass over a recording, through the devices, into alarms and scores."""

import csv
import sys
from collections.abc import Callable
from contextlib import ExitStack
from math import isinf, nan
from pathlib import Path
from time import perf_counter
from typing import Protocol

from aegisflow.domain.alarms.model import Alarm, AlarmEvent, Change
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import Mode
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import DeviceSpec, PlantSpec
from aegisflow.domain.readings import Disposition, Reading
from aegisflow.errors import PayloadError, RecordingError
from aegisflow.offline.backtest.derive import Derived
from aegisflow.offline.backtest.labels import Labels
from aegisflow.offline.backtest.output import SCORE_COLUMNS, whole, write_alarms
from aegisflow.offline.backtest.recording import Line, Recording, parse_number, parse_time
from aegisflow.offline.backtest.report import Report
from aegisflow.offline.backtest.traces import Traces

LEAP_S = 366 * 86_400.0
"""A reading so far ahead of its device's newest has a wrong clock."""
MAX_DEVICES = 100_000
"""More names than that in a recording are no devices."""
_LARGEST = sys.float_info.max
_OPERATOR = Caller("backtest", CallerKind.OPERATOR)
"""Stands in for the people who take note of alarms."""


def backtest(
    path: Path,
    *,
    plant: PlantSpec | None = None,
    alarms: Path,
    scores: Path | None = None,
    pictures: Path | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Report:
    """Run a recorded file through the devices and write what they found.

    Args:
        path: CSV with timestamp, device_id and one column per sensor; further columns are ignored.
        plant: The plant that it was recorded in; without one, devices are derived from the columns.
        alarms: CSV to write, one row per alarm in the order they were raised.
        scores: CSV to write, one row per row of data; one that is refused scores 0.
        pictures: folder for a picture of each device.
        progress: Told the share of the file that is done, 0 to 1.

    Raises:
        RecordingError: the file cannot be read, fits no device, or an output cannot be written.
    """
    began = perf_counter()
    run = _Run(Recording(path), plant)
    traces = run.observer = None if pictures is None else Traces()
    with ExitStack() as stack:
        alarm_file = stack.enter_context(whole(alarms))
        score_rows = None
        if scores is not None:
            score_rows = csv.writer(stack.enter_context(whole(scores)), lineterminator="\n")
            score_rows.writerow(SCORE_COLUMNS)
        for line in run.recording.lines(progress):
            device = run.take(line)
            if score_rows is not None:
                score_rows.writerow((*run.name(line), f"{device.score if device else 0.0:.6g}"))
        run.finish()
        write_alarms(alarm_file, run.report.alarms, run.recording.time_form())
    if pictures is not None and traces is not None:
        from aegisflow.offline.backtest.pictures import write_pictures

        run.report.pictures = write_pictures(pictures, traces.devices, run.report.alarms, run.report.episodes)
    run.report.seconds = perf_counter() - began
    return run.report


class Observer(Protocol):
    """Sees every reading that was taken, with its device after it."""

    def take(self, device: Device, at: float, values: dict[str, float]) -> None:
        """See one reading."""


def watch(path: Path, plant: PlantSpec, observer: Observer) -> None:
    """Run a recording through the devices of a plant for somebody who only looks on.

    Raises:
        RecordingError: the file cannot be read, or fits no device.
    """
    run = _Run(Recording(path), plant)
    run.observer = observer
    for line in run.recording.lines():
        run.take(line)


class _Lane:
    """One device and where its values stand in a row."""

    def __init__(self, spec: DeviceSpec, recording: Recording) -> None:
        self.device = Device(spec)
        self.device.recall((), (), Mode.NORMAL)  # a recording has no commands, so nothing is said of its modes
        self.silent_after_s = spec.silent_after_s
        self.newest = -LEAP_S
        places = {name: place for place, name in enumerate(recording.header)}
        self._columns = [
            (
                places[name],
                name,
                -_LARGEST if sensor.span.low is None else sensor.span.low,
                _LARGEST if sensor.span.high is None else sensor.span.high,
            )
            for name, sensor in spec.sensors.items()
            if name in places
        ]

    def values(self, cells: list[str]) -> dict[str, float]:
        values: dict[str, float] = {}
        for place, name, low, high in self._columns:
            try:
                value = float(cells[place])
            except ValueError:
                value = _other_number(cells[place], name)
            if low <= value <= high:
                values[name] = value
            elif isinf(value):
                raise PayloadError("not_finite", f"{name} is {cells[place][:50]!r}")
            elif value == value:
                raise PayloadError("out_of_span", f"{name} is {value:g}")
        if not values:
            raise PayloadError("no_known_sensor", "no value for a sensor of the device")
        return values


def _other_number(cell: str, name: str) -> float:
    """Return what is no plain number: not a number for a value that is absent, or one with a decimal comma."""
    try:
        value = parse_number(cell)
    except ValueError:
        raise PayloadError("wrong_type", f"{name} is {cell[:50]!r}") from None
    return nan if value is None else value


class _Run:
    """The devices, what they found, and what was refused."""

    def __init__(self, recording: Recording, plant: PlantSpec | None) -> None:
        self.recording = recording
        self._plant, self._derived = plant, None if plant else Derived(recording)
        if plant:
            known = {name for device in plant.devices.values() for name in device.sensors}
            sensors = tuple(name for name in recording.header if name in known)
            if not sensors:
                shown = ", ".join(recording.header)[:100]
                raise RecordingError(recording.path, 1, shown, f"a column for one of {', '.join(sorted(known))}")
        else:
            sensors = tuple(recording.sensor_columns())
        self.report = Report(recording.path, plant.name if plant else "derived from the columns, no limits", sensors)
        self._lanes: dict[str, _Lane] = {}
        self._alarms: dict[str, Alarm] = {}
        self._columns, self._time_place = len(recording.header), recording.time_place
        self._time_text, self._at = "", 0.0
        self._labels = Labels(recording.header)
        self.observer: Observer | None = None

    @property
    def now(self) -> float:
        """Timestamp of the newest row."""
        return self._at

    def name(self, line: Line) -> tuple[str, str]:
        """Return timestamp and device of a row as they stand there, empty where it is too short."""
        cells = line.cells
        time_place, device_place = self.recording.time_place, self.recording.device_place
        time_text = cells[time_place] if time_place < len(cells) else ""
        short = device_place is not None and device_place >= len(cells)
        return time_text, "" if short else self.recording.device_of(cells)

    def take(self, line: Line) -> Device | None:
        """Record one row and return its device; refused ones are counted, and have none."""
        self.report.rows += 1
        try:
            return self._record(line)
        except PayloadError as error:
            self.report.refuse(error.reason, line.number, error.detail)
            return None

    def finish(self) -> None:
        """Let the silence until the end of the recording pass, and put the alarms in order."""
        last = max((lane.newest for lane in self._lanes.values()), default=0.0)
        for lane in self._lanes.values():
            self._pass(lane, last)
        self.report.alarms = sorted(self._alarms.values(), key=lambda alarm: (alarm.raised_at, alarm.device_id))
        self.report.devices = len(self._lanes)
        self.report.episodes = self._labels.episodes
        first, end = self.report.first_at, self.report.last_at
        if self._labels.episodes and first is not None and end is not None:
            self.report.comparison = self._labels.compare(self.report.alarms, first, end, len(self._lanes))

    def _record(self, line: Line) -> Device:
        cells = line.cells
        if len(cells) != self._columns:
            raise PayloadError("columns", f"found {len(cells)}, expected {self._columns}")
        text = cells[self._time_place]
        if text != self._time_text:
            try:
                self._at = parse_time(text)
            except ValueError:
                raise PayloadError("bad_timestamp", f"found {text[:50]!r}, expected ISO 8601") from None
            self._time_text = text
        at = self._at
        lane = self._lane(self.recording.device_of(cells))
        place = self._labels.place
        if place is not None:
            self._labels.take(lane.device.spec.device_id, at, cells[place])
        values = lane.values(cells)
        if at > lane.newest:
            if lane.newest > 0 and at - lane.newest > LEAP_S:
                raise PayloadError("too_new", f"{text[:50]} is more than a year after the reading before")
            if at - lane.newest > lane.silent_after_s:
                self._pass(lane, at)
            lane.newest = at
        disposition, events = lane.device.record(Reading(lane.device.spec.device_id, at, values, at))
        if events:
            self._keep(lane.device, events)
        if self.observer is not None:
            self.observer.take(lane.device, at, values)
        if disposition is not Disposition.ACCEPTED:
            raise PayloadError(str(disposition), f"{text[:50]} of {lane.device.spec.device_id}")
        report = self.report
        report.accepted += 1
        if report.first_at is None or at < report.first_at:
            report.first_at = at
        if report.last_at is None or at > report.last_at:
            report.last_at = at
        return lane.device

    def _lane(self, device_id: str) -> _Lane:
        lane = self._lanes.get(device_id)
        if lane is not None:
            return lane
        if self._derived is not None and device_id and len(self._lanes) < MAX_DEVICES:
            spec = self._derived.spec(device_id)
        elif self._plant is not None and device_id in self._plant.devices:
            spec = self._plant.devices[device_id]
        else:
            raise PayloadError("unknown_device", f"found {device_id[:50]!r}")
        return self._lanes.setdefault(device_id, _Lane(spec, self.recording))

    def _pass(self, lane: _Lane, until: float) -> None:
        """Tell the device about a silence as its ticker would: once it is silent, and at its end.

        Where no plant says how long a device may be silent, a gap tells of the recording, not of the device.
        """
        silent_at = lane.newest + lane.silent_after_s + 1
        if lane.newest > 0 and silent_at < until:
            for at in (lane.newest, silent_at, until):
                self._keep(lane.device, lane.device.tick(at, listening=self._plant is not None))

    def _keep(self, device: Device, events: tuple[AlarmEvent, ...]) -> None:
        for event in events:
            self._alarms[event.alarm.alarm_id] = event.alarm
            if event.change is Change.CLEARED:
                # Nobody is there to take note; alarms that wait for it would be opened again in place of new ones.
                device.acknowledge(event.alarm.alarm_id, _OPERATOR, "", event.at)


class Replay:
    """One device of a recording, to be run again under other settings."""

    def __init__(self, path: Path, plant: PlantSpec | None, device_id: str) -> None:
        self._path = path
        self._device_id = device_id
        self.spec = plant.devices[device_id] if plant else Derived(Recording(path)).spec(device_id)
        """As it was run the first time."""

    def alarms(self, spec: DeviceSpec, until: float) -> list[Alarm]:
        """Return the alarms of the device under another specification, up to ``until``."""
        recording = Recording(self._path)
        run = _Run(recording, PlantSpec("again", {}, {self._device_id: spec}))
        for line in recording.lines():
            if run.name(line)[1] == self._device_id and run.take(line) is not None and run.now > until:
                break
        run.finish()
        return run.report.alarms
