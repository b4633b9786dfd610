"""Limits and thresholds from a healthy period, proposed as a diff to plant.yaml, and never applied.

For each sensor of each kind, over all its devices, and apart for devices that override it:

- ``normal``: from the 0.1 % to the 99.9 % quantile, where those lie outside of it.
- ``alarm``: a limit that healthy values cross is moved to 5 robust spreads from the median.
- ``deadband``: a quarter more than the largest shift of a ten-minute mean against the level.
- ``detector.threshold``: the z-score that healthy readings exceed once in 10,000.

Whoever wrote a limit knew the machine, and a healthy period shows only what was healthy in it. So every
change is outwards: a bound that is nearer to the values than it has to be is left alone, and so is what
differs by less than a tenth of what is healthy.

Two of eight parts of the recording are held out: no proposal is made from them, and both versions are run
through the whole of it and compared by their alarms there. Where the proposal finds less, or raises more false
alarms or longer ones, there is none. Whatever the length of a recording, the memory is the same.
"""

import difflib
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil, floor, log10
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aegisflow.config import load
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import Limits, PlantSpec, SensorSpec
from aegisflow.errors import ConfigError, RecordingError
from aegisflow.offline.backtest.held_out import HeldOut
from aegisflow.offline.backtest.run import Observer, open_recording, watch
from aegisflow.offline.backtest.sample import Sample
from aegisflow.offline.backtest.yamledit import YamlText
from aegisflow.offline.recordings.options import ReadingOptions

FEWEST = 2_000
"""Values of a sensor below which nothing is proposed; a quarter of them is held out."""
_LEARNED = 3 * FEWEST // 4
_SIGMA = 1.4826
_ALARM_SPREADS = 5.0
_DEADBAND_MARGIN = 1.25
_BLOCK = 120
_RARE = 0.9999
_WORTH_IT = 0.1

Floats = NDArray[np.float64]


class _Change(NamedTuple):
    """One value of plant.yaml that the healthy period speaks for."""

    where: tuple[str, ...]
    key: str
    text: str
    """As YAML."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a healthy period speaks for."""

    diff: str
    """Unified, against the file as it is; empty for none."""
    notes: tuple[str, ...]
    """Changes that have to be written by hand, since the file leaves no place for them."""
    reading: tuple[str, ...]
    """How the recording was read."""
    proof: tuple[str, ...] = ()
    """What both versions say of the parts of the recording that the proposal was not made from."""
    failed: bool = False
    """Whether the proposal was worse there, and was dropped."""

    def text(self) -> str:
        """Return all of it for a terminal; that there is nothing to change only where nothing is listed."""
        if self.failed:
            return "nothing is proposed: what the recording speaks for was worse where it was held out\n"
        if not self.diff and not self.notes:
            return "nothing to change: no limit is too near to the values of the recording\n"
        by_hand = ["to be written by hand:", *(f"  {note}" for note in self.notes)] if self.notes else []
        return self.diff + "".join(f"{line}\n" for line in by_hand)


