"""An edge node of Sparkplug B on a real broker: birth, data, a gap, history, death, rebirth."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegisflow.app import App
from aegisflow.config import Configuration, ManualsSettings, StoreSettings
from aegisflow.config.presets import over_preset
from aegisflow.config.sources import SourceSettings
from aegisflow.domain.equipment import LineSpec, PlantSpec
from aegisflow.domain.times import Period
from simulator.sparkplug import SparkplugNode
from tests.support.broker import Mosquitto
from tests.support.samples import device_spec, sensor_spec
from tests.support.waiting import eventually

pytestmark = pytest.mark.broker


@pytest.fixture
def app(mosquitto: Mosquitto, tmp_path: Path) -> Iterator[App]:
    (tmp_path / "manuals").mkdir()
    source = SourceSettings.model_validate({"preset": "sparkplug_b", "host_id": "aegisflow"})
    device = device_spec("pump-01", sensor_spec("temperature"), silent_after_s=3_600.0)
    configuration = Configuration(
        path=tmp_path / "plant.yaml",
        plant=PlantSpec("test", {"l": LineSpec("l", "", ("pump-01",))}, {"pump-01": device}),
        broker=mosquitto.settings(client_id="aegisflow-test"),
        store=StoreSettings(url=f"sqlite:///{tmp_path}/store.db"),
        manuals=ManualsSettings(folder=tmp_path / "manuals", model="none"),
        sources={"line": over_preset(source, "sparkplug_b")},
    )
    with App(configuration) as app:
        eventually(lambda: app.plant.health().broker_connected)
        yield app


def temperature(app: App) -> float | None:
    (sensor,) = app.plant.device_status("pump-01").value.sensors
    return sensor.value


def alarms(app: App) -> list[tuple[str, tuple[str, ...]]]:
    return [(alarm.fault_type, alarm.reasons) for alarm in app.plant.active_alarms().value]


def test_an_edge_node_is_followed_from_its_birth_to_its_death_and_asked_to_be_born_again(
    app: App, mosquitto: Mosquitto
) -> None:
    node = SparkplugNode(
        mosquitto.host, mosquitto.port, "plant", "edge-7", {"pump-01": {"temperature": 71.5}}, primary="aegisflow"
    )
    try:
        node.wait_until(lambda: node.host_online)
        eventually(lambda: temperature(app) == 71.5)
        node.send("pump-01", {"temperature": 72.5})
        eventually(lambda: temperature(app) == 72.5)
        past = time.time() - 3_600
        node.send("pump-01", {"temperature": 104.0}, at=past, historical=True)
        node.skip()
        node.send("pump-01", {"temperature": 73.5})
        node.wait_until(lambda: node.births == 2)
        eventually(lambda: temperature(app) == 71.5, 30.0)
        stored = app.plant.sensor_stream("pump-01", ("temperature",), Period(past - 1, past + 1), 10).value
        assert stored.readings == 1
        assert alarms(app) == []
        node.vanish()
        eventually(lambda: alarms(app))
        ((fault_type, reasons),) = alarms(app)
        assert fault_type == "sensor_silent"
        assert reasons[0].startswith("its edge node plant/edge-7 is gone (NDEATH)")
        assert app.plant.device_status("pump-01").value.silent
    finally:
        node.vanish()
