"""The payload of Sparkplug B: a protobuf message, described in code from the field numbers of the specification.

Sparkplug 3.0.0, section 6.4; what AegisFlow has no use for (templates, data sets, files) is not described, and
protobuf passes over it.
"""

import struct
from functools import cache
from typing import Any, NamedTuple

from aegisflow.errors import PayloadError

__all__ = ["GOOD", "Metric", "SparkplugPayload", "decode", "encode"]

GOOD = 192
"""The quality of a value that can be used; 0 is bad, 500 stale."""
MAX_METRICS = 20_000

_STRING, _BOOL, _UINT32, _UINT64, _FLOAT, _DOUBLE, _MESSAGE = 9, 8, 13, 4, 2, 1, 11
"""Field types of protobuf's descriptor."""
_FIELDS: dict[str, tuple[tuple[int, str, int, str], ...]] = {
    "PropertyValue": (
        (1, "type", _UINT32, ""),
        (2, "is_null", _BOOL, ""),
        (3, "int_value", _UINT32, ""),
        (4, "long_value", _UINT64, ""),
        (5, "float_value", _FLOAT, ""),
        (6, "double_value", _DOUBLE, ""),
        (7, "boolean_value", _BOOL, ""),
        (8, "string_value", _STRING, ""),
    ),
    "PropertySet": ((1, "keys", _STRING, "repeated"), (2, "values", _MESSAGE, "repeated PropertyValue")),
    "Metric": (
        (1, "name", _STRING, ""),
        (2, "alias", _UINT64, ""),
        (3, "timestamp", _UINT64, ""),
        (4, "datatype", _UINT32, ""),
        (5, "is_historical", _BOOL, ""),
        (6, "is_transient", _BOOL, ""),
        (7, "is_null", _BOOL, ""),
        (9, "properties", _MESSAGE, "PropertySet"),
        (10, "int_value", _UINT32, ""),
        (11, "long_value", _UINT64, ""),
        (12, "float_value", _FLOAT, ""),
        (13, "double_value", _DOUBLE, ""),
        (14, "boolean_value", _BOOL, ""),
        (15, "string_value", _STRING, ""),
    ),
    "Payload": ((1, "timestamp", _UINT64, ""), (2, "metrics", _MESSAGE, "repeated Metric"), (3, "seq", _UINT64, "")),
}
"""Message to number, name, type and what else is to be said of each field."""

_WIDTHS = {1: 8, 2: 16, 3: 32, 4: 64}
"""Data types that have a sign, which travels as two's complement in an unsigned field, and their bits."""
_FLOAT_TYPE, BOOLEAN, STRING, DOUBLE, INT32 = 9, 11, 12, 10, 3


class Metric(NamedTuple):
    """One value of a payload."""

    name: str
    """Empty where only the alias is sent."""
    alias: int | None
    at: float | None
    """UTC epoch seconds, by the edge node's clock."""
    datatype: int | None
    """None where it is left to the birth."""
    value: object
    """None for null, and for kinds of values that no sensor has."""
    is_historical: bool
    quality: int | None
    """As the specification counts it; None where nothing is said."""


class SparkplugPayload(NamedTuple):
    """What a message of Sparkplug B says."""

    at: float | None
    """UTC epoch seconds, by the edge node's clock."""
    seq: int | None
    metrics: tuple[Metric, ...]


@cache
def _payload_class() -> Any:
    """Return the class of payloads; protobuf is loaded only where there is a source of Sparkplug."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="aegisflow/sparkplug_b", package="sparkplug", syntax="proto2")
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for number, field, kind, more in fields:
            repeated, _, of = more.rpartition(" ") if kind == _MESSAGE else (more, "", "")
            one = message.field.add(name=field, number=number, type=kind, label=3 if "repeated" in repeated else 1)
            if of:
                one.type_name = f".sparkplug.{of}"
            if name == "Metric" and field.endswith("_value"):
                one.oneof_index = 0
        if name == "Metric":
            message.oneof_decl.add(name="value")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("sparkplug.Payload"))


def decode(payload: bytes) -> SparkplugPayload:
    """Return what a payload says.

    Raises:
        PayloadError: it is no payload of Sparkplug B.
    """
    from google.protobuf.message import DecodeError

    try:
        message = _payload_class().FromString(payload)
    except (DecodeError, UnicodeDecodeError):
        raise PayloadError("bad_payload", "expected a protobuf payload of Sparkplug B") from None
    if len(message.metrics) > MAX_METRICS:
        raise PayloadError("bad_payload", f"more than {MAX_METRICS:,} metrics")
    at = message.timestamp / 1000 if message.HasField("timestamp") else None
    seq = message.seq if message.HasField("seq") else None
    return SparkplugPayload(at, seq, tuple(_metric(one) for one in message.metrics))


def encode(at: float, metrics: tuple[Metric, ...], seq: int | None = None) -> bytes:
    """Return the payload that says this."""
    message = _payload_class()(timestamp=round(at * 1000))
    if seq is not None:
        message.seq = seq
    for one in metrics:
        metric = message.metrics.add(timestamp=round((at if one.at is None else one.at) * 1000))
        if one.name:
            metric.name = one.name
        if one.alias is not None:
            metric.alias = one.alias
        metric.datatype = one.datatype or DOUBLE
        _set_value(metric, one.value, metric.datatype)
    result: bytes = message.SerializeToString()
    return result


def typed(metric: Metric, datatype: int | None) -> object:
    """Return the value of a metric as its data type, which its birth may know better, has it."""
    value = metric.value
    kind = datatype if metric.datatype is None else metric.datatype
    if isinstance(value, bool) or not isinstance(value, int) or kind is None:
        return value
    if kind == BOOLEAN:
        return bool(value)
    width = _WIDTHS.get(kind)
    if width is None:
        return value
    value &= (1 << width) - 1
    return value - (1 << width) if value >> (width - 1) else value


def _metric(one: Any) -> Metric:
    # Attributes with defaults cost half of what asking for each field costs, and this is done for every value.
    kind = one.WhichOneof("value")
    value: object = None
    if kind is not None and not one.is_null:
        value = getattr(one, kind)
        if kind == "float_value":
            value = _short(value)
    return Metric(
        one.name,
        one.alias if one.HasField("alias") else None,
        one.timestamp / 1000 if one.HasField("timestamp") else None,
        one.datatype or None,
        value,
        one.is_historical,
        _quality(one.properties) if one.HasField("properties") else None,
    )


def _quality(properties: Any) -> int | None:
    for key, said in zip(properties.keys, properties.values, strict=False):
        if key == "Quality":
            return int(said.int_value)
    return None


def _short(value: Any) -> float:
    """Return a number of 32 bits as people write it: 21.3, and not 21.299999237060547."""
    text = f"{value:.7g}"
    short = float(text)
    return short if struct.pack("f", short) == struct.pack("f", value) else float(value)


def _set_value(metric: Any, value: object, datatype: int) -> None:
    if value is None:
        metric.is_null = True
    elif isinstance(value, bool):
        metric.boolean_value = value
    elif isinstance(value, str):
        metric.string_value = value
    elif isinstance(value, int | float) and datatype == _FLOAT_TYPE:
        metric.float_value = value
    elif isinstance(value, int | float) and datatype in (1, 2, 3, 5, 6, 7):
        metric.int_value = int(value) & 0xFFFFFFFF
    elif isinstance(value, int | float) and datatype in (4, 8, 13):
        metric.long_value = int(value) & 0xFFFFFFFFFFFFFFFF
    else:
        metric.double_value = float(value)  # type: ignore[arg-type]
