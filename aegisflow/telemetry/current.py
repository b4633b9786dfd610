"""The span around the running call, which another library has made; nothing is done where nothing is traced."""

from collections.abc import Mapping

from opentelemetry import trace
from opentelemetry.trace import SpanContext, TraceFlags

from aegisflow.domain.tracing import TraceParent
from aegisflow.telemetry.spans import Attribute

__all__ = ["context_of", "note_span"]


def context_of(place: TraceParent) -> SpanContext:
    """Return a stored place in a trace as the tracing library knows it."""
    flags = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(int(place.trace_id, 16), int(place.span_id, 16), is_remote=True, trace_flags=flags)


def note_span(attributes: Mapping[str, Attribute], linked: TraceParent | None = None) -> None:
    """Say more about the running span, and with which other place it belongs together."""
    span = trace.get_current_span()
    if span.is_recording():
        span.set_attributes(attributes)
        if linked is not None:
            span.add_link(context_of(linked))
