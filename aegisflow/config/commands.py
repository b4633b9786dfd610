"""The part of ``plant.yaml`` that says how commands are written to machines that do not speak AegisFlow's protocol."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema

from aegisflow.config.fields import EMPTY, Measured, Number, Section, Text, Wording, refuse
from aegisflow.config.sources import Paths
from aegisflow.domain.commands.writing import DATATYPES

MAX_DEPTH, MAX_PARTS = 8, 200
"""How deep a payload may be nested, and of how many keys and values it may be made."""


def _words(value: Any) -> Any:
    listed = value if isinstance(value, list | tuple) else [value]
    if len(listed) > 32 or not all(isinstance(one, str | int | float) for one in listed):
        raise refuse('a word or a list of words and numbers, such as ["OFF"]; "*" for anything that stands there')
    return tuple(_word(one) for one in listed)


def _word(one: object) -> str:
    if isinstance(one, bool):
        return "true" if one else "false"
    return f"{one:.12g}" if isinstance(one, float) else str(one)


def _payload(value: Any) -> Any:
    if _parts(value, 0) > MAX_PARTS:
        raise refuse(f"a text, a number, or a mapping of at most {MAX_PARTS} parts")
    return value


def _parts(value: Any, depth: int) -> int:
    if depth > MAX_DEPTH:
        return MAX_PARTS + 1
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(_parts(one, depth + 1) for one in inner)


def _answer_short(value: Any) -> Any:
    return {"none": True} if value == "none" else value


def _one_of(*choices: str) -> Any:
    pattern = f"^(?:{'|'.join(choices)})$"
    return Annotated[str, Field(pattern=pattern), Wording(f"one of {', '.join(choices)}")]


_TEXT = {"type": "string"}
Words = Annotated[
    tuple[str, ...],
    BeforeValidator(_words),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": ["string", "number", "boolean"]}}]}
    ),
]


class AnswerPart(Section):
    """How a machine answers a command; one that does not is proved by its readings alone."""

    none: bool = False
    """true, or answer: none, where it does not answer."""
    topic: Text = Field(default="", examples=["stat/{name}/RESULT"])
    """Where it answers; {name} and {device_id} stand for the machine."""
    format: _one_of("json", "value") = "json"  # type: ignore[valid-type]
    """json, or value: a bare word or number."""
    command_id: Paths = Field(default=(), examples=["id"])
    """Path to the command's id, where the machine echoes it; the payload must have told it."""
    result: Paths = Field(default=(), examples=[["error.code", "result.was_on"]])
    """Path to what the words below are compared with, of several the first that leads somewhere; else all of it."""
    accepted: Words = Field(default=(), examples=["*"])
    """What stands there when it has taken the command; "*" for anything."""
    refused: Words = Field(default=(), examples=[["Unknown", "Error"]])
    """What stands there when it has refused it."""
    done: Words = Field(default=(), examples=["OFF"])
    """What stands there when it has done it; readings must still show it."""
    detail: Paths = Field(default=(), examples=["error.message"])
    """Path to its own words."""
    value: Paths = Field(default=(), examples=["brightness"])
    """Path to the set-point that it says it has, in its own unit."""


class _AnswerWord:
    """Lets editors know that the word none will do."""

    alone = "`none`"

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"const": "none"}, handler(core)]}


Answer = Annotated[AnswerPart, BeforeValidator(_answer_short), _AnswerWord()]


class OrderPart(Section):
    """How one command is written. What is left out here is as under ``commands``."""

    topic: Text = Field(default="", examples=["cmnd/{name}/POWER"])
    """Where this one is published, if not where the others are."""
    payload: Annotated[
        Any,
        BeforeValidator(_payload),
        WithJsonSchema({}),
        Wording("a mapping, a list, a text, a number or a truth value"),
    ] = Field(default=None, examples=[{"state": "OFF"}])
    """A mapping that becomes JSON, or a text. {value} and {parameter} (set_parameter), {reduction_pct} and {load_pct}
    (reduce_load), {name}, {device_id}, {command}, {command_id}, {issued_at}, {expires_at} (ISO 8601; also _s and _ms)
    stand for what the command says; one that is all of a text keeps its type."""
    qos: Annotated[Annotated[int, Field(ge=0, le=1)] | None, Measured("")] = Field(default=None, examples=[0])
    """0 or 1, if another than that of the others."""
    scale: Annotated[Number, Measured("")] = 1.0
    """The number of the command, in per cent or in the set-point's unit, is multiplied by this."""
    offset: Annotated[Number, Measured("the machine's")] = 0.0
    """And this is added."""
    decimals: Annotated[Annotated[int, Field(ge=0, le=9)] | None, Measured("")] = Field(default=None, examples=[0])
    """Digits after the point that it is then rounded to."""
    metric: Text = Field(default="", examples=["Outputs/Speed"])
    """With sparkplug_b: the metric that is written; payload is its value."""
    datatype: _one_of(*DATATYPES) = "Double"  # type: ignore[valid-type]
    """With sparkplug_b: the metric's data type, as its birth says."""
    alias: Annotated[Annotated[int, Field(ge=0)] | None, Measured("")] = Field(default=None, examples=[7])
    """With sparkplug_b: the alias that its birth gives it; it is then written by that."""
    answer: Answer = AnswerPart()
    """Where this one is answered in another way: key by key over the answer for all."""


class CommandsPart(Section):
    """Which commands a machine takes, and how they are written where it does not speak AegisFlow's own protocol."""

    take: Annotated[str, Field(pattern="^(?:policy|none)$"), Wording("policy or none")] = "policy"
    """policy, or none: it is only watched."""
    name: Text = Field(default="", examples=["Plant 1/edge-7/D-101"])
    """The machine's own name, for {name}; left out, as devices of a source has it, or its id. With sparkplug_b,
    group/node or group/node/device."""
    topic: Text = Field(default="", examples=["zigbee2mqtt/{name}/set"])
    """Where its commands are published; {name} and {device_id} stand for the machine, {parameter} for a set-point."""
    format: _one_of("json", "text", "sparkplug_b") = "json"  # type: ignore[valid-type]
    """json; text, a bare word or number; or sparkplug_b, one metric by DCMD or NCMD."""
    qos: Annotated[int, Field(ge=0, le=1), Measured("")] = 1
    """At 0 a message may be lost, at 1 the broker may deliver it a second time."""
    write: Annotated[dict[str, OrderPart | None], EMPTY] = Field(default_factory=dict)
    """Command, or set_parameter.NAME for one set-point, to how it is written; any other is refused, null takes one of
    the kind away."""
    answer: Answer = AnswerPart()
    others: _one_of("alarm", "allowed") = "alarm"  # type: ignore[valid-type]
    """alarm: whatever somebody else writes to its topics is an alarm; allowed: its own panel writes there, too."""


def _commands(value: Any) -> Any:
    return {"take": value} if isinstance(value, str) else value


class _Alone:
    """Lets editors know that a word alone will do."""

    alone = "`policy` or `none`"

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"enum": ["policy", "none"]}, handler(core)]}


Commands = Annotated[CommandsPart, BeforeValidator(_commands), _Alone()]
