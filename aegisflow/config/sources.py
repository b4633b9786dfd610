"""The part of ``plant.yaml`` that says what the messages of foreign machines mean."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema

from aegisflow.config.fields import EMPTY, Measured, Name, Number, Section, SensorName, Text, Unit, Wording, refuse
from aegisflow.config.paths import parse_path, parse_topic

FORMATS = ("json", "value", "csv", "influx_line", "senml", "homeassistant", "sparkplug_b")
TIME_FORMATS = ("iso", "epoch_s", "epoch_ms", "epoch_us", "epoch_ns")
GRADES = ("words", "opcua", "opcda")
KEY = "@key"
"""Stands for the key of a point in an object of points."""


def _path(value: Any) -> Any:
    if isinstance(value, str) and 0 < len(value) <= 200:
        try:
            parse_path(value)
        except ValueError:
            pass
        else:
            return value
    raise refuse('a path such as temperature, params.switch:0.apower, values[0].v or ["a.b"].c')


def _paths(value: Any) -> Any:
    listed = value if isinstance(value, list | tuple) else [value]
    return tuple(_path(one) for one in listed)


def _topics(value: Any) -> Any:
    listed = value if isinstance(value, list | tuple) else [value]
    for one in listed:
        try:
            parse_topic(one if isinstance(one, str) else "")
        except ValueError as error:
            raise refuse(f"topics such as plant/{{device}}/+: {error}") from None
    return tuple(listed)


def _choice(choices: tuple[str, ...]) -> tuple[Any, ...]:
    def check(value: Any) -> Any:
        if value not in choices:
            raise refuse(f"one of {', '.join(choices)}")
        return value

    return BeforeValidator(check), WithJsonSchema({"enum": list(choices)}), Wording(f"one of {', '.join(choices)}")


def _time_format(value: Any) -> Any:
    if value in TIME_FORMATS:
        return value
    if isinstance(value, str) and "%" in value:
        try:
            datetime.strptime(datetime(2026, 1, 31, tzinfo=UTC).strftime(value), value)
            return value
        except (ValueError, re.error):
            pass
    raise refuse(f"one of {', '.join(TIME_FORMATS)}, or a pattern such as %d.%m.%Y %H:%M:%S")


def _zone(value: Any) -> Any:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(value)
    except (ValueError, TypeError, OSError, LookupError):
        raise refuse("a time zone such as Europe/Berlin or UTC") from None
    return value


def _words(value: Any) -> Any:
    if (
        isinstance(value, list | tuple)
        and len(value) <= 32
        and all(isinstance(one, str | int | float) for one in value)
    ):
        return tuple(value)
    raise refuse("a list of numbers and words, such as [-999, unavailable]")


def _field_names(value: Any) -> Any:
    if isinstance(value, list | tuple) and all(isinstance(one, str) and 0 < len(one) <= 100 for one in value):
        if len(set(value)) == len(value) <= 500:
            return tuple(value)
        raise refuse("up to 500 names, each once")
    raise refuse("a list of names, such as [time, temp, flow]")


def _jmespath(value: Any) -> Any:
    import jmespath

    try:
        jmespath.compile(value)
    except (ValueError, TypeError):
        raise refuse("an expression of JMESPath, such as points[?name=='t'].value | [0]") from None
    return value


_ONE_OR_MANY = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}

Paths = Annotated[
    tuple[str, ...], BeforeValidator(_paths), WithJsonSchema(_ONE_OR_MANY), Wording("a path, or a list of paths")
]
"""Several are tried in turn; the first one that leads somewhere counts."""
Topics = Annotated[
    tuple[str, ...], BeforeValidator(_topics), WithJsonSchema(_ONE_OR_MANY), Wording("a topic, or a list of topics")
]
Values = Annotated[
    tuple[Any, ...],
    BeforeValidator(_words),
    WithJsonSchema({"type": "array", "items": {"type": ["number", "string"]}}),
    Wording("a list of numbers and words"),
]
FieldNames = Annotated[
    tuple[str, ...],
    BeforeValidator(_field_names),
    WithJsonSchema({"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
    Wording("a list of names"),
]
Expression = Annotated[
    str, BeforeValidator(_jmespath), WithJsonSchema({"type": "string"}), Wording("an expression of JMESPath")
]
Zone = Annotated[
    str, BeforeValidator(_zone), WithJsonSchema({"type": "string"}), Wording("a time zone, such as Europe/Berlin")
]
TimeFormat = Annotated[
    str,
    BeforeValidator(_time_format),
    WithJsonSchema({"type": "string"}),
    Wording(f"one of {', '.join(TIME_FORMATS)}, or a pattern of strptime"),
]
Format = Annotated[str, *_choice(FORMATS)]
Grades = Annotated[str, *_choice(GRADES)]


class SourceTime(Section):
    """When what a message says was so; without a path, when the message came."""

    path: Paths = Field(default=(), examples=["ts"])
    """Path to the time."""
    format: TimeFormat = "iso"
    """iso, epoch_s, epoch_ms, epoch_us, epoch_ns, or a pattern of strptime such as %d.%m.%Y %H:%M:%S."""
    zone: Zone = "UTC"
    """The time zone of times that don't say theirs."""
    optional: bool = False
    """Whether a message without a time is taken, and dated by its receipt."""


