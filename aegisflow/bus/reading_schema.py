"""The schema of a reading: for the parser, and for the words about a message that it refused."""

import json
import math
from collections.abc import Mapping
from keyword import iskeyword
from typing import Annotated, Any, NamedTuple

import msgspec

from aegisflow.bus.binary import refusal_of_bytes
from aegisflow.domain.equipment import SensorSpec
from aegisflow.domain.readings import RefusalReason, RefusedValue
from aegisflow.errors import PayloadError, printable

__all__ = ["ReadingSchema", "Salvaged"]


class ReadingSchema:
    """The schema of a reading, shared by all devices with the same sensors and spans.

    Types and spans are checked by msgspec while it parses, which is all that a good message costs;
    ``salvage`` looks again, slowly, at what was refused.
    """

    def __init__(self, sensors: Mapping[str, SensorSpec]) -> None:
        self.sensors = sensors
        fields: list[tuple[str, Any, Any]] = [("timestamp", str, ""), ("device_id", str | None, None)]
        names: dict[str, str] = {}
        for position, (name, sensor) in enumerate(sensors.items()):
            # A sensor may have any name, a field of a struct only an identifier that means nothing to Python.
            plain = name.isidentifier() and not iskeyword(name) and not name.startswith("__")
            field = name if plain else f"sensor_{position}_"
            bounds = msgspec.Meta(ge=sensor.span.low, le=sensor.span.high)
            fields.append((field, Annotated[float, bounds] | None, None))
            names[field] = name
        renamed = {field: name for field, name in names.items() if field != name}
        self.names = names if renamed else None
        self.has_markers = any(sensor.missing_values for sensor in sensors.values())
        """Whether any sensor has values that stand for a missing one."""
        struct = msgspec.defstruct("SensorReport", fields, gc=False, rename=renamed or None)
        self.decode = msgspec.json.Decoder(struct).decode

    def salvage(self, payload: bytes, error: Exception) -> "Salvaged":
        """Take what can be used from a payload that the fast path refused as a whole.

        A bad value says nothing of its neighbours: it is refused by itself, with its reason, and
        every other value is taken.

        Args:
            payload: the payload that ``decode`` refused.
            error: the error that ``decode`` raised.

        Raises:
            PayloadError: nothing in it can be used: it is not a JSON object, its timestamp or its device
                is not a text, or no value is left.
        """
        content = _object(payload)
        fields: dict[str, Any] = {}
        values: dict[str, float] = {}
        refused: list[RefusedValue] = []
        for key, value in content:
            sensor = self.sensors.get(key)
            if sensor is None:
                fields[key] = value
            elif value is not None:
                number = _number(value, sensor)
                if isinstance(number, RefusalReason):
                    refused.append(RefusedValue(key, number, _sample(value)))
                else:
                    values[key] = number
        stamp, named = fields.get("timestamp", ""), fields.get("device_id")
        if not isinstance(stamp, str):
            raise PayloadError("bad_timestamp", f"found {_named(stamp)}, expected ISO 8601 text")
        if named is not None and not isinstance(named, str):
            raise PayloadError("wrong_type", f"device_id: found {_named(named)}, expected a string")
        if not refused and not values:
            expected = ", ".join(self.sensors)
            raise PayloadError("no_known_sensor", f"expected a number for at least one of {expected}; {error}"[:200])
        return Salvaged(stamp, named, values, tuple(refused))

    def markers(self, values: dict[str, float]) -> tuple[RefusedValue, ...]:
        """Remove the values that stand for a missing one, and return what was removed.

        Call it only where ``has_markers`` says that a sensor has such values.
        """
        gone = [
            RefusedValue(name, RefusalReason.MISSING_MARKER, f"{value:g}")
            for name, value in values.items()
            if value in self.sensors[name].missing_values
        ]
        for one in gone:
            del values[one.sensor]
        return tuple(gone)


class Salvaged(NamedTuple):
    """What can be used of a payload that was refused as a whole."""

    timestamp: str
    device_id: str | None
    values: dict[str, float]
    """Sensor name to value, for the values that can be used."""
    refused: tuple[RefusedValue, ...]


def _object(payload: bytes) -> tuple[tuple[str, Any], ...]:
    """Return the pairs of a JSON object; NaN and Infinity, which are no JSON, are read as such."""
    try:
        # Integers as floats, because Python raises for one of more than 4,300 digits, and this way it is infinite
        # and refused by itself. Objects as tuples of pairs, because an array stays a list and cannot pass for
        # one.
        content = json.loads(payload.decode(), parse_int=float, object_pairs_hook=tuple)
    except UnicodeDecodeError as problem:
        raise refusal_of_bytes(payload, problem) from None
    except RecursionError:
        raise PayloadError("not_json", "nested too deep") from None
    except ValueError as problem:
        raise PayloadError("not_json", str(problem)) from None
    if not isinstance(content, tuple):
        raise PayloadError("not_json", f"expected a JSON object, found {_named(content)}")
    return content


def _number(value: object, sensor: SensorSpec) -> float | RefusalReason:
    """Return the value of a sensor as a number, or the reason why it cannot be used."""
    if isinstance(value, str) and sensor.numbers_in_text:
        try:
            value = float(value.strip())
        except ValueError:
            return RefusalReason.WRONG_TYPE
    if not isinstance(value, float):
        return RefusalReason.WRONG_TYPE
    if not math.isfinite(value):
        return RefusalReason.NOT_A_NUMBER
    if value in sensor.missing_values:
        return RefusalReason.MISSING_MARKER
    low, high = sensor.span.low, sensor.span.high
    if (low is not None and value < low) or (high is not None and value > high):
        return RefusalReason.OUT_OF_SPAN
    return value


def _sample(value: object) -> str:
    """Return a value as a sender may have written it, short and printable."""
    return printable(value if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else repr(value), 60)


def _named(value: object) -> str:
    """Return the JSON name of a value's type."""
    kinds = {bool: "a boolean", str: "a string", float: "a number", list: "an array", tuple: "an object"}
    return kinds.get(type(value), "null")
