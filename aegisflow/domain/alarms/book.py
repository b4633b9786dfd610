"""The alarms of one device: from findings to alarms, and through their life.

::

                    on-delay                          off-delay
    findings ──────────────────> UNACKNOWLEDGED ─────────────────> RETURNED
                                   │        ^                          │
                       acknowledge │        │ its severity rises       │ acknowledge
                                   v        │                          v
                                 ACKNOWLEDGED ───────────────────> NORMAL
                                                      off-delay

All sensors of a device that are out of the ordinary at the same time speak for one alarm. A severity
is earned as the alarm is: by ``on_delay`` consecutive readings of one sensor that are at least so
bad. It never falls while the alarm is active. Whoever took note of a milder alarm has not taken note
of a worse one, so a rise asks for an acknowledgement again.

An alarm has the type that was diagnosed for the on-delay when it was raised. It takes another when
that has been diagnosed 60 times in a row and more strongly than its own ever was, so that what is left
when a fault goes does not rename it; one that was unclassified, or told of silence, takes a name
after the on-delay. How alarms are set aside, and come back: ``alarm_life``.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import replace

from aegisflow.domain.alarms.alarmfile import AlarmFile
from aegisflow.domain.alarms.lifecycle import asked_again, cleared, retyped, worse
from aegisflow.domain.alarms.model import Alarm, AlarmEvent, AlarmState, Change, call_alarm
from aegisflow.domain.alarms.on_delay import OnDelayCounter, earned, evidence_of, join, lasting, recalled, weightiest_of
from aegisflow.domain.detection import SENSOR_SILENT, UNCLASSIFIED, Diagnosis
from aegisflow.domain.equipment import AlarmSpec

_RETYPE = 60
"""Consecutive readings of another type before an active alarm takes it, instead of the on-delay."""
_MAX_WAITING = 20
"""With so many returned alarms unacknowledged, the newest is opened again instead of raising another."""
_SAYS_LITTLE = frozenset({UNCLASSIFIED, SENSOR_SILENT})
"""Types that any other may take the place of after the on-delay."""


class AlarmBook(AlarmFile):
    """Decides when findings become an alarm, and leads each alarm through its life."""

    __slots__ = (
        "_strength",
        "_tracks",
        "_type",
        "_type_run",
        "spec",
    )

    def __init__(self, device_id: str, spec: AlarmSpec) -> None:
        super().__init__(device_id)
        self.spec = spec
        self._tracks: dict[str, OnDelayCounter] = {}
        self._type = ""
        self._type_run = 0
        """The type as last diagnosed, and how many times in a row."""
        self._strength = 0.0
        """Largest strength with which the active alarm's type was diagnosed."""

    @property
    def active_type(self) -> str:
        """Type of the active alarm; empty without one."""
        return "" if self._active is None else self._active.fault_type

    @property
    def idle(self) -> bool:
        """Whether a reading without findings changes nothing."""
        return not self._tracks

    def observe(self, at: float, diagnosis: Diagnosis | None, reported: Container[str]) -> tuple[AlarmEvent, ...]:
        """Take in what is wrong in one reading and return what changed.

        Args:
            at: UTC epoch seconds of the reading.
            diagnosis: None for nothing; of several findings for one sensor the weightiest counts.
            reported: the sensors that the reading has; the others are neither in breach nor quiet.
        """
        weightiest = {} if diagnosis is None else weightiest_of(diagnosis.findings)
        tracks = self._tracks
        for sensor, finding in weightiest.items():
            if sensor not in tracks:
                tracks[sensor] = OnDelayCounter(finding, at)
            tracks[sensor].breach(finding)
        for sensor, track in tuple(tracks.items()):
            if sensor not in weightiest and sensor in reported:
                track.rest()
                if not track.joined:
                    del tracks[sensor]
        if diagnosis is not None or not tracks or any(sensor in reported for sensor in tracks):
            self._count_type(diagnosis)
        if self._active is None:
            return self._raise(at, diagnosis) if diagnosis is not None else ()
        if diagnosis is not None:
            return self._retype(at, diagnosis) + self._grow(at)
        if all(track.quiet >= self.spec.off_delay for track in tracks.values() if track.joined):
            return (self._clear(self._active, at),)
        return ()

    def silence(self, at: float, since: float, diagnosis: Diagnosis) -> tuple[AlarmEvent, ...]:
        """Take in that the device does not report: that has lasted, so there is no on-delay.

        An alarm that is active already is not renamed by it; it says so among its reasons.
        """
        alarm = self._active
        if alarm is None:
            for finding in diagnosis.findings:
                self._tracks[finding.sensor] = lasting(finding, since, self.spec.on_delay)
            self._type, self._type_run = diagnosis.fault_type, self.spec.on_delay
            return self._raise(at, diagnosis)
        if alarm.fault_type == diagnosis.fault_type or set(diagnosis.reasons) <= set(alarm.reasons):
            return ()
        alarm = replace(alarm, reasons=(*alarm.reasons, *diagnosis.reasons), changed_at=at)
        return self._keep(Change.UPDATED, at, alarm)[1]

    def call(self, fault_type: str, reasons: tuple[str, ...], at: float) -> tuple[AlarmEvent, ...]:
        """Raise what a person must take note of and what no reading will end: a command without its effect."""
        alarm = call_alarm(self._new_id(at), self._device_id, fault_type, reasons, at)
        return self._keep(Change.RAISED, at, alarm)[1]

    def interrupt(self) -> None:
        """End the runs of breaches that are not an alarm yet: what comes next does not continue them."""
        self._tracks = {sensor: track for sensor, track in self._tracks.items() if track.joined}
        self._count_type(None)

    def drop(self, sensors: Sequence[str], at: float) -> tuple[AlarmEvent, ...]:
        """Forget sensors that the device no longer has; an alarm for which none is left is cleared."""
        dropped = [track for track in (self._tracks.pop(sensor, None) for sensor in sensors) if track is not None]
        alarm = self._active
        if alarm is None or not any(track.joined for track in dropped):
            return ()
        if not any(track.joined for track in self._tracks.values()):
            return (self._clear(alarm, at),)
        self._active = replace(alarm, evidence=evidence_of(self._tracks), changed_at=at)
        return (AlarmEvent(Change.UPDATED, at, self._active),)

    def recall(self, alarms: Iterable[Alarm]) -> tuple[AlarmEvent, ...]:
        """Take over stored alarms; on-delay and off-delay begin anew.

        A device has one alarm whose cause lasts: should the store know of several, all but the newest
        are cleared, and that is returned.
        """
        events: list[AlarmEvent] = []
        for alarm in sorted(alarms, key=lambda alarm: alarm.raised_at):
            if alarm.lasts:
                if self._active is not None:
                    events.append(self._clear(self._active, self._active.changed_at))
                self._tracks = {item.sensor: recalled(item, alarm.severity) for item in alarm.evidence}
            self._place(alarm)
        return tuple(events)

    def _count_type(self, diagnosis: Diagnosis | None) -> None:
        if diagnosis is None:
            self._type, self._type_run = "", 0
        elif diagnosis.fault_type == self._type:
            self._type_run += 1
        else:
            self._type, self._type_run = diagnosis.fault_type, 1

    def _retype(self, at: float, diagnosis: Diagnosis) -> tuple[AlarmEvent, ...]:
        """Give the active alarm another type once that has lasted."""
        alarm = self._active
        if alarm is None or diagnosis.fault_type == UNCLASSIFIED:
            return ()
        if diagnosis.fault_type == alarm.fault_type:
            self._strength = max(self._strength, diagnosis.strength)
            return ()
        if alarm.fault_type not in _SAYS_LITTLE and diagnosis.strength < self._strength:
            self._type_run = 0
        if self._type_run < (self.spec.on_delay if alarm.fault_type in _SAYS_LITTLE else _RETYPE):
            return ()
        self._strength = diagnosis.strength
        return self._keep(Change.RETYPED, at, retyped(alarm, diagnosis.fault_type, diagnosis.reasons, at))[1]

    def _raise(self, at: float, diagnosis: Diagnosis) -> tuple[AlarmEvent, ...]:
        """Raise an alarm if a sensor has been in breach, and the type the same, for the on-delay."""
        if self._type_run < self.spec.on_delay or not join(self._tracks, self.spec.on_delay):
            return ()
        evidence, severity = evidence_of(self._tracks), earned(self._tracks, self.spec.on_delay)
        self._strength = diagnosis.strength
        for alarm in self._aside.values():
            if alarm.fault_type == diagnosis.fault_type and severity.rank <= alarm.severity.rank:
                repeats = alarm.repeats + 1
                alarm = replace(alarm, evidence=evidence, changed_at=at, cleared_at=None, repeats=repeats)
                return self._keep(Change.UPDATED, at, alarm)[1]
        if len(self._waiting) >= _MAX_WAITING:
            alarm = asked_again(next(reversed(self._waiting.values())))
            repeats = alarm.repeats + 1
            alarm = replace(alarm, cleared_at=None, repeats=repeats, fault_type=diagnosis.fault_type)
        else:
            alarm = Alarm(
                self._new_id(at),
                self._device_id,
                diagnosis.fault_type,
                diagnosis.fault_type,
                severity,
                AlarmState.UNACKNOWLEDGED,
                evidence[0].detector,
                evidence,
                raised_at=at,
                changed_at=at,
            )
        alarm = replace(alarm, severity=severity, evidence=evidence, changed_at=at, reasons=diagnosis.reasons)
        if self.suppressed:
            return self._keep(Change.SUPPRESSED, at, replace(alarm, state=AlarmState.SUPPRESSED))[1]
        return self._keep(Change.RAISED, at, alarm)[1]

    def _grow(self, at: float) -> tuple[AlarmEvent, ...]:
        """Count breaches into the active alarm; tell of a rise, a new sensor, or a z-score that doubled."""
        alarm = self._active
        if alarm is None:
            return ()
        counted = any(track.joined and not track.quiet for track in self._tracks.values())
        alarm = self._active = replace(alarm, repeats=alarm.repeats + 1) if counted else alarm
        joined = join(self._tracks, self.spec.on_delay)
        severity = earned(self._tracks, self.spec.on_delay)
        if severity.rank > alarm.severity.rank:
            return self._keep(Change.ESCALATED, at, worse(alarm, severity, evidence_of(self._tracks), at))[1]
        if joined or any(t.joined and abs(t.worst.z) >= 2 * max(t.told, 1.0) for t in self._tracks.values()):
            return self._keep(Change.UPDATED, at, replace(alarm, evidence=evidence_of(self._tracks), changed_at=at))[1]
        return ()

    def _clear(self, alarm: Alarm, at: float) -> AlarmEvent:
        self._active = None
        self._tracks = {sensor: track for sensor, track in self._tracks.items() if not track.joined}
        return self._keep(Change.CLEARED, at, cleared(alarm, at))[1][0]
