import json

import pytest

from aegisflow.domain.times import format_instant
from simulator.machine import Machine, Running
from simulator.machines import CommandMemory, DamagedMemoryError, Fleet, Temper
from simulator.scenario import REFERENCE_SENSORS

NOW = 1_767_600_000.0


class FakeWire:
    def __init__(self):
        self.sent = []
        self.subscribed = {}

    def publish(self, topic, payload):
        self.sent.append((topic, json.loads(payload)))

    def subscribe(self, topic, on_message):
        self.subscribed[topic] = on_message

    def acks(self, device_id="pump-01"):
        return [
            (ack["command_id"], ack["result"]) for topic, ack in self.sent if topic == f"aegisflow/acks/{device_id}"
        ]


class FallingMachine(Machine):
    """Is killed as it begins."""

    def obey(self, command, parameters):
        raise KeyboardInterrupt


@pytest.fixture
def wire():
    return FakeWire()


@pytest.fixture
def make_fleet(tmp_path, wire):
    def make(temper=Temper.OBEYS):
        machines = {name: Machine(name, REFERENCE_SENSORS) for name in ("pump-01", "motor-01")}
        memory = CommandMemory(tmp_path / "commands.json")
        fleet = Fleet(machines, wire, memory, tempers={"pump-01": temper}, clock=lambda: NOW)
        return fleet, machines["pump-01"]

    return make


def command(**changes):
    whole = {
        "command_id": "c-1",
        "device_id": "pump-01",
        "command": "reduce_load",
        "parameters": {"reduction_pct": 30},
        "issued_at": format_instant(NOW - 1),
        "expires_at": format_instant(NOW + 60),
    }
    return json.dumps({**whole, **changes}).encode()


def test_a_command_is_accepted_acts_and_is_done(make_fleet, wire):
    fleet, pump = make_fleet()
    fleet.answer("pump-01", command())
    assert wire.acks() == [("c-1", "accepted")]
    fleet.tick(5)
    assert wire.acks() == [("c-1", "accepted")]
    fleet.tick(60)
    assert wire.acks() == [("c-1", "accepted"), ("c-1", "done")]
    assert pump.load == pytest.approx(0.7)
    ack = wire.sent[0][1]
    assert ack == {
        "command_id": "c-1",
        "device_id": "pump-01",
        "result": "accepted",
        "detail": "load to 70 %",
        "mode": "reduced_load",
        "at": format_instant(NOW),
    }


def test_a_command_delivered_twice_acts_once_even_after_a_restart(make_fleet, wire):
    fleet, _ = make_fleet()
    fleet.answer("pump-01", command())
    reborn, pump = make_fleet()
    reborn.answer("pump-01", command())
    assert wire.acks() == [("c-1", "accepted"), ("c-1", "accepted")]
    assert pump.running is Running.NORMAL


def test_a_machine_that_falls_as_it_begins_does_not_claim_to_have_acted(make_fleet, wire):
    fleet, _ = make_fleet()
    fleet._machines["pump-01"] = FallingMachine("pump-01", REFERENCE_SENSORS)
    with pytest.raises(KeyboardInterrupt):
        fleet.answer("pump-01", command())
    reborn, pump = make_fleet()
    reborn.answer("pump-01", command())
    reborn.answer("pump-01", command(command="report_state"))
    assert wire.acks() == [("c-1", "interrupted"), ("c-1", "interrupted")]
    assert pump.running is Running.NORMAL


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"expires_at": format_instant(NOW)}, "expired at"),
        ({"expires_at": "soon"}, "expires_at is missing or not ISO 8601"),
        ({"expires_at": None}, "expires_at is missing or not ISO 8601"),
        ({"device_id": "motor-01"}, "addressed to 'motor-01'"),
        ({"parameters": [30]}, "parameters is no object"),
        ({"parameters": {"reduction_pct": 5}}, "must be 20 to 80"),
        ({"command": None}, "unknown command 'None'"),
    ],
)
def test_a_command_that_may_not_act_is_refused_with_the_reason(make_fleet, wire, changes, why):
    fleet, pump = make_fleet()
    fleet.answer("pump-01", command(**changes))
    assert wire.acks() == [("c-1", "refused")]
    assert why in wire.sent[0][1]["detail"]
    assert pump.running is Running.NORMAL


@pytest.mark.parametrize("payload", [b"", b"{", b"[1]", b"{}", b'{"command_id": 7}', b"[" * 100_000, b"\xff"])
def test_what_has_no_command_id_gets_no_answer_and_does_no_harm(make_fleet, wire, payload):
    fleet, _ = make_fleet()
    fleet.answer("pump-01", payload)
    assert wire.sent == []


@pytest.mark.parametrize(
    ("temper", "acks", "running"),
    [
        (Temper.OBEYS, ["accepted"], Running.REDUCED),
        (Temper.REFUSES, ["refused"], Running.NORMAL),
        (Temper.IGNORES, [], Running.NORMAL),
        (Temper.PRETENDS, ["accepted"], Running.NORMAL),
        (Temper.STUTTERS, ["accepted", "accepted"], Running.REDUCED),
    ],
)
def test_every_temper_takes_a_command_its_own_way(make_fleet, wire, temper, acks, running):
    fleet, pump = make_fleet(temper)
    fleet.answer("pump-01", command())
    assert [result for _, result in wire.acks()] == acks
    assert pump.running is running


def test_every_machine_publishes_its_reading_with_one_timestamp(make_fleet, wire):
    fleet, _ = make_fleet()
    fleet.tick(5)
    assert [topic for topic, _ in wire.sent] == ["aegisflow/sensors/pump-01", "aegisflow/sensors/motor-01"]
    assert {payload["timestamp"] for _, payload in wire.sent} == {format_instant(NOW)}
    assert set(wire.sent[0][1]) == {"timestamp", "device_id", *REFERENCE_SENSORS}


def test_the_fleet_listens_to_every_machine_and_answers_between_readings(make_fleet, wire):
    fleet, _ = make_fleet()
    fleet.listen()
    wire.subscribed["aegisflow/commands/pump-01"]("aegisflow/commands/pump-01", command())
    fleet.run(interval_s=0.01, stop_after_s=0.005)
    assert wire.acks() == [("c-1", "accepted")]


def test_only_so_many_command_ids_are_kept(tmp_path):
    memory = CommandMemory(tmp_path / "commands.json")
    for number in range(205):
        memory.keep("pump-01", f"c-{number}", "done", "")
    assert memory.recall("pump-01", "c-4") is None
    assert CommandMemory(tmp_path / "commands.json").recall("pump-01", "c-204") == ("done", "")


@pytest.mark.parametrize("text", ["", "[]", '{"pump-01": 7}', "\x00"])
def test_a_damaged_memory_is_named_rather_than_forgotten(tmp_path, text):
    path = tmp_path / "commands.json"
    path.write_text(text)
    with pytest.raises(DamagedMemoryError, match=r"commands\.json"):
        CommandMemory(path)
