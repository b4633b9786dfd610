"""The schema of a reading: for the parser, and for the words about a message that it refused."""

import json
import math
from collections.abc import Mapping
from keyword import iskeyword
from typing import Annotated, Any

import msgspec

from aegisflow.domain.equipment import SensorSpec
from aegisflow.errors import PayloadError

__all__ = ["ReadingSchema"]


class ReadingSchema:
    """The schema of a reading, shared by all devices with the same sensors and spans.

    msgspec checks types and spans while it parses; ``explain`` takes its time over what msgspec refused.
    """

    def __init__(self, sensors: Mapping[str, SensorSpec]) -> None:
        self.sensors = sensors
        fields: list[tuple[str, Any, Any]] = [("timestamp", str, ""), ("device_id", str | None, None)]
        names: dict[str, str] = {}
        for position, (name, sensor) in enumerate(sensors.items()):
            plain = name.isidentifier() and not iskeyword(name) and not name.startswith("__")
            field = name if plain else f"sensor_{position}_"
            bounds = msgspec.Meta(ge=sensor.span.low, le=sensor.span.high)
            fields.append((field, Annotated[float, bounds] | None, None))
            names[field] = name
        renamed = {field: name for field, name in names.items() if field != name}
        self.names = names if renamed else None
        struct = msgspec.defstruct("SensorReport", fields, gc=False, rename=renamed or None)
        self.decode = msgspec.json.Decoder(struct).decode

    def explain(self, payload: bytes, error: Exception) -> PayloadError:
        """Return the reason why ``payload`` was refused, for the error that ``decode`` raised."""
        try:
            content = json.loads(payload.decode(), parse_int=float, object_pairs_hook=tuple)
        except UnicodeDecodeError as problem:
            return PayloadError("not_json", f"not UTF-8: {problem.reason} at byte {problem.start}")
        except RecursionError:
            return PayloadError("not_json", "nested too deep")
        except ValueError as problem:
            return PayloadError("not_json", str(problem))
        if not isinstance(content, tuple):
            return PayloadError("not_json", f"expected a JSON object, found {_named(content)}")
        for key, value in content:
            sensor = self.sensors.get(key)
            if isinstance(value, float) and not math.isfinite(value):
                return PayloadError("not_finite", f"{key[:60]}: found {value}, expected a finite number")
            if sensor is None or value is None:
                continue
            if not isinstance(value, float):
                return PayloadError("wrong_type", f"{key}: found {_named(value)}, expected a number")
            low, high = sensor.span.low, sensor.span.high
            if (low is not None and value < low) or (high is not None and value > high):
                return PayloadError("out_of_span", f"{key}: found {value}, expected {low} to {high} {sensor.unit}")
        if isinstance(error, msgspec.ValidationError):
            field = "bad_timestamp" if "`$.timestamp`" in str(error) else "wrong_type"
            return PayloadError(field, str(error))
        return PayloadError("not_json", str(error))


def _named(value: object) -> str:
    """Return the JSON name of a value's type."""
    kinds = {bool: "a boolean", str: "a string", float: "a number", list: "an array", tuple: "an object"}
    return kinds.get(type(value), "null")
