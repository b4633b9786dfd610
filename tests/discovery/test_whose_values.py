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


def deep_topics(_t: int, x: float) -> Messages:
    """Victron: values lie at different depths below a device that two levels name."""
    return [
        said
        for n in MACHINES
        for said in (
            (f"N/c0619/battery/{n}/Soc", {"value": 100 * n + x}),
            (f"N/c0619/battery/{n}/Dc/0/Voltage", {"value": 100 * n + x}),
            (f"N/c0619/battery/{n}/Dc/1/Voltage", {"value": 100 * n + x}),
        )
    ]


def one_form_each(t: int, x: float) -> Messages:
    """Machines that say something else each, all on a topic that ends alike."""
    return [
        ("u/x1/measure", {"temp": 100 + x, "load": 100 + x}),
        ("u/x2/measure", {"channels": {"1": {"value": 200 + x, "unit": "°C"}}, "ts": t}),
        ("u/x3/measure", f"{300 + x};{300 + x}"),
    ]


def one_name_in_all(t: int, x: float) -> Messages:
    """A name that says what it is, and not whose."""
    said = {n: {"_name": "oee", "_timestamp": t * 1000, "rate": 100 * n + x, "count": 100 * n} for n in MACHINES}
    return [(f"ent/line1/cell{n}/edge/oee", one) for n, one in said.items()]


def several_sorts(_t: int, x: float) -> Messages:
    return [
        said
        for n in MACHINES
        for said in (
            (f"vib/motor-{n}/rms", {"rms": 100 * n + x, "peak": 100 * n + x}),
            (f"vib/motor-{n}/bare/temp", str(100 * n + x)),
            (f"vib/motor-{n}/state", "run" if x % 2 else "stop"),
        )
    ]


WAYS: dict[Way, set[str]] = {
    nested: {"s1", "s2", "s3"},
    points_of_each: {"s1", "s2", "s3"},
    points_by_key: {"s1", "s2", "s3"},
    nodes: {"urn-plc-line1", "urn-plc-line2", "urn-plc-line3"},
    tags_without_host: {"m1", "m2", "m3"},
    one_collector: {"m1", "m2", "m3"},
    deep_topics: {"1", "2", "3"},
    one_form_each: {"x1", "x2", "x3"},
    one_name_in_all: {"cell1-oee", "cell2-oee", "cell3-oee"},
    several_sorts: {"motor-1", "motor-2", "motor-3"},
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
        hundreds[one.device_id].update(int(value) // 100 for value in one.values.values() if value > 1)
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


def test_no_preset_takes_what_another_source_reads_however_wide_its_topic_is(tmp_path: Path) -> None:
    def said(i: int) -> Messages:
        return [
            ("influx/hall", f"mill,host=mill-01 temperature={82 + i} {(T + i) * 10**9}"),
            ("influx/press-1/data", {"force": 5 + i, "stroke": i % 7 * 1.5}),
            ("influx/press-2/data", {"force": 6 + i, "stroke": i % 5 * 1.5}),
            ("zigbee2mqtt/plug 1", {"power": 40 + i, "linkquality": 100}),
            ("zigbee2mqtt/plug 1/extra", {"torque": 40 + i, "angle": i % 4 * 1.5}),
        ]

    messages = [CapturedMessage(topic, payload(one), T + i) for i in range(20) for topic, one in said(i)]
    text, _, configuration = drafted(tmp_path, messages)
    taken = readings(configuration, messages)
    assert len(taken) == len(messages), text
    assert {one.device_id for one in taken} >= {"mill-01", "press-1", "press-2", "plug-1"}


def test_machines_that_only_the_names_of_points_tell_apart_are_one_and_marked(tmp_path: Path) -> None:
    def said(i: int) -> list[dict[str, Any]]:
        return [{"id": f"Line1.Pump{n}.Temp", "v": 60 + n + i / 2, "q": True, "t": (T + i) * 1000} for n in (1, 2)]

    messages = [CapturedMessage("iotgateway", payload({"values": said(i)}), T + i) for i in range(20)]
    text, _, configuration = drafted(tmp_path, messages)
    assert set(configuration.plant.devices["iotgateway"].sensors) == {"line1_pump1_temp", "line1_pump2_temp"}
    assert "(?) Line1.Pump1, Line1.Pump2 may be machines of their own; here they are one" in text
