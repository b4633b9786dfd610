"""The kinds of values that ``plant.yaml`` is made of: durations, names, units, topics, limits."""

import re
from math import inf
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AliasGenerator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from aegisflow.config.mistakes import one_of
from aegisflow.config.units import MAX_LETTERS, UNITS, misspelt
from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.commands.model import Mode
from aegisflow.domain.equipment import SensorKind
from aegisflow.domain.times import parse_duration


class Wording:
    """Marks a type with what is expected there, in the words of a plant engineer."""

    def __init__(self, text: str) -> None:
        self.text = text


class Measured:
    """Marks a number with what it is measured in, or counts; empty where it is a bare number, such as a port."""

    def __init__(self, unit: str) -> None:
        self.unit = unit


class Duration:
    """Marks a number of seconds, which may be written as ``30s`` or ``7d``."""


def key_of(field: str) -> str:
    """Return the key in the file for the name of a field: durations are seconds inside, and say so (``_s``)."""
    return field.removesuffix("_s")


class Section(BaseModel):
    """A mapping with fixed keys; one that is left empty is as good as left out.

    The one declaration of its settings: the file is checked against it, editors get their schema
    from it, and the program reads it. Code names fields by their names, the file by ``key_of`` them.
    """

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        use_attribute_docstrings=True,
        alias_generator=AliasGenerator(validation_alias=key_of),
        validate_by_name=True,
        validate_by_alias=True,
        protected_namespaces=(),
    )

    @model_validator(mode="before")
    @classmethod
    def _empty(cls, value: Any) -> Any:
        return {} if value is None else value


def refuse(expected: str) -> PydanticCustomError:
    """Return the error that says what was expected instead."""
    return PydanticCustomError("worded", "{expected}", {"expected": expected})


def _seconds(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = parse_duration(value)
        except ValueError:
            return value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _limits(value: Any) -> Any:
    if isinstance(value, list) and len(value) == 2:
        return {"low": value[0], "high": value[1]}
    if isinstance(value, dict) or value is None:
        return value
    raise refuse("{low: 10, high: 20}, or [10, 20], with either bound left out or null")


def _unit(value: str) -> str:
    if meant := misspelt(value):
        hint = f"; did you mean {' or '.join(meant)}?"
        raise refuse(f"a unit as AegisFlow knows it, {one_of(list(UNITS))}{hint}")
    if not 1 <= len(value) <= MAX_LETTERS or not value.isprintable() or value != value.strip():
        raise refuse(f"a unit of 1 to {MAX_LETTERS} characters, such as °C, PSI or mg/l")
    return value


_SIGNS = ("high", "low", "swings", "beyond")


def _listed(value: Any, choices: tuple[str, ...]) -> tuple[str, ...]:
    """Return a word, or a list of words, as words."""
    words = [value] if isinstance(value, str) and choices else value
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError
    if choices and (not words or not set(words) <= set(choices)):
        raise ValueError
    return tuple(words)


def _severity(value: str) -> str:
    if value not in list(Severity):
        raise ValueError
    return value


def _sensor_name(value: str) -> str:
    if not value.isprintable() or value != value.strip() or not 1 <= len(value) <= 64:
        raise ValueError
    if value in ("timestamp", "device_id") or set(value) & set('"\\'):
        raise ValueError
    return value


def _store_url(value: str) -> str:
    scheme, _, rest = value.partition("://")
    local = scheme == "sqlite" and re.fullmatch(r"/[^?]+(\?.*)?", rest) and not rest.startswith("/:memory:")
    server = scheme in ("postgresql", "postgres") and rest and not any(letter.isspace() for letter in rest)
    if not value.isprintable() or not (local or server):
        raise ValueError
    return value


def _path(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(_PATH, value):
        return Path(value)
    if isinstance(value, Path):
        return value
    raise ValueError


def _words(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _version(value: str) -> str:
    if value not in ("5", "3.1.1"):
        raise ValueError
    return value


def _empty(value: Any) -> Any:
    return {} if value is None else value


_MODES = tuple(mode.value for mode in Mode if mode is not Mode.UNKNOWN)
_PATH = r"^[^\x00-\x1f]{1,1000}$"
_LEVEL = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
_LEVEL_WORDS = Wording("a name of 1 to 64 letters A-Z a-z, digits, - _ . that begins with a letter or digit")

Name = Annotated[str, Field(pattern=_LEVEL), _LEVEL_WORDS]
"""A name that is one legal level of an MQTT topic and safe as a file name."""

SensorName = Annotated[
    str,
    AfterValidator(_sensor_name),
    Wording(
        "the sensor's key in the readings, up to 64 characters without \" and \\, and neither timestamp nor device_id"
    ),
]

Signs = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda value: _listed(value, _SIGNS)),
    WithJsonSchema(
        {"anyOf": [{"enum": list(_SIGNS)}, {"type": "array", "items": {"enum": list(_SIGNS)}, "minItems": 1}]}
    ),
    Wording(f"one or several of {', '.join(_SIGNS)}"),
]

ModeNames = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda value: _listed(value, _MODES)),
    WithJsonSchema({"anyOf": [{"enum": list(_MODES)}, {"type": "array", "items": {"enum": list(_MODES)}}]}),
    Wording(f"one or several of {', '.join(_MODES)}"),
]

