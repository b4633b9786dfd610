"""Watches a device for whose faults there are no rules: by how unusual its readings are together."""

from collections.abc import Mapping, Sequence
from math import nan
from typing import Final

from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.detection.dwelling import Dwelling
from aegisflow.domain.detection.evidence import finding_of
from aegisflow.domain.detection.finding import MULTIVARIATE, UNCLASSIFIED, Diagnosis
from aegisflow.domain.detection.normal import Normal
from aegisflow.domain.detection.sensor import SensorDetector
from aegisflow.domain.detection.unclassified import unclassified
from aegisflow.domain.equipment import SensorKind

_HYSTERESIS: Final = 0.6
"""Part of the score at which an alarm is raised, above which it is held."""
_MAX_PATIENCE: Final = 720
_MIN_PATIENCE: Final = 360
"""Readings of an alarm, beyond no limit, after which what it shows becomes usual: as many as were learned before it."""
_NO_LEVEL = frozenset({SensorKind.STATE, SensorKind.SETPOINT})
_MANY: Final = 1_000.0
"""Score from which on decimals say nothing."""
_HIGH: Final = 8.0
_MEDIUM: Final = 3.0
"""Scores from which on an alarm is of that severity; never critical, since a score says how unusual, not how bad."""


def _told(score: float) -> str:
    """Return a score as people can read it, however large it is."""
    return f"{score:.2f}" if score < _MANY else f"above {_MANY:,.0f}"


class Undescribed:
    """Turns the score of a device into a diagnosis, and what has lasted into what is usual."""

    __slots__ = ("_alarmed_for", "_commissioned", "_dwelling", "_patience", "_shown", "_watched", "normal")

    def __init__(self, sensors: Sequence[SensorDetector]) -> None:
        """Begin with nothing known of these sensors."""
        self._watched = tuple(sensor for sensor in sensors if sensor.spec.kind not in _NO_LEVEL) or tuple(
            sensor for sensor in sensors if sensor.spec.kind is SensorKind.STATE
        )
        self.normal = Normal(len(self._watched))
        self._dwelling = [Dwelling() for sensor in self._watched if sensor.spec.kind is SensorKind.STATE]
        """How long each state has lasted, where the device has nothing but states."""
        self._commissioned = False
        """Whether a person says that the device is healthy, until further notice."""
        self._alarmed_for = 0
        self._patience = _MIN_PATIENCE
        self._shown = False
        """Whether the newest reading was found unusual; an alarm for a silent sensor is no reason not to learn."""

    @property
    def watched(self) -> tuple[SensorDetector, ...]:
        """The sensors that have a level, or a rate; states where there is nothing else, by how long they last."""
        return self._watched

    def update(self, at: float, values: Mapping[str, float], beyond: bool) -> None:
        """Take in what the sensors have made of a reading; ``beyond`` is whether one was beyond a limit just before."""
        row = [
            sensor.zscore.value
            if sensor.name in values and sensor.zscore.window.count and not sensor.at_marker
            else nan
            for sensor in self._watched
        ]
        self.normal.update(row, beyond or (self._shown and not self._commissioned), at)
        if self._dwelling:
            self._watch_states(values)
        if not self._shown:
            self._alarmed_for = 0
            self._patience = min(_MAX_PATIENCE, max(_MIN_PATIENCE, self.normal.count))

    def _watch_states(self, values: Mapping[str, float]) -> None:
        normal, longest = self.normal, 0.0
        for sensor, dwelling in zip(self._watched, self._dwelling, strict=True):
            if sensor.name in values:
                dwelling.update(sensor.zscore.value)
            longest = max(longest, dwelling.score)
        if normal.model is not None and not self._commissioned:
            normal.lasting, normal.score = max(normal.lasting, longest), max(normal.score, longest)

    def begin_period(self) -> None:
        """Take what comes for healthy, whatever it is, but for what is beyond a limit."""
        self._commissioned, self._shown = True, False
        self.normal.begin_period()

    def end_period(self) -> bool:
        """Judge what comes by what was learned in the period, and return whether that was enough."""
        if not self.normal.end_period():
            return False
        self._commissioned = self._shown = False
        return True

    def resting(self) -> frozenset[str]:
        """Return the sensors that rest at nought or at an end of all that they have shown: they are not stuck."""
        model = self.normal.model
        if model is None:
            return frozenset(sensor.name for sensor in self._watched)
        ends = zip(self._watched, model.low, model.high, strict=True)
        return frozenset(s.name for s, low, high in ends if not low < s.zscore.value < high or not s.zscore.value)

    @property
    def may_matter(self) -> bool:
        """Whether what lasts is unusual."""
        return self.normal.lasting >= 1.0

    def diagnose(self, active: bool) -> Diagnosis | None:
        """Return what is wrong, None for nothing; an ``active`` alarm is held with hysteresis."""
        normal = self.normal
        if normal.model is None and normal.lasting < 1.0:
            # After a restart, say, with an alarm that was raised before it.
            held = [sensor for sensor in self._watched if sensor.held()] if active and not self._commissioned else []
            return unclassified(held) if held else None
        self._shown = normal.lasting >= (_HYSTERESIS if active and self._shown else 1.0)
        if not self._shown:
            return None
        self._alarmed_for += active
        if self._alarmed_for >= self._patience:
            self._accept()
            return None
        return self._diagnosis()

    def _accept(self) -> None:
        """Take what has lasted as usual."""
        self._alarmed_for, self._shown = 0, False
        self.normal.accept()
        for dwelling in self._dwelling:
            dwelling.accept()
        for sensor in self._watched:
            sensor.accept()

    def _diagnosis(self) -> Diagnosis:
        score, strengths = self.normal.lasting, self.normal.strengths()
        if self._dwelling:
            strengths = [max(own, one.score) for own, one in zip(strengths, self._dwelling, strict=True)]
        severity = Severity.HIGH if score >= _HIGH else Severity.MEDIUM if score >= _MEDIUM else Severity.LOW
        ranked = sorted(zip(strengths, self._watched, strict=True), key=lambda pair: pair[0], reverse=True)
        least = min(1.0, ranked[0][0])
        findings = tuple(finding_of(sensor, MULTIVARIATE, severity) for own, sensor in ranked if own >= least)
        return Diagnosis(UNCLASSIFIED, findings, (f"score {_told(score)}, 1 is unusual",))

    def notes(self) -> tuple[str, ...]:
        """Return how far the learning has come, until it is done."""
        normal = self.normal
        if normal.model is not None or not self._watched or self._commissioned:
            return ()
        return (f"learning, {100 * normal.progress:.0f} %: until then only limits and gross jumps are told",)
