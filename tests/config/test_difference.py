from dataclasses import replace
from pathlib import Path

import pytest

from aegisflow.config import Configuration, Tls, difference, load, with_known_devices
from aegisflow.domain.views import PlantChange
from tests.support.places import PLANT_FILE

PLANT = """
plant: {name: one}
kinds:
  pump: {sensors: {pressure: {unit: PSI}, temperature: {unit: °C}}}
  fan: {sensors: {speed: {unit: rpm}}}
lines:
  line-1: {devices: {pump-01: pump, pump-02: pump, fan-01: fan}}
  line-2: {devices: {pump-03: pump}}
"""


@pytest.fixture
def change(tmp_path):
    """Write the plant, change it, and return the difference of the two."""

    def compare(*replacements: tuple[str, str], more: str = "") -> PlantChange:
        path, text = tmp_path / "plant.yaml", PLANT
        path.write_text(text, encoding="utf-8")
        old = load(path, {})
        for before, after in replacements:
            assert before in text
            text = text.replace(before, after)
        path.write_text(text + more, encoding="utf-8")
        return difference(old, load(path, {}))

    return compare


def test_the_same_file_makes_no_difference(change):
    assert change() == PlantChange(applied=False)


def test_what_reads_alike_makes_no_difference(change):
    assert change(("pump-01: pump", "pump-01: {kind: pump, sensors: {pressure: {stale_after: null}}}")) == PlantChange(
        False
    )


def test_a_device_is_added(change):
    assert change(("pump-03: pump", "pump-03: pump, pump-04: pump")) == PlantChange(False, added=("pump-04",))


def test_a_device_is_removed(change):
    assert change(("pump-02: pump, ", "")) == PlantChange(False, removed=("pump-02",))


def test_another_name_is_another_device(change):
    assert change(("pump-02", "pump-2")) == PlantChange(False, added=("pump-2",), removed=("pump-02",))


def test_a_device_with_an_override_is_changed(change):
    override = "pump-02: {kind: pump, sensors: {pressure: {alarm: {high: 40}}}}"
    assert change(("pump-02: pump", override)) == PlantChange(False, changed=("pump-02",))


def test_a_changed_kind_changes_its_devices_only(change):
    changed = change(("{unit: °C}", "{unit: °C, detector: {threshold: 4}}"))
    assert changed == PlantChange(False, changed=("pump-01", "pump-02", "pump-03"))


def test_a_device_on_another_line_is_changed(change):
    moved = change((", fan-01: fan", ""), ("pump-03: pump", "pump-03: pump, fan-01: fan"))
    assert moved == PlantChange(False, changed=("fan-01",))


def test_the_order_of_devices_is_no_change(change):
    assert change(("pump-01: pump, pump-02: pump", "pump-02: pump, pump-01: pump")) == PlantChange(False)


def test_the_name_of_the_plant_needs_no_restart(change):
    assert change(("name: one", "name: two")).needs_restart == ()


def test_services_need_a_restart_and_are_named_as_in_the_file(change):
    more = """
broker: {port: 1884, keepalive: 5s, topics: {sensors: 'a/{device_id}'}, tls: true}
store: {raw_retention: 1d}
clock: {source: stream}
gateway: {group: 0}
supervision: {within: 1h}
manuals: {folder: books}
http: {port: 0}
"""
    assert change(more=more).needs_restart == (
        "broker.port",
        "broker.tls",
        "broker.keepalive",
        "broker.topics.sensors",
        "store.raw_retention",
        "clock.source",
        "gateway.group",
        "supervision.within",
        "manuals.folder",
        "http.port",
    )


def test_a_certificate_is_named_by_its_own_key():
    old = load(PLANT_FILE, {})
    before, after = (_with_ca(old, name) for name in ("a.pem", "b.pem"))
    assert difference(before, after).needs_restart == ("broker.tls.ca_file",)


def _with_ca(configuration: Configuration, name: str) -> Configuration:
    broker = configuration.broker.model_copy(update={"tls": Tls(ca_file=Path(name))})
    return replace(configuration, broker=broker)


def test_what_does_not_differ_stays_the_same_object(tmp_path):
    path = tmp_path / "plant.yaml"
    path.write_text(PLANT, encoding="utf-8")
    old = load(path, {})
    path.write_text(PLANT.replace("pump-02: pump", "pump-02: {kind: pump, silent_after: 5min}, pump-04: pump"))
    new = load(path, {})
    shared = with_known_devices(old, new)
    assert shared == new
    assert list(shared.plant.devices) == list(new.plant.devices)
    same = [name for name, device in shared.plant.devices.items() if device is old.plant.devices.get(name)]
    assert same == ["pump-01", "fan-01", "pump-03"]
    assert difference(old, shared) == difference(old, new)


def test_a_kind_that_differs_is_compared_once_and_replaced_for_all(tmp_path):
    path = tmp_path / "plant.yaml"
    path.write_text(PLANT, encoding="utf-8")
    old = load(path, {})
    path.write_text(PLANT.replace("unit: °C}", "unit: °C, deadband: 3}"), encoding="utf-8")
    shared = with_known_devices(old, load(path, {}))
    assert difference(old, shared).changed == ("pump-01", "pump-02", "pump-03")
    assert shared.plant.devices["fan-01"] is old.plant.devices["fan-01"]
