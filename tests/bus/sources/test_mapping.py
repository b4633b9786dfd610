"""What a mapping of one's own can say, and what becomes of each value."""

import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegisflow.bus.codec import REASONS
from aegisflow.bus.sources.router import Sources
from tests.support.source_bench import RECEIVED_AT, SourceBench, Taken, load_text, plant_text

T = 1_773_480_413.0
STATE = {"unit": "1", "kind": "state"}


@pytest.fixture
def bench(tmp_path: Path):
    def make(source: dict[str, Any], devices: dict[str, dict[str, Any]] | None = None) -> SourceBench:
        return SourceBench(tmp_path, source, devices or {"pump-01": {"temperature": "°C", "on": STATE}})

    return make


@pytest.mark.parametrize(
    ("time", "said", "at"),
    [
        ({"path": "t", "format": "iso"}, "2026-03-14T09:26:53Z", T),
        ({"path": "t", "format": "iso"}, "2026-03-14T09:26:53", T),
        ({"path": "t", "format": "iso"}, "2026-03-14T09:26:53.123456789Z", T + 0.123456),
        ({"path": "t", "format": "iso", "zone": "America/New_York"}, "2026-03-14 05:26:53", T),
        ({"path": "t", "format": "epoch_s"}, 1_773_480_413.25, T + 0.25),
        ({"path": "t", "format": "epoch_s"}, "1773480413", T),
        ({"path": "t", "format": "epoch_ms"}, 1_773_480_413_001, T + 0.001),
        ({"path": "t", "format": "epoch_us"}, 1_773_480_413_000_001, T + 0.000001),
        ({"path": "t", "format": "epoch_ns"}, "1773480413000000250", 1_773_480_413.000000250),
        ({"path": "t", "format": "%d.%m.%Y %H:%M:%S", "zone": "Europe/Berlin"}, "14.03.2026 10:26:53", T),
        ({"path": "t", "format": "%Y%m%d%H%M%S"}, 20_260_314_092_653, T),
        ({"path": "t", "format": "%d/%b/%Y %I:%M:%S %p %z"}, "14/Mar/2026 02:56:53 PM +0530", T),
        ("receipt", "whatever", RECEIVED_AT),
    ],
)
def test_a_time_is_read_in_the_format_and_zone_that_the_source_names(bench, time, said, at) -> None:
    source = {"topic": "x/{device}", "time": time}
    assert bench(source).take("x/pump-01", {"t": said, "temperature": 71.5}).readings == [
        ("pump-01", at, {"temperature": 71.5})
    ]


@pytest.mark.parametrize("said", ["soon", "", True, [1], {}, 1e40, "NaN", -1e18, 99_999_999_999_999])
@pytest.mark.parametrize("form", ["iso", "epoch_s", "%d.%m.%Y"])
def test_a_time_that_is_none_is_refused_with_what_was_expected(bench, form: str, said: object) -> None:
    source = {"topic": "x/{device}", "time": {"path": "t", "format": form}}
    if form == "iso" and said == "":
        said = "noon"
    assert bench(source).take("x/pump-01", {"t": said, "temperature": 71.5}).problems == ["bad_timestamp"]


@pytest.mark.parametrize(
    ("sensor", "said", "value"),
    [
        ("v", 71.5, 71.5),
        ("a.b[1].c", {"a": {"b": [0, {"c": 71.5}]}}, 71.5),
        ('a["x.y"][-1]', {"a": {"x.y": [1, 2]}}, 2.0),
        (["none.here", "v"], {"v": 3}, 3.0),
        ({"path": "v", "scale": 0.1, "offset": -40}, {"v": 600}, 20.0),
        ({"path": "v", "unit": "°F"}, {"v": 212}, 100.0),
        ({"path": "v", "unit": "K", "scale": 0.01}, {"v": 29_315}, 20.0),
        ({"path": "v", "numbers_in_text": True}, {"v": " 71.5 "}, 71.5),
        ({"path": "v", "map": {"COLD": -5, "true": 1}}, {"v": "COLD"}, -5.0),
        ({"path": "v", "map": {"true": 1}}, {"v": True}, 1.0),
        ({"path": "v", "map": {"3": 30}}, {"v": 3}, 30.0),
        ({"jmespath": "list[?n=='t'].v | [0]"}, {"list": [{"n": "s", "v": 1}, {"n": "t", "v": 7}]}, 7.0),
    ],
)
def test_a_sensor_is_found_by_its_path_and_becomes_a_number_in_its_own_unit(bench, sensor, said, value) -> None:
    source = {"topic": "x/{device}", "sensors": {"temperature": sensor}}
    payload = said if isinstance(said, dict) else {"v": said}
    assert bench(source).take("x/pump-01", payload).readings == [("pump-01", RECEIVED_AT, {"temperature": value})]