Names = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda value: _listed(value, ())),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}),
    Wording("a list of sensors, such as [temperature, vibration]"),
]

Number = Annotated[float, Field(allow_inf_nan=False)]

Numbers = Annotated[
    tuple[Number, ...],
    Field(strict=False, max_length=16),  # a list in the file is a tuple in the program
    Wording("a list of at most 16 numbers, such as [-999, 65535]"),
]

Words = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda value: _listed(value, ())),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}),
    Wording("a list of names, such as [agent]"),
]


def _sensor_kind(value: str) -> str:
    if value not in set(SensorKind):
        raise ValueError(value)
    return value


SensorKindName = Annotated[
    str,
    AfterValidator(_sensor_kind),
    Field(json_schema_extra={"enum": list(SensorKind)}),
    Wording(f"one of {', '.join(SensorKind)}"),
]

SeverityName = Annotated[
    str,
    AfterValidator(_severity),
    Field(json_schema_extra={"enum": list(Severity)}),
    Wording(f"one of {', '.join(Severity)}"),
]

Text = Annotated[str, Field(max_length=500), Wording("a text of at most 500 characters (in quotes, if it is a number)")]
LongText = Annotated[
    str, Field(max_length=2_000), Wording("a text of at most 2,000 characters (in quotes, if it is a number)")
]


Percent = Annotated[float, Field(ge=0, le=100), Wording("per cent, 0 to 100")]

Seconds = Annotated[
    float,
    BeforeValidator(_seconds),
    Duration(),
    WithJsonSchema({"type": ["string", "number"], "examples": ["30s", "7d"]}),
]

WholeSeconds = Annotated[
    int,
    BeforeValidator(_seconds),
    Duration(),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["30s", "1d"]}),
]

Unit = Annotated[
    str,
    AfterValidator(_unit),
    WithJsonSchema(
        {
            "description": "One of those that AegisFlow knows, or any other.",
            "anyOf": [{"enum": list(UNITS)}, {"type": "string", "minLength": 1, "maxLength": MAX_LETTERS}],
        }
    ),
    Wording(f"a unit of 1 to {MAX_LETTERS} characters, such as °C, PSI or mg/l"),
]

Host = Annotated[
    str,
    Field(pattern=r"^[^\s/@]{1,253}$"),
    Wording("a host name or an address, without scheme and port"),
]

Variable = Annotated[
    str,
    Field(pattern=r"^(?:[A-Za-z_][A-Za-z0-9_]{0,127})?$"),
    Wording("the name of an environment variable (the secret itself never stands in this file)"),
]

FilePath = Annotated[
    Path,
    BeforeValidator(_path),
    WithJsonSchema({"type": "string", "pattern": _PATH}),
    Wording("a path, relative to this file's folder or absolute"),
]

ModelPath = Annotated[
    str,
    Field(pattern=_PATH),
    Wording("a path, relative to this file's folder or absolute"),
]

PageUrl = Annotated[
    str,
    Field(pattern=r"^(https?://[^\s/?#@]+(/[^\s?#]*)?)?$", max_length=500),
    Wording("an address such as https://plant.example:8765, without user, query and fragment"),
]

