"""What people do to the alarms of one machine, and who may."""

from aegisflow.domain.alarms.book import AlarmBook
from aegisflow.domain.alarms.lifecycle import check_reason, check_shelf
from aegisflow.domain.alarms.model import Alarm, AlarmEvent, AlarmState, Severity
from aegisflow.domain.callers import Caller, CallerKind, require_operator
from aegisflow.domain.equipment import DeviceSpec


class AlarmedDevice:
    """The part of a device that people take note of; its readings are the business of ``Device``."""

    __slots__ = ("_book", "spec")

    def __init__(self, spec: DeviceSpec) -> None:
        self.spec = spec
        self._book = AlarmBook(spec.device_id, spec.alarm)

    def alarms(self) -> tuple[Alarm, ...]:
        """Return the alarms that are not history, those set aside included, most severe first."""
        return self._book.alarms()

    def set_aside(
        self, alarm_id: str, by: Caller, reason: str, at: float, shelf_s: float | None
    ) -> tuple[Alarm, tuple[AlarmEvent, ...]]:
        """Shelve an open alarm for so long, or (None) take it out of service; return it and what changed.

        Raises:
            NotAllowedError: the caller is no operator.
            UnknownNameError: the device has no such alarm; names those it has.
            BadValueError: a shelf too short or too long, no reason, or an alarm that is history.
        """
        if shelf_s is None:
            _require_operator(by, "take alarms out of service")
            check_reason(reason)
            return self._book.take_out_of_service(alarm_id, by, reason, at)
        _require_operator(by, "shelve alarms")
        check_shelf(shelf_s, reason)
        return self._book.shelve(alarm_id, by, at + shelf_s, reason, at)

    def bring_back(
        self, alarm_id: str, state: AlarmState, by: Caller, at: float
    ) -> tuple[Alarm, tuple[AlarmEvent, ...]]:
        """End what ``set_aside`` began, shelved or out of service: unacknowledged again while the cause lasts.

        Raises:
            NotAllowedError: the caller is no operator.
            UnknownNameError: the device has no such alarm; names those it has.
            BadValueError: the alarm is not in that state.
        """
        _require_operator(by, "bring alarms back")
        return self._book.bring_back(alarm_id, state, by, at)

    def acknowledge(self, alarm_id: str, by: Caller, note: str, at: float) -> tuple[Alarm, tuple[AlarmEvent, ...]]:
        """Record that somebody has taken note of an alarm; it stays active while its cause lasts.

        Returns the alarm after it, and what changed: nothing when it was acknowledged before.

        Raises:
            UnknownNameError: the device has no such alarm; names those it has.
            NotAllowedError: an agent, and the alarm is high or critical: people must take note of it; or a caller
                that is neither operator nor agent.
        """
        if by.kind is not CallerKind.AGENT:
            require_operator(by, f"acknowledge {alarm_id}", "only operators and agents may")
        for alarm in self.alarms():
            if alarm.alarm_id == alarm_id and alarm.severity.rank >= Severity.HIGH.rank:
                why = f"it is {alarm.severity}, and an operator must take note of it"
                require_operator(by, f"acknowledge {alarm_id}", why)
        return self._book.acknowledge(alarm_id, by, note, at)


def _require_operator(by: Caller, what: str) -> None:
    require_operator(by, what, f"only operators may, and this is an {by.kind}")
