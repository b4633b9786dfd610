"""What operators do to alarms from the command line, through a running plant."""

import json
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, NoReturn

from cyclopts import Parameter

from aegisflow.api import endpoints as ends
from aegisflow.api.endpoints import Endpoint
from aegisflow.api.schemas.alarms import (
    AlarmList,
    AlarmRecord,
    AlarmSummary,
    ById,
    ListedAlarm,
    ListedEvidence,
    WhatToDo,
)
from aegisflow.api.schemas.base import Request
from aegisflow.cli.arguments import DEFAULT_PLANT, AsJson, PlantPath, ServeUrl, seconds_of
from aegisflow.cli.client import OperatorClient, print_answer
from aegisflow.domain.alarms.deviation import describe_deviation
from aegisflow.domain.alarms.model import Timeliness
from aegisflow.domain.times import format_duration, format_instant
from aegisflow.errors import UnavailableError

__all__ = [
    "acknowledge",
    "alarm",
    "alarms",
    "changes",
    "figures",
    "in_service",
    "out_of_service",
    "refused",
    "shelve",
    "unshelve",
]

AlarmId = Annotated[str, Parameter(help="as aegisflow alarms shows it, such as pump-02@20260131T080000")]
Reason = Annotated[str, Parameter(help="why, in a few words; kept with the alarm and in the audit")]


def alarms(
    *,
    watch: Annotated[bool, Parameter(negative="", help="stay, and tell each change; Ctrl-C ends it")] = False,
    every: Annotated[str, Parameter(help="with --watch: how often to look")] = "2s",
    as_json: AsJson = False,
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
) -> int:
    """Print the alarms, those that ask for somebody first; return the exit code."""
    every_s = seconds_of("--every", every, "2s or 1min")
    client = OperatorClient(plant, url)
    if watch:
        _watch(client, every_s, as_json=as_json)
    answer = client.call(ends.LIST_ALARMS)
    print_answer(answer, _listed(answer), as_json=as_json)
    return 0


