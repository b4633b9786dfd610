"""One pass over a recording, through the devices, into alarms and scores."""

import csv
import gc
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import NoReturn, Protocol, TextIO

from aegisflow.domain.alarms.model import Alarm, AlarmEvent, Change
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.cells import RowReader
from aegisflow.domain.commands.model import Mode
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import DeviceSpec, PlantSpec
from aegisflow.domain.readings import Disposition, Reading, RefusedValue
from aegisflow.errors import PayloadError, RecordingError
from aegisflow.offline.backtest.derive import Derived
from aegisflow.offline.backtest.labels import Labels
from aegisflow.offline.backtest.onsets import Onsets
from aegisflow.offline.backtest.output import SCORE_COLUMNS, Excursion, whole, write_alarms
from aegisflow.offline.backtest.report import NothingReadError, Report
from aegisflow.offline.backtest.traces import Traces
from aegisflow.offline.recordings.names import NOTES, plain
from aegisflow.offline.recordings.numbers import ABSENT
from aegisflow.offline.recordings.options import ReadingOptions
from aegisflow.offline.recordings.recording import Column, Recording

LEAP_S = 366 * 86_400.0
"""A reading so far ahead of its device's newest has a wrong clock."""
MAX_DEVICES = 100_000
"""More names than that in a recording are no devices."""
_CONFIRMATIONS = 3
"""So many readings in a row that agree with each other are believed, however late they are."""
_RECENT = 60
_new = tuple.__new__
_COLLECT_AFTER = 50_000
"""Objects after which garbage is looked for: a pass makes hardly any, and to look costs a twentieth of it."""
_OPERATOR = Caller("backtest", CallerKind.OPERATOR)
"""Stands in for the people who take note of alarms."""