class SourceDevice(Section):
    """Who a message is from, where its topic does not say it."""

    path: Paths = Field(default=(), examples=["tags.host"])
    """Path to the sender's name of the device; @key is the key under which a record of each stands in an object."""
    id: Name | None = Field(default=None, examples=["pump-01"])
    """All of it is from this device."""


class SourceQuality(Section):
    """What the sender itself says of a value."""

    path: Paths = Field(default=(), examples=["quality"])
    """Path to what the sender says."""
    grades: Grades = "words"
    """words; opcua, status codes of OPC UA; opcda, quality bytes of OPC DA, of which 192 is good."""
    good: Values = ("good", "ok", "valid", True)
    """With words: what the sender writes for a good value, in any case of letters; all else is bad."""


class SourceSensor(Section):
    """Where a value stands, and how it becomes that of our sensor."""

    path: Paths = Field(default=(), examples=["process.temp", "values[0].v"])
    """Path to the value, or the sender's name of it where a source has points or {sensor} in its topic."""
    jmespath: Expression | None = Field(default=None, examples=["points[?name=='t'].value | [0]"])
    """Instead of a path, an expression of JMESPath: ten times slower than a path."""
    unit: Unit | None = Field(default=None, examples=["hPa"])
    """The sender's unit; values are converted to the sensor's own."""
    scale: Annotated[Number, Measured("")] = 1.0
    """A value is multiplied by this, before its unit is converted."""
    offset: Annotated[Number, Measured("the sender's")] = 0.0
    """And this is added."""
    map: Annotated[dict[str, Number], EMPTY] = Field(default_factory=dict, examples=[{"ON": 1, "OFF": 0}])
    """What the sender writes, as text, to the value of our sensor, such as {"ON": 1, "OFF": 0}."""
    missing: Values = Field(default=(), examples=[[-999, "unavailable"]])
    """What the sender writes where it has no value, before it is scaled."""
    numbers_in_text: bool | None = Field(default=None, examples=[True])
    """Whether a number may come as text, 21.5 or with its unit 70.7 °F, which is converted; left out, as the sensor
    says."""
    decimal_comma: bool = False
    """Whether numbers in text have a decimal comma, 1.234,5; they may then come as text."""
    quality: Paths = Field(default=(), examples=["q"])
    """Path to what the sender says of this value."""


