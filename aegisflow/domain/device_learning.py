"""What a device has learned in a commissioning period, and what people decide about it."""

from collections.abc import Mapping
from dataclasses import replace
from math import inf
from typing import Any

from aegisflow.domain.callers import Caller
from aegisflow.domain.detection import DeviceDetector
from aegisflow.domain.detection.commissioning import FEWEST
from aegisflow.domain.detection.remembered import recall, remember
from aegisflow.domain.learning import KeptLearning, Learning, LearningAct, LearningStage, LearningStatus
from aegisflow.errors import ConflictError

__all__ = ["DeviceLearning"]

KEPT_READINGS = 1_200
"""Readings after which what was learned is stored again; as many are learned again after a restart, at most."""
_KEPT_S = 600.0
"""It is stored no more often than that, however fast the device is."""


class DeviceLearning:
    """The newest commissioning period of a device, if it has one, and what its detectors knew before."""

    __slots__ = ("_before", "_detector", "_device_id", "_kept_at", "_kept_number", "period")

    def __init__(self, device_id: str, detector: DeviceDetector) -> None:
        """Begin without a period."""
        self._device_id = device_id
        self._detector = detector
        self._before: Mapping[str, Any] | None = None
        self._kept_number = 0
        self._kept_at = -inf
        self.period: Learning | None = None
        """The newest one that was not thrown away."""

    def decide(self, act: LearningAct, until: str, by: Caller, reason: str, at: float) -> Learning:
        """Do what a person has decided; return the period that this is about.

        Args:
            act: what to do.
            until: for ``BEGIN`` and ``EXTEND``: an ISO 8601 time, or a duration from now on.
            by: who says so.
            reason: why, in their words.
            at: UTC epoch seconds by the plant's clock.

        Raises:
            ConflictError: there is no open period, or with ``BEGIN`` there is one; or too little was learned.
            BadValueError: the end is no time, is over, or is too far away.
        """
        detector, period = self._detector, self.period
        if act is LearningAct.BEGIN:
            begun = Learning.begun(period, self._device_id, until, by.name, reason, at)
            self._before = remember(detector)
            detector.begin_period(0, begun.until)
            self.period = begun
            return begun
        if period is None or not period.is_open:
            raise ConflictError(f"{self._device_id} is not being learned; begin with a time until which it is healthy")
        match act:
            case LearningAct.EXTEND:
                self.period = extended = period.extended(until, by.name, reason, at)
                detector.go_on_with_period(extended.until)
                return extended
            case LearningAct.ACCEPT:
                lacking = 0 if detector.commissioning is None else detector.commissioning.missing
                if not detector.end_period():
                    raise ConflictError(
                        f"too little was learned of {self._device_id}: {lacking or FEWEST} more healthy readings are "
                        "needed"
                    )
                self.period = accepted = period.accepted(by.name, reason, at)
                self._before = None
                return accepted
            case _:
                detector.cancel_period()
                if self._before is not None:
                    recall(detector, self._before)
                self.period, self._before = period.before, None
                return period

    def status(self, at: float) -> LearningStatus | None:
        """Return how far the period has come at ``at`` (UTC epoch seconds); None without one."""
        period, under_way = self.period, self._detector.commissioning
        if period is None:
            return None
        missing = 0 if under_way is None else under_way.missing
        if not period.is_open:
            stage = LearningStage.ACCEPTED
        elif under_way is not None and (at < period.until or missing):
            stage = LearningStage.LEARNING
        else:
            stage = LearningStage.WAITING
        progress = 1.0
        if stage is LearningStage.LEARNING:
            progress = max(0.0, min(1.0, (at - period.since) / (period.until - period.since)))
            progress = min(progress, 1.0 if under_way is None else under_way.started)
        return LearningStatus(stage, period, progress, 0 if under_way is None else under_way.learned, missing)

    def untold(self, at: float) -> tuple[str, ...]:
        """Return what people are to be told now that the period is over and nobody has decided; once for each end."""
        period, status = self.period, self.status(at)
        if period is None or status is None or not period.is_open or period.told or at < period.until:
            return ()
        self.period = replace(period, told=True)
        return (status.text(), "accept what was learned, let it be learned on, or throw it away: aegisflow learn")

    # --- what the store keeps -------------------------------------------------------------------

    def is_due(self, at: float) -> bool:
        """Return whether what was learned should be stored by ``at``, again."""
        if self.period is None:
            return False
        return self._detector.readings - self._kept_number >= KEPT_READINGS and abs(at - self._kept_at) >= _KEPT_S

    def kept(self, latest_at: float | None, at: float) -> KeptLearning | None:
        """Return what is to be stored now; None where that is nothing.

        Args:
            latest_at: when the newest reading was; None before the first.
            at: UTC epoch seconds by the plant's clock.
        """
        self._kept_number, self._kept_at = self._detector.readings, at
        if self.period is None:
            return None
        newest = self.period.since if latest_at is None else latest_at
        return KeptLearning(self.period, newest, remember(self._detector), self._before)

    def recall(self, kept: KeptLearning) -> None:
        """Know again what was stored; the detectors go on from there."""
        self.period, self._before = kept.period, kept.before
        if kept.learned["readings"] is not None:
            self._detector.begin_period(0, kept.period.until)
        recall(self._detector, kept.learned)
