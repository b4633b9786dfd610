"""From the bus to the store and back, on FakeBus and with a historian in memory."""

from functools import partial

import pytest

from aegisflow.actors.gateway import MAX_LETTERS_AT_ONCE, Gateway
from aegisflow.actors.messages.common import Tick
from aegisflow.actors.messages.device import AcknowledgeAlarm, ReadAlarms, ReadDeviceStatus
from aegisflow.actors.messages.gateway import FlushInbound, ReadGatewayCounts
from aegisflow.actors.messages.supervisor import ReplacePlant
from aegisflow.actors.runtime.directory import GATEWAY, HISTORIAN, SUPERVISOR
from aegisflow.config.services import GatewaySettings, SupervisionSettings
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.device import Device
from aegisflow.errors import UnavailableError, UnknownNameError
from tests.support.samples import device_spec, sensor_spec
from tests.support.small_plant import WAIT_S, SmallPlant, plant_of
from tests.support.twins import windows

T0 = 1_760_000_000.0


def committed(plant: SmallPlant, count: int) -> None:
    plant.disk.wait_until(lambda: len(plant.disk.readings) >= count)


def flood(plant: SmallPlant, count: int, *, start: int = 0, device_id: str = "pump-01") -> None:
    for number in range(start, start + count):
        plant.send(device_id, T0 + 5 * number, temperature=75.0 + number % 7)


def status(plant: SmallPlant, device_id: str = "pump-01"):
    return plant.directory.ask(device_id, ReadDeviceStatus(), WAIT_S)


def is_open(plant: SmallPlant) -> bool:
    """Return whether the device has begun, with its past or without."""
    return plant.actor("pump-01")._stash.is_open


def counts(plant: SmallPlant):
    return plant.directory.ask(GATEWAY, ReadGatewayCounts(), WAIT_S)


def shown(plant: SmallPlant, device_id: str = "pump-01"):
    """Return what a device shows of its windows, its mode and its alarms."""
    told = status(plant, device_id)
    return windows(told), told.latest_at, told.mode, told.alarms


def test_a_reading_is_acknowledged_to_the_broker_only_once_it_is_committed(small_plant: SmallPlant) -> None:
    small_plant.disk.fast.clear()
    flood(small_plant, 20)
    small_plant.directory.ask(GATEWAY, FlushInbound(), WAIT_S)
    small_plant.wait_for(lambda: status(small_plant).accepted == 20)
    assert small_plant.bus.acknowledged == []
    assert counts(small_plant).in_flight == 20
    small_plant.disk.fast.set()
    small_plant.bus.wait_until(lambda: len(small_plant.bus.acknowledged) == 20)
    small_plant.wait_for(lambda: counts(small_plant).in_flight == 0)
    assert [reading.at for reading in small_plant.disk.readings] == [T0 + 5 * n for n in range(20)]


def test_a_duplicate_is_acknowledged_but_neither_stored_nor_counted_as_accepted(small_plant: SmallPlant) -> None:
    for _ in range(3):
        small_plant.send("pump-01", T0, temperature=75.0)
    small_plant.bus.wait_until(lambda: len(small_plant.bus.acknowledged) == 3)
    assert len(small_plant.disk.readings) == 1
    assert status(small_plant).accepted == 1
    assert status(small_plant).refused == {"duplicate": 2}


def test_a_late_reading_is_stored_and_leaves_the_newest_alone(small_plant: SmallPlant) -> None:
    for at in (T0, T0 + 10, T0 + 5):
        small_plant.send("pump-01", at, temperature=75.0)
    committed(small_plant, 3)
    assert status(small_plant).latest_at == T0 + 10
    assert (status(small_plant).accepted, status(small_plant).refused) == (3, {})
    assert small_plant.metrics.late._value.get() == 1


@pytest.mark.parametrize(
    ("topic", "payload", "reason", "device_id"),
    [
        ("aegisflow/sensors/pump-01", b"not json", "not_json", "pump-01"),
        (
            "aegisflow/sensors/pump-01",
            b'{"timestamp": "2026-01-01 at noon", "temperature": 71.0}',
            "bad_timestamp",
            "pump-01",
        ),
        ("aegisflow/sensors/nobody", b"{}", "unknown_device", None),
    ],
)
def test_a_refused_message_is_counted_kept_and_settled_and_the_device_never_sees_it(
    small_plant: SmallPlant, topic: str, payload: bytes, reason: str, device_id: str | None
) -> None:
    flood(small_plant, 30)
    committed(small_plant, 30)
    before = shown(small_plant)
    small_plant.bus.deliver(topic, payload)
    small_plant.bus.wait_until(lambda: len(small_plant.bus.acknowledged) == 31)
    letter = small_plant.disk.letters[0]
    assert (letter.reason, letter.topic, letter.payload, letter.device_id) == (reason, topic, payload, device_id)
    assert counts(small_plant).rejected == {reason: 1}
    assert counts(small_plant).rejected_by_device == ({device_id: {reason: 1}} if device_id else {})
    assert shown(small_plant) == before


