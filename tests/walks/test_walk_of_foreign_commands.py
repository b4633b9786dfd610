"""A command that somebody else sends to a machine, through the whole application (M1)."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from aegisflow.actors.messages.common import Ping
from aegisflow.actors.messages.device import ForeignCommandSeen
from aegisflow.actors.messages.gateway import ReadGatewayCounts
from aegisflow.actors.runtime.directory import GATEWAY, HISTORIAN
from aegisflow.config.services import SupervisionSettings
from aegisflow.domain.commands.model import CommandName, CommandReceipt, Stage
from aegisflow.domain.device import FOREIGN_COMMAND
from tests.support.commanding import ADA, Commanded, Make
from tests.support.samples import device_spec, sensor_spec
from tests.support.small_plant import WAIT_S, SmallPlant
from tests.support.waiting import eventually

TOPIC = "aegisflow/commands/pump-01"
FORGED = json.dumps({"command_id": "cmd-1", "device_id": "pump-01", "command": "emergency_shutdown", "parameters": {}})


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


def ordered(plant: Commanded) -> tuple[CommandReceipt, bytes]:
    """Return the receipt of a command that was sent, and its bytes."""
    sent = plant.propose("pump-01", CommandName.REDUCE_LOAD, ADA, reduction_pct=50.0)
    eventually(lambda: plant.orders("pump-01"))
    (ours,) = [one for one in plant.bus.published if one.topic == TOPIC]
    return sent, ours.payload


def test_m1_our_own_command_that_the_broker_sends_back_is_none(make: Make) -> None:
    plant = make()
    plant.bus.sends_back = True
    sent, ours = ordered(plant)
    for _ in range(2):  # a broker delivers it again where the connection was lost
        plant.line.publish(TOPIC, ours)
        plant.settle()
        plant.bus.break_link()
        plant.bus.restore_link()
    plant.live_until(lambda: plant.stage(sent) is Stage.VERIFIED, 240)
    assert plant.plant.active_alarms().value == ()
    assert plant.plant.health().rejected == {}
    changed = json.loads(ours) | {"command": "emergency_shutdown"}
    plant.line.publish(TOPIC, json.dumps(changed))
    eventually(lambda: [one.fault_type for one in plant.plant.active_alarms().value] == [FOREIGN_COMMAND])


@pytest.mark.parametrize("sends_back", [False, True])
def test_m1_our_own_command_that_somebody_sends_once_more_is_a_foreign_one(make: Make, sends_back: bool) -> None:
    plant = make()
    plant.bus.sends_back = sends_back
    _, ours = ordered(plant)
    if sends_back:
        plant.line.publish(TOPIC, ours)
        plant.settle()
        assert plant.plant.health().rejected == {}
    plant.line.publish(TOPIC, ours)
    eventually(lambda: [one.fault_type for one in plant.plant.active_alarms().value] == [FOREIGN_COMMAND])


@pytest.fixture
def small() -> Iterator[SmallPlant]:
    """Give a plant of one device that is isolated when it falls twice."""
    settings = SupervisionSettings(max_restarts=1, backoff_min_s=0.01, backoff_max_s=0.05)
    plant = SmallPlant(device_spec("pump-01", sensor_spec("temperature")), supervision=settings)
    plant.start()
    codec = plant.codec(plant.plant)
    plant.bus.subscribe((codec.sensor_filter(), codec.command_filter()))
    yield plant
    plant.end()


def fall_over_it(plant: SmallPlant) -> threading.Event:
    """Have the device fall over the next command of somebody else, but only once the event is set."""
    go_on, device = threading.Event(), plant.actor("pump-01")
    take = device.on_receive

    def held(message: object) -> object:
        if isinstance(message, ForeignCommandSeen):
            go_on.wait(WAIT_S)
            raise ValueError("killed with the command in its hands")
        return take(message)

    device.on_receive = held
    return go_on


def test_m1_one_is_not_acknowledged_before_its_alarm_is_stored_and_comes_again_after_a_fall_between(
    small: SmallPlant,
) -> None:
    go_on = fall_over_it(small)
    small.bus.deliver(TOPIC, FORGED.encode())
    small.disk.wait_until(lambda: small.disk.letters)
    for name in (HISTORIAN, GATEWAY):  # the dead letter is on disk, and the gateway knows
        small.directory.ask(name, Ping(), WAIT_S)
    assert small.bus.acknowledged == []
    small.bus.break_link()
    go_on.set()
    small.wait_for(lambda: small.restarts("pump-01") == 1 and small.state("pump-01") == "running")
    assert small.disk.events == []
    small.bus.restore_link()
    small.bus.wait_until(lambda: small.bus.acknowledged)
    assert [event.alarm.fault_type for event in small.disk.events] == [FOREIGN_COMMAND]
    assert [row.act for row in small.disk.audit] == ["foreign_command"]


def test_m1_each_is_acknowledged_when_it_is_no_news_and_when_nobody_watches(small: SmallPlant) -> None:
    for number in range(3):
        for qos in (0, 1):
            small.bus.deliver(TOPIC, f"{number}".encode(), qos=qos)
    small.bus.wait_until(lambda: len(small.bus.acknowledged) == 3)
    small.wait_for(lambda: small.directory.ask(GATEWAY, ReadGatewayCounts(), WAIT_S).in_flight == 0)
    assert small.inbound.parts == {}
    assert [event.alarm.fault_type for event in small.disk.events] == [FOREIGN_COMMAND]
    small.fall("pump-01")
    small.wait_for(lambda: small.restarts("pump-01") == 1 and small.state("pump-01") == "running")
    go_on = fall_over_it(small)
    for number in range(3):  # it falls over the first, and with that for good; it never comes to the others
        small.bus.deliver(TOPIC, f"more {number}".encode())
    small.disk.wait_until(lambda: len(small.disk.letters) == 9)
    go_on.set()
    small.wait_for(lambda: small.state("pump-01") == "isolated")
    small.bus.wait_until(lambda: len(small.bus.acknowledged) == 5)
    small.bus.deliver(TOPIC, b"nobody watches")
    small.bus.wait_until(lambda: len(small.bus.acknowledged) == 6)
    small.bus.break_link()
    small.bus.restore_link()
    small.bus.wait_until(lambda: len(small.bus.acknowledged) == 7)
