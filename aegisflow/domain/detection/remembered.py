"""What a device's detectors have learned, as plain data that can be stored, and taken back to the last bit."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from aegisflow.domain.detection.baseline import Baseline
from aegisflow.domain.detection.device import DeviceDetector
from aegisflow.domain.detection.gross_jumps import GrossJumps
from aegisflow.domain.detection.kept_rows import KeptRows
from aegisflow.domain.detection.known_states import KnownStates
from aegisflow.domain.detection.multivariate import MultivariateScore
from aegisflow.domain.detection.normal import Normal
from aegisflow.domain.detection.normal_model import NormalModel
from aegisflow.domain.detection.own_past import OwnPast
from aegisflow.domain.detection.seasons import Season

__all__ = ["Remembered", "recall", "remember"]

Remembered = Mapping[str, Any]
"""Numbers, texts, bytes and None, in lists and mappings from text; numbers may be infinite."""

_ROWS = 60
_BLANK: Mapping[str, Callable[[], object]] = {
    "Baseline": Baseline,
    "GrossJumps": lambda: GrossJumps(0),
    "KeptRows": lambda: KeptRows(0),
    "KnownStates": lambda: KnownStates(np.zeros((_ROWS, 2)), [0, 1]),
    "MultivariateScore": MultivariateScore,
    "Normal": lambda: Normal(0),
    "NormalModel": lambda: NormalModel(np.zeros((_ROWS, 0)), np.zeros(_ROWS)),
    "OwnPast": lambda: OwnPast(np.zeros((_ROWS, 2))),
    "Season": lambda: Season(1.0, np.zeros((1, 0))),
}
"""Class to one of its instances, to be filled in: a compiled class makes none without its arguments."""
_KIND = "is"
"""Key under which a mapping says what it stands for."""
_UNSET = {_KIND: "unset"}
"""Of an attribute that has no value."""


def remember(detector: DeviceDetector) -> Remembered:
    """Return what a device's detectors know of what is normal; not what they suspect of the newest readings."""
    undescribed, period = detector.undescribed, detector.commissioning
    return {
        "sensors": {
            one.name: {"unit": one.spec.unit, "kind": str(one.spec.kind), "baseline": _told(one.baseline)}
            for one in detector.sensors
        },
        "score": _told(detector.multivariate),
        "watched": [] if undescribed is None else [one.name for one in undescribed.watched],
        "normal": None if undescribed is None else _told(undescribed.normal),
        "readings": None if period is None else [period.count, period.learned],
    }


def recall(detector: DeviceDetector, known: Remembered) -> None:
    """Let a device's detectors know what was remembered, as far as its sensors are the same.

    What another version has remembered and this one cannot take as it is, is learned again from the readings that
    were kept with it; levels and spreads always hold. A period that is under way goes on.
    """
    for sensor in detector.sensors:
        kept = known["sensors"].get(sensor.name)
        if kept is None or (kept["unit"], kept["kind"]) != (sensor.spec.unit, str(sensor.spec.kind)):
            continue
        sensor.forget()
        found = _meant(kept["baseline"])
        if isinstance(found, Baseline):
            sensor.baseline = found
        elif kept["baseline"].get("spread"):
            sensor.baseline.begin(kept["baseline"]["level"], kept["baseline"]["spread"], kept["baseline"]["count"])
        if sensor.ready:
            sensor.adapt()
        sensor.reset()
    score, undescribed, period = _meant(known["score"]), detector.undescribed, detector.commissioning
    if isinstance(score, MultivariateScore):
        detector.multivariate = score
    names = [] if undescribed is None else [one.name for one in undescribed.watched]
    if undescribed is not None and known["normal"] is not None and names == known["watched"]:
        normal = _meant(known["normal"])
        undescribed.normal = normal if isinstance(normal, Normal) else _learned_again(known["normal"], len(names))
    if period is not None and known["readings"] is not None:
        period.count, period.learned = known["readings"]


def _learned_again(kept: Remembered, sensors: int) -> Normal:
    """Return what the readings teach that were kept."""
    normal, rows = Normal(sensors), _meant(kept.get("_rows"))
    if isinstance(rows, KeptRows):
        normal.begin_period()
        for row, at in rows.newest(len(rows)):
            normal.update(row, False, at)
        normal.end_period()
    return normal


def _names(kind: type) -> Sequence[str]:
    """Return the attributes of a class, be it compiled or not."""
    names: Sequence[str] = getattr(kind, "__mypyc_attrs__", None) or kind.__slots__  # type: ignore[attr-defined]
    return names


def _told(value: Any) -> Any:
    """Return a value as plain data."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        return {_KIND: "ndarray", "shape": list(value.shape), "values": value.astype("<f8").tobytes()}
    if isinstance(value, array):
        return {_KIND: "array", "values": np.array(value, "<f8").tobytes()}
    if isinstance(value, bytearray):
        return {_KIND: "bytearray", "values": bytes(value)}
    if isinstance(value, tuple):
        return {_KIND: "tuple", "values": [_told(each) for each in value]}
    if isinstance(value, list):
        return [_told(each) for each in value]
    name = type(value).__name__
    parts = {each: _told(getattr(value, each)) if hasattr(value, each) else _UNSET for each in _names(type(value))}
    return {_KIND: name} | parts


def _meant(kept: Any) -> Any:
    """Return what plain data stands for; None for what this version does not know, or has other attributes of."""
    if isinstance(kept, list):
        return [_meant(each) for each in kept]
    if not isinstance(kept, Mapping):
        return kept
    match kept[_KIND]:
        case "ndarray":
            return np.frombuffer(kept["values"], "<f8").astype(float).reshape(kept["shape"])
        case "array":
            return array("d", np.frombuffer(kept["values"], "<f8").tolist())
        case "bytearray":
            return bytearray(kept["values"])
        case "tuple":
            return tuple(_meant(each) for each in kept["values"])
    blank = _BLANK.get(kept[_KIND])
    if blank is None:
        return None
    made = blank()
    if set(_names(type(made))) != kept.keys() - {_KIND}:
        return None
    for name in _names(type(made)):
        if kept[name] == _UNSET:
            continue
        value = _meant(kept[name])
        if value is None and kept[name] is not None:
            return None  # a part of it does not fit
        setattr(made, name, value)
    return made