def backtest(
    path: Path,
    *,
    plant: PlantSpec | None = None,
    alarms: Path | None = None,
    scores: Path | None = None,
    pictures: Path | None = None,
    options: ReadingOptions | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Report:
    """Run a recorded file through the devices and write what they found.

    Args:
        path: CSV with times and one column per sensor; see docs/recordings.md.
        plant: The plant that it was recorded in; without one, devices are derived from the columns.
        alarms: CSV to write, one row per alarm in the order they were raised.
        scores: CSV to write, one row per row of data in the order of the file, with the score and the
            onsets of excursions; one that is refused scores 0.
        pictures: folder for a picture of each device.
        options: What a person says about the file.
        progress: Told the share of the file that is done, 0 to 1.

    Raises:
        NothingReadError: no row gave a reading; nothing is written.
        RecordingError: the file cannot be read, fits no device, or an output cannot be written.
    """
    began = perf_counter()
    run = _Run(open_recording(path, plant, options), plant)
    traces = run.observer = None if pictures is None else Traces()
    with ExitStack() as stack:
        alarm_file = None if alarms is None else stack.enter_context(whole(alarms))
        score_file = None if scores is None else stack.enter_context(whole(scores))
        _pass_rows(run, score_file, progress)
        run.finish()
        if not run.report.accepted:
            raise NothingReadError(run.report)
        if alarm_file is not None:
            write_alarms(alarm_file, run.report.alarms, run.recording.time_form, run.excursions)
    if pictures is not None and traces is not None:
        from aegisflow.offline.backtest.pictures import write_pictures

        run.report.pictures = write_pictures(pictures, traces.devices, run.report.alarms, run.report.episodes)
    run.report.seconds = perf_counter() - began
    return run.report


def open_recording(path: Path, plant: PlantSpec | None, options: ReadingOptions | None) -> Recording:
    """Return a recording with the columns that the plant has sensors for; without a plant, all of numbers.

    A plant of one device is whose rows they are where the file does not say.

    Raises:
        RecordingError: the file cannot be read.
    """
    options = options or ReadingOptions()
    if plant is None:
        return Recording(path, options, scale_free=True)
    recording = Recording(path, options, known_sensors(plant))
    if not recording.says_whose and recording.one_device not in plant.devices:
        if len(plant.devices) == 1 and options.device is None:
            device_id = next(iter(plant.devices))
            recording.options = replace(options, device=device_id)
            recording.guesses.append(f"all rows are of {device_id}, the only device of the plant (--device)")
        else:
            choices = ", ".join(list(plant.devices)[:20])
            expected = f"--device or --device-column, for one of {choices}"
            raise RecordingError(path, None, f"rows that do not say whose they are ({recording.one_device})", expected)
    return recording


def known_sensors(plant: PlantSpec) -> set[str]:
    """Return the names of all sensors of a plant."""
    return {name for device in plant.devices.values() for name in device.sensors}


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(_COLLECT_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@_collecting_seldom()
def _pass_rows(run: "_Run", score_file: TextIO | None, progress: Callable[[float], None]) -> None:
    if score_file is None:
        for line, cells in run.recording.lines(progress):
            run.take(line, cells)
        return
    rows = csv.writer(score_file, lineterminator="\n")
    rows.writerow(SCORE_COLUMNS)
    scored = _scored(run, progress)
    # In the order of the file, so that they can be laid beside it.
    if run.recording.newest_first or run.recording.unsorted:
        scored = iter(sorted(scored))
    rows.writerows(row for _, row in scored)


def _scored(run: "_Run", progress: Callable[[float], None]) -> Iterator[tuple[int, tuple[str, str, str, str]]]:
    """Give the line of each row, and what is written of it."""
    onsets: defaultdict[str, Onsets] = defaultdict(Onsets)
    for line, cells in run.recording.lines(progress):
        device = run.take(line, cells)
        score = 0.0 if device is None else device.score
        onset = 0.0 if device is None else onsets[device.spec.device_id].take(score)
        yield line, (*run.name(cells), f"{score:.6g}", f"{onset:.6g}")


class Observer(Protocol):
    """Sees every reading that was taken, with its device after it."""

    def take(self, device: Device, at: float, values: dict[str, float]) -> None:
        """See one reading."""

    def pass_over(self, device_id: str) -> None:
        """Hear of a row of a device that was refused; the name is empty where the row is too short to say it."""


def watch(
    path: Path,
    plant: PlantSpec,
    observer: Observer | None,
    options: ReadingOptions | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Report:
    """Run a recording through the devices of a plant for somebody who only looks on, and writes nothing.

    Raises:
        NothingReadError: no row gave a reading.
        RecordingError: the file cannot be read, or fits no device.
    """
    run = _Run(open_recording(path, plant, options), plant)
    run.observer = observer
    _pass_rows(run, None, progress)
    run.finish()
    if not run.report.accepted:
        raise NothingReadError(run.report)
    return run.report


class _Lane:
    """One device and where its values stand in a row."""

    def __init__(self, spec: DeviceSpec, columns: Mapping[str, Column]) -> None:
        self.device = Device(spec)
        self.device.recall((), (), Mode.NORMAL)  # a recording has no commands, so nothing is said of its modes
        self.newest = -LEAP_S
        self.open: list[Excursion] = []
        """Of the alarms that last."""
        self.recent: deque[tuple[float, float]] = deque(maxlen=_RECENT)
        """Times and scores of the newest readings, among which an alarm has begun before it is raised."""
        places = {name: (column.place, column.converter()) for name, column in columns.items()}
        self.row = RowReader(spec, places, ABSENT)


class _Run:
    """The devices, what they found, and what was refused."""

    def __init__(self, recording: Recording, plant: PlantSpec | None) -> None:
        self.recording = recording
        self._plant, self._derived = plant, None if plant else Derived(recording)
        if plant and not recording.columns:
            known = ", ".join(sorted(known_sensors(plant)))
            shown = ", ".join(recording.header)[:100]
            raise RecordingError(recording.path, None, shown, f"a column for one of {known}")
        self.report = Report(
            recording.path, plant.name if plant else "derived from the columns, no limits", tuple(recording.columns)
        )
        self._lanes: dict[str, _Lane] = {}
        self._alarms: dict[str, Alarm] = {}
        self.excursions: dict[str, Excursion] = {}
        """By id of their alarm."""
        self._width = len(recording.header)
        self._memo, self._time_text, self._at = not recording.times.by_device, "", 0.0
        self._label_place, self._labels = _labels_of(recording)
        self._leaps = _Leaps()
        places = recording.time_places
        self._time_place = places[0] if len(places) == 1 else None
        """Where the whole timestamp stands in one cell, as it nearly always does: calls are dear in this loop."""
        self._device_place = recording.whose_place
        self.observer: Observer | None = None
        self.report.guesses = [*recording.guesses, *([self._labels.guess] if self._labels.guess else [])]
        self.report.hints = recording.hints

    @property
    def now(self) -> float:
        """Timestamp of the newest row."""
        return self._at

    def name(self, cells: list[str]) -> tuple[str, str]:
        """Return timestamp and device of a row as they stand there, empty where it is too short."""
        try:
            return self.recording.stamp_text(cells), self.recording.device_of(cells)
        except IndexError:
            short = len(cells) <= max(self.recording.time_places)
            return "" if short else self.recording.stamp_text(cells), ""

    def take(self, line: int, cells: list[str]) -> Device | None:
        """Record one row and return its device; refused ones are counted, and have none."""
        self.report.rows += 1
        try:
            return self._record(line, cells)
        except PayloadError as error:
            self.report.refuse(error.reason, line, error.detail)
            if self.observer is not None:
                self.observer.pass_over(self.name(cells)[1])
            return None

    def finish(self) -> None:
        """Let the silence until the end of the recording pass, and put the alarms in order."""
        last = max((lane.newest for lane in self._lanes.values()), default=0.0)
        for lane in self._lanes.values():
            self._pass(lane, last)
        self.report.alarms = sorted(self._alarms.values(), key=lambda alarm: (alarm.raised_at, alarm.device_id))
        self.report.devices = len(self._lanes)
        self.report.episodes, self.report.unlabelled = self._labels.episodes, self._labels.unlabelled
        first, end = self.report.first_at, self.report.last_at
        if self._labels.episodes and first is not None and end is not None:
            self.report.comparison = self._labels.compare(self.report.alarms, first, end, len(self._lanes))

    def _record(self, line: int, cells: list[str]) -> Device:
        found = len(cells)
        if found != self._width:
            filled = self.recording.filled(line, cells, self._width)
            if filled is None:
                raise PayloadError("columns", f"found {found}, expected {self._width}")
            cells = filled
        place = self._device_place
        device_id = self.recording.device_of(cells) if place is None else cells[place].strip()
        place = self._time_place
        text = self.recording.time_text(cells) if place is None else cells[place]
        if text != self._time_text or not self._memo:
            self._at = self._read_time(text, device_id)
            self._time_text = text
        at = self._at
        lane = self._lanes.get(device_id) or self._lane(device_id)
        device, row = lane.device, lane.row
        if self._label_place is not None:
            self._labels.take(device_id, at, cells[self._label_place])
        values = row.values(cells)
        refused = tuple(row.bad) if row.bad else ()
        if not values:
            self._refuse_row(lane, at, refused)
        if at > lane.newest:
            if lane.newest > 0 and at - lane.newest > LEAP_S and not self._leaps.confirm(device_id, at):
                raise PayloadError("too_new", f"{text[:50]} is more than a year after the reading before")
            if at - lane.newest > device.silent_after_s:
                self._pass(lane, at)
            lane.newest = at
        # As Reading(...), at a third of the cost.
        disposition, events = device.record(_new(Reading, (device_id, at, values, at, None, refused, None, False)))
        if self._plant is None:
            lane.recent.append((at, device.score))
        if events:
            self._keep(lane, events)
        if lane.open:
            score = device.score
            for excursion in lane.open:
                excursion.take(at, score)
        if disposition is Disposition.DUPLICATE:
            raise PayloadError(str(disposition), f"{text[:50]} of {device_id}")
        if self.observer is not None:
            self.observer.take(device, at, values)
        report = self.report
        for bad in refused:
            report.note_bad(bad, line)
        report.accepted += 1
        if report.first_at is None or at < report.first_at:
            report.first_at = at
        if report.last_at is None or at > report.last_at:
            report.last_at = at
        return device

    def _refuse_row(self, lane: _Lane, at: float, refused: tuple[RefusedValue, ...]) -> NoReturn:
        """Let the device hear what it said, as live, and refuse a row without a value that can be used."""
        if not refused:
            raise PayloadError("no_known_sensor", "no value for a sensor of the device")
        lane.device.record(Reading(lane.device.spec.device_id, at, {}, at, refused=refused))
        first = refused[0]
        raise PayloadError(str(first.reason), f"{first.sensor} is {first.sample!r}")

    def _read_time(self, text: str, device_id: str) -> float:
        if not text.strip():
            raise PayloadError("bad_timestamp", "the timestamp is empty")
        try:
            return self.recording.times.at(text, device_id)
        except ValueError as error:
            why = f": {error}" if "exist" in str(error) or "zone" in str(error) else ""
            raise PayloadError("bad_timestamp", f"found {text[:50]!r}, expected a time{why}") from None

    def _lane(self, device_id: str) -> _Lane:
        """Begin with a device that the recording has not named before."""
        if self._derived is not None and device_id and len(self._lanes) < MAX_DEVICES:
            spec = self._derived.spec(device_id)
        elif self._plant is not None and device_id in self._plant.devices:
            spec = self._plant.devices[device_id]
        else:
            raise PayloadError("unknown_device", f"found {device_id[:50]!r}")
        if self.recording.options.healthy_until is not None:
            spec = replace(spec, healthy=self.recording.options.healthy_part())
        return self._lanes.setdefault(device_id, _Lane(spec, self.recording.columns))

    def _pass(self, lane: _Lane, until: float) -> None:
        """Tell the device about a silence as its ticker would: once it is silent, and at its end.

        Where no plant says how long a device may be silent, a gap tells of the recording, not of the device.
        """
        silent_at = lane.newest + lane.device.silent_after_s + 1
        if lane.newest > 0 and silent_at < until:
            for at in (lane.newest, silent_at, until):
                self._keep(lane, lane.device.tick(at, broker_connected=self._plant is not None))

    def _keep(self, lane: _Lane, events: tuple[AlarmEvent, ...]) -> None:
        for event in events:
            alarm = self._alarms[event.alarm.alarm_id] = event.alarm
            if alarm.alarm_id not in self.excursions:
                self.excursions[alarm.alarm_id] = self._begun(lane, alarm)
            if event.change is Change.RAISED:
                lane.open.append(self.excursions[alarm.alarm_id])
            if event.change is Change.CLEARED:
                # Nobody is there to take note; alarms that wait for it would be opened again in place of new ones.
                lane.open = [one for one in lane.open if one is not self.excursions[alarm.alarm_id]]
                lane.device.acknowledge(event.alarm.alarm_id, _OPERATOR, "", event.at)

    def _begun(self, lane: _Lane, alarm: Alarm) -> Excursion:
        """Return what an alarm is about that was raised just now."""
        onset_at = min((item.since for item in alarm.evidence), default=alarm.raised_at)
        excursion = Excursion(min(onset_at, alarm.raised_at), alarm.raised_at, lane.device.score)
        for at, score in lane.recent:
            if at >= excursion.onset_at:
                excursion.take(at, score)
        return excursion


class _Leaps:
    """Believes a leap of more than a year once readings after it agree; a single wrong stamp they do not follow."""

    def __init__(self) -> None:
        self._claims: dict[str, tuple[float, int]] = {}

    def confirm(self, device_id: str, at: float) -> bool:
        """Return whether so late a reading is believed by now."""
        before, count = self._claims.get(device_id, (at, 0))
        count = count + 1 if abs(at - before) < LEAP_S else 1
        self._claims[device_id] = (at, count)
        return count >= _CONFIRMATIONS


def _labels_of(recording: Recording) -> tuple[int | None, Labels]:
    """Return the place of the column that alarms are compared with, and what its labels mean."""
    for place in recording.labels:
        counts = recording.label_counts(place)
        if plain(recording.header[place]) not in NOTES and (counts is not None or len(recording.labels) == 1):
            return place, Labels(recording.header[place], counts, recording.options.healthy_label)
    return None, Labels("")


class Replay:
    """One device of a recording, to be run again under other settings."""

    def __init__(self, path: Path, plant: PlantSpec | None, device_id: str, options: ReadingOptions | None) -> None:
        self._recording = open_recording(path, plant, options)
        self._device_id = device_id
        self.spec = plant.devices[device_id] if plant else Derived(self._recording).spec(device_id)
        """As it was run the first time."""

    @property
    def interval_s(self) -> float:
        """Usual time between two rows of a device, in seconds."""
        return self._recording.interval_s

    def alarms(self, spec: DeviceSpec, until: float, observer: Observer | None = None) -> list[Alarm]:
        """Return the alarms of the device under another specification, up to ``until``."""
        run = _Run(self._recording, PlantSpec("again", {}, {self._device_id: spec}))
        run.observer = observer
        for line, cells in self._recording.lines():
            if run.name(cells)[1] == self._device_id and run.take(line, cells) is not None and run.now > until:
                break
        run.finish()
        return run.report.alarms
