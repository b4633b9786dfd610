"""What every actor may be told, and what a question is."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Question(Generic[T_co]):
    """A message that is asked, and answered with a ``T_co``."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passes: ``at`` is the plant's clock, UTC epoch seconds."""

    at: float
    broker_connected: bool = True
    """Whether the broker is connected; machines cannot be heard while it is not."""
    stepped_s: float = 0.0
    """By how many seconds the plant's own clock was set since the tick before; negative for back."""


@dataclass(frozen=True, slots=True)
class Wake:
    """The time has come at which a threaded actor wanted to be woken (``wake_in``)."""


@dataclass(frozen=True, slots=True)
class Ping(Question[bool]):
    """Are you there? Answered with True once start-up succeeded."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """Messages to one receiver, to be taken as if they had come one by one."""

    messages: tuple[object, ...]
