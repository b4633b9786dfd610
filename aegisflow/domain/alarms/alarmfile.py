"""The alarms of one device that are not history, and what people do to them."""

from datetime import UTC, datetime

from aegisflow.domain.alarms.lifecycle import acknowledged, back, set_aside
from aegisflow.domain.alarms.model import Alarm, AlarmEvent, AlarmState, Change
from aegisflow.domain.callers import Caller
from aegisflow.errors import BadValueError, UnknownNameError

_PAST = 8
"""Finished alarms kept, so that acknowledging one twice finds it."""

Outcome = tuple[Alarm, tuple[AlarmEvent, ...]]
"""The alarm after it, and what changed."""


class AlarmFile:
    """Keeps each alarm where it belongs: the one whose cause lasts, those that wait, those set aside, the last few."""

    __slots__ = ("_active", "_aside", "_device_id", "_past", "_serial", "_stamp", "_waiting", "suppressed")

    def __init__(self, device_id: str) -> None:
        self._device_id = device_id
        self._active: Alarm | None = None
        """Its cause lasts, set aside or not."""
        self._waiting: dict[str, Alarm] = {}
        """Returned and unacknowledged, oldest first."""
        self._aside: dict[str, Alarm] = {}
        """Set aside, and their cause is gone for now."""
        self._past: tuple[Alarm, ...] = ()
        self.suppressed = False
        """Whether the device is in a mode that suppresses new alarms by design."""
        self._stamp = ""
        self._serial = 0

    def alarms(self) -> tuple[Alarm, ...]:
        """Return all that are not history, set aside or not, most severe first, then newest."""
        alarms = [*self._waiting.values(), *self._aside.values()]
        if self._active is not None:
            alarms.append(self._active)
        return tuple(sorted(alarms, key=lambda alarm: (-alarm.severity.rank, -alarm.raised_at)))

    def acknowledge(self, alarm_id: str, by: Caller, note: str, at: float) -> Outcome:
        """Record that somebody has taken note and return the alarm after it; a second time changes nothing.

        Nor does it change what is set aside: nobody is asked to take note of that.

        Raises:
            UnknownNameError: the device has no such alarm.
        """
        alarm = self._find(alarm_id)
        if alarm.state in (AlarmState.ACKNOWLEDGED, AlarmState.NORMAL) or alarm.state.is_set_aside:
            return alarm, ()
        return self._keep(Change.ACKNOWLEDGED, at, acknowledged(alarm, by, note, at), by.name)

    def shelve(self, alarm_id: str, by: Caller, until: float, reason: str, at: float) -> Outcome:
        """Set an open alarm aside for a time; once more: for another time.

        Raises:
            UnknownNameError: the device has no such alarm.
            BadValueError: it is history, or out of service.
        """
        alarm = self._open(alarm_id)
        if alarm.state is AlarmState.OUT_OF_SERVICE:
            raise BadValueError("alarm_id", alarm_id, "an alarm that is in service")
        return self._keep(Change.SHELVED, at, set_aside(alarm, AlarmState.SHELVED, by, reason, at, until), by.name)

    def take_out_of_service(self, alarm_id: str, by: Caller, reason: str, at: float) -> Outcome:
        """Set an open alarm aside until it is returned to service.

        Raises:
            UnknownNameError: the device has no such alarm.
            BadValueError: it is history.
        """
        alarm = set_aside(self._open(alarm_id), AlarmState.OUT_OF_SERVICE, by, reason, at)
        return self._keep(Change.OUT_OF_SERVICE, at, alarm, by.name)

    def bring_back(self, alarm_id: str, state: AlarmState, by: Caller, at: float) -> Outcome:
        """End what ``shelve`` or ``take_out_of_service`` began.

        Raises:
            UnknownNameError: the device has no such alarm.
            BadValueError: it is not in that state.
        """
        alarm = self._find(alarm_id)
        if alarm.state is not state:
            raise BadValueError("alarm_id", alarm_id, f"an alarm that is {state}; this one is {alarm.state}")
        change = Change.UNSHELVED if state is AlarmState.SHELVED else Change.IN_SERVICE
        return self._keep(change, at, back(alarm, at), by.name)

    def tick(self, at: float, suppressed: bool) -> tuple[AlarmEvent, ...]:
        """Bring back what was shelved until now, and what the device's mode suppresses no longer."""
        self.suppressed = suppressed
        if self._active is None and not self._aside:
            return ()
        events: list[AlarmEvent] = []
        for alarm in self.alarms():
            if alarm.shelved_until is not None and alarm.shelved_until <= at:
                events += self._keep(Change.UNSHELVED, at, back(alarm, at))[1]
            elif alarm.state is AlarmState.SUPPRESSED and not suppressed:
                events += self._keep(Change.UNSUPPRESSED, at, back(alarm, at))[1]
        return tuple(events)

    def _find(self, alarm_id: str) -> Alarm:
        for alarm in (*self.alarms(), *self._past):
            if alarm.alarm_id == alarm_id:
                return alarm
        raise UnknownNameError("alarm", alarm_id, [alarm.alarm_id for alarm in self.alarms()])

    def _open(self, alarm_id: str) -> Alarm:
        alarm = self._find(alarm_id)
        if alarm.state is AlarmState.NORMAL:
            raise BadValueError("alarm_id", alarm_id, "an alarm that is open; this one is history")
        return alarm

    def _keep(self, change: Change, at: float, alarm: Alarm, by: str = "") -> Outcome:
        self._place(alarm)
        return alarm, (AlarmEvent(change, at, alarm, by),)

    def _place(self, alarm: Alarm) -> None:
        """Put an alarm where it belongs now."""
        self._waiting.pop(alarm.alarm_id, None)
        self._aside.pop(alarm.alarm_id, None)
        if alarm.lasts:
            self._active = alarm
        elif alarm.state.is_set_aside:
            self._aside[alarm.alarm_id] = alarm
        elif alarm.state is AlarmState.RETURNED:
            self._waiting[alarm.alarm_id] = alarm
        else:
            self._past = (*self._past[1 - _PAST :], alarm)

    def _new_id(self, at: float) -> str:
        stamp = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%S")
        self._serial = self._serial + 1 if stamp == self._stamp else 1
        self._stamp = stamp
        suffix = f"-{self._serial}" if self._serial > 1 else ""
        return f"{self._device_id}@{stamp}{suffix}"