def test_a_retained_reading_is_refused(small_plant: SmallPlant) -> None:
    payload = b'{"timestamp": "2026-01-01T00:00:00Z", "temperature": 75.0}'
    small_plant.bus.deliver("aegisflow/sensors/pump-01", payload, retain=True)
    small_plant.disk.wait_until(lambda: small_plant.disk.letters)
    assert small_plant.disk.letters[0].reason == "retained"


def test_a_flood_of_unknown_names_leaves_no_memory_and_fills_no_store(small_plant: SmallPlant) -> None:
    for number in range(2_000):
        small_plant.bus.deliver(f"aegisflow/sensors/invented-{number}", b"{}")
    small_plant.bus.wait_until(lambda: len(small_plant.bus.acknowledged) == 2_000)
    assert counts(small_plant).rejected == {"unknown_device": 2_000}
    assert counts(small_plant).rejected_by_device == {}
    assert MAX_LETTERS_AT_ONCE <= len(small_plant.disk.letters) < MAX_LETTERS_AT_ONCE + 50
    assert small_plant.disk.settled == 2_000
    dropped = small_plant.metrics.letters_dropped._value.get()
    assert dropped == 2_000 - len(small_plant.disk.letters)


def test_a_reading_is_unsettled_until_it_is_on_disk_wherever_it_waits(small_plant: SmallPlant) -> None:
    small_plant.disk.fast.clear()
    for number in range(20):
        small_plant.send("pump-01", T0 + 5.0 * number, temperature=75.0)
    assert counts(small_plant).unsettled == 20
    small_plant.disk.fast.set()
    small_plant.bus.wait_until(lambda: len(small_plant.bus.acknowledged) == 20)
    assert counts(small_plant).unsettled == 0


@pytest.mark.serial
@pytest.mark.parametrize("small_plant", [{"gateway": GatewaySettings(queue_limit=100)}], indirect=True)
def test_unacknowledged_telemetry_is_shed_oldest_first_and_counted(small_plant: SmallPlant) -> None:
    small_plant.disk.fast.clear()
    for number in range(1_000):
        small_plant.send("pump-01", T0 + 0.05 * number, qos=0, temperature=75.0)
    small_plant.directory.ask(GATEWAY, FlushInbound(), WAIT_S)
    assert counts(small_plant).in_flight <= 100
    small_plant.send("pump-01", T0 + 50, qos=1, temperature=75.0)
    small_plant.disk.fast.set()
    small_plant.bus.wait_until(lambda: len(small_plant.bus.acknowledged) == 1)
    small_plant.wait_for(lambda: counts(small_plant).in_flight == 0 and not small_plant.inbound.has_waiting())
    stored = {round((reading.at - T0) / 0.05) for reading in small_plant.disk.readings}
    assert counts(small_plant).shed == 1_001 - len(stored)
    assert set(range(900, 1_001)) <= stored
    assert counts(small_plant).shed >= 700


def test_what_the_broker_delivers_again_after_a_break_enters_no_window_twice(small_plant: SmallPlant) -> None:
    small_plant.disk.fast.clear()
    flood(small_plant, 25)
    small_plant.bus.break_link()
    small_plant.disk.fast.set()
    committed(small_plant, 25)
    small_plant.bus.restore_link()
    small_plant.bus.wait_until(lambda: len(small_plant.bus.acknowledged) == 25)
    assert len(small_plant.disk.readings) == 25
    assert status(small_plant).accepted == 25


