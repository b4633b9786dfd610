"""Machines that are told by templates: written once, audited to the byte, and nothing of others passes."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pykka
import pytest

from aegisflow.actors.guard import Guard
from aegisflow.actors.messages.common import Ping
from aegisflow.actors.messages.device import ReadAlarms
from aegisflow.actors.messages.gateway import PublishClaimed, PublishCommand
from aegisflow.actors.messages.guard import ReadApprovals
from aegisflow.actors.messages.store import ClaimPublish
from aegisflow.actors.runtime.children import ChildSpec, Family
from aegisflow.actors.runtime.directory import GATEWAY, GUARD, HISTORIAN, Directory
from aegisflow.bus.written import WrittenWire
from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.commands.model import CommandReceipt, Stage
from aegisflow.domain.commands.writing import AnswerSpec, OrderSpec, WritingSpec
from aegisflow.domain.device import FOREIGN_COMMAND
from tests.support.guarded_plant import ADA, ask, proposal
from tests.support.samples import device_spec, sensor_spec
from tests.support.small_plant import WAIT_S, SmallPlant

TOPIC, ANSWERS = "cmnd/P-101/POWER", "stat/P-101/RESULT"
ANSWER = AnswerSpec(ANSWERS, result=("POWER",), done=("OFF",))
OFF = OrderSpec(TOPIC, "OFF", "text", qos=0, answer=ANSWER)
WRITING = WritingSpec({"emergency_shutdown": OFF})
SHARED = WritingSpec({"emergency_shutdown": OrderSpec("modbus/write", {"id": 2, "on": False})})


@contextmanager
def running(**writing: WritingSpec | None) -> Iterator[SmallPlant]:
    """Run devices of these names with a guard; ``pump_01`` is pump-01."""
    specs = [
        replace(device_spec(name.replace("_", "-"), sensor_spec("temperature")), writing=spec)
        for name, spec in writing.items()
    ]
    plant = SmallPlant(*specs)

    def start() -> pykka.ActorRef:
        return Guard.start(GUARD, plant.directory, plant.plant, plant.clock.now, plant.metrics)

    plant.family = Family(plant.family.before, plant.family.device, (ChildSpec(GUARD, start),))
    plant.start()
    plant.bus.subscribe((*plant.bus.filters, *WrittenWire(plant.plant.devices).filters()))
    for name in plant.plant.devices:
        plant.send(name, 1_000.0, temperature=75.0)
    plant.bus.wait_until(lambda: len(plant.bus.acknowledged) >= len(specs))
    ask(plant, ReadApprovals())
    try:
        yield plant
    finally:
        plant.end()


@pytest.fixture
def plant() -> Iterator[SmallPlant]:
    with running(pump_01=WRITING, motor_01=None) as made:
        yield made


def stop(plant: SmallPlant) -> CommandReceipt:
    receipt = ask(plant, proposal(ADA))
    assert receipt.stage is Stage.DISPATCHED, receipt.reasons
    plant.bus.wait_until(lambda: written(plant))
    return receipt


def written(plant: SmallPlant, topic: str = TOPIC) -> list[tuple[bytes, int]]:
    return [(one.payload, one.qos) for one in plant.bus.published if one.topic == topic]


def settle(plant: SmallPlant) -> None:
    """Return once all that was delivered has come to something."""
    for name in (GATEWAY, *plant.plant.devices, GATEWAY, HISTORIAN, GATEWAY, GUARD, HISTORIAN, GUARD):
        plant.directory.ask(name, Ping(), WAIT_S)


def deliver(plant: SmallPlant, topic: str, payload: bytes, **more: Any) -> None:
    before = len(plant.bus.acknowledged)
    assert plant.bus.deliver(topic, payload, **more)
    plant.bus.wait_until(lambda: len(plant.bus.acknowledged) > before)


def alarms(plant: SmallPlant, device_id: str = "pump-01") -> list[str]:
    found: tuple[Alarm, ...] = plant.directory.ask(device_id, ReadAlarms(), WAIT_S)
    return [one.fault_type for one in found]


def rows(plant: SmallPlant, act: str) -> list[Any]:
    return [entry.detail for entry in plant.disk.audit if entry.act == act]


def test_it_is_written_once_as_the_template_says_and_the_audit_has_the_bytes(plant: SmallPlant) -> None:
    receipt = stop(plant)
    settle(plant)
    assert written(plant) == [(b"OFF", 0)]
    (row,) = rows(plant, "command_written")
    assert row == {
        "command_id": receipt.command.command_id,
        "topic": TOPIC,
        "qos": 0,
        "retain": False,
        "payload": "OFF",
        "sha256": hashlib.sha256(b"OFF").hexdigest(),
    }
    assert [one.topic for one in plant.bus.published] == [TOPIC]
    acts = [entry.act for entry in plant.disk.audit if entry.act.startswith("command_")]
    assert acts[-2:] == ["command_dispatched", "command_written"]


@pytest.mark.parametrize("kind", [PublishCommand, ClaimPublish, PublishClaimed])
def test_whatever_comes_several_times_it_is_written_once(
    plant: SmallPlant, monkeypatch: pytest.MonkeyPatch, kind: type
) -> None:
    tell: Callable[..., bool] = Directory.tell

    def thrice(directory: Directory, name: str, message: object) -> bool:
        told = [tell(directory, name, message) for _ in range(3 if isinstance(message, kind) else 1)]
        return all(told)

    monkeypatch.setattr(Directory, "tell", thrice)
    stop(plant)
    settle(plant)
    assert written(plant) == [(b"OFF", 0)]
    assert len(rows(plant, "command_written")) == 1


def test_without_a_grant_nothing_is_written_and_no_row_says_so(plant: SmallPlant) -> None:
    plant.disk.refuse_claims = "disk full"
    ask(plant, proposal(ADA))
    settle(plant)
    assert written(plant) == []
    assert rows(plant, "command_written") == []


def test_its_answer_makes_it_acknowledged_and_it_is_asked_nothing(plant: SmallPlant) -> None:
    receipt = stop(plant)
    for payload in (b'{"POWER":"ON"}', b"[]", b"{", b'{"Time":1}'):
        deliver(plant, ANSWERS, payload)
    deliver(plant, ANSWERS, b'{"POWER":"OFF"}', retain=True)
    settle(plant)
    assert plant.disk.commands[receipt.command.command_id].stage is Stage.DISPATCHED
    deliver(plant, ANSWERS, b'{"POWER":"OFF"}')
    plant.wait_for(lambda: plant.disk.commands[receipt.command.command_id].stage is not Stage.DISPATCHED)
    assert rows(plant, "command_acknowledged")[0]["reasons"] == ["the machine says: done, it names no command"]
    assert [one.topic for one in plant.bus.published] == [TOPIC]
    assert plant.inbound.parts == {}


def test_with_mqtt_5_what_comes_is_somebody_elses_also_when_it_is_alike(plant: SmallPlant) -> None:
    stop(plant)
    deliver(plant, TOPIC, b"OFF")
    settle(plant)
    assert alarms(plant) == [FOREIGN_COMMAND]
    assert [detail["command"] for detail in rows(plant, "foreign_command")] == [f"{TOPIC}: OFF"]
    assert alarms(plant, "motor-01") == []


def test_with_mqtt_3_ours_comes_back_once_and_a_second_one_is_somebody_elses(plant: SmallPlant) -> None:
    plant.bus.sends_back = True
    stop(plant)
    deliver(plant, TOPIC, b"OFF")
    settle(plant)
    assert alarms(plant) == []
    deliver(plant, TOPIC, b"OFF")
    settle(plant)
    assert alarms(plant) == [FOREIGN_COMMAND]


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("payload", [b"OFF", b"ON", b"", b"\xff\x00"])
def test_a_retained_one_is_never_ours(plant: SmallPlant, payload: bytes, old: bool) -> None:
    plant.bus.sends_back = old
    stop(plant)
    deliver(plant, TOPIC, payload, retain=True)
    settle(plant)
    assert alarms(plant) == [FOREIGN_COMMAND]


def test_what_we_wrote_to_one_machine_excuses_nothing_on_the_topic_of_another() -> None:
    other = WritingSpec({"emergency_shutdown": replace(OFF, topic="cmnd/M-1/POWER", answer=None)})
    with running(pump_01=WRITING, motor_01=other) as plant:
        plant.bus.sends_back = True
        stop(plant)
        deliver(plant, "cmnd/M-1/POWER", b"OFF")
        settle(plant)
        assert alarms(plant, "motor-01") == [FOREIGN_COMMAND]


@pytest.mark.parametrize(("one", "other", "alarm"), [(False, False, True), (True, False, True), (True, True, False)])
def test_on_a_topic_that_machines_share_others_may_write_only_where_all_of_them_say_so(
    one: bool, other: bool, alarm: bool
) -> None:
    with running(pump_01=replace(SHARED, others=one), motor_01=replace(SHARED, others=other)) as plant:
        deliver(plant, "modbus/write", b'{"id":2,"on":true}')
        settle(plant)
        expected = [FOREIGN_COMMAND] if alarm else []
        assert (alarms(plant), alarms(plant, "motor-01")) == (expected, expected)
        assert plant.inbound.parts == {}