@pytest.mark.parametrize(
    ("sensor", "said", "reason"),
    [
        ("v", b'{"v":"71.5"}', "wrong_type"),
        ("v", b'{"v":true}', "wrong_type"),
        ("v", b'{"v":[1]}', "wrong_type"),
        ("v", b'{"v":NaN}', "not_a_number"),
        ("v", b'{"v":1e999}', "not_a_number"),
        ("v", b'{"v":' + b"9" * 5_000 + b"}", "not_a_number"),
        ("v", b'{"v":1e13}', "out_of_span"),
        ({"path": "v", "missing": [-999, "unavailable"]}, b'{"v":-999}', "missing_marker"),
        ({"path": "v", "missing": [-999, "unavailable"]}, b'{"v":"unavailable"}', "missing_marker"),
        ({"path": "v", "quality": "q"}, b'{"v":1,"q":"Bad"}', "bad_quality"),
        ({"path": "v", "numbers_in_text": True}, b'{"v":"1e999"}', "not_a_number"),
        ({"path": "v", "scale": 1e300}, b'{"v":1e300}', "not_a_number"),
    ],
)
def test_a_bad_value_is_refused_by_itself_and_its_neighbour_taken(bench, sensor, said: bytes, reason: str) -> None:
    source = {"topic": "x/{device}", "sensors": {"temperature": sensor}}
    taken = bench(source).take("x/pump-01", said[:-1] + b',"on":true}')
    assert taken.readings == [("pump-01", RECEIVED_AT, {"on": 1.0})]
    assert [(sensor, why) for sensor, why, _ in taken.refused] == [("temperature", reason)]


@pytest.mark.parametrize("grades", ["opcua", "opcda"])
def test_a_quality_beyond_every_number_costs_its_own_value_alone(bench, grades: str) -> None:
    sensors = {"temperature": {"path": "v", "quality": "q"}}
    source = {"topic": "x/{device}", "sensors": sensors, "quality": {"grades": grades}}
    taken = bench(source).take("x/pump-01", b'{"v":1,"q":1' + b"0" * 400 + b',"on":true}')
    assert (taken.problems, taken.readings[0][2]["on"]) == ([], 1.0)


def test_a_sensor_may_have_brackets_in_its_own_name(bench) -> None:
    odd = bench({"topic": "x/{device}"}, {"pump-01": {"[].tag": "1"}})
    assert odd.take("x/pump-01", {"[].tag": 7}).readings == [("pump-01", RECEIVED_AT, {"[].tag": 7.0})]


def test_a_topic_for_each_sensor_carries_a_bare_value_or_an_object(bench) -> None:
    bare = bench({"topic": "hall/{device}/+/{sensor}", "format": "value", "sensors": {"temperature": "temp"}})
    assert bare.take("hall/pump-01/a/temp", b"71.5").readings == [("pump-01", RECEIVED_AT, {"temperature": 71.5})]
    assert bare.take("hall/pump-01/a/on", b" TRUE\n").readings == [("pump-01", RECEIVED_AT, {"on": 1.0})]
    assert bare.take("hall/pump-01/a/temp", b"1_000").refused == [("temperature", "wrong_type", "1_000")]
    assert bare.take("hall/pump-01/a/temp", b"") == Taken([], [], [])
    assert bare.take("hall/pump-01/a/speed", b"1").problems == ["no_known_sensor"]
    inside = bench({"topic": "hall/{device}/{sensor}", "value": "val", "time": {"path": "ts", "format": "epoch_ms"}})
    said = {"val": 71.5, "ts": 1_773_480_413_000}
    assert inside.take("hall/pump-01/temperature", said).readings == [("pump-01", T, {"temperature": 71.5})]


def test_a_list_of_points_is_read_point_by_point_and_merged_by_instant(bench) -> None:
    source = {
        "topic": "opc",
        "device": {"path": "machine"},
        "time": {"path": "t", "format": "epoch_s"},
        "points": {"path": "points", "time": "t", "quality": "q"},
        "quality": {"grades": "opcda"},
        "devices": {"P1": "pump-01"},
    }
    points = [
        {"name": "temperature", "value": 71.5, "t": T},
        {"name": "on", "value": True, "q": 192},
        {"name": "temperature", "value": 71.6, "t": T},
        {"name": "on", "value": False, "q": 24, "t": T},
        {"name": "on", "value": True, "t": "never"},
        {"name": "somebody", "value": 1},
        {"name": "temperature", "value": None},
        17,
    ]
    taken = bench(source).take("opc", {"machine": "P1", "t": T + 1, "points": points})
    assert taken.readings == [
        ("pump-01", T, {"temperature": 71.5}),
        ("pump-01", T, {"temperature": 71.6}),
        ("pump-01", T + 1, {"on": 1.0}),
    ]
    assert sorted(taken.refused) == [("on", "bad_quality", "false"), ("on", "bad_timestamp", "true")]


def test_several_devices_may_speak_in_one_message_and_in_several_levels_of_a_topic(bench) -> None:
    many = bench({"topic": "x", "each": ".", "device": {"path": "id"}}, {"p1": {"v": "1"}, "p2": {"v": "1"}})
    said = [{"id": "p1", "v": 1}, {"id": "p3", "v": 3}, {"id": "p2", "v": 2}, "rubbish", {"v": 4}]
    assert many.take("x", said) == Taken(
        [("p1", RECEIVED_AT, {"v": 1.0}), ("p2", RECEIVED_AT, {"v": 2.0})],
        [],
        ["unknown_device", "not_json", "unknown_device"],
    )
    levels = bench({"topic": "by/{device}/+/{device}", "devices": {"hall 2/7": "p1"}}, {"p1": {"v": "1"}})
    assert levels.take("by/hall 2/x/7", {"v": 5}).readings == [("p1", RECEIVED_AT, {"v": 5.0})]


