"""One alarm: its trend, why it is one, what is known of others like it, and what can be done now."""

from collections.abc import Sequence
from functools import partial
from urllib.parse import urlencode

from aegisflow.api.schemas.alarms import ListedAlarm
from aegisflow.api.schemas.commands import CommandSummary
from aegisflow.api.schemas.diagnosis import DiagnosisSummary
from aegisflow.api.schemas.incidents import SimilarIncidentSummary
from aegisflow.console.alarms import SHELVES
from aegisflow.console.visit import Content, LivePart, Page, Visit, link
from aegisflow.domain.alarms.escalation import Escalated
from aegisflow.domain.alarms.model import AlarmEvent, Change
from aegisflow.domain.commands.model import CommandReceipt
from aegisflow.domain.incidents.similarity import pattern_line
from aegisflow.domain.rights import Right
from aegisflow.domain.views import Passage
from aegisflow.errors import AegisFlowError, UnknownNameError
from aegisflow.plant.past import past_of
from aegisflow.plant.protocol import Plant

__all__ = ["PAGES", "SPANS", "asked_span", "trend_address"]

SPANS = (("3600", "1 hour"), ("14400", "4 hours"), ("86400", "1 day"), ("604800", "1 week"))
"""Seconds that a trend goes back."""
MOST_PASSAGES = 3
MOST_COMMANDS = 20
CHANGES = {
    Change.RAISED: "raised",
    Change.UPDATED: "evidence grew",
    Change.ESCALATED: "became more severe",
    Change.RETYPED: "another type of fault",
    Change.ACKNOWLEDGED: "acknowledged",
    Change.CLEARED: "returned to normal",
    Change.SHELVED: "shelved",
    Change.UNSHELVED: "back from its shelf",
    Change.SUPPRESSED_BY_DESIGN: "suppressed by the mode",
    Change.UNSUPPRESSED: "no longer suppressed by the mode",
    Change.OUT_OF_SERVICE: "taken out of service",
    Change.IN_SERVICE: "returned to service",
}


def asked_span(visit: Visit) -> str:
    """Return how many seconds the trend of a page goes back: four hours, unless another of ``SPANS`` is asked for."""
    last = visit.query.get("last", "")
    return last if last in dict(SPANS) else "14400"


def trend_address(device_id: str, last_s: str, sensors: Sequence[str] = ()) -> str:
    """Return where the trend of some sensors (none named: all) of a device is."""
    named = {"sensor": ",".join(sensors)} if sensors else {}
    return f"{link('machines', device_id, 'trend')}?{urlencode({'last_s': last_s, **named})}"


def _show(visit: Visit) -> Content:
    alarm_id = visit.named["id"]
    now = visit.snapshot
    alarm = now.alarm(alarm_id)
    events: tuple[AlarmEvent, ...] = ()
    try:
        events = now.shared.once(("life", alarm_id), lambda: visit.plant.alarm_life(alarm_id).value)
    except UnknownNameError:
        if alarm is None:  # one that was raised a moment ago may not be on disk yet
            raise
    if alarm is None:
        alarm = _of_the_past(visit, events)
    parts = (
        visit.part("alarm-now", "parts/alarm_now.html", alarm=alarm),
        visit.part("alarm-life", "parts/alarm_life.html", events=_told(events)),
        visit.part("alarm-acts", "parts/alarm_acts.html", alarm=alarm, shelves=SHELVES),
        _who_is_told(visit, alarm),
    )
    return Content(
        "alarm.html",
        f"{alarm.device_id}: {alarm.fault_type.replace('_', ' ')}",
        lambda: _context(visit, alarm, events),
        parts,
    )


def _who_is_told(visit: Visit, alarm: ListedAlarm) -> LivePart:
    escalated, missing, asks = Escalated(), "", alarm.state.needs_acknowledgement
    if asks:
        try:
            ask = partial(visit.plant.escalation, alarm.alarm_id)
            escalated = visit.snapshot.shared.once(("escalation", alarm.alarm_id), ask)
        except AegisFlowError as error:
            missing = str(error)
    return visit.part("alarm-told", "parts/told.html", escalated=escalated, missing=missing, asks=asks)


