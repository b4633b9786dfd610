"""Who is notified of an alarm, and who is next when nobody acknowledges it.

The first level is notified when an alarm is raised. If it is high or critical and nobody has acknowledged
it within the time that the level has to answer, the next level is notified; the last level is notified
again and again. Acknowledging or suppressing the alarm ends this, and a worse severity starts over.

The time to answer runs from when people were notified, never from what a sender's clock says, and through
whatever is done to our own: ``steady`` is a clock that only passes, ``at`` is the plant's, in which people are
told. An alarm out of a backlog waits for what the rest of the backlog says:

::

    raised as it happens ───────────────────────────────► first level, next level, ...
    raised in a backlog ──┬─ caught up, and it lasts ───► first level, next level, ...: from now
                          ├─ it was over before that ───► first level, once: it is history
                          └─ neither for a minute ──────► first level; the next no sooner than half an hour later
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import inf

from aegisflow.domain.alarms.model import Alarm, AlarmEvent, Severity, Timeliness
from aegisflow.domain.times import format_instant

__all__ = [
    "DEFAULT_ESCALATION",
    "Escalated",
    "EscalationBook",
    "EscalationRule",
    "EscalationSpec",
    "Notification",
    "ToldLevel",
]

_ESCALATES = (Severity.HIGH, Severity.CRITICAL)
HOLD_S = 60.0
"""So long a backlog may still show that an alarm in it is over, before anybody is notified of it."""
MAX_CATCH_UP_S = 1800.0
"""A backlog that takes longer to come than this keeps the next level from nothing any more."""
EXPLAINED = "diagnosis of "
"""How the page of a notification begins that says more about an alarm of which people know."""
_NOBODY = -1
"""Level of an alarm of which nobody has been notified."""


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
    page: str = ""
    """What several notifications of no alarm have in common, so that people are told once; empty for nothing."""

    @property
    def is_alarm(self) -> bool:
        """Whether it is about an alarm, which goes before everything else."""
        return bool(self.cause)


@dataclass(frozen=True, slots=True)
class _Open:
    """An alarm that waits for somebody to acknowledge it."""

    alarm: Alarm
    level: int
    """Who was notified last; ``_NOBODY`` while that waits for the rest of a backlog."""
    due_at: float
    """When the next level is notified, by the steady clock."""


@dataclass(frozen=True, slots=True)
class ToldLevel:
    """Whom people's places were told of an alarm for, and when."""

    to: str
    at: float
    """UTC epoch seconds by the plant's clock."""
    waiting: tuple[str, ...] = ()
    """Places that have not taken it yet."""


@dataclass(frozen=True, slots=True)
class Escalated:
    """How far an alarm that nobody has acknowledged has come."""

    told: tuple[ToldLevel, ...] = ()
    """First to last."""
    next_to: str = ""
    """Who is told next; empty for nobody."""
    next_at: float | None = None
    """When, UTC epoch seconds by the plant's clock."""