def alarm(alarm_id: AlarmId, *, as_json: AsJson = False, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """Print one alarm with what to do about it and what has happened to it; return the exit code."""
    answer = OperatorClient(plant, url).call(ends.SHOW_ALARM, {"id": alarm_id})
    print_answer(answer, _story(answer), as_json=as_json)
    return 0


def _listed(answer: AlarmList) -> Iterable[str]:
    for one in sorted(answer.alarms, key=lambda alarm: bool(alarm.set_aside_by)):
        yield from _told(one)
    if not answer.alarms:
        yield "no alarms"
    yield from (f"did not answer: {name}: {why}" for name, why in answer.unavailable.items())


def _told(one: ListedAlarm) -> Iterable[str]:
    yield from (_line(one), *_facts(one), *_diagnosis(one), *_past(one))


def _story(answer: AlarmRecord) -> Iterable[str]:
    one = answer.alarm
    yield from (_line(one), *_facts(one))
    yield from (f"    {reason}" for reason in one.reasons)
    yield from _diagnosis(one)
    if one.what_to_do is not None:
        yield from _what_to_do(one.what_to_do)
    yield from _past(one)
    for step in answer.life:
        by = f" by {step.by}" if step.by else ""
        yield f"    {step.at}  {step.change.replace('_', ' ')}{by}, {step.severity}"
    yield from (f"did not answer: {name}: {why}" for name, why in answer.unavailable.items())


def _what_to_do(row: WhatToDo) -> Iterable[str]:
    within = "" if row.respond_within_s is None else f" within {format_duration(row.respond_within_s)}"
    if row.action or within:
        yield f"    what to do{within}: {row.action}"
    if row.cause:
        yield f"    usual causes: {row.cause}"
    if row.consequence:
        yield f"    if nobody acts: {row.consequence}"


def _watch(client: OperatorClient, every_s: float, *, as_json: bool) -> NoReturn:
    """Print the alarms and then each change, until Ctrl-C; one JSON object a line for programs."""
    known: dict[str, ListedAlarm] = {}
    answer, away_since = client.call(ends.LIST_ALARMS), ""
    while True:
        # Of a machine that does not answer nobody knows that its alarms are over.
        kept = {name: one for name, one in known.items() if one.device_id in answer.unavailable}
        now = kept | {one.alarm_id: one for one in answer.alarms}
        for word, one in changes(known, now):
            if as_json:
                lines = [json.dumps({"change": word, "at": answer.as_of, "alarm": one.model_dump(mode="json")})]
            else:
                lines = [f"{answer.as_of}  {word:<7}  {_line(one)}", *(_facts(one) if word != OVER else [])]
            sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        known = now
        time.sleep(every_s)
        try:
            answer = client.call(ends.LIST_ALARMS)
        except UnavailableError as error:
            # Whoever watches at night wants to be told, and to see what happens once the plant is back.
            if not away_since:
                away_since = format_instant(time.time())
                sys.stderr.write(f"{away_since}  NOT HEARD ANY MORE: {error}\n")
            continue
        if away_since:
            sys.stderr.write(f"{answer.as_of}  heard again; it was away since {away_since}\n")
            away_since = ""


NEW, CHANGED, OVER = "new", "changed", "over"


def changes(known: Mapping[str, ListedAlarm], now: Mapping[str, ListedAlarm]) -> Iterable[tuple[str, ListedAlarm]]:
    """Yield the alarms that are new, that people must look at again, and that are over, each behind that word.

    That an alarm lasts longer or its evidence grows is no change: people are told of it once.
    """
    for name, one in now.items():
        before = known.get(name)
        if before is None:
            yield NEW, one
        elif _looks(before) != _looks(one):
            yield CHANGED, one
    yield from ((OVER, one) for name, one in known.items() if name not in now)


def _looks(one: ListedAlarm) -> tuple[object, ...]:
    return one.severity, one.fault_type, one.state, one.lasts, one.timeliness, one.acknowledged_by, one.first_out


def acknowledge(
    alarm_id: AlarmId,
    *,
    note: Annotated[str, Parameter(help="what you saw or do")],
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
) -> int:
    """Acknowledge an alarm; return the exit code."""
    answer = OperatorClient(plant, url).call(ends.ACKNOWLEDGE, {"id": alarm_id}, {"note": note})
    sys.stdout.write(f"{answer.alarm_id}: {answer.state}, by {answer.acknowledged_by}\n")
    return 0


def shelve(
    alarm_id: AlarmId,
    *,
    duration: Annotated[str, Parameter(name="--for", help="how long, 1min to 12h")],
    reason: Reason,
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
) -> int:
    """Shelve an alarm; return the exit code."""
    duration_s = seconds_of("--for", duration, "30min or 2h")
    return _change(plant, url, ends.SHELVE, alarm_id, {"duration_s": duration_s, "reason": reason})


def unshelve(alarm_id: AlarmId, *, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """Return an alarm to service before its shelf ends; return the exit code."""
    return _change(plant, url, ends.UNSHELVE, alarm_id, {})


def out_of_service(alarm_id: AlarmId, *, reason: Reason, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """Take an alarm out of service; return the exit code."""
    return _change(plant, url, ends.TAKE_OUT_OF_SERVICE, alarm_id, {"reason": reason})


def in_service(alarm_id: AlarmId, *, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """Return an alarm to service; return the exit code."""
    return _change(plant, url, ends.RETURN_TO_SERVICE, alarm_id, {})


def refused(*, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """Print what was refused since the start, the newest first; return the exit code."""
    lines = []
    for one in OperatorClient(plant, url).call(ends.LIST_REFUSED, {}).refused:
        whose = f"{one.device_id or 'no device of the plant':<22} {one.sensor or 'the whole message'}"
        lines.append(f"{one.count:>9,} × {one.reason:<18} {whose}")
        why = f"  ({one.detail})" if one.detail else ""
        lines.append(f"{'':>12}last {one.last_at} on {one.topic}: {one.sample}{why}")
    sys.stdout.write("\n".join(lines or ["nothing was refused since the start"]) + "\n")
    return 0


def figures(
    *,
    last: Annotated[str, Parameter(help="how far back: 8h, 7d")] = "1d",
    operators: Annotated[int, Parameter(help="on duty at a time")] = 1,
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
) -> int:
    """Print how many alarms people got, by EEMUA 191; return the exit code."""
    last_s = seconds_of("--last", last, "8h or 7d")
    answer = OperatorClient(plant, url).call(ends.SHOW_FIGURES, {"last_s": f"{last_s:g}", "operators": operators})
    count = "1 alarm" if answer.alarms == 1 else f"{answer.alarms} alarms"
    of = f", of which {answer.data_from} to {answer.data_to} is stored" if answer.data_from else ""
    lines = [f"{count} in the last {last}{of}", *answer.lines]
    lines += [f"  {times:>5} × {name}" for name, times in answer.top.items()]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _change(
    plant: Path,
    url: str | None,
    endpoint: Endpoint[ById, Request, AlarmSummary],
    alarm_id: str,
    body: Mapping[str, object],
) -> int:
    alarm = OperatorClient(plant, url).call(endpoint, {"id": alarm_id}, body)
    sys.stdout.write(_line(alarm) + "\n")
    return 0


def _line(alarm: AlarmSummary) -> str:
    """Return an alarm in one line: severity, type, state, id, and what else must be known."""
    parts = [f"{alarm.severity:<8}  {alarm.fault_type:<18}  {alarm.state:<23}  {alarm.alarm_id}"]
    if isinstance(alarm, ListedAlarm) and alarm.first_out:
        parts.append("FIRST OUT")
    if alarm.timeliness is Timeliness.HISTORY:
        parts.append(f"HISTORY: it was over before its readings came at {alarm.known_at}")
    elif alarm.timeliness is Timeliness.CATCHING_UP:
        parts.append("out of a backlog that is still coming: it may be over")
    elif not alarm.lasts:
        parts.append("its cause is gone")
    if alarm.set_aside_by:
        until = f" until {alarm.shelved_until}" if alarm.shelved_until else ""
        parts.append(f"by {alarm.set_aside_by}{until}: {alarm.set_aside_because}")
    return "  ".join(parts)


def _facts(alarm: ListedAlarm) -> list[str]:
    """Return where it is, since when, who knows of it, and what each sensor shows."""
    where = [f"on {alarm.line}"] if alarm.line else []
    if alarm.duration_s is not None:
        where.append(f"{'for' if alarm.lasts else 'lasted'} {format_duration(alarm.duration_s)}")
    if alarm.acknowledged_by:
        note = f": {alarm.note}" if alarm.note else ""
        where.append(f"acknowledged by {alarm.acknowledged_by}{note}")
    return [f"    {', '.join(where)}"] * bool(where) + [f"    {_evidence(one)}" for one in alarm.evidence]


def _evidence(one: ListedEvidence) -> str:
    """Return ``vibration 8.4 mm/s (baseline 1.5, +17.2 spreads) at 2026-01-31T07:55:00Z, since …``."""
    beside = [f"baseline {one.baseline:.5g}", describe_deviation(one.value, one.baseline, one.spread, one.z)]
    if one.alarm_limit or one.normal:
        beside.append(f"alarm limit {one.alarm_limit}" if one.alarm_limit else f"normal {one.normal}")
    value = f"{one.value:.5g} {one.unit}".strip()
    return f"{one.sensor} {value} ({', '.join(beside)}){f' at {one.at},' if one.at else ''} since {one.since}"


def _diagnosis(alarm: ListedAlarm) -> list[str]:
    """Return what is probably the matter, with whose words it is."""
    one = alarm.diagnosis
    return [] if one is None or alarm.set_aside_by else [f"    probably {one.line} [{one.source}]"]


def _past(alarm: ListedAlarm) -> list[str]:
    """Return what is known of alarms like this one: whether they come again, and what was done, in whose words."""
    if alarm.set_aside_by:
        return []
    lines = [f"    again: {pattern}" for pattern in alarm.patterns]
    for one in alarm.similar_incidents:
        words, state = one.words_not_facts, "reviewed" if one.reviewed else "NOT REVIEWED"
        lines.append(
            f"    like #{one.incident_id} on {one.device_id}, {one.occurred_at}, {state}: "
            f"{', '.join([*one.alike, *one.commands])}"
        )
        if words is not None:  # an agent's words that nobody has reviewed do not stand for what helped
            lines.append(f"      {words.of}: {words.actions_taken} -> {words.outcome}")
    return lines
