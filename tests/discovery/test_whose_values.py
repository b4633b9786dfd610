"""Whose values they are: however a message says it, no two machines are taken for one."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aegisflow.bus.sources.capture import CapturedMessage
from tests.support.discovering import Messages, T, drafted, iso, payload, readings

MACHINES = (1, 2, 3)
Way = Callable[[int, float], Messages]
"""Time in epoch seconds and the value of machine 1, to what three machines say; the next one's is a hundred more."""


def nested(t: int, x: float) -> Messages:
    records = [{"meta": {"sn": f"s{n}"}, "time": iso(t), "v": {"a": 100 * n + x}} for n in MACHINES]
    return [("gw/nested", {"gateway": "g9", "readings": records})]


def points_of_each(t: int, x: float) -> Messages:
    records = [
        {"station": {"id": f"s{n}"}, "ts": t * 1000, "points": [{"name": "flow", "value": 100 * n + x}]}
        for n in MACHINES
    ]
    return [("gw/points", {"gateway": "g9", "stations": records})]


def points_by_key(t: int, x: float) -> Messages:
    devices = {f"s{n}": {"points": [{"name": "flow", "value": 100 * n + x}, {"name": "p", "value": 100 * n}]}
               for n in MACHINES}  # fmt: skip
    return [("gw/keys", {"ts": t, "devices": devices})]


def nodes(t: int, x: float) -> Messages:
    """OPC Publisher, samples: a value is an object, and the server stands beside it."""
    listed = [
        {
            "NodeId": "nsu=http://plc/;s=Line.Temp",
            "ApplicationUri": f"urn:plc:line{n}",
            "DisplayName": "Temp",
            "Value": {"Value": 100 * n + x, "SourceTimestamp": iso(t), "StatusCode": {"Code": 0, "Symbol": "Good"}},
        }
        for n in MACHINES
    ]
    return [("opcpub/all", listed)]


def tags_without_host(t: int, x: float) -> Messages:
    lines = [f"motor,site=A,unit=m{n} temp={100 * n + x},amps={100 * n} {t * 10**9}" for n in MACHINES]
    return [("influx/all", "\n".join(lines))]


def one_collector(t: int, x: float) -> Messages:
    def metric(n: int) -> dict[str, Any]:
        tags = {"host": "collector", "machine": f"m{n}", "topic": "t"}
        return {"name": "motor", "tags": tags, "fields": {"temp": 100 * n + x}, "timestamp": t}

    return [("telegraf/x", metric(n)) for n in MACHINES]


WAYS: dict[Way, set[str]] = {
    nested: {"s1", "s2", "s3"},
    points_of_each: {"s1", "s2", "s3"},
    points_by_key: {"s1", "s2", "s3"},
    nodes: {"urn-plc-line1", "urn-plc-line2", "urn-plc-line3"},
    tags_without_host: {"m1", "m2", "m3"},
    one_collector: {"m1", "m2", "m3"},
}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_three_machines_are_three_devices_and_each_has_its_own_values(tmp_path: Path, way: Way) -> None:
    messages = [
        CapturedMessage(topic, payload(said), T + 5.0 * i + 0.2)
        for i in range(20)
        for topic, said in way(T + 5 * i, i / 2)
    ]
    text, _, configuration = drafted(tmp_path, messages)
    assert set(configuration.plant.devices) == WAYS[way], text
    hundreds = defaultdict(set)
    for one in readings(configuration, messages):
        assert T <= one.at <= T + 100, text
        hundreds[one.device_id].update(int(value) // 100 for value in one.values.values())
    assert sorted(hundreds.values(), key=max) == [{1}, {2}, {3}], text


def test_what_tells_series_of_one_machine_apart_is_in_the_names_of_its_sensors(tmp_path: Path) -> None:
    def said(i: int) -> str:
        return "\n".join(
            f"bearing,host=h,side={side} temp={40 + i + n} {(T + i) * 10**9}" for n, side in enumerate("ab")
        )

    messages = [CapturedMessage("influx/h", said(i).encode(), T + i) for i in range(20)]
    text, _, configuration = drafted(tmp_path, messages)
    assert {name: set(spec.sensors) for name, spec in configuration.plant.devices.items()} == {
        "h": {"bearing_a_temp", "bearing_b_temp"}
    }, text
    assert sum(len(one.values) for one in readings(configuration, messages)) == 40


def test_the_unit_of_times_is_seen_where_it_is_not_that_of_the_preset(tmp_path: Path) -> None:
    messages = [CapturedMessage("influx/h", b"m,host=h temp=%d %d" % (i, (T + i) * 1000), T + i) for i in range(20)]
    _, _, configuration = drafted(tmp_path, messages)
    assert [one.at for one in readings(configuration, messages)] == [float(T + i) for i in range(20)]
