"""Limits and thresholds from a healthy period, proposed as a diff to plant.yaml, and never applied.

For each sensor of each kind, over all its devices:

- ``normal``: from the 0.1 % to the 99.9 % quantile.
- ``alarm``: only a limit that healthy values cross is moved, to 5 robust spreads from the median.
- ``deadband``: a quarter more than the largest shift of a ten-minute mean against the level.
- ``detector.threshold``: the z-score that healthy readings exceed once in 10,000, at least 3.

What differs by less than a tenth of what is healthy is left as it stands.
"""

import difflib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aegisflow.config import load
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import Limits, PlantSpec, SensorSpec
from aegisflow.errors import ConfigError, RecordingError
from aegisflow.offline.backtest.run import Observer, watch
from aegisflow.offline.backtest.yamledit import YamlText

FEWEST = 2_000
"""Values of a sensor below which nothing is proposed."""
_SIGMA = 1.4826
_ALARM_SPREADS = 5.0
_DEADBAND_MARGIN = 1.25
_BLOCK = 120
_LEAST_THRESHOLD = 3.0
_RARE = 0.9999
_WORTH_IT = 0.1

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Proposal:
    """One value of plant.yaml that the healthy period speaks for."""

    kind: str
    sensor: str
    key: str
    text: str
    """As YAML."""


def tune(path: Path, plant_file: Path) -> tuple[str, list[str]]:
    """Return the unified diff that is proposed (empty for none) and what could not be proposed.

    Raises:
        ConfigError: the plant file has mistakes.
        RecordingError: the recording cannot be used, or is too short to speak for any sensor.
    """
    plant = load(plant_file).plant
    gathered = _Gathered()
    watch(path, plant, gathered)
    proposals = list(_proposals(plant, gathered))
    if not gathered.enough():
        raise RecordingError(path, None, "too few values", f"at least {FEWEST:,} of a sensor")
    before = plant_file.read_text(encoding="utf-8")
    text = YamlText(before)
    notes = []
    for proposal in proposals:
        where = ("kinds", proposal.kind, "sensors", proposal.sensor)
        if not text.put(where, proposal.key, proposal.text):
            notes.append(f"{'.'.join(where)}.{proposal.key}: {proposal.text} (write it there yourself)")
    _check(text.text, plant_file)
    diff = difflib.unified_diff(
        before.splitlines(keepends=True), text.text.splitlines(keepends=True), plant_file.name, "proposed"
    )
    return "".join(diff), notes


class _Gathered(Observer):
    """Values and z-scores by kind and sensor, and the ten-minute means against the level of their device."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], list[float]] = {}
        self.scores: dict[tuple[str, str], list[float]] = {}
        self.shifts: dict[tuple[str, str], float] = {}
        self._blocks: dict[tuple[str, str], list[float]] = {}

    def take(self, device: Device, at: float, values: dict[str, float]) -> None:
        kind, device_id = device.spec.kind, device.spec.device_id
        levels, scores = device.levels, device.z_scores
        for name, value in values.items():
            key = (kind, name)
            self.values.setdefault(key, []).append(value)
            if (z := scores.get(name)) is not None:
                self.scores.setdefault(key, []).append(abs(z))
            block = self._blocks.setdefault((device_id, name), [])
            block.append(value)
            if len(block) == _BLOCK:
                if name in levels:
                    shift = abs(sum(block) / _BLOCK - levels[name])
                    self.shifts[key] = max(shift, self.shifts.get(key, 0.0))
                block.clear()

    def enough(self) -> bool:
        return any(len(values) >= FEWEST for values in self.values.values())


def _proposals(plant: PlantSpec, gathered: _Gathered) -> Iterator[Proposal]:
    specs: dict[tuple[str, str], SensorSpec] = {}
    for device in plant.devices.values():
        for name, sensor in device.sensors.items():
            specs.setdefault((device.kind, name), sensor)
    for (kind, name), sensor in specs.items():
        values = np.array(gathered.values.get((kind, name), ()))
        if len(values) >= FEWEST:
            found = [*_of_values(sensor, values), *_of_shift(sensor, values, gathered.shifts.get((kind, name)))]
            scores = np.array(gathered.scores.get((kind, name), ()))
            found += _of_scores(sensor, scores)
            yield from (Proposal(kind, name, key, text) for key, text in found)


def _of_values(sensor: SensorSpec, values: Floats) -> Iterator[tuple[str, str]]:
    low, high = (float(quantile) for quantile in np.quantile(values, (0.001, 0.999)))
    middle = float(np.median(values))
    spread = _SIGMA * float(np.median(np.abs(values - middle))) or (high - low) / 6 or abs(middle) / 100
    width = max(high - low, spread)
    now = sensor.normal
    if _differs(now.low, low, width) or _differs(now.high, high, width):
        yield "normal", f"[{_inside(low, sensor, -1)}, {_inside(high, sensor, 1)}]"
    alarm = sensor.alarm
    moved_low = alarm.low is not None and float(np.quantile(values, 0.0001)) < alarm.low
    moved_high = alarm.high is not None and float(np.quantile(values, 0.9999)) > alarm.high
    if moved_low or moved_high:
        far = _ALARM_SPREADS * spread
        bounds = Limits(middle - far if moved_low else alarm.low, middle + far if moved_high else alarm.high)
        parts = [
            f"{side}: {bound:.4g}" for side, bound in (("low", bounds.low), ("high", bounds.high)) if bound is not None
        ]
        yield "alarm", f"{{{', '.join(parts)}}}"


def _of_shift(sensor: SensorSpec, values: Floats, shift: float | None) -> Iterator[tuple[str, str]]:
    if not shift:
        return
    wanted = _DEADBAND_MARGIN * shift
    if sensor.deadband is None or wanted > (1 + _WORTH_IT) * sensor.deadband:
        yield "deadband", f"{wanted:.2g}"


def _of_scores(sensor: SensorSpec, scores: Floats) -> Iterator[tuple[str, str]]:
    if len(scores) < FEWEST:
        return
    wanted = max(_LEAST_THRESHOLD, float(np.ceil(2 * np.quantile(scores, _RARE)) / 2))
    if abs(wanted - sensor.detector.threshold) > _WORTH_IT * sensor.detector.threshold:
        yield "detector", f"{{threshold: {wanted:g}}}"


def _differs(bound: float | None, found: float, width: float) -> bool:
    return bound is None or abs(bound - found) > _WORTH_IT * width


def _inside(bound: float, sensor: SensorSpec, side: int) -> str:
    """Return a bound as text, not beyond the alarm, trip and span that it must lie within."""
    for outer in (sensor.alarm, sensor.trip, sensor.span):
        limit = outer.low if side < 0 else outer.high
        if limit is not None:
            bound = max(bound, limit) if side < 0 else min(bound, limit)
    return f"{bound:.4g}"


def _check(text: str, plant_file: Path) -> None:
    """Refuse a proposal that plant.yaml could not be: then nothing is shown."""
    with tempfile.TemporaryDirectory() as folder:
        proposed = Path(folder) / plant_file.name
        proposed.write_text(text, encoding="utf-8")
        try:
            load(proposed)
        except ConfigError as error:
            raise ConfigError(error.mistakes) from None
