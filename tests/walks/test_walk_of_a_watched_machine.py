"""A machine that is only watched: nothing is published to it, and commands to it are denied with the reason."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aegisflow.app import App
from aegisflow.bus.fake import FakeBus
from aegisflow.config import Configuration, ManualsSettings, StoreSettings
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import CommandName, Mode, Stage
from aegisflow.domain.equipment import LineSpec, PlantSpec
from tests.support.samples import device_spec

ADA = Caller("ada", CallerKind.OPERATOR)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[App, FakeBus]]:
    (tmp_path / "manuals").mkdir()
    devices = {
        "camera-01": replace(device_spec("camera-01"), watched_only=True),
        "pump-01": device_spec("pump-01"),
    }
    configuration = Configuration(
        path=tmp_path / "plant.yaml",
        plant=PlantSpec("test", {"line-1": LineSpec("line-1", "", tuple(devices))}, devices),
        store=StoreSettings(url=f"sqlite:///{tmp_path}/store.db"),
        manuals=ManualsSettings(folder=tmp_path / "manuals", model="none"),
    )
    bus = FakeBus()
    with App(configuration, bus) as app:
        yield app, bus


def test_a_machine_that_is_only_watched_is_sent_nothing_and_its_mode_is_what_people_say(
    running: tuple[App, FakeBus],
) -> None:
    app, bus = running
    app.plant.state_mode("camera-01", Mode.MAINTENANCE, 0.0, ADA, "its lens is cleaned")
    assert app.plant.device_status("camera-01").value.mode is Mode.MAINTENANCE
    options = app.plant.device_commands("camera-01", ADA).value.options
    assert options
    assert all(any("only watched" in why for why in option.reasons) for option in options)
    receipt = app.plant.request_command("camera-01", CommandName.EMERGENCY_SHUTDOWN, {}, ADA, "smoke")
    assert receipt.stage is Stage.DENIED
    assert [one for one in bus.published if one.topic.startswith("aegisflow/commands/")] == []
