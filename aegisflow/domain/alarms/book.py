"""The alarms of one cause: from findings to alarms, and through their life.

::

                    on-delay                          off-delay
    findings ──────────────────> UNACKNOWLEDGED ─────────────────> RETURNED
                                   │        ^                          │
                       acknowledge │        │ its severity rises       │ acknowledge
                                   v        │                          v
                                 ACKNOWLEDGED ───────────────────> NORMAL
                                                      off-delay

All sensors that are out of the ordinary at the same time speak for one alarm; another fault beside it has a
book of its own (``domain/alarms/device_alarms.py``). A severity
is earned as the alarm is: by readings of one sensor that are at least so bad for the on-delay, or by
one beyond a trip limit. It never falls while the alarm is active. Whoever acknowledged a milder alarm
has not seen the worse one, so a rise asks for an acknowledgement again.

Delays are times (``domain/alarms/on_delay.py``): a reading stands for the interval of its sensor, so
that where readings come less often than the on-delay is long, the first one counts.

An alarm has the type that was diagnosed for the on-delay when it was raised. It takes another when
that has been diagnosed for five minutes and more strongly than its own ever was, so that what is left
when a fault goes does not rename it; one that was unclassified, or told of silence, takes a name
after the on-delay. How alarms are suppressed, and return to service: ``domain/alarms/lifecycle.py``.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from math import inf
from typing import Final

from aegisflow.domain.alarms.lifecycle import (
    LATE_S,
    acknowledged,
    cleared,
    escalated,
    explained,
    returned_to_service,
    retyped,
    suppressed,
    timed,
    unacknowledged,
)
from aegisflow.domain.alarms.model import Alarm, AlarmEvent, AlarmState, Change, Severity, Timeliness, command_alarm
from aegisflow.domain.alarms.on_delay import (
    OnDelayCounter,
    earned,
    evidence_of,
    join,
    lasting,
    recalled,
    weightiest_of,
)
from aegisflow.domain.alarms.register import AlarmIds, AlarmRegister
from aegisflow.domain.alarms.type_times import TypeTimes
from aegisflow.domain.callers import Caller
from aegisflow.domain.detection import (
    NEVER_HEARD,
    READINGS_REFUSED,
    SENSOR_SILENT,
    UNCLASSIFIED,
    Diagnosis,
)
from aegisflow.domain.detection.finding import SILENT
from aegisflow.domain.equipment import AlarmSpec, Delay
from aegisflow.domain.interval import Interval
from aegisflow.domain.lasting import AGREEING, Lasting
from aegisflow.errors import BadValueError

__all__ = ["AlarmBook", "Outcome"]

_RETYPE_S: Final = 300.0
"""How long another type must be diagnosed before an active alarm takes it, instead of the on-delay."""
_MAX_WAITING: Final = 20
"""With so many returned alarms unacknowledged, the newest is opened again instead of raising another."""
_SAYS_NOTHING = frozenset({SENSOR_SILENT, READINGS_REFUSED, NEVER_HEARD})
"""Types that tell of what is not known."""
_SAYS_LITTLE = _SAYS_NOTHING | {UNCLASSIFIED}
"""Types that any other may take the place of after the on-delay."""

Outcome = tuple[Alarm, tuple[AlarmEvent, ...]]
"""An alarm after something was done to it, and the changes that this made."""


class AlarmBook:
    """Decides when findings become an alarm, and leads each alarm through its life, one at a time."""

    __slots__ = (
        "_came_at",
        "_counters",
        "_interval",
        "_register",
        "_strength",
        "_types",
        "spec",
        "suppresses_by_design",
    )

    def __init__(self, device_id: str, spec: AlarmSpec, interval: Interval, ids: AlarmIds | None = None) -> None:
        """Begin without alarms; ``interval`` is that of the device's readings, which somebody else keeps."""
        self.spec = spec
        self._interval = interval
        self.suppresses_by_design = False
        """Whether the device is in a mode that causes alarms by design, so that people are not told of new ones."""
        self._came_at = -inf
        """When the reading came that is being observed, by our clock: later than its instant in a backlog."""
        self._register = AlarmRegister(ids or AlarmIds(device_id))
        self._counters: dict[str, OnDelayCounter] = {}
        """Sensor to its counter, for every sensor that speaks for the alarm or may come to."""
        self._types = TypeTimes()
        """The type as last diagnosed, and for how long."""
        self._strength = 0.0
        """Largest strength with which the active alarm's type was diagnosed."""

    def alarms(self) -> tuple[Alarm, ...]:
        """Return the alarms that are not history, suppressed ones included: most severe first, then newest first."""
        return self._register.alarms()

    @property
    def active_type(self) -> str:
        """Type of the active alarm; empty without one."""
        active = self._register.active
        return "" if active is None else active.fault_type

    def knows(self, alarm_id: str) -> bool:
        """Return whether this book has an alarm with this id, be it history of late."""
        return self._register.knows(alarm_id)

    @property
    def idle(self) -> bool:
        """Whether a reading without findings changes nothing."""
        return not self._counters and self._register.active is None

    @property
    def waits_for_time(self) -> bool:
        """Whether time by itself may change an alarm."""
        return self._register.active is not None or bool(self._register.suppressed)

    # --- what readings and time bring about -----------------------------------------------------

    def observe(
        self, at: float, diagnosis: Diagnosis | None, reported: Collection[str], came_at: float | None = None
    ) -> tuple[AlarmEvent, ...]:
        """Take in what is wrong in one reading and return what changed.

        Args:
            at: UTC epoch seconds of the reading.
            diagnosis: None for nothing; of several findings for one sensor the weightiest counts.
            reported: the sensors that the reading has; the others are neither in breach nor quiet.
            came_at: when it came, by the same clock; None for at once.
        """
        self._came_at = at if came_at is None else came_at
        events = self._observe(at, diagnosis, reported)
        if self._came_at - at <= LATE_S:
            events += self.settle(self._came_at)
        self._came_at = -inf
        return events

    def settle(self, at: float) -> tuple[AlarmEvent, ...]:
        """Take in that what is known is of now, or that no more is coming: an alarm that lasts is a live one.

        Args:
            at: UTC epoch seconds by our clock.
        """
        alarm = self._register.active
        if alarm is None or alarm.timeliness is not Timeliness.CATCHING_UP:
            return ()
        return self._keep(Change.UPDATED, at, replace(alarm, timeliness=Timeliness.LIVE, changed_at=at))

    def end_silence(self, at: float) -> tuple[AlarmEvent, ...]:
        """Take in that a device speaks again, with readings of before: its silence is over now, not then."""
        alarm = self._register.active
        if alarm is None or alarm.fault_type not in _SAYS_NOTHING:
            return ()
        return self._clear(alarm, at)

    def count(self, at: float, diagnosis: Diagnosis | None, reported: Collection[str]) -> None:
        """Count a reading for the delays, and change no alarm by it.

        Args:
            at: UTC epoch seconds of the reading.
            diagnosis: None for nothing; of several findings for one sensor the weightiest counts.
            reported: the sensors that the reading has; the others are neither in breach nor quiet.
        """
        weightiest = {} if diagnosis is None else weightiest_of(diagnosis.findings)
        counters, delay = self._counters, self._on_delay
        for sensor, finding in weightiest.items():
            if sensor not in counters:
                counters[sensor] = OnDelayCounter(finding, at)
            counters[sensor].breach(finding, at, delay)
        for sensor, counter in tuple(counters.items()):
            if sensor not in weightiest and sensor in reported:
                counter.rest(at, delay)
                if counter.idle and not counter.joined:
                    del counters[sensor]
        if diagnosis is not None or not counters or any(sensor in reported for sensor in counters):
            self._types.take(at, diagnosis, delay, reported)

    def _observe(self, at: float, diagnosis: Diagnosis | None, reported: Collection[str]) -> tuple[AlarmEvent, ...]:
        self.count(at, diagnosis, reported)
        active = self._register.active
        if active is None:
            return self._raise(at, diagnosis) if diagnosis is not None else ()
        if diagnosis is not None:
            return self._retype(at, diagnosis) + self._grow(at, diagnosis)
        off_delay = self.spec.off_delay(self._interval.usual_s)
        if reported and all(counter.rested(off_delay) for counter in self._counters.values() if counter.joined):
            return self._clear(active, at)
        return ()

    def silence(self, at: float, since: float, diagnosis: Diagnosis) -> tuple[AlarmEvent, ...]:
        """Take in that the device does not report: that has lasted, so there is no on-delay.

        An alarm that is active already is not renamed by it; it says so among its reasons.
        """
        alarm = self._register.active
        if alarm is None:
            for finding in diagnosis.findings:
                self._counters[finding.sensor] = lasting(finding, since)
            for_ever = Lasting(-inf, AGREEING)
            for_ever.last_at = since
            self._types.begin(diagnosis.fault_type, for_ever)
            return self._raise(at, diagnosis)
        if alarm.fault_type == diagnosis.fault_type or set(diagnosis.reasons) <= set(alarm.reasons):
            return ()
        alarm = replace(alarm, reasons=(*alarm.reasons, *diagnosis.reasons), changed_at=at)
        return self._keep(Change.UPDATED, at, alarm)

    def raise_unheard(self, fault_type: str, reasons: tuple[str, ...], at: float) -> tuple[AlarmEvent, ...]:
        """Raise an alarm about a device of which no value can be used, and so none is evidence.

        It ends with the first reading that has one. An active alarm is not renamed by it, but says so.
        """
        register = self._register
        alarm = register.active
        if alarm is not None:
            if alarm.fault_type == fault_type or set(reasons) & set(alarm.reasons):
                return ()
            return self._keep(Change.UPDATED, at, replace(alarm, reasons=(*alarm.reasons, *reasons), changed_at=at))
        alarm = Alarm(
            register.new_id(at),
            register.device_id,
            fault_type,
            fault_type,
            Severity.MEDIUM,
            AlarmState.UNACKNOWLEDGED,
            SILENT,
            (),
            raised_at=at,
            changed_at=at,
            reasons=reasons,
        )
        if self.suppresses_by_design:
            alarm = replace(alarm, state=AlarmState.SUPPRESSED_BY_DESIGN)
            return self._keep(Change.SUPPRESSED_BY_DESIGN, at, alarm)
        return self._keep(Change.RAISED, at, alarm)

    def raise_for_command(
        self, fault_type: str, reasons: tuple[str, ...], at: float, severity: Severity = Severity.HIGH
    ) -> tuple[AlarmEvent, ...]:
        """Raise an alarm that a person must look into and that no reading ends: a command without its effect."""
        register = self._register
        return self._keep(
            Change.RAISED, at, command_alarm(register.new_id(at), register.device_id, fault_type, reasons, at, severity)
        )

    def tick(self, at: float, suppresses_by_design: bool) -> tuple[AlarmEvent, ...]:
        """Return alarms to service whose shelf has ended, or which the device's mode no longer suppresses.

        Args:
            at: UTC epoch seconds by the plant's clock.
            suppresses_by_design: whether the device's mode does so now.
        """
        self.suppresses_by_design = suppresses_by_design
        if not self.waits_for_time:
            return ()
        events: tuple[AlarmEvent, ...] = ()
        for alarm in self._register.alarms():
            if alarm.shelved_until is not None and alarm.shelved_until <= at:
                events += self._keep(Change.UNSHELVED, at, returned_to_service(alarm, at))
            elif alarm.state is AlarmState.SUPPRESSED_BY_DESIGN and not suppresses_by_design:
                events += self._keep(Change.UNSUPPRESSED, at, returned_to_service(alarm, at))
        return events

    def add_reason(self, sensors: Collection[str], reason: str, at: float) -> tuple[AlarmEvent, ...]:
        """Say of the active alarm, if one of these sensors speaks for it, what was found out about it."""
        alarm = self._register.active
        if alarm is None or not set(alarm.sensors) & set(sensors):
            return ()
        return self._keep(Change.UPDATED, at, replace(alarm, reasons=(*alarm.reasons, reason), changed_at=at))

    def interrupt(self) -> None:
        """End the runs of breaches that are not an alarm yet: what comes next does not continue them."""
        self._counters = {sensor: counter for sensor, counter in self._counters.items() if counter.joined}
        self._types.begin("", Lasting())

    def drop(self, sensors: Sequence[str], at: float) -> tuple[AlarmEvent, ...]:
        """Forget sensors that the device no longer has; an alarm for which none is left is cleared."""
        dropped = [counter for sensor in sensors if (counter := self._counters.pop(sensor, None)) is not None]
        alarm = self._register.active
        if alarm is None or not any(counter.joined for counter in dropped):
            return ()
        if not any(counter.joined for counter in self._counters.values()):
            return self._clear(alarm, at)
        return self._keep(Change.UPDATED, at, replace(alarm, evidence=evidence_of(self._counters), changed_at=at))

    def recall(self, alarms: Iterable[Alarm]) -> tuple[AlarmEvent, ...]:
        """Take over stored alarms; the off-delay of one that lasts begins anew.

        A device has one alarm whose cause lasts: should the store know of several, all but the newest
        are cleared, and that is returned.
        """
        events: tuple[AlarmEvent, ...] = ()
        for alarm in sorted(alarms, key=lambda alarm: alarm.raised_at):
            if alarm.lasts:
                older = self._register.active
                if older is not None:
                    # When its cause went nobody knows; that it had not is known of its last change.
                    events += self._clear(older, older.changed_at)
                self._counters = {item.sensor: recalled(item, alarm.severity) for item in alarm.evidence}
            self._register.place(alarm)
        return events

    # --- what people do -------------------------------------------------------------------------

    def acknowledge(self, alarm_id: str, by: Caller, note: str, at: float) -> Outcome:
        """Record that somebody has taken note of an alarm; a second time changes nothing.

        Nor does it change an alarm that is suppressed, since nobody is asked to take note of one.

        Raises:
            UnknownNameError: the device has no such alarm.
        """
        alarm = self._register.find(alarm_id)
        if alarm.state in (AlarmState.ACKNOWLEDGED, AlarmState.NORMAL) or alarm.state.is_suppressed:
            return alarm, ()
        return self._done(Change.ACKNOWLEDGED, at, acknowledged(alarm, by, note, at), by)

    def shelve(self, alarm_id: str, by: Caller, until: float, reason: str, at: float) -> Outcome:
        """Shelve an open alarm until ``until`` (UTC epoch seconds); a shelved one gets another end.

        Raises:
            UnknownNameError: the device has no such alarm.
            BadValueError: the alarm is history, or out of service.
        """
        alarm = self._register.find_open(alarm_id)
        if alarm.state is AlarmState.OUT_OF_SERVICE:
            raise BadValueError("alarm_id", alarm_id, "an alarm that is in service")
        return self._done(Change.SHELVED, at, suppressed(alarm, AlarmState.SHELVED, by, reason, at, until), by)

    def take_out_of_service(self, alarm_id: str, by: Caller, reason: str, at: float) -> Outcome:
        """Take an open alarm out of service until somebody returns it.

        Raises:
            UnknownNameError: the device has no such alarm.
            BadValueError: the alarm is history.
        """
        alarm = self._register.find_open(alarm_id)
        return self._done(Change.OUT_OF_SERVICE, at, suppressed(alarm, AlarmState.OUT_OF_SERVICE, by, reason, at), by)

    def return_to_service(self, alarm_id: str, state: AlarmState, by: Caller, at: float) -> Outcome:
        """Return a shelved alarm before its shelf ends, or one that was taken out of service.

        Args:
            alarm_id: the alarm.
            state: ``SHELVED`` or ``OUT_OF_SERVICE``, whichever the caller means to end.
            by: the caller.
            at: UTC epoch seconds.

        Raises:
            UnknownNameError: the device has no such alarm.
            BadValueError: the alarm is not in that state.
        """
        alarm = self._register.find(alarm_id)
        if alarm.state is not state:
            raise BadValueError("alarm_id", alarm_id, f"an alarm that is {state}; this one is {alarm.state}")
        change = Change.UNSHELVED if state is AlarmState.SHELVED else Change.IN_SERVICE
        return self._done(change, at, returned_to_service(alarm, at), by)

    # --- inside ---------------------------------------------------------------------------------

    @property
    def _on_delay(self) -> Delay:
        return self.spec.on_delay(self._interval.usual_s)

    def _retype(self, at: float, diagnosis: Diagnosis) -> tuple[AlarmEvent, ...]:
        """Give the active alarm another type once that has lasted."""
        alarm = self._register.active
        if alarm is None or diagnosis.fault_type == UNCLASSIFIED:
            return ()
        if diagnosis.fault_type == alarm.fault_type:
            self._strength = max(self._strength, diagnosis.strength)
            return ()
        if alarm.fault_type not in _SAYS_LITTLE and diagnosis.strength < self._strength:
            self._types.lasting = Lasting()
        delay = self._on_delay
        if alarm.fault_type not in _SAYS_LITTLE:
            delay = delay._replace(seconds=max(delay.seconds, _RETYPE_S))
        if not self._types.lasting.lasted(_slowest(delay, diagnosis)):
            return ()
        self._strength = diagnosis.strength
        return self._keep(Change.RETYPED, at, retyped(alarm, diagnosis.fault_type, diagnosis.reasons, at))

    def _raise(self, at: float, diagnosis: Diagnosis) -> tuple[AlarmEvent, ...]:
        """Raise an alarm if a sensor has been in breach, and the type the same, for the on-delay."""
        delay, tripped = self._on_delay, any(finding.tripped for finding in diagnosis.findings)
        if not (tripped or self._types.lasting.lasted(_slowest(delay, diagnosis))) or not join(self._counters, delay):
            return ()
        evidence, severity = evidence_of(self._counters), earned(self._counters, delay)
        self._strength = diagnosis.strength
        for alarm in self._register.suppressed.values():
            # A suppressed alarm whose cause comes and goes stays suppressed; a worse one is a new alarm.
            if alarm.fault_type == diagnosis.fault_type and severity.rank <= alarm.severity.rank:
                repeats = alarm.repeats + 1
                alarm = replace(alarm, evidence=evidence, changed_at=at, cleared_at=None, repeats=repeats)
                alarm = explained(alarm, diagnosis.reasons, at)
                return self._keep(Change.UPDATED, at, alarm)
        if len(self._register.waiting) >= _MAX_WAITING:
            alarm = unacknowledged(next(reversed(self._register.waiting.values())))
            repeats = alarm.repeats + 1
            alarm = replace(alarm, cleared_at=None, repeats=repeats, fault_type=diagnosis.fault_type)
        else:
            alarm = Alarm(
                self._register.new_id(at),
                self._register.device_id,
                diagnosis.fault_type,
                diagnosis.fault_type,
                severity,
                AlarmState.UNACKNOWLEDGED,
                evidence[0].detector,
                evidence,
                raised_at=at,
                changed_at=at,
            )
        alarm = replace(alarm, severity=severity, evidence=evidence, changed_at=at, reasons=())
        alarm = explained(alarm, diagnosis.reasons, at)
        if self.suppresses_by_design:
            alarm = replace(alarm, state=AlarmState.SUPPRESSED_BY_DESIGN)
            return self._keep(Change.SUPPRESSED_BY_DESIGN, at, alarm)
        return self._keep(Change.RAISED, at, alarm)

    def _grow(self, at: float, diagnosis: Diagnosis) -> tuple[AlarmEvent, ...]:
        """Count breaches into the active alarm; tell of a rise, a new sensor, or a z-score that doubled."""
        alarm = self._register.active
        if alarm is None:
            return ()
        if any(counter.joined and not counter.quiet.count for counter in self._counters.values()):
            # Without an event: each reading of a fault would be a row in the store. The next change tells it.
            alarm = self._register.active = replace(alarm, repeats=alarm.repeats + 1)
        delay = self._on_delay
        joined, severity = join(self._counters, delay), earned(self._counters, delay)
        # While another type is diagnosed, and has not lasted, the reasons for its own one stay.
        reasons = diagnosis.reasons if diagnosis.fault_type == alarm.fault_type else alarm.reasons
        if severity.rank > alarm.severity.rank:
            grown = escalated(alarm, severity, evidence_of(self._counters), at)
            return self._keep(Change.ESCALATED, at, explained(grown, reasons, at))
        # A z that doubles and is below 2 still says nothing.
        doubled = (c for c in self._counters.values() if c.joined and abs(c.worst.z) >= 2 * max(c.told, 1.0))
        if joined or any(doubled):
            grown = replace(alarm, evidence=evidence_of(self._counters), changed_at=at)
            return self._keep(Change.UPDATED, at, explained(grown, reasons, at))
        return ()

    def _clear(self, alarm: Alarm, at: float) -> tuple[AlarmEvent, ...]:
        self._counters = {sensor: counter for sensor, counter in self._counters.items() if not counter.joined}
        return self._keep(Change.CLEARED, at, cleared(alarm, at))

    def _keep(self, change: Change, at: float, alarm: Alarm) -> tuple[AlarmEvent, ...]:
        """Keep what the device itself did to an alarm."""
        alarm = timed(change, alarm, at, max(at, self._came_at))
        self._register.place(alarm)
        return (AlarmEvent(change, at, alarm),)

    def _done(self, change: Change, at: float, alarm: Alarm, by: Caller) -> Outcome:
        """Keep what somebody did to an alarm."""
        self._register.place(alarm)
        return alarm, (AlarmEvent(change, at, alarm, by.name),)


def _slowest(delay: Delay, diagnosis: Diagnosis) -> Delay:
    """Return the delay of a diagnosis, which may rest on a sensor that reports less often than its device."""
    return delay._replace(interval_s=max(delay.interval_s, *(finding.interval_s for finding in diagnosis.findings)))
