"""A command that somebody else sends to a machine, through the whole application (M1)."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aegisflow.domain.commands.model import CommandName, Stage
from aegisflow.domain.device import FOREIGN_COMMAND
from tests.support.commanding import ADA, Commanded, several
from tests.support.waiting import eventually

Make = Callable[..., Commanded]
TOPIC = "aegisflow/commands/pump-01"
FORGED = json.dumps({"command_id": "cmd-1", "device_id": "pump-01", "command": "emergency_shutdown", "parameters": {}})


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with several(tmp_path) as start:
        yield start


def foreign_rows(plant: Commanded) -> list[str]:
    with closing(sqlite3.connect(plant.folder / "store.db")) as connection:
        return [row[0] for row in connection.execute("SELECT subject FROM audit WHERE act = 'foreign_command'")]


@pytest.mark.parametrize("payload", [FORGED, "{", "[]", "", '{"command": "report_state"}'])
@pytest.mark.parametrize("retain", [False, True])
def test_m1_a_command_that_is_not_ours_is_an_alarm_a_row_of_the_audit_and_counted(
    make: Make, payload: str, retain: bool
) -> None:
    plant = make()
    for _ in range(5):
        assert plant.bus.deliver(TOPIC, payload.encode(), retain=retain)
        plant.line.sent += 1
    plant.settle()
    eventually(lambda: [one.fault_type for one in plant.plant.active_alarms().value] == [FOREIGN_COMMAND])
    (alarm,) = plant.plant.active_alarms().value
    assert "a command that AegisFlow did not send" in alarm.reasons[0]
    eventually(lambda: foreign_rows(plant) == ["pump-01"])
    assert plant.plant.health().rejected == {"foreign_command": 5}


def test_m1_one_for_a_device_that_the_plant_does_not_have_is_counted(make: Make) -> None:
    plant = make()
    plant.line.publish("aegisflow/commands/pump-99", FORGED)
    plant.settle()
    assert plant.plant.health().rejected == {"foreign_command": 1}
    assert plant.plant.active_alarms().value == ()


def test_m1_our_own_command_that_the_broker_sends_back_is_none(make: Make) -> None:
    plant = make()
    sent = plant.propose("pump-01", CommandName.REDUCE_LOAD, ADA, reduction_pct=50.0)
    eventually(lambda: plant.orders("pump-01"))
    (ours,) = [one for one in plant.bus.published if one.topic == TOPIC]
    for _ in range(2):  # a broker may deliver it twice
        plant.line.publish(TOPIC, ours.payload)
    plant.settle()
    plant.live_until(lambda: plant.stage(sent) is Stage.VERIFIED, 240)
    assert plant.plant.active_alarms().value == ()
    assert plant.plant.health().rejected == {}
    changed = json.loads(ours.payload) | {"command": "emergency_shutdown"}
    plant.line.publish(TOPIC, json.dumps(changed))
    eventually(lambda: [one.fault_type for one in plant.plant.active_alarms().value] == [FOREIGN_COMMAND])
