"""The steps in the life of one alarm, each from an alarm to the alarm after it.

::

    UNACKNOWLEDGED ─┐  shelve      ┌────────────────┐  shelf ends, or it got worse   cause lasts
    ACKNOWLEDGED ───┼────────────> │    SHELVED     │ ─────────────────────────────┬─────────────> UNACKNOWLEDGED
    RETURNED ───────┘              │ OUT_OF_SERVICE │                              │
                    take out of ─> └────────────────┘ ── return to service ────────┴─────────────> NORMAL
                    service                                                          cause is gone

What is suppressed is an alarm as it was then: of this type, and not worse. A cause that comes and goes
meanwhile stays suppressed. One that gets worse, or turns out to be another fault, ends that at once.
"""

from dataclasses import replace

from aegisflow.domain.alarms.model import Alarm, AlarmState, Change, Evidence, Severity, Timeliness
from aegisflow.domain.callers import Caller
from aegisflow.domain.detection.fault_types import not_shown
from aegisflow.errors import BadValueError

MAX_SHELF_S = 12 * 3600.0
"""Longer than a shift, nobody remembers what was shelved: such an alarm is taken out of service instead."""
MIN_SHELF_S = 60.0
LATE_S = 60.0
"""Readings that come so long after their instant are a backlog, and what they show may be over."""
_CALLED = "called "
"""Begins the reason that tells under which type people knew an alarm before."""
_ASKS = frozenset({Change.RAISED, Change.ESCALATED, Change.SUPPRESSED_BY_DESIGN})
"""Changes by which people are asked to look."""


def timed(change: Change, alarm: Alarm, at: float, known_at: float) -> Alarm:
    """Return the alarm with what its time says of it.

    ::

        raised, or worse, by a reading that came
            as it was taken ──────────────────────────────► LIVE
            late ──► CATCHING_UP ──┬─ the readings are on time again, or no more come ──► LIVE
                                   └─ its cause ended before that ──────────────────────► HISTORY

    Args:
        change: what has just happened to it.
        alarm: as it is after that.
        at: instant of the reading that did it, UTC epoch seconds by the plant's clock.
        known_at: when that reading came, by the same clock.
    """
    if change in _ASKS:
        late = known_at - at > LATE_S
        known = known_at if change is not Change.ESCALATED or alarm.known_at is None else alarm.known_at
        return replace(alarm, known_at=known, timeliness=Timeliness.CATCHING_UP if late else Timeliness.LIVE)
    if change is Change.CLEARED and alarm.timeliness is Timeliness.CATCHING_UP:
        return replace(alarm, timeliness=Timeliness.HISTORY)
    return alarm


def acknowledged(alarm: Alarm, by: Caller, note: str, at: float) -> Alarm:
    """Return the alarm as acknowledged by this caller; one whose cause is gone is history then."""
    state = AlarmState.ACKNOWLEDGED if alarm.state.is_active else AlarmState.NORMAL
    return replace(alarm, state=state, changed_at=at, acknowledged_at=at, acknowledged_by=by.name, note=note)


def cleared(alarm: Alarm, at: float) -> Alarm:
    """Return the alarm as its cause is gone; one that an operator suppressed stays so."""
    state = {
        AlarmState.UNACKNOWLEDGED: AlarmState.RETURNED,
        AlarmState.ACKNOWLEDGED: AlarmState.NORMAL,
        AlarmState.SUPPRESSED_BY_DESIGN: AlarmState.NORMAL,
    }.get(alarm.state, alarm.state)
    return replace(alarm, state=state, changed_at=at, cleared_at=at)


def unacknowledged(alarm: Alarm) -> Alarm:
    """Return the alarm as one that nobody has acknowledged."""
    return replace(alarm, state=AlarmState.UNACKNOWLEDGED, acknowledged_at=None, acknowledged_by="", note="")


def explained(alarm: Alarm, reasons: tuple[str, ...], at: float) -> Alarm:
    """Return the alarm with reasons of now beside its evidence; what it was called before stays among them.

    Evidence is the weightiest of each sensor so far. Of one whose evidence is older, it is true that it does not show
    the fault any more; of one that speaks for the alarm just now, it is not.
    """
    since = {not_shown(one.sensor): one for one in alarm.evidence}
    told = []
    for reason in (*reasons, *(reason for reason in alarm.reasons if reason.startswith(_CALLED))):
        one = since.get(reason)
        if one is None:
            told.append(reason)
        elif one.at is None or one.at < at:
            told.append(f"{reason} any more")
    return replace(alarm, reasons=tuple(dict.fromkeys(told)))


def escalated(alarm: Alarm, severity: Severity, evidence: tuple[Evidence, ...], at: float) -> Alarm:
    """Return the alarm at a higher severity: whoever acknowledged or shelved the milder one is asked again."""
    alarm = replace(alarm, severity=severity, evidence=evidence, changed_at=at)
    if alarm.state is AlarmState.SUPPRESSED_BY_DESIGN:  # the mode causes it, however bad it is
        return alarm
    return _no_longer_suppressed(unacknowledged(alarm))


def retyped(alarm: Alarm, fault_type: str, reasons: tuple[str, ...], at: float) -> Alarm:
    """Return the alarm under another type; an operator who shelved it shelved another fault, and is asked again."""
    called = alarm.fault_type
    by_operator = alarm.state.is_suppressed and alarm.state is not AlarmState.SUPPRESSED_BY_DESIGN
    alarm = explained(replace(alarm, fault_type=fault_type, reasons=(), changed_at=at), reasons, at)
    alarm = replace(alarm, reasons=(*alarm.reasons, f"{_CALLED}{called} before"))
    return _no_longer_suppressed(unacknowledged(alarm)) if by_operator else alarm


def suppressed(
    alarm: Alarm, state: AlarmState, by: Caller, reason: str, at: float, until: float | None = None
) -> Alarm:
    """Return the alarm as an operator suppressed it: shelved until ``until``, or (None) out of service."""
    return replace(
        alarm, state=state, changed_at=at, suppressed_by=by.name, suppression_reason=reason, shelved_until=until
    )


def returned_to_service(alarm: Alarm, at: float) -> Alarm:
    """Return the alarm as suppressed no longer: unacknowledged while its cause lasts, history otherwise."""
    alarm = replace(_no_longer_suppressed(alarm), changed_at=at)
    return unacknowledged(alarm) if alarm.lasts else replace(alarm, state=AlarmState.NORMAL)


def check_shelf(duration_s: float, reason: str) -> None:
    """Check that a shelf has a reason, and lasts from a minute to 12 hours.

    Raises:
        BadValueError: it does not.
    """
    if not MIN_SHELF_S <= duration_s <= MAX_SHELF_S:
        hours = MAX_SHELF_S / 3600
        raise BadValueError("duration_s", duration_s, f"{MIN_SHELF_S:g} s to {hours:g} h")
    check_reason(reason)


def check_reason(reason: str) -> None:
    """Check that an operator who suppresses an alarm says why.

    Raises:
        BadValueError: the reason has fewer than three characters.
    """
    if len(reason.strip()) < 3:
        raise BadValueError("reason", reason, "why, in a few words")


def _no_longer_suppressed(alarm: Alarm) -> Alarm:
    """Return the alarm without the name and the words of whoever suppressed it."""
    return replace(alarm, suppressed_by="", suppression_reason="", shelved_until=None)