@pytest.mark.parametrize("said", [{"devices": {}}, {"devices": {"x": 1}}, {"devices": []}])
def test_a_message_without_any_record_says_no_sensor_and_is_passed_over_where_that_is_usual(bench, said) -> None:
    source = {"topic": "gw", "each": "devices.*", "device": {"path": "@key"}}
    assert bench(source).take("gw", said).problems == ["no_known_sensor"]
    assert bench({**source, "partial": True}).take("gw", said) == Taken([], [], [])


def test_a_sensor_that_is_not_listed_has_its_own_name_and_null_takes_one_away(bench) -> None:
    awkward = {"a b.c[0]": "1", "class": "1", "temperature": "°C"}
    source = {"topic": "x/{device}", "sensors": {"temperature": None}}
    taken = bench(source, {"p": awkward}).take("x/p", {"a b.c[0]": 1, "class": 2, "temperature": 3})
    assert taken.readings == [("p", RECEIVED_AT, {"a b.c[0]": 1.0, "class": 2.0})]


def test_invented_topics_leave_no_memory(tmp_path: Path) -> None:
    configuration = load_text(tmp_path, plant_text({"topic": "x/{device}"}, {"pump-01": {"temperature": "°C"}}))
    sources = Sources(configuration.sources, configuration.plant.devices, max_topics=100)
    for number in range(1_000):
        assert sources.device_of(f"x/invented-{number}") is None
        assert sources.device_of("x/pump-01") == "pump-01"
    assert len(sources._known) <= 100


# --- nothing is lost, whatever comes ------------------------------------------------------------

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner))
NAMES = st.sampled_from(["temperature", "on", "x", "name", "value", "t"])
FUZZED = {
    "objects": {"topic": "x/{device}", "sensors": {"temperature": ["a.b", "temperature"]}},
    "points": {"topic": "x/{device}", "points": {"path": ".", "time": "t"}, "time": {"path": "t", "optional": True}},
    "records": {"topic": "x/{device}", "each": ".", "sensors": {"temperature": {"path": "temperature", "unit": "°F"}}},
}


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    devices = {"pump-01": {"temperature": "°C", "on": STATE}}
    return {name: SourceBench(tmp_path_factory.mktemp(name), one, devices) for name, one in FUZZED.items()}


def sent(shape: str, said: Any) -> int | None:
    """Return how many values of known sensors a message holds; None for one that has no such form."""
    if shape == "objects" and isinstance(said, dict):
        inner = said.get("a")
        found = inner.get("b") if isinstance(inner, dict) else None
        found = said.get("temperature") if found is None else found
        return sum(one is not None for one in (found, said.get("on")))
    if shape == "records":
        records = [one for one in (said if isinstance(said, list) else [said]) if isinstance(one, dict)]
        return sum(one.get(name) is not None for one in records for name in ("temperature", "on"))
    if shape == "points" and isinstance(said, list):
        points = [one for one in said if isinstance(one, dict)]
        return sum(one.get("name") in ("temperature", "on") and one.get("value") is not None for one in points)
    return None


@given(
    st.sampled_from(sorted(FUZZED)),
    st.dictionaries(NAMES | st.just("a"), VALUES | st.dictionaries(st.just("b"), VALUES), max_size=5)
    | st.lists(st.dictionaries(NAMES, VALUES | NAMES, max_size=5) | SCALARS, max_size=6)
    | SCALARS,
)
@settings(max_examples=80)
def test_accepted_and_refused_values_are_those_that_were_sent_whatever_is_sent(fuzzed, shape: str, said: Any) -> None:
    payload = json_of(said)
    taken = fuzzed[shape].take("x/pump-01", payload)
    accepted = sum(len(values) for _, _, values in taken.readings)
    assert all(math.isfinite(value) for _, _, values in taken.readings for value in values.values())
    assert set(taken.problems) <= set(REASONS)
    count = sent(shape, said)
    if count is None or (shape == "objects" and not count):
        assert accepted + len(taken.refused) == 0
    else:
        assert accepted + len(taken.refused) == count


@given(st.sampled_from(sorted(FUZZED)), st.binary(max_size=80))
def test_rubbish_is_refused_with_a_reason(fuzzed, shape: str, payload: bytes) -> None:
    taken = fuzzed[shape].take("x/pump-01", payload)
    assert taken.problems or not taken.readings
    assert set(taken.problems) <= set(REASONS)


def json_of(said: Any) -> bytes:
    """Return what is said as JSON, with NaN and Infinity as some senders write them."""
    import json

    try:
        return msgspec.json.encode(json.loads(json.dumps(said, allow_nan=False)))
    except ValueError:
        return json.dumps(said).encode()
