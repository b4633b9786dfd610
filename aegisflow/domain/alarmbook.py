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
when a fault goes does not rename it; one that was unclassified takes a name after the on-delay.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from aegisflow.domain.alarms import Alarm, AlarmEvent, AlarmState, Change, Evidence, Severity, call_alarm
from aegisflow.domain.commands import Caller
from aegisflow.domain.detection import UNCLASSIFIED, Diagnosis
from aegisflow.domain.equipment import AlarmSpec
from aegisflow.domain.tracks import Track, recalled, weightiest_of
from aegisflow.errors import UnknownNameError

_RETYPE = 60
"""Consecutive readings of another type before an active alarm takes it, instead of the on-delay."""
_MOST_WAITING = 20
"""With so many returned alarms unacknowledged, the newest is opened again instead of raising another."""
_PAST = 8
"""Finished alarms kept, so that acknowledging one twice finds it."""


class AlarmBook:
    """Decides when findings become an alarm, and leads each alarm through its life."""

    __slots__ = (
        "_active",
        "_device_id",
        "_past",
        "_serial",
        "_stamp",
        "_strength",
        "_tracks",
        "_type",
        "_type_run",
        "_waiting",
        "spec",
    )

    def __init__(self, device_id: str, spec: AlarmSpec) -> None:
        self.spec = spec
        self._device_id = device_id
        self._active: Alarm | None = None
        self._waiting: dict[str, Alarm] = {}
        """Returned and unacknowledged, oldest first."""
        self._past: tuple[Alarm, ...] = ()
        self._tracks: dict[str, Track] = {}
        self._stamp = ""
        self._serial = 0
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

    def alarms(self) -> tuple[Alarm, ...]:
        """Return the active alarm and those returned unacknowledged, most severe first, then newest."""
        alarms = list(self._waiting.values())
        if self._active is not None:
            alarms.append(self._active)
        return tuple(sorted(alarms, key=lambda alarm: (-alarm.severity.rank, -alarm.raised_at)))

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
                tracks[sensor] = Track(finding, at)
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

    def acknowledge(self, alarm_id: str, by: Caller, note: str, at: float) -> tuple[Alarm, tuple[AlarmEvent, ...]]:
        """Record that somebody has taken note and return the alarm after it; a second time changes nothing.

        Raises:
            UnknownNameError: the device has no such alarm.
        """
        for alarm in (*self.alarms(), *self._past):
            if alarm.alarm_id == alarm_id:
                break
        else:
            raise UnknownNameError("alarm", alarm_id, [alarm.alarm_id for alarm in self.alarms()])
        if alarm.state in (AlarmState.ACKNOWLEDGED, AlarmState.NORMAL):
            return alarm, ()
        state = AlarmState.ACKNOWLEDGED if alarm.state.is_active else AlarmState.NORMAL
        alarm = replace(alarm, state=state, changed_at=at, acknowledged_at=at, acknowledged_by=by.name, note=note)
        if state is AlarmState.ACKNOWLEDGED:
            self._active = alarm
        else:
            del self._waiting[alarm_id]
            self._remember(alarm)
        return alarm, (AlarmEvent(Change.ACKNOWLEDGED, at, alarm, by.name),)

    def call(self, fault_type: str, reasons: tuple[str, ...], at: float) -> tuple[AlarmEvent, ...]:
        """Raise what a person must take note of and what no reading will end: a command without its effect."""
        alarm = call_alarm(self._new_id(at), self._device_id, fault_type, reasons, at)
        self._waiting[alarm.alarm_id] = alarm
        return (AlarmEvent(Change.RAISED, at, alarm),)

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
        self._active = replace(alarm, evidence=self._evidence(), changed_at=at)
        return (AlarmEvent(Change.UPDATED, at, self._active),)

    def recall(self, alarms: Iterable[Alarm]) -> tuple[AlarmEvent, ...]:
        """Take over stored alarms; on-delay and off-delay begin anew.

        A device has one active alarm: should the store know of several, all but the newest are
        cleared, and that is returned.
        """
        events: list[AlarmEvent] = []
        for alarm in sorted(alarms, key=lambda alarm: alarm.raised_at):
            if alarm.state is AlarmState.RETURNED:
                self._waiting[alarm.alarm_id] = alarm
            elif alarm.state is AlarmState.NORMAL:
                self._remember(alarm)
            else:
                if self._active is not None:
                    events.append(self._clear(self._active, self._active.changed_at))
                self._active = alarm
                self._tracks = {item.sensor: recalled(item, alarm.severity) for item in alarm.evidence}
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
        if alarm.fault_type != UNCLASSIFIED and diagnosis.strength < self._strength:
            self._type_run = 0
        if self._type_run < (self.spec.on_delay if alarm.fault_type == UNCLASSIFIED else _RETYPE):
            return ()
        self._strength = diagnosis.strength
        reasons = (*diagnosis.reasons, f"called {alarm.fault_type} before")
        self._active = replace(alarm, fault_type=diagnosis.fault_type, reasons=reasons, changed_at=at)
        return (AlarmEvent(Change.RETYPED, at, self._active),)

    def _raise(self, at: float, diagnosis: Diagnosis) -> tuple[AlarmEvent, ...]:
        """Raise an alarm if a sensor has been in breach, and the type the same, for the on-delay."""
        if self._type_run < self.spec.on_delay or not self._join():
            return ()
        evidence, severity = self._evidence(), self._earned()
        self._strength = diagnosis.strength
        if len(self._waiting) >= _MOST_WAITING:
            alarm = self._waiting.popitem()[1]
            alarm = replace(
                alarm,
                state=AlarmState.UNACKNOWLEDGED,
                severity=severity,
                evidence=evidence,
                changed_at=at,
                cleared_at=None,
                repeats=alarm.repeats + 1,
                fault_type=diagnosis.fault_type,
                reasons=diagnosis.reasons,
            )
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
                reasons=diagnosis.reasons,
            )
        self._active = alarm
        return (AlarmEvent(Change.RAISED, at, alarm),)

    def _grow(self, at: float) -> tuple[AlarmEvent, ...]:
        """Count breaches into the active alarm; tell of a rise, a new sensor, or a z-score that doubled."""
        alarm = self._active
        if alarm is None:
            return ()
        counted = any(track.joined and not track.quiet for track in self._tracks.values())
        alarm = self._active = replace(alarm, repeats=alarm.repeats + 1) if counted else alarm
        joined = self._join()
        severity = self._earned()
        if severity.rank > alarm.severity.rank:
            alarm = replace(alarm, severity=severity, evidence=self._evidence(), changed_at=at)
            if alarm.state is AlarmState.ACKNOWLEDGED:
                alarm = replace(
                    alarm, state=AlarmState.UNACKNOWLEDGED, acknowledged_at=None, acknowledged_by="", note=""
                )
            change = Change.ESCALATED
        elif joined or any(t.joined and abs(t.worst.z) >= 2 * max(t.told, 1.0) for t in self._tracks.values()):
            alarm = replace(alarm, evidence=self._evidence(), changed_at=at)
            change = Change.UPDATED
        else:
            return ()
        self._active = alarm
        return (AlarmEvent(change, at, alarm),)

    def _clear(self, alarm: Alarm, at: float) -> AlarmEvent:
        state = AlarmState.NORMAL if alarm.state is AlarmState.ACKNOWLEDGED else AlarmState.RETURNED
        alarm = replace(alarm, state=state, changed_at=at, cleared_at=at)
        if state is AlarmState.RETURNED:
            self._waiting[alarm.alarm_id] = alarm
        else:
            self._remember(alarm)
        self._active = None
        self._tracks = {sensor: track for sensor, track in self._tracks.items() if not track.joined}
        return AlarmEvent(Change.CLEARED, at, alarm)

    def _join(self) -> bool:
        """Let sensors whose breach has lasted for the on-delay speak for the alarm; whether any is new."""
        new = [t for t in self._tracks.values() if not t.joined and t.runs[0] >= self.spec.on_delay]
        for track in new:
            track.joined = True
        return bool(new)

    def _earned(self) -> Severity:
        earned = (track.earned(self.spec.on_delay) for track in self._tracks.values() if track.joined)
        return max(earned, key=lambda severity: severity.rank)

    def _evidence(self) -> tuple[Evidence, ...]:
        """Return the evidence of the sensors that speak for the alarm, weightiest first, as now told."""
        joined = sorted((t for t in self._tracks.values() if t.joined), key=lambda t: t.worst.weight, reverse=True)
        for track in joined:
            track.told = abs(track.worst.z)
        return tuple(track.evidence() for track in joined)

    def _new_id(self, at: float) -> str:
        stamp = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%S")
        self._serial = self._serial + 1 if stamp == self._stamp else 1
        self._stamp = stamp
        suffix = f"-{self._serial}" if self._serial > 1 else ""
        return f"{self._device_id}@{stamp}{suffix}"

    def _remember(self, alarm: Alarm) -> None:
        self._past = (*self._past[1 - _PAST :], alarm)
