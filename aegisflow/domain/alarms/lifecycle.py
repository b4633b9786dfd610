"""The steps in the life of one alarm, each from an alarm to the alarm after it.

::

    UNACKNOWLEDGED ─┐  shelve      ┌────────────────┐  time over, or it got worse    cause lasts
    ACKNOWLEDGED ───┼────────────> │    SHELVED     │ ─────────────────────────────┬─────────────> UNACKNOWLEDGED
    RETURNED ───────┘              │ OUT_OF_SERVICE │                              │
                    take out of ─> └────────────────┘ ── return to service ────────┴─────────────> NORMAL
                    service                                                          cause is gone

What is set aside is an alarm as it was then: of this type, and not worse. A cause that comes and goes
meanwhile stays set aside. One that gets worse, or turns out to be another fault, ends that at once.
"""

from dataclasses import replace

from aegisflow.domain.alarms.model import Alarm, AlarmState, Evidence, Severity
from aegisflow.domain.callers import Caller
from aegisflow.errors import BadValueError

LONGEST_SHELF_S = 12 * 3600.0
"""Longer than a shift, nobody remembers what was shelved: take it out of service instead."""
SHORTEST_SHELF_S = 60.0


def acknowledged(alarm: Alarm, by: Caller, note: str, at: float) -> Alarm:
    """Return the alarm that somebody has taken note of."""
    state = AlarmState.ACKNOWLEDGED if alarm.state.is_active else AlarmState.NORMAL
    return replace(alarm, state=state, changed_at=at, acknowledged_at=at, acknowledged_by=by.name, note=note)


def cleared(alarm: Alarm, at: float) -> Alarm:
    """Return the alarm whose cause is gone; what an operator has set aside stays so."""
    state = {
        AlarmState.UNACKNOWLEDGED: AlarmState.RETURNED,
        AlarmState.ACKNOWLEDGED: AlarmState.NORMAL,
        AlarmState.SUPPRESSED: AlarmState.NORMAL,
    }.get(alarm.state, alarm.state)
    return replace(alarm, state=state, changed_at=at, cleared_at=at)


def asked_again(alarm: Alarm) -> Alarm:
    """Return the alarm as one that nobody has taken note of."""
    return replace(alarm, state=AlarmState.UNACKNOWLEDGED, acknowledged_at=None, acknowledged_by="", note="")


def worse(alarm: Alarm, severity: Severity, evidence: tuple[Evidence, ...], at: float) -> Alarm:
    """Return the alarm at a higher severity: who took note of the milder one, or shelved it, is asked again."""
    alarm = replace(alarm, severity=severity, evidence=evidence, changed_at=at)
    return alarm if alarm.state is AlarmState.SUPPRESSED else no_longer_set_aside(asked_again(alarm))


def retyped(alarm: Alarm, fault_type: str, reasons: tuple[str, ...], at: float) -> Alarm:
    """Return the alarm under another name; what was shelved was another fault."""
    reasons = (*reasons, f"called {alarm.fault_type} before")
    aside = alarm.state.is_set_aside and alarm.state is not AlarmState.SUPPRESSED
    alarm = replace(alarm, fault_type=fault_type, reasons=reasons, changed_at=at)
    return no_longer_set_aside(asked_again(alarm)) if aside else alarm


def set_aside(alarm: Alarm, state: AlarmState, by: Caller, reason: str, at: float, until: float | None = None) -> Alarm:
    """Return the alarm shelved until then, or out of service."""
    return replace(
        alarm, state=state, changed_at=at, set_aside_by=by.name, set_aside_reason=reason, shelved_until=until
    )


def back(alarm: Alarm, at: float) -> Alarm:
    """Return the alarm that is set aside no longer: unacknowledged while its cause lasts, else history."""
    alarm = replace(no_longer_set_aside(alarm), changed_at=at)
    return asked_again(alarm) if alarm.lasts else replace(alarm, state=AlarmState.NORMAL)


def no_longer_set_aside(alarm: Alarm) -> Alarm:
    """Return the alarm without the words of who set it aside."""
    return replace(alarm, set_aside_by="", set_aside_reason="", shelved_until=None)


def check_shelf(duration_s: float, reason: str) -> None:
    """Refuse a shelf without a reason, or for longer than a shift.

    Raises:
        BadValueError: see there.
    """
    if not SHORTEST_SHELF_S <= duration_s <= LONGEST_SHELF_S:
        hours = LONGEST_SHELF_S / 3600
        raise BadValueError("duration_s", duration_s, f"{SHORTEST_SHELF_S:g} s to {hours:g} h")
    check_reason(reason)


def check_reason(reason: str) -> None:
    """Refuse to set aside without a reason.

    Raises:
        BadValueError: there is none.
    """
    if len(reason.strip()) < 3:
        raise BadValueError("reason", reason, "why, in a few words")
