"""Messages to the supervisor."""

from dataclasses import dataclass

from aegisflow.actors.messages.common import Question
from aegisflow.domain.equipment import PlantSpec
from aegisflow.domain.views import ChildHealth, PlantChange


@dataclass(frozen=True, slots=True)
class ChildFailed:
    """A child has died; ``backlog`` is what it had not begun, in order."""

    name: str
    reason: str
    backlog: tuple[object, ...]
    incarnation: str = ""
    """The URN of the actor that died, for it may have a successor already."""


@dataclass(frozen=True, slots=True)
class ReplacePlant(Question[PlantChange]):
    """Run this plant from now on: start, stop and reconfigure devices, leave the others alone."""

    plant: PlantSpec


@dataclass(frozen=True, slots=True)
class StartChildren(Question[bool]):
    """Start them all; answered when they are up. What a critical one could not start with is raised."""


@dataclass(frozen=True, slots=True)
class StopChildren(Question[bool]):
    """Stop them all, last started first, once each has done what it was told before."""


@dataclass(frozen=True, slots=True)
class ReadSupervision(Question[tuple[ChildHealth, ...]]):
    """How are your children?"""
