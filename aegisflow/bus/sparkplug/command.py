"""Commands to machines of Sparkplug B: one metric by DCMD or NCMD (Sparkplug 3.0.0, 6.4.13 and 6.4.17)."""

from typing import Any

from aegisflow.bus.sparkplug.payload import Metric, decode, encode
from aegisflow.domain.commands.writing import DATATYPES
from aegisflow.errors import PayloadError

__all__ = ["encode_write", "is_rebirth", "told"]

_REBIRTHS = ("Node Control/Rebirth", "Device Control/Rebirth")


def encode_write(said: dict[str, Any], at: float) -> bytes:
    """Return the payload that writes one metric; by its alias alone where it has one, as the specification wants it."""
    alias = said["alias"]
    name = "" if alias is not None else said["metric"]
    return encode(at, (Metric(name, alias, at, DATATYPES[said["datatype"]][0], said["value"], False, None),))


def is_rebirth(payload: bytes) -> bool:
    """Return whether a command asks for nothing but births, as every host application may: it moves no machine."""
    try:
        metrics = decode(payload).metrics
    except PayloadError:
        return False
    return bool(metrics) and all(metric.name in _REBIRTHS for metric in metrics)


def told(payload: bytes) -> str:
    """Return in words what a command writes."""
    try:
        metrics = decode(payload).metrics
    except PayloadError:
        return f"{len(payload)} bytes that are no payload of Sparkplug B"
    return ", ".join(f"{metric.name or f'alias {metric.alias}'} {metric.value!r}" for metric in metrics[:8])
