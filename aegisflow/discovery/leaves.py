"""The values that stand in a JSON message, by their paths, and which of them say when and who."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from aegisflow.config.paths import join_path, parse_path
from aegisflow.offline.recordings.timestamps import unit_of

__all__ = [
    "MACHINE_KEYS", "UNWANTED", "Leaves", "device_path", "last_key", "leaves_of", "plain", "time_format", "time_path",
]  # fmt: skip

Leaves = dict[str, object]
"""Path to what stands there: numbers, truth values, words and null."""

_MAX_DEPTH = 8
_MAX_LEAVES = 500
_MAX_PATH = 200
_MAX_ITEMS = 16
"""Longer lists are waveforms or histories, and no sensors side by side."""
_TIMES = (
    "timestamp", "ts", "time", "datetime", "date_time", "t", "last_seen", "measured_at", "sampled_at", "date",
    "zeitstempel", "zeit", "datum", "sourcetimestamp", "event_time", "created_at", "updated_at", "utc", "tst",
)  # fmt: skip
MACHINE_KEYS = (
    "device_id", "deviceid", "device", "device_name", "machine_id", "machine", "machine_name", "asset_id", "asset",
    "equipment_id", "equipment", "unit_id", "station_id", "station", "node_id", "node", "host", "hostname", "thing",
    "source", "serial", "serial_number", "sn", "mac", "id", "name",
)  # fmt: skip
"""Keys that say who sent a message, the most telling first."""
UNWANTED = frozenset(
    {"seq", "sequence", "seq_no", "msg_id", "message_id", "mid", "packet_id", "counter_id", "uptime", "uptime_s"}
    | {"linkquality", "rssi", "lqi", "snr", "version", "fw", "firmware", "ip", "mac", "id", "uuid", "schema", "ttl"}
    | {"update", "update_available", "last_seen", "wifi", "ssid", "channel", "qos", "retain", "device_temperature_id"}
)
"""Keys that say something about the message or the network, and nothing of the machine."""
_PATTERNS = ("%d.%m.%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%Y%m%d%H%M%S")


def leaves_of(said: object) -> Leaves:
    """Return what stands at the ends of a message; of one that is deep or wide, the first of it."""
    return dict(found for found, _ in zip(_walk(said, "", 0), range(_MAX_LEAVES), strict=False))


def _walk(said: object, path: str, depth: int) -> Iterator[tuple[str, object]]:
    if isinstance(said, Mapping):
        if depth < _MAX_DEPTH:
            for key, value in said.items():
                yield from _walk(value, join_path(path, str(key)), depth + 1)
    elif isinstance(said, list):
        if depth < _MAX_DEPTH and len(said) <= _MAX_ITEMS:
            for place, value in enumerate(said):
                yield from _walk(value, join_path(path, place), depth + 1)
    elif 0 < len(path) <= _MAX_PATH:
        yield path, said


def last_key(path: str) -> str:
    """Return the key at the end of a path; of a place in a list, with the place."""
    *_, last = steps = [str(step) for step in parse_path(path)]
    return f"{steps[-2]}_{last}" if last.isdigit() and len(steps) > 1 else last


def plain(name: str) -> str:
    """Return a name in lower case, with underlines between its words."""
    # pumpSpeed is two words; kWh, pH and mV are one.
    return re.sub(r"[\W_]+", "_", re.sub(r"(?<=[a-z]{2})(?=[A-Z][a-z])", "_", name).lower()).strip("_")


def time_format(said: object) -> str | None:
    """Return how a time is written, as ``sources`` in plant.yaml call it; None for what is no time of our years."""
    if isinstance(said, bool):
        return None
    if isinstance(said, int | float):
        unit = unit_of(said)
        return None if unit is None else f"epoch_{unit}"
    if not isinstance(said, str) or len(said) < len("2026-01-31"):
        return None
    try:
        datetime.fromisoformat(said)
        return "iso"
    except ValueError:
        pass
    for form in _PATTERNS:
        try:
            datetime.strptime(said, form)
            return form
        except ValueError:
            continue
    return None


def time_path(leaves: Leaves) -> tuple[str, str] | None:
    """Return path and format of the time in a message; None where it says none."""
    return _best(leaves, _TIMES, time_format)


def device_path(leaves: Leaves) -> str | None:
    """Return the path of what says who sent a message; None where nothing does."""
    found = _best(leaves, MACHINE_KEYS, lambda said: "word" if isinstance(said, str) and 0 < len(said) <= 64 else None)
    return None if found is None else found[0]


def _best(leaves: Leaves, names: tuple[str, ...], test: Any) -> tuple[str, str] | None:
    ranked = []
    for path, said in leaves.items():
        name = plain(last_key(path))
        if name in names and (form := test(said)) is not None:
            # What stands at the top speaks for all of the message.
            ranked.append((len(parse_path(path)), names.index(name), path, form))
    return min(ranked)[2:] if ranked else None
