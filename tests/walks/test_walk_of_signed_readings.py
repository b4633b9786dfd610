"""V7: signed readings, through the whole application, with machines that sign and others that speak in their name."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from aegisflow.config import Configuration
from aegisflow.config.sources import SourceSettings
from aegisflow.domain.commands.model import CommandName, Stage
from aegisflow.domain.times import format_instant
from aegisflow.errors import BusError
from simulator.signing import signed_reading
from tests.support.commanding import ADA, Commanded, Make
from tests.support.waiting import eventually

KEY, VARIABLE = b"a-key-that-the-keys-of-machines-are-made-of", "WALK_READINGS_KEY"
DEVICE = "pump-01"


def signing(configuration: Configuration) -> Configuration:
    plant = configuration.plant
    devices = {**plant.devices, DEVICE: replace(plant.devices[DEVICE], signed=True)}
    broker = configuration.broker.model_copy(update={"readings_key_env": VARIABLE})
    return replace(configuration, broker=broker, plant=replace(plant, devices=devices))


def stopped(at: float) -> str:
    """Return what a machine would report that stands still."""
    values = {"temperature": 60.0, "pressure": 31.5, "vibration": 0.0, "humidity": 40.0, "power_consumption": 0.0}
    return json.dumps({"timestamp": format_instant(at), "device_id": DEVICE, **values})


def rejected(plant: Commanded) -> dict[str, int]:
    return dict(plant.plant.device_status(DEVICE).value.refused)


def test_v7_made_up_readings_prove_nothing_and_signed_ones_prove_it_by_their_own_words(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, f"a-newer-key {KEY.decode()}")
    plant = make(change=signing, readings_key=KEY)
    stop = plant.propose(DEVICE, CommandName.EMERGENCY_SHUTDOWN, ADA)
    before = plant.plant.device_status(DEVICE).value.accepted
    for number in range(8):  # before the machine has even got it
        plant.line.publish(f"aegisflow/sensors/{DEVICE}", stopped(plant.now + 1 + number))
        plant.line.publish(f"aegisflow/sensors/{DEVICE}", signed_reading(stopped(plant.now), DEVICE, b"no key"))
    plant.settle()
    eventually(lambda: rejected(plant) == {"unsigned": 8, "bad_signature": 8})
    assert plant.plant.device_status(DEVICE).value.accepted == before
    lines = {line.reason: line.count for line in plant.plant.refused().value}
    assert (lines["unsigned"], lines["bad_signature"]) == (8, 8)
    plant.live_until(lambda: plant.stage(stop).is_final, 300)
    assert plant.stage(stop) is Stage.VERIFIED
    assert "3 signed readings since" in plant.stored(stop).reasons[0]


def test_v7_what_was_recorded_before_a_restart_is_no_news_after_it(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, KEY.decode())
    first = make(change=signing, readings_key=KEY)
    recorded = signed_reading(stopped(first.now - 300), DEVICE, KEY)
    first.app.stop()
    second = Commanded(tmp_path, change=signing, readings_key=KEY)
    second.now = first.now
    second.app.start()
    try:
        second.plant.device_status(DEVICE)  # answered once it has its past
        second.pass_time()
        second.line.publish(f"aegisflow/sensors/{DEVICE}", recorded)
        second.settle()
        eventually(lambda: rejected(second) == {"replayed": 1})
    finally:
        second.app.stop()


def test_v7_a_source_of_others_is_no_way_around_the_signature(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, KEY.decode())
    hall = SourceSettings.model_validate({"topic": "hall/{device}"})
    plant = make(change=lambda configuration: replace(signing(configuration), sources={"hall": hall}), readings_key=KEY)
    before = {name: plant.plant.device_status(name).value.accepted for name in (DEVICE, "pump-02")}
    for device_id in (DEVICE, "pump-02"):
        report = {"timestamp": format_instant(plant.now + 1), "pressure": 30.5}
        plant.line.publish(f"hall/{device_id}", json.dumps(report))
    plant.settle()
    eventually(lambda: plant.plant.device_status("pump-02").value.accepted == before["pump-02"] + 1)
    # The broker delivered the other one first.
    assert plant.plant.device_status(DEVICE).value.accepted == before[DEVICE]


def test_v7_without_the_key_that_the_file_names_nothing_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(BusError, match=f"names {VARIABLE}, which is empty"):
        Commanded(tmp_path, change=signing).app.start()
