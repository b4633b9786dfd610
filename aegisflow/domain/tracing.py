"""Which trace something belongs to: worked out from ids, so that every process, also after a restart, says the same.

::

    reading ─► alarm raise ──┬─► invoke_agent ─► chat, execute_tool      all in the trace of the alarm;
                             └─► command propose ─► approve ─► publish   a command without an alarm begins its own
                                         ─► acknowledge ─► verify

Ids are those of W3C Trace Context, made of the SHA-256 of the alarm's or the command's id and the name of the step.
Nothing random is needed, since alarms and commands have ids that nobody else has.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["STEPS", "SpanId", "TraceParent", "of_alarm", "of_command", "root_of", "step_of"]

PROPOSE = "command propose"
STEPS = (PROPOSE, "command approve", "command publish", "command acknowledge", "command verify")
"""Spans of a command, in their order."""
_FORM = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")

SpanId = str
"""Sixteen hexadecimal digits."""


class TraceParent(NamedTuple):
    """A place in a trace."""

    trace_id: str
    """Thirty-two hexadecimal digits."""
    span_id: SpanId

    def __str__(self) -> str:
        """As W3C's ``traceparent``; what we trace is always recorded."""
        return f"00-{self.trace_id}-{self.span_id}-01"

    @classmethod
    def parse(cls, text: str) -> "TraceParent | None":
        """Return what a ``traceparent`` says; None for anything else."""
        found = _FORM.fullmatch(text)
        return None if found is None else cls(found[1], found[2])


def _digits(count: int, *parts: str) -> str:
    return hashlib.sha256("\n".join(("aegisflow trace", *parts)).encode()).hexdigest()[:count]


def of_alarm(alarm_id: str) -> TraceParent:
    """Return the root of an alarm's trace."""
    return root_of(_digits(32, alarm_id))


def root_of(trace_id: str) -> TraceParent:
    """Return the first span of a trace, whose id is part of the trace's, so that nobody has to remember it."""
    return TraceParent(trace_id, trace_id[:16])


def of_command(command_id: str, alarm_ids: Sequence[str], justification: str) -> TraceParent:
    """Return the first span of a command, in the trace of the alarm that it is about.

    Args:
        command_id: of the command.
        alarm_ids: open alarms of its device, the one that matters most first.
        justification: of its proposer, who may name the alarm that is meant.
    """
    named = [one for one in alarm_ids if one in justification]
    about = (*named, *alarm_ids)[:1]
    if not about:
        return root_of(_digits(32, command_id))
    return step_of(of_alarm(about[0]).trace_id, command_id, PROPOSE)


def step_of(trace_id: str, command_id: str, step: str) -> TraceParent:
    """Return the span of one step of a command."""
    return TraceParent(trace_id, _digits(16, command_id, step))
