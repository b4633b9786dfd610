"""Where the alarms of one device are kept, and what they are called."""

from datetime import UTC, datetime
from typing import Final

from aegisflow.domain.alarms.model import Alarm, AlarmState
from aegisflow.errors import BadValueError, UnknownNameError

__all__ = ["AlarmIds", "AlarmRegister"]

_MAX_PAST: Final = 8
"""Finished alarms that are kept, so that acknowledging one a second time still finds it."""


class AlarmIds:
    """Makes the ids of a device's alarms: device and time, with ``-2`` appended on a clash."""

    __slots__ = ("_serial", "_stamp", "device_id")

    def __init__(self, device_id: str) -> None:
        self.device_id = device_id
        self._stamp = ""
        self._serial = 0

    def next(self, at: float) -> str:
        """Return an id for an alarm raised at ``at`` (UTC epoch seconds)."""
        stamp = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%S")
        self._serial = self._serial + 1 if stamp == self._stamp else 1
        self._stamp = stamp
        suffix = f"-{self._serial}" if self._serial > 1 else ""
        return f"{self.device_id}@{stamp}{suffix}"


class AlarmRegister:
    """Keeps each alarm of one cause where its state says that it belongs."""

    __slots__ = ("_ids", "_past", "active", "device_id", "suppressed", "waiting")

    def __init__(self, ids: AlarmIds) -> None:
        self.device_id = ids.device_id
        self.active: Alarm | None = None
        """The alarm whose cause lasts, suppressed or not; there is one at most."""
        self.waiting: dict[str, Alarm] = {}
        """Alarms that returned to normal and wait to be acknowledged, oldest first."""
        self.suppressed: dict[str, Alarm] = {}
        """Shelved alarms and alarms out of service whose cause is gone for now."""
        self._past: tuple[Alarm, ...] = ()
        self._ids = ids

    def alarms(self) -> tuple[Alarm, ...]:
        """Return the alarms that are not history, suppressed ones included: most severe first, then newest first."""
        alarms = [*self.waiting.values(), *self.suppressed.values()]
        if self.active is not None:
            alarms.append(self.active)
        return tuple(sorted(alarms, key=lambda alarm: (-alarm.severity.rank, -alarm.raised_at)))

    def find(self, alarm_id: str) -> Alarm:
        """Return the alarm with this id; the last few of those that are history are found, too.

        Raises:
            UnknownNameError: the device has no such alarm; the error names those it has.
        """
        for alarm in (*self.alarms(), *self._past):
            if alarm.alarm_id == alarm_id:
                return alarm
        raise UnknownNameError("alarm", alarm_id, [alarm.alarm_id for alarm in self.alarms()])

    def knows(self, alarm_id: str) -> bool:
        """Return whether there is an alarm with this id; the last few of those that are history count, too."""
        return any(alarm.alarm_id == alarm_id for alarm in (*self.alarms(), *self._past))

    def find_open(self, alarm_id: str) -> Alarm:
        """Return the alarm with this id, which must not be history.

        Raises:
            UnknownNameError: the device has no such alarm; the error names those it has.
            BadValueError: the alarm is history.
        """
        alarm = self.find(alarm_id)
        if alarm.state is AlarmState.NORMAL:
            raise BadValueError("alarm_id", alarm_id, "an alarm that is open; this one is history")
        return alarm

    def place(self, alarm: Alarm) -> None:
        """Put an alarm where it belongs now, in place of what was known of it before."""
        self.waiting.pop(alarm.alarm_id, None)
        self.suppressed.pop(alarm.alarm_id, None)
        if self.active is not None and self.active.alarm_id == alarm.alarm_id:
            self.active = None
        # First, for an alarm whose cause lasts is the active one, whether it is suppressed or not.
        if alarm.lasts:
            self.active = alarm
        elif alarm.state.is_suppressed:
            self.suppressed[alarm.alarm_id] = alarm
        elif alarm.state is AlarmState.RETURNED:
            self.waiting[alarm.alarm_id] = alarm
        else:
            self._past = (*self._past[1 - _MAX_PAST :], alarm)

    def new_id(self, at: float) -> str:
        """Return an id for an alarm raised at ``at`` (UTC epoch seconds)."""
        return self._ids.next(at)
