"""The values that stand in a JSON message, by their paths, and which of them say when and who."""

import functools
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from aegisflow.config.paths import join_path, parse_path
from aegisflow.offline.recordings.timestamps import unit_of

__all__ = [
    "MACHINE_KEYS", "NAMES", "NOT_OF_MACHINES", "QUALITIES", "STRONG_KEYS", "TIMES", "UNITS", "UNWANTED", "VALUES",
    "Leaves", "device_path", "is_of_network", "is_wanted", "last_key", "leaves_of", "long_lists", "plain", "sensor_of",
    "time_format", "time_path", "told",
]  # fmt: skip

Leaves = dict[str, object]
"""Path to what stands there: numbers, truth values, words and null."""

_MAX_DEPTH = 8
_MAX_LEAVES = 500
_MAX_PATH = 200
_MAX_DIGITS = 30
_MAX_ITEMS = 16
"""Longer lists are waveforms or histories, and no sensors side by side."""
_SERIES = frozenset({"samples", "waveform", "spectrum", "fft", "buffer", "history", "trace", "wave", "messreihe"})
"""Keys of lists that are one thing over time or frequency."""
_MAX_SAMPLES = 3
TIMES = (
    "timestamp", "ts", "time", "datetime", "date_time", "t", "last_seen", "measured_at", "sampled_at", "date",
    "zeitstempel", "zeit", "datum", "sourcetimestamp", "event_time", "created_at", "updated_at", "utc", "tst",
    "time_stamp", "tstamp", "source_timestamp", "server_timestamp", "gwts", "epoch", "received_at", "reported_at",
    "enqueued_time", "measurement_time", "recorded_at", "datum_zeit", "heure", "horodatage", "fecha",
)  # fmt: skip
MACHINE_KEYS = (
    "device_id", "deviceid", "device", "device_name", "devicename", "dev", "dev_id", "devid", "machine_id",
    "machine", "machine_name", "asset_id", "asset", "equipment_id", "equipment", "unit_id", "station_id",
    "station", "node_id", "node", "host", "hostname", "thing", "asset_name", "equipment_name", "thing_name",
    "application_uri", "endpoint_url", "sensor_id", "source", "serial", "serial_number", "sn", "mac", "id",
    "name",
)  # fmt: skip
"""Keys that say who sent a message, the most telling first."""
STRONG_KEYS = frozenset(MACHINE_KEYS) - {
    "source",
    "serial",
    "serial_number",
    "sn",
    "mac",
    "id",
    "name",
    "host",
    "hostname",
}
"""Those of them that say nothing else."""
NAMES = (
    "name", "tag", "tag_name", "tagname", "id", "n", "sensor", "signal", "key", "variable", "metric", "point", "nodeid",
    "node_id", "data_point_id", "datapoint", "topic", "item", "field", "parameter", "channel", "symbol", "address",
    "display_name", "label", "measurement", "quantity", "oid", "property",
)  # fmt: skip
"""Keys that name the one value that an object says, the most telling first."""
VALUES = (
    "value", "v", "val", "reading", "present_value", "presentvalue", "payload", "wert", "valeur", "valor",
    "current_value", "actual_value", "scaled_value", "measured_value", "float_value", "double_value", "numeric_value",
)  # fmt: skip
QUALITIES = (
    "quality", "q", "qc", "quality_code", "status_code", "statuscode", "good", "status", "is_good", "valid", "validity",
)  # fmt: skip
UNITS = ("unit", "units", "uom", "u", "unit_of_measurement", "engineering_unit", "eu", "einheit", "unite", "unidad")
_NETWORK = frozenset(
    {"metadata", "meta", "metas", "errors", "rx_info", "rxinfo", "rx_metadata", "tx_info", "txinfo", "settings", "wifi"}
    | {"network", "headers", "header_info", "tenant", "application_ids", "gateway_ids", "mqtt", "location"}
)
"""Keys of objects that say something of the network, the message or its sender, and nothing of the machine."""
UNWANTED = frozenset(
    {
        "dt",
        "fs",
        "sample_rate",
        "samplerate",
        "sampling_rate",
        "seq",
        "sequence",
        "seq_no",
        "msg_id",
        "message_id",
        "mid",
        "packet_id",
        "counter_id",
        "uptime",
        "uptime_s",
    }
    | {"linkquality", "rssi", "lqi", "snr", "version", "fw", "firmware", "ip", "mac", "id", "uuid", "schema", "ttl"}
    | {
        "fcnt",
        "f_cnt",
        "f_port",
        "fport",
        "dr",
        "adr",
        "dev_addr",
        "uptime_sec",
        "heap",
        "load_avg",
        "mqtt_count",
        "signal",
    }
    | {"free_heap", "wifi_signal", "wifi_rssi", "bssid", "airtime", "consumed_airtime", "sleep", "link_count", "bd_seq"}
    | {"update", "update_available", "last_seen", "wifi", "ssid", "channel", "qos", "retain", "device_temperature_id"}
)
"""Keys that say something about the message or the network, and nothing of the machine."""
_NODE_ID = re.compile(r"^(?:nsu?=[^;]*;)?[sigb]=")
NOT_OF_MACHINES = "a time, or says something of the message or the network"
"""Why a number is no sensor."""
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
        if depth < _MAX_DEPTH and len(said) <= _most_items(path):
            for place, value in enumerate(said):
                yield from _walk(value, join_path(path, place), depth + 1)
    elif 0 < len(path) <= _MAX_PATH:
        yield path, said


