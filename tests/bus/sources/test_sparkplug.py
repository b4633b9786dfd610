"""Sparkplug B as a host application: births, aliases, gaps, deaths, and what is refused."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegisflow.bus import BusMessage
from aegisflow.bus.sources import Death, Decoded
from aegisflow.bus.sources.router import Sources
from aegisflow.bus.sparkplug.host import REBIRTH_EVERY_S
from aegisflow.bus.sparkplug.payload import Metric, decode, encode, typed
from aegisflow.errors import PayloadError
from simulator.sparkplug import BOOLEAN, DOUBLE, FLOAT, INT32, INT64, STRING, field, metric, payload, varint
from tests.support.source_bench import load_text, plant_text

T = 1_773_480_413.25
STATE = {"unit": "1", "kind": "state"}
DEVICES: dict[str, dict[str, Any]] = {
    "pump-01": {"temperature": {"unit": "°C", "span": [-40, 1000]}, "pressure": "bar", "on": STATE},
    "edge-7": {"load": "%"},
}
SOURCE = {
    "preset": "sparkplug_b",
    "devices": {"Plant 1/edge-7/P-101": "pump-01"},
    "sensors": {"temperature": "Inputs/Temperature", "pressure": {"path": "Inputs/Pressure", "unit": "hPa"}},
}


class Host:
    """The host application, and an edge node that speaks to it."""

    def __init__(self, folder: Path) -> None:
        configuration = load_text(folder, plant_text(SOURCE, DEVICES))
        self.memory: dict = {}
        self.sources = Sources(configuration.sources, configuration.plant.devices, memory=self.memory)
        self.seq = 0

    def hears(self, kind: str, *metrics: bytes, seq: int | None = None, at: float = T, after_s: float = 1) -> Decoded:
        topic = f"spBv1.0/Plant 1/{kind}/edge-7" + ("/P-101" if kind[0] == "D" else "")
        if kind != "NDEATH":
            seq = self.seq if seq is None else seq
            self.seq = (seq + 1) % 256
        return self.hears_bytes(topic, payload(at, list(metrics), seq), at + after_s)

    def hears_bytes(self, topic: str, said: bytes, received_at: float = T + 1) -> Decoded:
        route = self.sources.route(topic)
        assert route is not None
        return route.source.decode(route, BusMessage(topic, said), received_at)

    def is_born(self, bd_seq: int = 4) -> None:
        self.seq = 0
        node = self.hears("NBIRTH", metric(bd_seq, INT64, name="bdSeq"), metric(12.5, DOUBLE, name="load", at=T))
        assert values(node) == [("edge-7", T, {"load": 12.5})]
        born = self.hears(
            "DBIRTH",
            metric(71.5, DOUBLE, name="Inputs/Temperature", alias=1, at=T),
            metric(2500, INT32, name="Inputs/Pressure", alias=2, at=T),
            metric(True, BOOLEAN, name="on", alias=3, at=T),
        )
        assert values(born) == [("pump-01", T, {"temperature": 71.5, "pressure": 2.5, "on": 1.0})]
        assert (node.answers, born.answers, born.problems) == ((), (), ())


def values(decoded: Decoded) -> list[tuple[str, float, dict[str, float]]]:
    return [(one.device_id, one.at, dict(one.values)) for one in decoded.readings if one.values]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def is_rebirth(decoded: Decoded) -> bool:
    if not decoded.answers:
        return False
    ((topic, said),) = decoded.answers
    (wanted,) = decode(said).metrics
    assert (topic, wanted.name, wanted.value) == ("spBv1.0/Plant 1/NCMD/edge-7", "Node Control/Rebirth", True)
    return True


def test_bytes_of_the_specification_are_read_field_by_field() -> None:
    at = "b2 91 ae dd ce 33"  # 1773480413362 ms
    name_alias, datatype, double = "0a 01 74 10 05", "20 0a", "69 00 00 00 00 00 e0 51 40"
    said = bytes.fromhex(f"08 {at} 12 17 {name_alias} 18 {at} {datatype} {double} 18 07")
    read = decode(said)
    assert (read.at, read.seq) == (1_773_480_413.362, 7)
    assert read.metrics == (Metric("t", 5, 1_773_480_413.362, 10, 71.5, False, None),)
    assert decode(encode(T, read.metrics, 7)) == read._replace(at=T)


@pytest.mark.parametrize(
    ("said", "datatype", "value"),
    [
        (-5, INT32, -5),
        (-5, INT64, -5),
        (2**31 - 1, INT32, 2**31 - 1),
        (250, 1, -6),
        (200, 5, 200),
        (21.3, FLOAT, 21.3),
        (True, BOOLEAN, True),
        ("ON", STRING, "ON"),
        (None, DOUBLE, None),
    ],
)
def test_a_value_is_read_as_its_data_type_has_it(said, datatype: int, value) -> None:
    (read,) = decode(payload(T, [metric(said, datatype, name="m")])).metrics
    found = typed(read, None)
    assert (found, type(found)) == (value, type(value))


def test_after_its_birth_a_device_is_read_by_aliases_and_what_is_bad_is_refused_by_itself(host: Host) -> None:
    host.is_born()
    data = host.hears(
        "DDATA",
        metric(72.5, DOUBLE, alias=1, at=T + 1),
        metric(2600, INT32, alias=2, at=T + 1, quality=0),
        metric(0, BOOLEAN, alias=3, at=T + 2),
        at=T + 3,
    )
    assert values(data) == [("pump-01", T + 1, {"temperature": 72.5}), ("pump-01", T + 2, {"on": 0.0})]
    refused = [(value.sensor, value.reason) for one in data.readings for value in one.refused]
    assert refused == [("pressure", "bad_quality")]
    hot = host.hears("DDATA", metric(5000.0, DOUBLE, alias=1), metric(None, DOUBLE, alias=2), at=T + 4)
    assert [value for one in hot.readings for value in one.refused] == [("temperature", "out_of_span", "5000")]
    assert (data.problems, data.answers, hot.answers) == ((), (), ())


def test_a_gap_in_the_sequence_asks_for_a_rebirth_and_the_value_at_hand_is_taken(host: Host) -> None:
    host.is_born()
    assert not is_rebirth(host.hears("DDATA", metric(71.0, DOUBLE, alias=1), seq=2))
    gap = host.hears("DDATA", metric(72.0, DOUBLE, alias=1), seq=4)
    assert is_rebirth(gap)
    assert values(gap) == [("pump-01", T, {"temperature": 72.0})]
    again = host.hears("DDATA", metric(73.0, DOUBLE, alias=1), seq=9, after_s=2)
    assert not is_rebirth(again), "asked only once in a while"
    assert is_rebirth(host.hears("DDATA", metric(73.0, DOUBLE, alias=1), seq=11, at=T + 2 * REBIRTH_EVERY_S))
    host.is_born(bd_seq=5)
    assert not is_rebirth(host.hears("DDATA", metric(71.0, DOUBLE, alias=1), at=T + 90))


def test_the_sequence_begins_anew_after_255(host: Host) -> None:
    host.is_born()
    for _ in range(600):
        assert host.hears("NDATA", metric(1.0, DOUBLE, name="load")).answers == ()


def test_data_without_a_birth_asks_for_one_and_an_unknown_alias_is_refused(host: Host) -> None:
    data = host.hears("DDATA", metric(71.0, DOUBLE, alias=1), metric(70.0, DOUBLE, name="Inputs/Temperature"), seq=8)
    assert is_rebirth(data)
    assert [problem.reason for problem in data.problems] == ["no_birth"]
    assert values(data) == [("pump-01", T, {"temperature": 70.0})]


def test_a_death_is_told_of_each_device_behind_the_node_and_that_of_an_earlier_session_is_not(host: Host) -> None:
    host.is_born(bd_seq=4)
    assert host.hears("NDEATH", metric(3, INT64, name="bdSeq")).deaths == ()
    deaths = host.hears("NDEATH", metric(4, INT64, name="bdSeq")).deaths
    assert {death.device_id for death in deaths} == {"edge-7", "pump-01"}
    assert "NDEATH" in deaths[0].why
    assert is_rebirth(host.hears("DDATA", metric(71.0, DOUBLE, alias=1)))
    host.is_born(bd_seq=5)
    (death,) = host.hears("DDEATH").deaths
    assert death == Death("pump-01", "its edge node says that it is gone (DDEATH of Plant 1/edge-7/P-101)")


def test_history_is_apart_from_what_is_now(host: Host) -> None:
    host.is_born()
    data = host.hears(
        "DDATA",
        metric(99.0, DOUBLE, alias=1, at=T - 600, historical=True),
        metric(71.0, DOUBLE, alias=1, at=T),
    )
    assert values(data) == [("pump-01", T, {"temperature": 71.0})]
    assert [(one.at, dict(one.values)) for one in data.historical] == [(T - 600, {"temperature": 99.0})]


def test_what_was_announced_is_known_to_the_sources_of_a_replaced_plant(host: Host, tmp_path: Path) -> None:
    host.is_born()
    configuration = load_text(tmp_path, plant_text(SOURCE, DEVICES))
    host.sources = Sources(configuration.sources, configuration.plant.devices, memory=host.memory)
    assert values(host.hears("DDATA", metric(73.0, DOUBLE, alias=1))) == [("pump-01", T, {"temperature": 73.0})]


def test_commands_and_states_of_hosts_are_none_of_our_readings(host: Host) -> None:
    assert host.sources.route("spBv1.0/Plant 1/NCMD/edge-7") is None
    assert host.sources.route("spBv1.0/STATE/aegisflow") is None


@given(st.binary(max_size=60), st.sampled_from(["NBIRTH", "DBIRTH", "DDATA", "NDATA", "NDEATH", "DDEATH"]))
@settings(max_examples=60)
def test_rubbish_is_refused_or_says_nothing(tmp_path_factory, said: bytes, kind: str) -> None:
    host = Host(tmp_path_factory.getbasetemp())
    host.is_born()
    topic = f"spBv1.0/Plant 1/{kind}/edge-7" + ("/P-101" if kind[0] == "D" else "")
    told = []
    try:
        decoded = host.hears_bytes(topic, said)
        told = [value for one in decoded.readings for value in one.values.values()]
        reason = "bad_payload"
    except PayloadError as error:
        reason = error.reason
    assert all(math.isfinite(value) for value in told)
    assert reason == "bad_payload"


@given(st.lists(st.tuples(st.integers(0, 5), st.floats() | st.none() | st.booleans()), max_size=8))
@settings(max_examples=60)
def test_accepted_and_refused_values_are_those_that_were_sent(tmp_path_factory, sent: list) -> None:
    host = Host(tmp_path_factory.getbasetemp())
    host.is_born()
    metrics = [
        metric(value, BOOLEAN if isinstance(value, bool) else DOUBLE, alias=alias, at=T + 5) for alias, value in sent
    ]
    decoded = host.hears("DDATA", *metrics, at=T + 6)
    accepted = sum(len(one.values) + len(one.refused) for one in decoded.readings)
    known = [value for alias, value in sent if alias in (1, 2, 3) and value is not None]
    assert accepted == len(known)
    assert bool(decoded.problems) == any(alias not in (1, 2, 3) for alias, _ in sent)


def test_a_template_beside_metrics_takes_nothing_from_them_and_is_no_gap(host: Host) -> None:
    host.is_born()
    member = field(2, 2, metric(12.5, DOUBLE, name="Torque"))
    template = field(1, 2, b"Mixer UDT") + field(4, 0, varint(19)) + field(18, 2, member)
    decoded = host.hears("DDATA", template, metric(72.5, DOUBLE, alias=1, at=T + 5))
    assert values(decoded) == [("pump-01", T + 5, {"temperature": 72.5})]
    assert not decoded.problems
    assert not decoded.answers
