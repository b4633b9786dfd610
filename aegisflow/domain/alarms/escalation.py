"""Who is notified of an alarm, and who is next when nobody acknowledges it.

The first level is notified when an alarm is raised. If it is high or critical and nobody has acknowledged
it within the time that the level has to answer, the next level is notified; the last level is notified
again and again. Acknowledging or suppressing the alarm ends this, and a worse severity starts over.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from aegisflow.domain.alarms.model import Alarm, AlarmEvent, AlarmState, Severity
from aegisflow.domain.times import format_instant

__all__ = ["DEFAULT_ESCALATION", "EscalationBook", "EscalationRule", "EscalationSpec", "Notification"]

_ESCALATES = (Severity.HIGH, Severity.CRITICAL)
_WAITS = (AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED)


@dataclass(frozen=True, slots=True)
class EscalationRule:
    """Who is notified of alarms of one severity, first to last, and how many seconds each level has to answer."""

    answer_within_s: float
    levels: tuple[str, ...]


DEFAULT_ESCALATION: Mapping[Severity, EscalationRule] = {
    Severity.LOW: EscalationRule(4 * 3600.0, ("maintenance log",)),
    Severity.MEDIUM: EscalationRule(3600.0, ("shift supervisor", "maintenance team")),
    Severity.HIGH: EscalationRule(900.0, ("plant manager", "maintenance supervisor")),
    Severity.CRITICAL: EscalationRule(300.0, ("plant manager and safety officer", "department manager")),
}


@dataclass(frozen=True, slots=True)
class EscalationSpec:
    """The escalation rules of a plant, one for each severity."""

    rules: Mapping[Severity, EscalationRule] = field(default_factory=lambda: dict(DEFAULT_ESCALATION))

    def first(self, severity: Severity) -> str:
        """Return who is notified first of an alarm with this severity."""
        return self.rules[severity].levels[0]


@dataclass(frozen=True, slots=True)
class Notification:
    """A message for the people of one level."""

    to: str
    device_id: str
    subject: str
    """Id of the alarm or of the command that it is about."""
    severity: Severity
    text: str
    at: float
    answer_until: float
    level: int
    """Place in the escalation; 0 is the first level."""
    cause: str = ""
    """Fault type of the alarm; empty for what is no alarm."""

    @property
    def is_alarm(self) -> bool:
        """Whether it is about an alarm, which goes before everything else."""
        return bool(self.cause)


@dataclass(frozen=True, slots=True)
class _Open:
    """An alarm that waits for somebody to acknowledge it."""

    alarm: Alarm
    level: int
    due_at: float
    """When the next level is notified; UTC epoch seconds."""


class EscalationBook:
    """Knows every alarm that nobody has acknowledged, and which level's turn it is."""

    def __init__(self, spec: EscalationSpec) -> None:
        self._spec = spec
        self._open: dict[str, _Open] = {}

    def observe(self, event: AlarmEvent) -> tuple[Notification, ...]:
        """Take in what happened to an alarm and return whom to notify now."""
        alarm = event.alarm
        known = self._open.get(alarm.alarm_id)
        if alarm.state not in _WAITS:
            self._open.pop(alarm.alarm_id, None)
            return ()
        if known is not None and alarm.severity.rank <= known.alarm.severity.rank:
            self._open[alarm.alarm_id] = replace(known, alarm=alarm)
            return ()
        return (self._tell(alarm, 0, event.at),)

    def recall(self, alarms: Iterable[Alarm], at: float) -> tuple[Notification, ...]:
        """Go on after a restart, and return whom to notify of each open alarm: the level whose turn it is by now.

        The time to answer is counted from when the alarm was raised, so a restart gives nobody more of it.

        Args:
            alarms: the alarms that are open in the store.
            at: UTC epoch seconds of the restart.
        """
        told = []
        for alarm in alarms:
            if alarm.state in _WAITS and alarm.alarm_id not in self._open:
                rule, escalates = self._spec.rules[alarm.severity], alarm.severity in _ESCALATES
                turns = max(0, int((at - alarm.raised_at) // rule.answer_within_s)) if escalates else 0
                level = min(turns, len(rule.levels) - 1)
                told.append(self._tell(alarm, level, at, alarm.raised_at + (turns + 1) * rule.answer_within_s))
        return tuple(told)

    def tick(self, at: float) -> tuple[Notification, ...]:
        """Let time pass to ``at`` (UTC epoch seconds) and return whom to notify because nobody answered."""
        late = [one for one in self._open.values() if at >= one.due_at and one.alarm.severity in _ESCALATES]
        return tuple(self._tell(one.alarm, min(one.level + 1, self._last(one.alarm.severity)), at) for one in late)

    def call(self, device_id: str, subject: str, severity: Severity, text: str, at: float) -> tuple[Notification, ...]:
        """Notify every level at once, because an order contradicts a block or a machine must be looked at.

        Alarms of the device that still wait go to their next level at once, too.
        """
        rule = self._spec.rules[severity]
        until = at + rule.answer_within_s
        told = [
            Notification(level, device_id, subject, severity, text[:1_000], at, until, number)
            for number, level in enumerate(rule.levels)
        ]
        for one in [one for one in self._open.values() if one.alarm.device_id == device_id]:
            last = self._last(one.alarm.severity)
            if one.level < last and one.alarm.severity in _ESCALATES:
                told.append(self._tell(one.alarm, one.level + 1, at))
        return tuple(told)

    def _last(self, severity: Severity) -> int:
        return len(self._spec.rules[severity].levels) - 1

    def _tell(self, alarm: Alarm, level: int, at: float, until: float | None = None) -> Notification:
        rule = self._spec.rules[alarm.severity]
        until = at + rule.answer_within_s if until is None else until
        self._open[alarm.alarm_id] = _Open(alarm, level, until)
        sensors = ", ".join(f"{item.sensor} {item.value:.4g} (was {item.baseline:.4g})" for item in alarm.evidence[:3])
        what = f"{alarm.fault_type.replace('_', ' ')} on {alarm.device_id}{f': {sensors}' if sensors else ''}"
        late = f"; nobody has acknowledged it since {format_instant(alarm.raised_at)}" if level else ""
        return Notification(
            rule.levels[level],
            alarm.device_id,
            alarm.alarm_id,
            alarm.severity,
            what + late,
            at,
            until,
            level,
            alarm.fault_type,
        )
