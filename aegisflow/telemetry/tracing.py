"""Spans over OTLP: of alarms and commands, by the ids of ``domain.tracing``, and of diagnoses.

The names and attributes of agents' spans are those of OpenTelemetry's conventions for generative AI (semantic
conventions 1.37, in development): ``invoke_agent``, ``chat``, ``execute_tool``, ``gen_ai.*``. FastMCP makes the spans
of MCP by itself once there is a provider.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanKind, Status, StatusCode

from aegisflow import __version__
from aegisflow.domain.alarms.model import AlarmEvent, Change
from aegisflow.domain.commands.model import Command, Stage
from aegisflow.domain.commands.transition import Transition
from aegisflow.domain.tracing import STEPS, TraceParent, of_alarm, root_of, step_of
from aegisflow.telemetry.current import context_of
from aegisflow.telemetry.spans import Attribute, Noted

__all__ = ["Tracing", "open_tracing"]

PROPOSE, APPROVE, PUBLISH, ACKNOWLEDGE, VERIFY = STEPS
_STEP_TO: Mapping[Stage, str] = {
    Stage.ACKNOWLEDGED: ACKNOWLEDGE,
    Stage.VERIFIED: VERIFY,
    Stage.UNVERIFIED: VERIFY,
    Stage.OUTCOME_UNKNOWN: VERIFY,
}
_BAD = (Stage.FAILED, Stage.UNVERIFIED, Stage.OUTCOME_UNKNOWN)


class _ChosenIds(IdGenerator):
    """Random ids, but where they are given: a restarted process has to name the same spans."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()
        self._chosen = threading.local()

    @contextmanager
    def chosen(self, place: TraceParent) -> Iterator[None]:
        self._chosen.place = place
        try:
            yield
        finally:
            self._chosen.place = None

    def generate_trace_id(self) -> int:
        place: TraceParent | None = getattr(self._chosen, "place", None)
        return self._random.generate_trace_id() if place is None else int(place.trace_id, 16)

    def generate_span_id(self) -> int:
        place: TraceParent | None = getattr(self._chosen, "place", None)
        return self._random.generate_span_id() if place is None else int(place.span_id, 16)


class _Noted:
    def __init__(self, span: Span) -> None:
        self._span = span

    def note(self, name: str, value: Attribute) -> None:
        self._span.set_attribute(name, value)


class Tracing:
    """Makes spans of what is committed. Safe from any thread.

    Args:
        processor: takes the spans.
        everywhere: whether the provider becomes that of the process, so that FastMCP's spans go the same way.
    """

    def __init__(self, processor: SpanProcessor, *, everywhere: bool = False) -> None:
        self._ids = _ChosenIds()
        resource = Resource.create({"service.name": "aegisflow", "service.version": __version__})
        self.provider = TracerProvider(id_generator=self._ids, resource=resource)
        self.provider.add_span_processor(processor)
        self._tracer = self.provider.get_tracer("aegisflow", __version__)
        if everywhere:
            trace.set_tracer_provider(self.provider)

    def close(self) -> None:
        """Send what waits, and end."""
        self.provider.shutdown()

    def alarms_committed(self, events: tuple[AlarmEvent, ...]) -> None:
        """Make the root of each alarm that was raised: from the reading that began it until it came to be known."""
        for event in events:
            alarm = event.alarm
            if event.change is Change.RAISED and alarm.cleared_at is None:
                began = min((one.since for one in alarm.evidence), default=alarm.raised_at)
                attributes: dict[str, Attribute] = {
                    "aegisflow.alarm.id": alarm.alarm_id,
                    "aegisflow.device.id": alarm.device_id,
                    "aegisflow.fault": alarm.fault_type,
                    "aegisflow.severity": alarm.severity.value,
                }
                self._make("alarm raise", of_alarm(alarm.alarm_id), None, (began, alarm.raised_at), attributes)

    def command_moved(self, transition: Transition) -> None:
        """Make the span of a step that is committed; hours between two steps are in none of them."""
        record, before = transition.after, transition.before
        at, stage = record.stage_at, record.stage
        if before is None:
            self._step(record.command, PROPOSE, record.command.proposed_at, at, stage)
            return
        step = _STEP_TO.get(stage, "")
        if before.stage is Stage.AWAITING_APPROVAL and stage is Stage.DISPATCHED:
            step = APPROVE
        if step:
            self._step(record.command, step, at, at, stage)

    def command_published(self, command: Command, at: float) -> None:
        """Make the span of the one publish of a command."""
        self._step(command, PUBLISH, at, at, Stage.DISPATCHED)

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, Attribute], alarm_id: str = "") -> Iterator[Noted]:
        """Return a span that lasts as long as its block: in the trace of an alarm, else within the one around it."""
        context = _around(of_alarm(alarm_id)) if alarm_id else None
        with self._tracer.start_as_current_span(name, context, SpanKind.INTERNAL, dict(attributes)) as span:
            yield _Noted(span)

    def _step(self, command: Command, step: str, begin: float, end: float, stage: Stage) -> None:
        first = TraceParent.parse(command.traceparent)
        if first is None:
            return  # of an older version
        attributes: dict[str, Attribute] = {
            "aegisflow.command.id": command.command_id,
            "aegisflow.command": command.command.value,
            "aegisflow.device.id": command.device_id,
            "aegisflow.stage": stage.value,
            "aegisflow.proposed_by": command.proposed_by.name,
        }
        if step == PROPOSE:
            root = root_of(first.trace_id)
            self._make(step, first, None if first == root else root, (begin, end), attributes)
            return
        # The stored parent and a link to the step before, instead of one span that lasts as long as a person takes.
        before = first if step in (APPROVE, PUBLISH) else step_of(first.trace_id, command.command_id, PUBLISH)
        place = step_of(first.trace_id, command.command_id, step)
        self._make(step, place, first, (begin, end), attributes, (Link(context_of(before)),), bad=stage in _BAD)

    def _make(
        self,
        name: str,
        place: TraceParent,
        parent: TraceParent | None,
        lasts: tuple[float, float],
        attributes: Mapping[str, Attribute],
        links: tuple[Link, ...] = (),
        *,
        bad: bool = False,
    ) -> None:
        begin, end = (int(at * 1e9) for at in lasts)
        with self._ids.chosen(place):
            span = self._tracer.start_span(
                name, _around(parent), SpanKind.INTERNAL, dict(attributes), links, start_time=begin
            )
        if bad:
            span.set_status(Status(StatusCode.ERROR))
        span.end(max(begin, end))


def _around(parent: TraceParent | None) -> Context:
    """Return the context below a stored place; without one, that of a root, whatever runs around it."""
    return Context() if parent is None else trace.set_span_in_context(NonRecordingSpan(context_of(parent)), Context())


def open_tracing(endpoint: str, *, everywhere: bool = True) -> Tracing:
    """Return what sends spans to a collector, in the background; one that is away costs nothing but the spans."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=5)
    return Tracing(BatchSpanProcessor(exporter), everywhere=everywhere)
