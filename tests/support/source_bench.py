"""Sources as a plant file has them, and what becomes of messages."""

from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import yaml

from aegisflow.bus import BusMessage
from aegisflow.bus.sources.router import Sources
from aegisflow.config import Configuration, load
from aegisflow.errors import PayloadError

RECEIVED_AT = 1_773_480_420.0
"""2026-03-14T09:27:00Z."""


class Taken(NamedTuple):
    """What a message became."""

    readings: list[tuple[str, float, dict[str, float]]]
    """Device, instant and values."""
    refused: list[tuple[str, str, str]]
    """Sensor, reason and sample."""
    problems: list[str]
    """Reasons of what was refused as a whole."""


def plant_text(source: dict[str, Any], devices: dict[str, dict[str, Any]]) -> str:
    """Return a plant file with one source; ``devices`` are their sensors, each a unit or a mapping."""
    lines = {
        name: {
            "kind": "any",
            "sensors": {key: {"unit": one} if isinstance(one, str) else one for key, one in sensors.items()},
        }
        for name, sensors in devices.items()
    }
    return yaml.safe_dump({"kinds": {"any": {}}, "lines": {"l": {"devices": lines}}, "sources": {"them": source}})


def load_text(folder: Path, text: str) -> Configuration:
    path = folder / "plant.yaml"
    path.write_text(text)
    return load(path, {})


class SourceBench:
    """One source, compiled."""

    def __init__(self, folder: Path, source: dict[str, Any], devices: dict[str, dict[str, Any]]) -> None:
        configuration = load_text(folder, plant_text(source, devices))
        self.sources = Sources(configuration.sources, configuration.plant.devices)

    def take(self, topic: str, payload: object, *, retain: bool = False, at: float = RECEIVED_AT) -> Taken:
        route = self.sources.route(topic)
        assert route is not None, f"no source takes {topic}"
        said = payload if isinstance(payload, bytes) else msgspec.json.encode(payload)
        try:
            decoded = route.source.decode(route, BusMessage(topic, said, retain), at)
            readings, problems = decoded.readings, decoded.problems
        except PayloadError as error:
            readings, problems = (), (error,)
        return Taken(
            [(one.device_id, one.at, dict(one.values)) for one in readings if one.values],
            [(value.sensor, value.reason.value, value.sample) for one in readings for value in one.refused],
            [error.reason for error in problems],
        )
