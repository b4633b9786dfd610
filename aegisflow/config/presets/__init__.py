"""Sources that are known already: one readable file for each system, to use by its name or to copy."""

from functools import cache
from importlib.resources import files
from pathlib import Path

from aegisflow.config.fields import Section
from aegisflow.config.mistakes import Mistakes
from aegisflow.config.source import read
from aegisflow.config.sources import SourceSettings

__all__ = ["PRESETS", "preset", "preset_text"]

PRESETS = (
    "homeassistant",
    "influx_line",
    "opcua_pubsub_json",
    "senml",
    "shelly_gen2",
    "sparkplug_b",
    "tasmota",
    "telegraf_json",
    "zigbee2mqtt",
)


def preset_text(name: str) -> str:
    """Return the file of a preset, comments included."""
    return files(__name__).joinpath(f"{name}.yaml").read_text("utf-8")


@cache
def preset(name: str) -> SourceSettings:
    """Return a preset; ``name`` is one of ``PRESETS``."""
    data = read(Path(f"{name}.yaml"), Mistakes(name), preset_text(name).encode()).data
    return SourceSettings.model_validate(data, by_alias=True, by_name=False)


def over_preset(part: Section, name: str) -> SourceSettings:
    """Return a preset with what a source says for itself laid over it, key by key."""
    given = {**part.model_dump(exclude_unset=True)}
    return SourceSettings.model_validate(_merged(preset(name).model_dump(exclude_unset=True), given), by_name=True)


def _merged(under: dict[str, object], over: dict[str, object]) -> dict[str, object]:
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        result[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result
