"""What may be traced beside alarms and commands, for code that knows no tracing library."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

__all__ = ["NO_SPANS", "Noted", "Spans"]

Attribute = str | int | float


class Noted(Protocol):
    """A span that is under way."""

    def note(self, name: str, value: Attribute) -> None:
        """Say more about it."""


class Spans(Protocol):
    """Makes spans."""

    def span(self, name: str, attributes: Mapping[str, Attribute], alarm_id: str = "") -> AbstractContextManager[Noted]:
        """Return a span that lasts as long as its block: in the trace of an alarm, else within the one around it."""


class _Nothing:
    def note(self, name: str, value: Attribute) -> None:
        pass

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, Attribute], alarm_id: str = "") -> Iterator[Noted]:
        yield self


NO_SPANS: Spans = _Nothing()
"""Where nothing is traced."""
