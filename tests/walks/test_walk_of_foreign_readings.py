"""The messages of foreign machines from the bus to the store, beside those of our own format."""

from collections.abc import Iterator

import pytest

from aegisflow.actors.messages.device import ReadDeviceStatus
from aegisflow.actors.messages.gateway import FlushInbound, ReadGatewayCounts, ReadRefused
from aegisflow.actors.runtime.directory import GATEWAY
from aegisflow.config.sources import SourceSettings
from tests.support.samples import device_spec, sensor_spec
from tests.support.small_plant import WAIT_S, SmallPlant

T0 = 1_760_000_000.0
SOURCE = {
    "topic": ["hall/line", "hall/{device}/state"],
    "time": {"path": "t", "format": "epoch_s"},
    "each": "list",
    "device": {"path": "id"},
}


@pytest.fixture
def plant() -> Iterator[SmallPlant]:
    devices = [device_spec(name, sensor_spec("temperature"), sensor_spec("pressure")) for name in ("a-01", "a-02")]
    plant = SmallPlant(*devices, sources={"hall": SourceSettings.model_validate(SOURCE)})
    plant.start()
    yield plant
    plant.end()


def line(*values: tuple[str, float, str]) -> bytes:
    records = ",".join(f'{{"id":"{name}","t":{at},"temperature":{value}}}' for name, at, value in values)
    return f'{{"list":[{records}]}}'.encode()


def test_a_message_of_several_devices_is_acknowledged_once_the_last_of_them_is_committed(plant: SmallPlant) -> None:
    plant.disk.fast.clear()
    plant.bus.deliver("hall/line", line(("a-01", T0, "71"), ("a-02", T0, "72"), ("a-01", T0 + 1, "73")))
    plant.bus.deliver("hall/line", line(("a-02", T0 + 1, "74")))
    plant.directory.ask(GATEWAY, FlushInbound(), WAIT_S)
    plant.wait_for(lambda: plant.directory.ask(GATEWAY, ReadGatewayCounts(), WAIT_S).in_flight == 4)
    assert plant.bus.acknowledged == []
    plant.disk.fast.set()
    plant.bus.wait_until(lambda: len(plant.bus.acknowledged) == 2)
    assert sorted((one.device_id, one.at, one.values["temperature"]) for one in plant.disk.readings) == [
        ("a-01", T0, 71.0),
        ("a-01", T0 + 1, 73.0),
        ("a-02", T0, 72.0),
        ("a-02", T0 + 1, 74.0),
    ]
    plant.wait_for(lambda: plant.directory.ask(GATEWAY, ReadGatewayCounts(), WAIT_S).in_flight == 0)
    assert plant.inbound.parts == {}


def test_parts_of_one_instant_from_both_formats_are_merged_by_the_device(plant: SmallPlant) -> None:
    plant.bus.deliver("hall/a-01/state", f'{{"t":{T0},"temperature":71}}'.encode())
    plant.send("a-01", T0, pressure=31.5)
    plant.bus.wait_until(lambda: len(plant.bus.acknowledged) == 2)
    status = plant.directory.ask("a-01", ReadDeviceStatus(), WAIT_S)
    assert status.accepted == 2
    assert {sensor.spec.name: sensor.value for sensor in status.sensors} == {"temperature": 71.0, "pressure": 31.5}


def test_what_cannot_be_used_is_told_with_topic_sample_and_reason_and_the_rest_is_taken(plant: SmallPlant) -> None:
    said = line(("a-01", T0, '"hot"'), ("a-09", T0, "70"), ("a-02", T0, "72"))
    plant.bus.deliver("hall/line", said)
    plant.bus.deliver("hall/a-01/state", b"rubbish")
    plant.bus.wait_until(lambda: len(plant.bus.acknowledged) == 2)
    told = plant.directory.ask(GATEWAY, ReadRefused(), WAIT_S)
    assert {(one.device_id, one.sensor, one.reason, one.topic, one.sample) for one in told} == {
        ("a-01", "temperature", "wrong_type", "hall/line", "hot"),
        (None, "", "unknown_device", "hall/line", said.decode()[:60]),
        ("a-01", "", "not_json", "hall/a-01/state", "rubbish"),
    }
    assert [(one.device_id, one.values) for one in plant.disk.readings if one.values] == [
        ("a-02", {"temperature": 72.0})
    ]
    assert [(letter.reason, letter.device_id) for letter in plant.disk.letters] == [("not_json", "a-01")]


def test_a_message_that_is_none_of_ours_is_settled_and_not_counted_as_refused() -> None:
    source = SourceSettings.model_validate({"topic": "hall/{device}", "only": {"kind": ["data"]}})
    plant = SmallPlant(device_spec("a-01", sensor_spec("temperature")), sources={"hall": source})
    plant.start()
    try:
        plant.bus.deliver("hall/a-01", b'{"kind":"hello"}')
        plant.bus.wait_until(lambda: len(plant.bus.acknowledged) == 1)
        counts = plant.directory.ask(GATEWAY, ReadGatewayCounts(), WAIT_S)
        assert (counts.rejected, plant.disk.readings) == ({}, [])
        plant.wait_for(lambda: plant.directory.ask(GATEWAY, ReadGatewayCounts(), WAIT_S).in_flight == 0)
    finally:
        plant.end()