_MARKED = (Change.ACKNOWLEDGED, Change.ESCALATED, Change.SHELVED, Change.CLEARED)


def _context(visit: Visit, alarm: ListedAlarm, events: tuple[AlarmEvent, ...]) -> dict[str, object]:
    last = asked_span(visit)
    return {
        "alarm": alarm,
        "response": visit.snapshot.plant.response(alarm.fault_type, _kind(visit, alarm.device_id)),
        "last": last,
        "spans": SPANS,
        "shelves": SHELVES,
        "trend": trend_address(alarm.device_id, last, _sensors(visit, alarm)),
        "marks": [(event.at, CHANGES[event.change]) for event in events if event.change in _MARKED],
        **_around(visit, alarm, events),
    }


def _told(events: tuple[AlarmEvent, ...]) -> list[tuple[float, str, str, str]]:
    """Return the events that people follow: how the evidence grows is in the trend."""
    return [
        (event.at, CHANGES[event.change], event.by, str(event.alarm.severity))
        for event in events
        if event.change is not Change.UPDATED
    ]


def _of_the_past(visit: Visit, events: tuple[AlarmEvent, ...]) -> ListedAlarm:
    alarm = events[-1].alarm
    device = visit.snapshot.plant.devices.get(alarm.device_id)
    return ListedAlarm.among(alarm, device, visit.snapshot.as_of, first_out=False, patterns=(), similar=())


def _kind(visit: Visit, device_id: str) -> str:
    device = visit.snapshot.plant.devices.get(device_id)
    return device.kind if device else ""


def _sensors(visit: Visit, alarm: ListedAlarm) -> list[str]:
    device = visit.snapshot.plant.devices.get(alarm.device_id)
    known = device.sensors if device else {}
    return [one.sensor for one in alarm.evidence if one.sensor in known]


def _around(visit: Visit, alarm: ListedAlarm, events: tuple[AlarmEvent, ...]) -> dict[str, object]:
    """Return what is known of an alarm beside itself; what cannot be asked now is left out and named."""
    plant, missing = visit.plant, dict[str, str]()
    is_here = alarm.device_id in visit.snapshot.plant.devices
    found: dict[str, object] = {"passages": (), "options": (), "commands": (), "similar": (), "patterns": ()}
    found["diagnosis"] = None
    if events:
        past = past_of(plant, (events[-1].alarm,))
        found["similar"] = [SimilarIncidentSummary.of(one) for one in past.similar.get(alarm.alarm_id, ())]
        diagnosis = past.diagnoses.get(alarm.alarm_id)
        found["diagnosis"] = None if diagnosis is None else DiagnosisSummary.of(diagnosis)
        found["patterns"] = [pattern_line(one) for one in past.patterns.get(alarm.alarm_id, ())]
        missing |= past.unavailable
    if is_here:
        for name, ask in (("passages", _passages), ("options", _options), ("commands", _commands)):
            try:
                found[name] = ask(plant, visit, alarm)
            except AegisFlowError as error:
                missing[name] = str(error)
    return {**found, "missing": missing, "is_here": is_here}


def _passages(plant: Plant, visit: Visit, alarm: ListedAlarm) -> tuple[Passage, ...]:
    text = f"{alarm.fault_type.replace('_', ' ')} {' '.join(one.sensor for one in alarm.evidence)}"
    return plant.find_passages(text, alarm.device_id, MOST_PASSAGES).value.passages


def _options(plant: Plant, visit: Visit, alarm: ListedAlarm) -> tuple[object, ...]:
    return plant.device_commands(alarm.device_id, visit.who).value.options


def _commands(plant: Plant, visit: Visit, alarm: ListedAlarm) -> list[CommandSummary]:
    receipts: tuple[CommandReceipt, ...] = plant.commands(alarm.device_id, MOST_COMMANDS).value.commands
    since = visit.snapshot.as_of if alarm.duration_s is None else visit.snapshot.as_of - alarm.duration_s
    return [CommandSummary.of(one) for one in receipts if one.command.proposed_at >= since - 3_600.0]


PAGES = (Page("/alarms/{id}", Right.SEE, _show),)