def test_a_poison_reading_becomes_a_dead_letter_and_nothing_else_is_lost(
    small_plant: SmallPlant, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Device.record

    def touchy(device: Device, reading):
        if reading.values["temperature"] == 13.0:
            raise ArithmeticError("cannot bear it")
        return record(device, reading)

    monkeypatch.setattr(Device, "record", touchy)
    small_plant.disk.fast.clear()  # so that all 50 come as few batches
    for number in range(50):
        small_plant.send("pump-01", T0 + number, temperature=13.0 if number in (20, 21) else 75.0)
    small_plant.disk.fast.set()
    small_plant.bus.wait_until(lambda: len(small_plant.bus.acknowledged) == 50)
    assert [reading.at for reading in small_plant.disk.readings] == [T0 + n for n in range(50) if n not in (20, 21)]
    assert [letter.reason for letter in small_plant.disk.letters] == ["device_failure"] * 2
    assert "cannot bear it" in small_plant.disk.letters[0].detail
    assert small_plant.restarts("pump-01") == 2
    assert small_plant.state("motor-01") == "running"
    assert small_plant.restarts("motor-01") == 0
    small_plant.wait_for(lambda: counts(small_plant).in_flight == 0)


def test_a_restarted_device_goes_on_with_the_windows_it_had(small_plant: SmallPlant) -> None:
    flood(small_plant, 90)
    committed(small_plant, 90)
    before = shown(small_plant)
    small_plant.fall("pump-01")
    small_plant.wait_for(lambda: small_plant.disk.recalls.count("pump-01") == 2)
    small_plant.wait_for(lambda: status(small_plant).latest_at is not None)
    after = shown(small_plant)
    assert after[0] == pytest.approx(before[0])
    assert after[1:] == before[1:]


def test_readings_for_a_fallen_device_wait_for_its_successor(small_plant: SmallPlant) -> None:
    flood(small_plant, 10)
    committed(small_plant, 10)
    small_plant.disk.fast.clear()
    small_plant.fall("pump-01")
    flood(small_plant, 10, start=10)
    small_plant.directory.ask(GATEWAY, FlushInbound(), WAIT_S)
    small_plant.disk.fast.set()
    small_plant.bus.wait_until(lambda: len(small_plant.bus.acknowledged) == 20)
    assert [reading.at for reading in small_plant.disk.readings] == [T0 + 5 * n for n in range(20)]


def test_an_alarm_outlives_the_actor_that_raised_it(small_plant: SmallPlant) -> None:
    alarm = raise_alarm(small_plant)
    small_plant.fall("pump-01")
    small_plant.wait_for(lambda: small_plant.restarts("pump-01") == 1)
    (after,) = alarms(small_plant)
    assert after.alarm_id == alarm.alarm_id
    assert (after.state, after.severity, after.raised_at) == (alarm.state, alarm.severity, alarm.raised_at)


def raise_alarm(plant: SmallPlant):
    flood(plant, 60)
    for number in range(60, 66):
        plant.send("pump-01", T0 + 5 * number, temperature=140.0)
    plant.disk.wait_until(lambda: plant.disk.events and len(plant.disk.readings) == 66)
    (alarm,) = alarms(plant)
    return alarm


def alarms(plant: SmallPlant):
    return plant.directory.ask("pump-01", ReadAlarms(), WAIT_S)


def test_who_acknowledges_an_alarm_leaves_a_row(small_plant: SmallPlant) -> None:
    alarm = raise_alarm(small_plant)
    by = Caller("ada", CallerKind.OPERATOR)
    noted = small_plant.directory.ask("pump-01", AcknowledgeAlarm(alarm.alarm_id, by, "seen"), WAIT_S)
    assert noted.acknowledged_by == "ada"
    assert noted.state.is_active
    small_plant.disk.wait_until(lambda: small_plant.disk.audit)
    (row,) = small_plant.disk.audit
    assert (row.actor, row.act, row.subject, row.detail["note"]) == (
        "ada",
        "alarm_acknowledged",
        alarm.alarm_id,
        "seen",
    )
    assert small_plant.disk.events[-1].by == "ada"


def test_an_unknown_alarm_is_answered_with_those_there_are(small_plant: SmallPlant) -> None:
    alarm = raise_alarm(small_plant)
    with pytest.raises(UnknownNameError, match=alarm.alarm_id):
        small_plant.directory.ask(
            "pump-01", AcknowledgeAlarm("nonsense", Caller("ada", CallerKind.OPERATOR), ""), WAIT_S
        )


ALWAYS_FALLS = SupervisionSettings(max_restarts=2, within_s=600.0, backoff_min_s=0.001, backoff_max_s=0.002)


def is_back(plant: SmallPlant, name: str, restarts: int) -> bool:
    ref = plant.directory.find(name)
    return plant.restarts(name) == restarts and ref is not None and ref.is_alive()


def isolate(plant: SmallPlant, name: str) -> None:
    for fall in range(ALWAYS_FALLS.max_restarts + 1):
        plant.wait_for(partial(is_back, plant, name, fall))
        plant.fall(name)
    plant.wait_for(lambda: plant.state(name) == "isolated")


@pytest.mark.parametrize("small_plant", [{"supervision": ALWAYS_FALLS}], indirect=True)
def test_a_device_that_falls_too_often_is_isolated_and_its_readings_are_stored_unwatched(
    small_plant: SmallPlant,
) -> None:
    flood(small_plant, 10)
    committed(small_plant, 10)
    isolate(small_plant, "pump-01")
    flood(small_plant, 10, start=10)
    small_plant.bus.wait_until(lambda: len(small_plant.bus.acknowledged) == 20)
    assert len(small_plant.disk.readings) == 20
    with pytest.raises(UnavailableError, match=r"isolated after 3 failures .* ValueError: made to fall"):
        status(small_plant)
    small_plant.disk.wait_until(lambda: small_plant.disk.audit)
    assert [row.act for row in small_plant.disk.audit] == ["child_isolated"]
    assert status(small_plant, "motor-01").accepted == 0


@pytest.mark.parametrize("small_plant", [{"supervision": ALWAYS_FALLS}], indirect=True)
def test_what_waited_for_an_isolated_device_is_stored_and_acknowledged(small_plant: SmallPlant) -> None:
    small_plant.disk.fast.clear()
    flood(small_plant, 10)
    small_plant.directory.ask(GATEWAY, FlushInbound(), WAIT_S)
    isolate(small_plant, "motor-01")
    isolate(small_plant, "pump-01")  # never recalled, so all ten are still before it
    small_plant.disk.fast.set()
    small_plant.bus.wait_until(lambda: len(small_plant.bus.acknowledged) == 10)


@pytest.mark.parametrize("small_plant", [{"supervision": ALWAYS_FALLS}], indirect=True)
def test_a_changed_specification_gives_an_isolated_device_another_chance(small_plant: SmallPlant) -> None:
    isolate(small_plant, "pump-01")
    changed = device_spec("pump-01", sensor_spec("temperature"), silent_after_s=99.0)
    plant = plant_of(changed, small_plant.plant.devices["motor-01"])
    small_plant.directory.ask(SUPERVISOR, ReplacePlant(plant), WAIT_S)
    flood(small_plant, 5)
    small_plant.wait_for(lambda: status(small_plant).accepted == 5)


@pytest.mark.parametrize("small_plant", [{"supervision": ALWAYS_FALLS}], indirect=True)
@pytest.mark.parametrize("name", [GATEWAY, HISTORIAN])
def test_losing_a_critical_part_for_good_is_told_to_the_application(small_plant: SmallPlant, name: str) -> None:
    isolate(small_plant, name)
    assert small_plant.lost == [name]


@pytest.mark.parametrize("name", [GATEWAY, HISTORIAN])
def test_readings_that_come_while_a_critical_part_is_restarted_are_not_lost(small_plant: SmallPlant, name: str) -> None:
    flood(small_plant, 10)
    small_plant.fall(name, SystemExit(1))
    flood(small_plant, 40, start=10)
    small_plant.bus.wait_until(lambda: len(small_plant.bus.acknowledged) == 50)
    assert sorted(reading.at for reading in small_plant.disk.readings) == [T0 + 5 * n for n in range(50)]


def test_a_gateway_that_falls_in_the_middle_of_a_batch_leaves_the_batch_to_its_successor(
    small_plant: SmallPlant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(gateway: Gateway, refused: object) -> None:
        monkeypatch.undo()
        raise ValueError("made to fall")

    monkeypatch.setattr(Gateway, "_refuse", broken)
    small_plant.bus.deliver("aegisflow/sensors/nobody", b"{}")
    flood(small_plant, 50)
    small_plant.bus.wait_until(lambda: len(small_plant.bus.acknowledged) == 51)
    assert small_plant.restarts(GATEWAY) == 1
    assert sorted(reading.at for reading in small_plant.disk.readings) == [T0 + 5 * n for n in range(50)]
    small_plant.wait_for(lambda: counts(small_plant).in_flight == 0)


def test_a_device_starts_cold_and_says_so_when_the_store_cannot_tell_for_long(small_plant: SmallPlant) -> None:
    small_plant.disk.recall_failure = "disk on fire"
    small_plant.fall("pump-01")
    flood(small_plant, 5)
    small_plant.wait_for(lambda: small_plant.restarts("pump-01") == 1 and small_plant.actor("pump-01")._unread)
    small_plant.actor("pump-01")._cold_at = 0.0
    small_plant.directory.tell("pump-01", Tick(T0))
    small_plant.disk.wait_until(lambda: small_plant.disk.audit)
    (row,) = small_plant.disk.audit
    assert (row.act, row.subject, row.detail) == ("device_started_cold", "pump-01", {"reason": "disk on fire"})
    small_plant.wait_for(lambda: status(small_plant).accepted == 5)


def test_a_device_whose_past_cannot_be_read_for_a_moment_waits_for_it(small_plant: SmallPlant) -> None:
    flood(small_plant, 20)
    committed(small_plant, 20)
    before = shown(small_plant)
    small_plant.disk.recall_failure = "the server closed the connection"
    small_plant.fall("pump-01")
    small_plant.wait_for(lambda: small_plant.restarts("pump-01") == 1 and small_plant.actor("pump-01")._unread)
    small_plant.disk.recall_failure = ""
    small_plant.wait_for(lambda: small_plant.directory.tell("pump-01", Tick(T0)) and is_open(small_plant))
    assert shown(small_plant) == before
    assert small_plant.disk.audit == []


def test_a_slow_historian_delays_acknowledgements_and_loses_nothing(small_plant: SmallPlant) -> None:
    small_plant.disk.fast.clear()
    flood(small_plant, 500)
    flood(small_plant, 500, device_id="motor-01")
    small_plant.wait_for(lambda: status(small_plant, "motor-01").accepted == 500)
    assert small_plant.bus.acknowledged == []
    small_plant.disk.fast.set()
    small_plant.bus.wait_until(lambda: len(small_plant.bus.acknowledged) == 1_000)
    assert len({(reading.device_id, reading.at) for reading in small_plant.disk.readings}) == 1_000


def test_all_that_came_in_is_committed_and_acknowledged_before_the_end(small_plant: SmallPlant) -> None:
    flood(small_plant, 2_000)
    small_plant.inbound.close()
    small_plant.directory.ask(GATEWAY, FlushInbound(), WAIT_S)
    small_plant.end()
    assert len(small_plant.bus.acknowledged) == 2_000
    assert len(small_plant.disk.readings) == 2_000


def test_live_reconfiguration_leaves_untouched_devices_as_they_are_to_the_last_value(small_plant: SmallPlant) -> None:
    alarm = raise_alarm(small_plant)
    flood(small_plant, 40, device_id="motor-01")
    committed(small_plant, 106)
    untouched, before = small_plant.actor("pump-01"), shown(small_plant)
    new = plant_of(small_plant.plant.devices["pump-01"], device_spec("fan-01", sensor_spec("temperature")))
    change = small_plant.directory.ask(SUPERVISOR, ReplacePlant(new), WAIT_S)
    assert (change.added, change.removed, change.changed) == (("fan-01",), ("motor-01",), ())
    assert small_plant.actor("pump-01") is untouched
    assert shown(small_plant) == before
    assert alarms(small_plant) == (alarm,)
    small_plant.send("fan-01", T0 + 330, temperature=75.0)
    small_plant.send("motor-01", T0 + 330, temperature=75.0)
    committed(small_plant, 107)
    small_plant.disk.wait_until(lambda: small_plant.disk.letters)
    assert small_plant.disk.letters[-1].reason == "unknown_device"
    with pytest.raises(UnavailableError, match=r"removed from plant\.yaml"):
        status(small_plant, "motor-01")


def test_a_changed_device_keeps_its_actor_and_takes_the_new_limits(small_plant: SmallPlant) -> None:
    flood(small_plant, 60)
    committed(small_plant, 60)
    actor, before = small_plant.actor("pump-01"), shown(small_plant)
    changed = device_spec("pump-01", sensor_spec("temperature", stale_after_s=7.0))
    change = small_plant.directory.ask(
        SUPERVISOR, ReplacePlant(plant_of(changed, small_plant.plant.devices["motor-01"])), WAIT_S
    )
    assert change.changed == ("pump-01",)
    small_plant.wait_for(lambda: status(small_plant).sensors[0].spec.stale_after_s == 7.0)
    assert small_plant.actor("pump-01") is actor
    assert shown(small_plant) == before