class EscalationBook:
    """Knows every alarm that nobody has acknowledged, and which level's turn it is.

    Each method takes ``at``, UTC epoch seconds by the plant's clock, in which people are told, and ``steady``,
    seconds of a clock that nobody sets.
    """

    def __init__(self, spec: EscalationSpec) -> None:
        self._spec = spec
        self._open: dict[str, _Open] = {}

    def observe(self, event: AlarmEvent, at: float, steady: float) -> tuple[Notification, ...]:
        """Take in what happened to an alarm and return whom to notify now."""
        alarm = event.alarm
        known = self._open.get(alarm.alarm_id)
        if not alarm.state.needs_acknowledgement:
            self._open.pop(alarm.alarm_id, None)
            return ()
        if known is None or alarm.severity.rank > known.alarm.severity.rank:
            held = known.due_at if known is not None and known.level == _NOBODY else steady + HOLD_S
            return self._begin(alarm, at, steady, held)
        self._open[alarm.alarm_id] = replace(known, alarm=alarm)
        if alarm.timeliness is known.alarm.timeliness:
            return ()
        if known.level == _NOBODY:  # the backlog has said how it went on
            return self._begin(alarm, at, steady, known.due_at)
        due_at = inf if alarm.timeliness is Timeliness.HISTORY else steady + self._answer_within_s(alarm)
        self._open[alarm.alarm_id] = replace(known, alarm=alarm, due_at=due_at)
        return ()

    def recall(
        self, alarms: Iterable[Alarm], at: float, steady: float, told: Iterable[Notification] = ()
    ) -> tuple[Notification, ...]:
        """Go on after a restart, and return whom to notify of each open alarm: the level whose turn it is by now.

        The time to answer is counted from when people were notified, so a restart gives nobody more of it.

        Args:
            alarms: the alarms that are open in the store.
            at: UTC epoch seconds of the restart.
            steady: seconds of a clock that nobody sets.
            told: what people were notified of before, as far as that is known.
        """
        # The last of each subject stands: the worst, and of that the furthest level.
        newest = {one.subject: one for one in sorted(told, key=lambda one: (one.severity.rank, one.level, one.at))}
        found: tuple[Notification, ...] = ()
        for alarm in alarms:
            if not alarm.state.needs_acknowledgement or alarm.alarm_id in self._open:
                continue
            before = newest.get(alarm.alarm_id)
            worse = before is not None and before.severity.rank < alarm.severity.rank
            if before is not None and not worse and alarm.timeliness is Timeliness.HISTORY:
                self._open[alarm.alarm_id] = _Open(alarm, before.level, inf)
            elif worse or (before is None and alarm.timeliness is not Timeliness.LIVE):
                found += self._begin(alarm, at, steady, steady + HOLD_S)
            else:
                found += self._resume(alarm, at, steady, before)
        return found

    def tick(self, at: float, steady: float) -> tuple[Notification, ...]:
        """Let time pass and return whom to notify because nobody answered."""
        due = [one for one in self._open.values() if steady >= one.due_at and _goes_on(one)]
        return tuple(
            self._tell(one.alarm, min(one.level + 1, self._last(one.alarm.severity)), at, steady) for one in due
        )

    def waits(self, alarm_id: str) -> bool:
        """Return whether nobody has acknowledged an alarm yet."""
        return alarm_id in self._open

    def next_of(self, alarm_id: str, at: float, steady: float) -> tuple[str, float] | None:
        """Return who is told next of an alarm, and when by the plant's clock; None where nobody is."""
        one = self._open.get(alarm_id)
        if one is None or one.due_at == inf or not _goes_on(one):
            return None
        levels = self._spec.rules[one.alarm.severity].levels
        return levels[min(one.level + 1, len(levels) - 1)], at + max(0.0, one.due_at - steady)

    def explain(self, alarm_id: str, text: str, at: float) -> tuple[Notification, ...]:
        """Tell those who were last notified of an alarm what has been found out about it since; nobody else."""
        one = self._open.get(alarm_id)
        if one is None or one.level == _NOBODY:
            return ()
        alarm, rule = one.alarm, self._spec.rules[one.alarm.severity]
        what = f"{alarm.fault_type.replace('_', ' ')} on {alarm.device_id}. Probably: {text}"
        until = at + rule.answer_within_s
        return (
            Notification(
                rule.levels[one.level],
                alarm.device_id,
                alarm_id,
                alarm.severity,
                what,
                at,
                until,
                one.level,
                page=f"{EXPLAINED}{alarm_id}",
            ),
        )

    def call(
        self, device_id: str, subject: str, severity: Severity, text: str, at: float, steady: float, page: str = ""
    ) -> tuple[Notification, ...]:
        """Notify every level at once, because an order contradicts a block or a machine must be looked at.

        Of one device and one ``page`` people are told once while they have time to answer. Alarms of the
        device that still wait go to their next level at once, too.
        """
        rule = self._spec.rules[severity]
        until = at + rule.answer_within_s
        told = [
            Notification(level, device_id, subject, severity, text[:1_000], at, until, number, page=page)
            for number, level in enumerate(rule.levels)
        ]
        waits = [one for one in self._open.values() if one.alarm.device_id == device_id and _goes_on(one)]
        further = [one for one in waits if one.level < self._last(one.alarm.severity)]
        return (*told, *(self._tell(one.alarm, one.level + 1, at, steady) for one in further))

    def _begin(self, alarm: Alarm, at: float, steady: float, held_until: float) -> tuple[Notification, ...]:
        """Notify the first level; of an alarm whose backlog is still coming nobody yet, and of history once."""
        if alarm.timeliness is Timeliness.CATCHING_UP:
            self._open[alarm.alarm_id] = _Open(alarm, _NOBODY, held_until)
            return ()
        return (self._tell(alarm, 0, at, steady),)

    def _resume(self, alarm: Alarm, at: float, steady: float, told: Notification | None) -> tuple[Notification, ...]:
        """Go on with an alarm of which people were notified before."""
        within_s, escalates = self._answer_within_s(alarm), alarm.severity in _ESCALATES
        known_at = alarm.raised_at if alarm.known_at is None else alarm.known_at
        first, since = (0, known_at) if told is None else (told.level, told.at)
        since_s = max(0.0, at - since)  # a clock that has been set back since makes it just now
        # As many levels as would have been told by now, had there been no restart.
        turns = int(since_s // within_s) if escalates else 0
        level = min(first + turns, self._last(alarm.severity))
        return (self._tell(alarm, level, at, steady, (turns + 1) * within_s - since_s),)

    def _answer_within_s(self, alarm: Alarm) -> float:
        return self._spec.rules[alarm.severity].answer_within_s

    def _last(self, severity: Severity) -> int:
        return len(self._spec.rules[severity].levels) - 1

    def _tell(self, alarm: Alarm, level: int, at: float, steady: float, left_s: float | None = None) -> Notification:
        """Notify a level, which has so many seconds left to answer; None for the whole time."""
        rule = self._spec.rules[alarm.severity]
        left_s = rule.answer_within_s if left_s is None else left_s
        pause_s = left_s
        if alarm.timeliness is Timeliness.HISTORY:
            pause_s = inf
        elif alarm.timeliness is Timeliness.CATCHING_UP:
            pause_s = max(left_s, MAX_CATCH_UP_S)
        self._open[alarm.alarm_id] = _Open(alarm, level, steady + pause_s)
        sensors = ", ".join(f"{item.sensor} {item.value:.4g} (was {item.baseline:.4g})" for item in alarm.evidence[:3])
        what = f"{alarm.fault_type.replace('_', ' ')} on {alarm.device_id}{f': {sensors}' if sensors else ''}"
        return Notification(
            rule.levels[level],
            alarm.device_id,
            alarm.alarm_id,
            alarm.severity,
            what + _timing(alarm, level),
            at,
            at + left_s,
            level,
            alarm.fault_type,
        )


def _goes_on(one: _Open) -> bool:
    """Return whether anybody else is to be notified of an alarm when its time is over."""
    if one.alarm.timeliness is Timeliness.HISTORY:
        return False
    return one.level == _NOBODY or one.alarm.severity in _ESCALATES


def _timing(alarm: Alarm, level: int) -> str:
    """Return what people have to know of an alarm's time, as the end of a sentence."""
    raised = format_instant(alarm.raised_at)
    if alarm.timeliness is Timeliness.HISTORY:
        until = f" until {format_instant(alarm.cleared_at)}" if alarm.cleared_at is not None else ""
        return f"; it is over: from {raised}{until}, in readings that came late"
    late = f"; it was at {raised}, in readings that came late, and may be over"
    late = late if alarm.timeliness is Timeliness.CATCHING_UP else ""
    known_at = alarm.raised_at if alarm.known_at is None else alarm.known_at
    return late + (f"; nobody has acknowledged it since {format_instant(known_at)}" if level else "")