class SourcePoints(Section):
    """A list of points, an object of them by their names, or a message that is one point and has its name in it.

    What is looked for in a point and is not there is looked for around it, in its record and in the message; only a
    value is a point's own.
    """

    path: Paths = (".",)
    """Path to the list or object."""
    name: Paths = Field(default=(), examples=["tag"])
    """Paths to the parts of a point's name, joined by dots, absent ones left out; @key is its key in an object. Left
    out, the key, or name in a list."""
    value: Paths = ("value",)
    """Paths to a point's value, the first that is there counts; . is the point itself."""
    time: Paths = Field(default=(), examples=["ts"])
    """Path to a point's time; left out, the message's."""
    quality: Paths = Field(default=(), examples=["q"])
    """Path to a point's quality."""
    device: Paths = Field(default=(), examples=["machine"])
    """Path to the sender's name of a point's device."""
    unit: Paths = Field(default=(), examples=["u"])
    """Path to a point's unit, which is converted."""


def _short(key: str) -> BeforeValidator:
    """Let a text or a list stand for the mapping that only has this key."""
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str | list | tuple) else value)


def _time_short(value: Any) -> Any:
    return {} if value == "receipt" else {"path": value} if isinstance(value, str | list | tuple) else value


class _TextAlone:
    """Lets editors know that a text or a list of them will do."""

    alone = "a text, or a list of them"

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [*_ONE_OR_MANY["anyOf"], handler(core)]}


Sensor = Annotated[SourceSensor, _short("path"), _TextAlone()]
Points = Annotated[SourcePoints, _short("path"), _TextAlone()]


class SourceSettings(Section):
    """What the messages on some topics mean."""

    preset: Text = Field(default="", examples=["zigbee2mqtt"])
    """The name of a preset (docs/payloads.md), whose keys hold wherever this source does not say otherwise."""
    topic: Topics = Field(default=(), examples=["hall3/{device}/data", ["a/{device}", "b/{device}"]])
    """MQTT topics; {device} and {sensor} stand for the levels that name them, + and # for any. Either may stand for
    several levels: {device}/line/{device} names it a/b."""
    format: Format = "json"
    """json; value, a bare number or word; csv, lines of fields; influx_line; senml; homeassistant, its discovery;
    sparkplug_b."""
    fields: FieldNames = Field(default=(), examples=[["time", "temp", "flow"]])
    """With csv: the names of the fields of a line in their order, by which paths find them; left out, the first line of
    each message has them. Fields that are written name=value need none."""
    host_id: Name | None = Field(default=None, examples=["aegisflow"])
    """With sparkplug_b: we are the primary host of this id, and say retained on its STATE topic that we are there."""
    states: Topics = Field(default=(), examples=[["home/+/state"]])
    """With homeassistant: topics of the states that discovery names."""
    only: Annotated[dict[str, Values], EMPTY] = Field(default_factory=dict, examples=[{"method": ["NotifyStatus"]}])
    """Path to the values that it must have there; other messages are none of ours and passed over."""
    each: Paths = Field(default=(), examples=["metrics"])
    """Path to a list of records, each of which is taken as a message of its own; . is the message itself, and * all
    that is in a list or an object: devices.* or *.*."""
    device: Annotated[SourceDevice, _short("id"), _TextAlone()] = SourceDevice()
    devices: Annotated[dict[str, Name], EMPTY] = Field(default_factory=dict, examples=[{"P-101": "pump-01"}])
    """The sender's name of a device to ours; what is not listed has the same name."""
    time: Annotated[SourceTime, BeforeValidator(_time_short), _TextAlone()] = SourceTime()
    base: Paths = Field(default=(), examples=["fields"])
    """Where the paths of sensors start."""
    sensors: Annotated[dict[SensorName, Sensor | None], EMPTY] = Field(default_factory=dict)
    """Our sensor to where its value stands; one that is not listed is found by its own name, null takes one away."""
    value: Paths = Field(default=(), examples=["val"])
    """With {sensor} in the topic: where the value stands in the message; left out, the message is the value."""
    points: Points | None = None
    quality: Annotated[SourceQuality, _short("path"), _TextAlone()] = SourceQuality()
    retained: bool = False
    """Whether retained messages are taken: old news, delivered again at each subscribe."""
    partial: bool = False
    """Whether a message without any sensor of the device is usual, and passed over."""


Sources = Annotated[dict[Name, SourceSettings], EMPTY, Wording("a mapping of sources, each with a name of its own")]
