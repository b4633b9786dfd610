"""How the fields of requests are read: pydantic types whose mistakes are told in one line.

::

    class ShelfRequest(Request):
        duration_s: Number
        reason: Annotated[str, words(1_000, "why, in a few words")]

    parse(ShelfRequest, {"duration_s": "soon"})
    # BadValueError: duration_s='soon' cannot be used; expected a number
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from aegisflow.api.text import clean
from aegisflow.errors import BadValueError, UnknownNameError

__all__ = ["Flag", "Number", "Read", "YesOrNo", "as_number", "name_in", "number", "parse", "whole", "within", "words"]

M = TypeVar("M", bound=BaseModel)
N = TypeVar("N", int, float)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Read:
    """Annotates a field with how it is read, before pydantic looks at its type, and with what was expected.

    ``expected`` is also what the JSON schema says of the field; keep it so that it can follow "expected".
    """

    read: Callable[[Any], Any]
    """Raises ValueError for what it cannot read, or a RequestError that says more."""
    expected: str
    schema: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What the JSON schema says beside, or instead of, what pydantic knows from the type."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Wrap what pydantic does for the type."""
        return core_schema.no_info_wrap_validator_function(self._validate, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe the field; where None only stands for a field that is left out, null is not among its values."""
        known = handler(schema)
        if len(kinds := known.get("anyOf", ())) == 2 and {"type": "null"} in kinds and not self._takes_none():
            known = next(kind for kind in kinds if kind != {"type": "null"})
        return {**known, "description": self.expected, **self.schema}

    def _takes_none(self) -> bool:
        try:
            return self.read(None) is None
        except ValueError:
            return False

    def _validate(self, value: Any, inner: core_schema.ValidatorFunctionWrapHandler) -> Any:
        try:
            return inner(self.read(value))
        except ValidationError as error:
            if any(mistake["loc"] for mistake in error.errors(include_url=False)):
                raise  # it is about something within, and says what
        except ValueError:
            pass
        raise PydanticCustomError("not_as_expected", "expected {expected}", {"expected": self.expected})


def parse(model: type[M], given: Mapping[str, Any]) -> M:
    """Return what somebody sent as a request of this kind.

    Raises:
        RequestError: a field is missing or cannot be used; the first of them, its path and what was expected.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        mistake = error.errors(include_url=False)[0]
    path = ".".join(clean(str(part), 100) for part in mistake["loc"])  # keys of an object are somebody's words, too
    if mistake["type"] == "missing":
        # Nobody read it, so its own annotation must say what should have been there.
        reads = (one for one in model.model_fields[path].metadata if isinstance(one, Read))
        raise BadValueError(path, None, next(reads).expected)
    raise BadValueError(path, mistake["input"], mistake.get("ctx", {}).get("expected", mistake["msg"]))


def words(limit: int, expected: str = "a text that is not empty") -> Read:
    """Return how somebody's words are read: on one line, without invisible characters, in at most ``limit`` bytes."""

    def read(value: object) -> str:
        if not isinstance(value, str) or not (text := clean(value, limit)):
            raise ValueError(value)
        return text

    return Read(read, expected, {"minLength": 1})


def name_in(kind: str, choices: Sequence[str]) -> Read:
    """Return how a name out of a list is read; another one is refused together with those that there are."""

    def read(value: object) -> str:
        if not isinstance(value, str) or not (name := clean(value, 1_000)):
            raise ValueError(value)
        if name not in choices:
            raise UnknownNameError(kind, name, choices)
        return name

    return Read(read, f"one of {', '.join(choices)}")


def whole(most: int) -> Read:
    """Return how a whole number from 1 to ``most`` is read from its digits."""

    def read(value: object) -> int:
        # Part of a path or a query, so it is text; int() would also take +5, 1_0 and the digits of other scripts.
        if not isinstance(value, str) or not (value.isascii() and value.isdigit() and len(value) < 16):
            raise ValueError(value)
        return within(int(value), 1, most)

    return Read(read, f"a whole number from 1 to {most}", {"minimum": 1, "maximum": most})


def number(low: float, high: float, expected: str) -> Read:
    """Return how a number from ``low`` to ``high`` is read, also from its text."""
    return Read(lambda value: within(as_number(value), low, high), expected, {"minimum": low, "maximum": high})


def as_number(value: object) -> float:
    """Return a finite number, also from its text; raises ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(value)
    try:
        found = float(value)
    except OverflowError as error:
        raise ValueError(value) from error
    if not math.isfinite(found):
        raise ValueError(value)
    return found


def within(value: N, low: float, high: float) -> N:
    """Return a number that is within bounds; raises ValueError for another one."""
    if not low <= value <= high:
        raise ValueError(value)
    return value


def _exactly(value: object, kind: type[T]) -> T:
    if type(value) is not kind:
        raise ValueError(value)
    return value


def _yes_or_no(value: object) -> bool:
    if value not in ("yes", "no"):
        raise ValueError(value)
    return value == "yes"


Number = Annotated[float, Read(as_number, "a number")]
"""A finite number, in JSON or as text."""
Flag = Annotated[bool, Read(lambda value: _exactly(value, bool), "true or false")]
YesOrNo = Annotated[bool, Read(_yes_or_no, "yes or no", {"type": "string", "enum": ["yes", "no"]})]
"""A flag in a query."""