StoreUrl = Annotated[
    str,
    AfterValidator(_store_url),
    Wording("sqlite:///path/of/file.db or postgresql://user@host/database"),
]

Version = Annotated[
    str,
    BeforeValidator(_words),
    AfterValidator(_version),
    WithJsonSchema({"enum": ["5", 5, "3.1.1"]}),
    Wording("5 or 3.1.1"),
]


def topic(value: str, placeholder: str, *, required: bool) -> str:
    """Return a topic template, if ``placeholder`` is one whole level of it and the rest is legal."""
    levels = value.split("/")
    rest = [level for level in levels if level != placeholder]
    count = len(levels) - len(rest)
    clean = all(level.isprintable() and not set(level) & set("+#{}") for level in rest)
    if value and len(value) <= 500 and clean and count <= 1 and (count or not required) and value[0] != "$":
        return value
    example = f"aegisflow/sensors/{placeholder}" if required else f"aegisflow/status/{placeholder}"
    whole = "as exactly one whole level" if required else "as a whole level or not at all"
    raise refuse(f"a topic such as {example}: {placeholder} {whole}, no + or #, not beginning with $")


DeviceTopic = Annotated[
    str,
    AfterValidator(lambda value: topic(value, "{device_id}", required=True)),
    Field(json_schema_extra={"pattern": r"^(?:[^+#{}]*/)?\{device_id\}(?:/[^+#{}]*)?$"}),
]

StatusTopic = Annotated[
    str,
    AfterValidator(lambda value: topic(value, "{client_id}", required=False)),
]


def _delay(value: Any) -> Any:
    if isinstance(value, str):
        try:
            seconds = float(parse_duration(value))
        except ValueError:
            seconds = -1.0
        if 0.0 <= seconds <= _MAX_DELAY_S:
            return seconds
    elif isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 100_000:
        return value
    raise refuse("a duration up to 7d with its unit, such as 15s or 3min")


def _patience(value: Any) -> Any:
    if value == "never":
        return inf
    seconds = _seconds(value)
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 < seconds <= _MAX_DELAY_S:
        return seconds
    raise refuse("a duration up to 7d, such as 30s or 5min, or never")


def _report(value: Any) -> Any:
    if value not in (REGULARLY, BY_EXCEPTION):
        raise refuse(f"{REGULARLY} or {BY_EXCEPTION} (only what has changed)")
    return value


_MAX_DELAY_S = 604_800.0
REGULARLY, BY_EXCEPTION = "regularly", "by_exception"

Delay = Annotated[
    Any,
    BeforeValidator(_delay),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["15s", "3min"]}),
    Wording("a duration up to 7d with its unit"),
    Duration(),
]
"""Seconds (float) of a duration, or the readings (int) that older files count."""

Patience = Annotated[
    float,
    BeforeValidator(_patience),
    WithJsonSchema({"type": ["string", "number"], "examples": ["30s", "5min", "never"]}),
    Wording("a duration up to 7d, or never"),
    Duration(),
]
"""Seconds of a duration, infinite for never."""

Report = Annotated[
    str,
    BeforeValidator(_report),
    WithJsonSchema({"enum": [REGULARLY, BY_EXCEPTION]}),
    Wording(f"{REGULARLY} or {BY_EXCEPTION}"),
]


class Range(Section):
    """A low and a high bound; a bound that is left out or null is none."""

    low: Annotated[Number | None, Measured("the sensor's")] = None
    """The lower bound."""
    high: Annotated[Number | None, Measured("the sensor's")] = None
    """The upper bound."""


Limits = Annotated[
    Range,
    BeforeValidator(_limits),
    WithJsonSchema(
        {
            "description": "Bounds as {low: 10, high: 20} or [10, 20]; either may be left out or null.",
            "anyOf": [
                {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"low": {"type": ["number", "null"]}, "high": {"type": ["number", "null"]}},
                },
                {"type": "array", "items": {"type": ["number", "null"]}, "minItems": 2, "maxItems": 2},
            ],
        }
    ),
    Wording("bounds"),
    Measured("the sensor's"),
]

EMPTY = BeforeValidator(_empty)
"""For mappings with free keys: one that is left empty is as good as left out."""