def tune(
    path: Path,
    plant_file: Path,
    options: ReadingOptions | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Proposal:
    """Return what a healthy period proposes for the limits of a plant, and how that fared where it was held out.

    Raises:
        ConfigError: the plant file has mistakes.
        RecordingError: the recording cannot be used, or is too short to speak for any sensor.
    """
    plant = load(plant_file).plant
    before = plant_file.read_text(encoding="utf-8")
    text = YamlText(before)
    held_out = HeldOut.of(open_recording(path, plant, options))
    gathered = _Gathered(_places(plant, text), held_out)
    report = watch(path, plant, gathered, options, lambda share: progress(share / 2))
    if not gathered.enough():
        raise RecordingError(path, None, "too few values", f"at least {FEWEST:,} of a sensor")
    notes = []
    for where, key, value in _changes(plant, gathered):
        if key == "threshold" and not text.has(where):
            where, key, value = where[:-1], where[-1], f"{{{key}: {value}}}"
        if not text.put(where, key, value):
            notes.append(f"{'.'.join(where)}.{key}: {value}")
    proposed = _check(text.text, plant_file)
    before_outcome = held_out.outcome(report)
    proof: tuple[str, ...] = ()
    if text.text != before:
        after = held_out.outcome(watch(path, proposed, None, options, lambda share: progress(0.5 + share / 2)))
        proof = ("on the quarter that was held out:", before_outcome.line("  as it is"), after.line("  proposed"))
        if not after.faults:
            proof += ("  no fault is labelled there: nobody has looked at what the proposal would hide",)
        if after.is_worse_than(before_outcome):
            return Proposal("", (), tuple(report.reading_lines()), proof, failed=True)
    diff = difflib.unified_diff(
        before.splitlines(keepends=True), text.text.splitlines(keepends=True), plant_file.name, "proposed"
    )
    return Proposal("".join(diff), tuple(notes), tuple(report.reading_lines()), proof)


def _places(plant: PlantSpec, text: YamlText) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return where plant.yaml describes each sensor, by device and name: in the device itself, or in its kind."""
    places: dict[tuple[str, str], tuple[str, ...]] = {}
    for device_id, device in plant.devices.items():
        for name in device.sensors:
            own = ("lines", device.line, "devices", device_id, "sensors", name)
            places[device_id, name] = own if text.has(own) else ("kinds", device.kind, "sensors", name)
    return places


class _Gathered(Observer):
    """Values and z-scores by kind and sensor, and the ten-minute means against the level of their device."""

    def __init__(self, places: Mapping[tuple[str, str], tuple[str, ...]], held_out: HeldOut) -> None:
        self.values: defaultdict[tuple[str, ...], Sample] = defaultdict(Sample)
        """By place in plant.yaml, as all that follows."""
        self.scores: defaultdict[tuple[str, ...], Sample] = defaultdict(Sample)
        self.shifts: dict[tuple[str, ...], float] = {}
        self.places = places
        self._held_out = held_out
        self._blocks: dict[tuple[str, str], list[float]] = {}

    def take(self, device: Device, at: float, values: dict[str, float]) -> None:
        device_id = device.spec.device_id
        if self._held_out.take(device_id, at):
            return
        levels, scores = device.levels, device.z_scores
        for name, value in values.items():
            place = self.places[device_id, name]
            self.values[place].add(value)
            if (z := scores.get(name)) is not None:
                self.scores[place].add(abs(z))
            block = self._blocks.setdefault((device_id, name), [])
            block.append(value)
            if len(block) == _BLOCK:
                if name in levels:
                    shift = abs(sum(block) / _BLOCK - levels[name])
                    self.shifts[place] = max(shift, self.shifts.get(place, 0.0))
                block.clear()

    def pass_over(self, device_id: str) -> None:
        self._held_out.pass_over(device_id)

    def enough(self) -> bool:
        return any(values.count >= _LEARNED for values in self.values.values())


def _changes(plant: PlantSpec, gathered: _Gathered) -> Iterator[_Change]:
    specs: dict[tuple[str, ...], SensorSpec] = {}
    for (device_id, name), place in gathered.places.items():
        specs.setdefault(place, plant.devices[device_id].sensors[name])
    for place, sensor in specs.items():
        values = gathered.values[place].values()
        if len(values) < _LEARNED:
            continue
        scores = gathered.scores[place].values()
        found = [*_of_values(sensor, values), *_of_shift(sensor, gathered.shifts.get(place))]
        yield from (_Change(place, key, text) for key, text in found)
        yield from (_Change((*place, "detector"), "threshold", text) for text in _of_scores(sensor, scores))


def _of_values(sensor: SensorSpec, values: Floats) -> Iterator[tuple[str, str]]:
    low, high = (float(quantile) for quantile in np.quantile(values, (0.001, 0.999)))
    middle = float(np.median(values))
    spread = _SIGMA * float(np.median(np.abs(values - middle))) or (high - low) / 6 or abs(middle) / 100
    far = _ALARM_SPREADS * spread
    least, most = (float(quantile) for quantile in np.quantile(values, (0.0001, 0.9999)))
    alarm = Limits(
        _further(sensor.alarm.low, min(middle - far, least), least, sensor, -1),
        _further(sensor.alarm.high, max(middle + far, most), most, sensor, 1),
    )
    if alarm != sensor.alarm:
        yield "alarm", _bounds(alarm)
    normal = _normal(sensor, alarm, low, high, max(high - low, spread))
    # Where what was recorded lies beyond trip or span, no band has room for it: that is no healthy period.
    if normal != sensor.normal and _has_room(normal, alarm, sensor.trip, sensor.span):
        yield "normal", _bounds(normal)


def _has_room(*nested: Limits) -> bool:
    """Return whether limits that lie within each other leave anything between low and high."""
    lows = [limits.low for limits in nested if limits.low is not None]
    highs = [limits.high for limits in nested if limits.high is not None]
    return not lows or not highs or max(lows) < min(highs)


def _further(now: float | None, far: float, seen: float, sensor: SensorSpec, side: int) -> float | None:
    """Return an alarm limit that healthy values cross, moved outwards as far as trip and span allow; else as it is."""
    if now is None or side * seen <= side * now:
        return now
    moved = _within(_rounded(far, side), (sensor.trip, sensor.span), side)
    return moved if side * moved > side * now else now


def _normal(sensor: SensorSpec, alarm: Limits, low: float, high: float, width: float) -> Limits:
    """Return the normal band, widened to what is healthy; one that is open on a side stays open there."""
    now = sensor.normal
    unsaid = now == Limits()
    outer = (alarm, sensor.trip, sensor.span)

    def bound(old: float | None, found: float, side: int) -> float | None:
        worth_it = unsaid if old is None else side * (found - old) > _WORTH_IT * width
        if not worth_it:
            return old
        moved = _within(_rounded(found, side), outer, side)
        return moved if old is None or side * moved > side * old else old

    return Limits(bound(now.low, low, -1), bound(now.high, high, 1))


def _of_shift(sensor: SensorSpec, shift: float | None) -> Iterator[tuple[str, str]]:
    if not shift:
        return
    wanted = _DEADBAND_MARGIN * shift
    if sensor.deadband is None or wanted > (1 + _WORTH_IT) * sensor.deadband:
        yield "deadband", f"{_rounded(wanted, 1, digits=2):.10g}"


def _of_scores(sensor: SensorSpec, scores: Floats) -> Iterator[str]:
    if len(scores) < _LEARNED:
        return
    wanted = float(np.ceil(2 * np.quantile(scores, _RARE)) / 2)
    if wanted > (1 + _WORTH_IT) * sensor.detector.threshold:
        yield f"{wanted:g}"


def _within(bound: float, outer: Iterable[Limits], side: int) -> float:
    """Return a bound, not beyond the limits that it must lie within."""
    for limits in outer:
        limit = limits.low if side < 0 else limits.high
        if limit is not None:
            bound = max(bound, limit) if side < 0 else min(bound, limit)
    return bound


def _rounded(value: float, side: int, digits: int = 4) -> float:
    """Return a value of so many digits, rounded up (side 1) or down (-1)."""
    if not value:
        return value
    step = 10.0 ** (floor(log10(abs(value))) + 1 - digits)
    return float(f"{side * ceil(round(side * value / step, 6)) * step:.12g}")


def _bounds(limits: Limits) -> str:
    """Return bounds as YAML."""
    if limits.low is not None and limits.high is not None:
        return f"[{limits.low:.10g}, {limits.high:.10g}]"
    sides = (("low", limits.low), ("high", limits.high))
    return f"{{{', '.join(f'{side}: {bound:.10g}' for side, bound in sides if bound is not None)}}}"


def _check(text: str, plant_file: Path) -> PlantSpec:
    """Return the plant of a proposal, and refuse one that plant.yaml could not be: then nothing is shown."""
    with tempfile.TemporaryDirectory() as folder:
        proposed = Path(folder) / plant_file.name
        proposed.write_text(text, encoding="utf-8")
        try:
            return load(proposed).plant
        except ConfigError as error:
            raise ConfigError(error.mistakes) from None
