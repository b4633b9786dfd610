"""What the shapes of all nouns have in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, WithJsonSchema

from aegisflow.domain.times import format_instant

__all__ = ["Moment", "Nothing", "ReadShape", "Refusal", "Request", "Shape", "StatedWords", "moment"]

WORDS_BYTES = 1_000
"""Of what somebody wrote about an alarm or a command."""
NAME_BYTES = 100
"""Of a person's or an agent's name."""

Moment = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""An instant as ISO 8601 in UTC."""


def moment(at: float | None) -> str | None:
    """Return UTC epoch seconds as ISO 8601, if there are any."""
    return None if at is None else format_instant(at)


class Shape(BaseModel):
    """What people and programs see of a noun: built from it by ``of``, sent as JSON, and parsed on the other side.

    A reader ignores what it does not know, so that a newer AegisFlow may say more.
    """

    # Pydantic builds the validator of a class when it is first needed: a process needs few of them.
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class ReadShape(Shape):
    """What is read of the plant, and whether its machines can be heard at all."""

    broker_away_since: Moment | None = None
    """The broker is away since then: that machines are silent is no fault of theirs, and values are of before."""


class Request(BaseModel):
    """What somebody asks for; ``aegisflow.api.fields.parse`` reads it and tells mistakes in one line."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class Nothing(Request):
    """A request that needs no more than its path."""


class Refusal(Shape):
    """Why a request was not answered as asked."""

    error: str


class StatedWords(Shape):
    """Somebody's words, which are not facts."""

    of: str
    """Kind and name of whoever stated them."""
    text: str
