"""Messages to the manuals."""

from collections.abc import Mapping
from dataclasses import dataclass

from aegisflow.actors.messages.common import Question
from aegisflow.domain.views import ManualInfo, PassageAnswer


@dataclass(frozen=True, slots=True)
class FindPassages(Question[PassageAnswer]):
    """Which passages of the manuals answer this?"""

    text: str
    kind: str | None
    """Kind of device: its manual and the plant's procedures only."""
    limit: int


@dataclass(frozen=True, slots=True)
class ListManuals(Question[tuple[ManualInfo, ...]]):
    """Which manuals are there?"""


@dataclass(frozen=True, slots=True)
class ReadManual(Question[str]):
    """The whole text of one manual; UnknownNameError if there is none such."""

    name: str


@dataclass(frozen=True, slots=True)
class ReadManualProblems(Question[Mapping[str, str]]):
    """Which files, or ``model`` or ``cache``, are not used, and why? Empty when all is well."""