def told(name: str) -> tuple[str, str]:
    """Return our name for what a sender calls a sensor, and the path that a source must be told; empty for the same."""
    # Of a node of OPC UA, what stands before its identifier says where it is.
    ours = plain(_NODE_ID.sub("", name)) or plain(name) or name
    if ours == name:
        return ours, ""
    try:
        parse_path(name)
        return ours, name
    except ValueError:
        return ours, join_path("", name)


@functools.lru_cache(10_000)
def is_of_network(path: str) -> bool:
    """Return whether a path leads into what says something of the network or the message."""
    return any(isinstance(step, str) and plain(step) in _NETWORK for step in parse_path(path))


def is_wanted(path: str, said: object) -> bool:
    """Return whether what stands at a path may be of a machine: no time, and nothing of the network or the message."""
    name = plain(last_key(path))
    return not (time_format(said, in_text=name in TIMES) or name in UNWANTED or is_of_network(path))


@functools.lru_cache(10_000)
def sensor_of(path: str) -> str:
    """Return the part of a path that names what stands there: of ``temp.value`` it is ``temp``."""
    *around, last = parse_path(path) or ("",)
    if isinstance(last, str) and around and isinstance(around[-1], str) and plain(last) in VALUES[:3]:
        return functools.reduce(join_path, around, "")
    return path


def long_lists(said: object, path: str = "") -> Iterator[tuple[str, int]]:
    """Give the lists that are too long for sensors side by side, with their length."""
    if isinstance(said, Mapping):
        for key, one in said.items():
            yield from long_lists(one, join_path(path, str(key)))
    elif isinstance(said, list) and len(said) > _most_items(path):
        yield path or ".", len(said)


def _most_items(path: str) -> int:
    """Return how many items a list may have that are sensors side by side."""
    return _MAX_SAMPLES if path and plain(last_key(path)) in _SERIES else _MAX_ITEMS


@functools.lru_cache(10_000)
def last_key(path: str) -> str:
    """Return the key at the end of a path; of a place in a list, with the place."""
    *_, last = steps = [str(step) for step in parse_path(path)]
    return f"{steps[-2]}_{last}" if last.isdigit() and len(steps) > 1 else last


@functools.lru_cache(10_000)
def plain(name: str) -> str:
    """Return a name in lower case, with underlines between its words."""
    # pumpSpeed is two words; kWh, pH and mV are one.
    return re.sub(r"[\W_]+", "_", re.sub(r"(?<=[a-z]{2})(?=[A-Z][a-z])", "_", name).lower()).strip("_")


def time_format(said: object, *, in_text: bool = False) -> str | None:
    """Return how a time is written, as ``sources`` in plant.yaml call it; None for what is no time of our years.

    Args:
        said: what stands in a message.
        in_text: whether an epoch may come as text, since its name says that it is a time.
    """
    if isinstance(said, bool):
        return None
    if isinstance(said, int | float):
        unit = unit_of(said)
        return None if unit is None else f"epoch_{unit}"
    if not isinstance(said, str) or len(said) < len("2026-01-31"):
        return None
    if said.isascii() and said.replace(".", "", 1).isdigit():
        unit = unit_of(float(said)) if in_text and len(said) < _MAX_DIGITS else None
        return "%Y%m%d%H%M%S" if len(said) == len("20260131000000") and unit is None else unit and f"epoch_{unit}"
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
    return _best(leaves, TIMES, functools.partial(time_format, in_text=True))


def device_path(leaves: Leaves) -> str | None:
    """Return the path of what says who sent a message; None where nothing does."""
    found = _best({path: one for path, one in leaves.items() if not is_of_network(path)}, MACHINE_KEYS, _is_name)
    return None if found is None else found[0]


def _is_name(said: object) -> str | None:
    is_number = isinstance(said, int) and not isinstance(said, bool)
    return "word" if is_number or (isinstance(said, str) and 0 < len(said) <= 64) else None


def _best(leaves: Leaves, names: tuple[str, ...], test: Any) -> tuple[str, str] | None:
    ranked = []
    for path, said in leaves.items():
        name = plain(last_key(path))
        if name in names and (form := test(said)) is not None:
            # What stands at the top speaks for all of the message.
            ranked.append((len(parse_path(path)), names.index(name), path, form))
    return min(ranked)[2:] if ranked else None
