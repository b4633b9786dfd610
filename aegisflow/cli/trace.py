"""``aegisflow trace``: one alarm from the reading that began it to the machine, without any collector."""

import sys
from collections.abc import Iterator
from typing import Annotated, NamedTuple

from cyclopts import Parameter

from aegisflow.api.schemas.audit import CommandStory
from aegisflow.api.schemas.diagnosis import DiagnosisSummary
from aegisflow.api.text import clean
from aegisflow.cli.arguments import DEFAULT_PLANT, PlantPath
from aegisflow.cli.audit import store_and_keys
from aegisflow.domain.alarms.model import AlarmEvent, Change
from aegisflow.domain.times import format_duration, format_instant, parse_instant
from aegisflow.plant.trace import AlarmStory, TracedCommand, story_of_alarm

__all__ = ["trace"]

_WAIT_S = 60.0
"""What takes longer is shown as time that passed."""
_NO_NEWS = (Change.UPDATED,)


class _Line(NamedTuple):
    at: float
    what: str
    text: str


def trace(
    alarm: Annotated[str, Parameter(help="id of the alarm, as aegisflow alarms shows it")],
    *,
    plant: PlantPath = DEFAULT_PLANT,
) -> int:
    """Print the story of an alarm; return the exit code."""
    story = story_of_alarm(store_and_keys(plant)[0], alarm)
    lines = sorted(_lines(story), key=lambda line: line.at)
    sys.stdout.write("\n".join((f"trace {story.trace_id} of {alarm}", "", *_told(lines))) + "\n")
    return 0


def _told(lines: list[_Line]) -> Iterator[str]:
    before = lines[0].at
    for line in lines:
        if line.at - before >= _WAIT_S:
            yield f"{'':26}… {format_duration(line.at - before)} later"
        before = line.at
        yield f"{format_instant(line.at):<24}  {line.what:<22} {line.text}".rstrip()


def _lines(story: AlarmStory) -> Iterator[_Line]:
    alarm = story.events[0].alarm
    began = min((one.since for one in alarm.evidence), default=alarm.raised_at)
    shown = ", ".join(f"{one.sensor} {one.value:.5g} (was {one.baseline:.5g})" for one in alarm.evidence[:3])
    yield _Line(began, "reading", f"on {alarm.device_id}: {shown}" if shown else f"on {alarm.device_id}")
    yield from (_event(event) for event in story.events if event.change not in _NO_NEWS)
    if story.diagnosis is not None:
        told = DiagnosisSummary.of(story.diagnosis)
        yield _Line(story.diagnosis.at, "diagnosis", f"{told.line} [{told.source}]")
    for command in story.commands:
        yield from _command(command)


def _event(event: AlarmEvent) -> _Line:
    by = f", by {clean(event.by, 80)}" if event.by else ""
    return _Line(event.at, f"alarm {event.change}", f"{event.alarm.fault_type}, {event.alarm.severity}{by}")


def _command(command: TracedCommand) -> Iterator[_Line]:
    told = CommandStory.of(command.record.command.command_id, command.steps)
    said = " ".join(str(value) for value in told.parameters.values())
    for step in told.steps:
        why = f": {'; '.join(step.reasons)}" if step.reasons else ""
        what = f"{told.command} {said}".strip()
        yield _Line(parse_instant(step.at), f"command {step.act}", f"{told.command_id} {what}, by {step.by}{why}")
    if command.published_at is not None:
        yield _Line(command.published_at, "command published", f"{told.command_id}, now or never")
