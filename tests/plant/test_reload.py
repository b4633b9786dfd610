"""Live reconfiguration through the file, while the stream runs."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegisflow.actors.messages.store import FindAudit
from aegisflow.actors.runtime.directory import ARCHIVE
from aegisflow.app import App
from aegisflow.bus.fake import FakeBus
from aegisflow.config import load
from aegisflow.domain.alarms.model import AlarmState
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.views import AlarmQuery
from aegisflow.errors import ConfigError
from tests.support.twins import windows
from tests.support.waiting import eventually

T0 = 1_760_000_000.0
PLANT = """
plant: {{name: Reloaded}}
kinds:
  pump:
    sensors:
      temperature: {{unit: °C, alarm: {{high: {high}}}, detector: {{window: 20, min_readings: 10}}}}
lines:
  line-1:
    devices:
{devices}
store: {{url: "sqlite:///store.db"}}
clock: {{source: stream}}
manuals: {{folder: manuals, model: none}}
gateway: {{queue_limit: {limit}}}
reload: {{rest: 50ms}}
"""


def write(path: Path, *devices: str, high: int = 90, limit: int = 100_000) -> None:
    """Put a new file in the place of the old one, as editors do."""
    lines = "\n".join(f"      {name}: pump" for name in devices)
    fresh = path.with_suffix(".new")
    fresh.write_text(PLANT.format(high=high, devices=lines, limit=limit), encoding="utf-8")
    fresh.replace(path)


class Running:
    def __init__(self, path: Path, *, watch_file: bool = False) -> None:
        self.path = path
        self.bus = FakeBus()
        self.app = App(load(path, {}), self.bus, watch_file=watch_file)
        self.sent = 0

    def send(self, device_id: str, number: int, rise: float = 0.0) -> None:
        self.bus.deliver_reading(device_id, T0 + 5 * number, {"temperature": 75.0 + rise + number % 3})
        self.sent += 1

    def settle(self) -> None:
        self.bus.wait_until(lambda: len(self.bus.acknowledged) == self.sent)

    def windows(self, device_id: str):
        """Return what a device shows of its windows, to the last bit."""
        return windows(self.app.plant.device_status(device_id).value)

    def audit(self):
        return self.app.directory.ask(ARCHIVE, FindAudit("plant_reloaded", 10), 5.0)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    path = tmp_path / "plant.yaml"
    write(path, "pump-01", "pump-02")
    built = Running(path)
    with built.app:
        yield built


def test_devices_come_and_go_while_the_stream_runs_and_the_others_lose_nothing(running: Running) -> None:
    stop = threading.Event()
    last = 0

    def stream() -> None:
        nonlocal last
        while not stop.is_set():
            running.send("pump-01", last)
            last += 1
            if last % 50 == 0:
                running.settle()

    sender = threading.Thread(target=stream)
    sender.start()
    try:
        eventually(lambda: last > 100)
        write(running.path, "pump-01", "pump-03")
        change = running.app.plant.reload(yes=True)
    finally:
        stop.set()
        sender.join()
    assert (change.applied, change.added, change.removed, change.changed) == (True, ("pump-03",), ("pump-02",), ())
    running.settle()
    assert running.app.plant.device_status("pump-01").value.accepted == last
    assert running.app.plant.device_status("pump-01").value.refused == {}
    assert set(running.app.plant.inventory().devices) == {"pump-01", "pump-03"}


def test_an_untouched_device_keeps_all_it_remembers_to_the_last_bit(running: Running) -> None:
    for number in range(50):
        running.send("pump-01", number)
    running.settle()
    before = running.windows("pump-01")
    write(running.path, "pump-01", "pump-03", "pump-04")
    running.app.plant.reload()
    assert running.windows("pump-01") == before


def test_the_alarms_of_a_device_that_is_removed_are_over(running: Running) -> None:
    for number in range(40):
        running.send("pump-02", number, rise=0.0 if number < 30 else 40.0)
    running.settle()
    (alarm,) = running.app.plant.active_alarms().value
    assert (alarm.device_id, alarm.state) == ("pump-02", AlarmState.UNACKNOWLEDGED)
    write(running.path, "pump-01")
    running.app.plant.reload(yes=True)
    eventually(lambda: running.app.plant.alarm_history(AlarmQuery()).value.alarms[0].state is not alarm.state)
    (alarm,) = running.app.plant.alarm_history(AlarmQuery()).value.alarms
    assert alarm.state is AlarmState.RETURNED


def test_a_changed_limit_reaches_the_devices_and_their_windows_stay(running: Running) -> None:
    for number in range(50):
        running.send("pump-01", number)
    running.settle()
    before = running.windows("pump-01")
    write(running.path, "pump-01", "pump-02", high=99)
    change = running.app.plant.reload()
    assert change.changed == ("pump-01", "pump-02")
    (sensor,) = running.app.plant.device_status("pump-01").value.sensors
    assert sensor.spec.alarm.high == 99
    assert running.windows("pump-01") == before


def test_a_file_with_a_mistake_changes_nothing_says_why_and_leaves_a_row(running: Running) -> None:
    before = running.app.plant.inventory()
    write(running.path, "pump-01", high=-7000)
    running.path.write_text(running.path.read_text(encoding="utf-8") + "nonsense: 1\n", encoding="utf-8")
    change = running.app.plant.reload()
    assert not change.applied
    assert any("nonsense" in mistake for mistake in change.mistakes)
    assert running.app.plant.inventory() is before
    running.send("pump-02", 1)
    running.settle()
    eventually(running.audit)
    (row,) = running.audit()
    assert row.detail["applied"] is False
    assert row.detail["mistakes"] == list(change.mistakes)


def test_a_missing_file_changes_nothing_and_says_why(running: Running) -> None:
    running.path.unlink()
    change = running.app.plant.reload()
    assert not change.applied
    assert str(running.path) in change.mistakes[0]


def test_what_only_a_restart_brings_in_is_named_each_time_until_then(running: Running) -> None:
    write(running.path, "pump-01", "pump-02", limit=500)
    for _ in range(2):
        change = running.app.plant.reload()
        assert (change.applied, change.needs_restart) == (True, ("gateway.queue_limit",))


def test_a_device_with_the_name_of_a_part_of_aegisflow_is_refused(running: Running) -> None:
    write(running.path, "pump-01", "historian")
    change = running.app.plant.reload()
    assert not change.applied
    assert "'historian'" in change.mistakes[0]
    with pytest.raises(ConfigError, match="historian"):
        load(running.path, {})


def test_saving_the_file_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    write(path, "pump-01")
    running = Running(path, watch_file=True)
    with running.app:
        write(path, "pump-01", "pump-02")
        eventually(lambda: "pump-02" in running.app.plant.inventory().devices)


def test_a_signal_has_the_file_read_again(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    write(path, "pump-01")
    running = Running(path, watch_file=True)
    with running.app:
        running.app.request_reload()
        eventually(running.audit)
        (row,) = running.audit()
        assert row.detail["applied"] is True


# --- what would go ------------------------------------------------------------------------------

MANY = tuple(f"pump-{number:02}" for number in range(1, 21))


@pytest.fixture
def many(tmp_path: Path) -> Iterator[Running]:
    """Twenty devices, of which two are a tenth."""
    path = tmp_path / "plant.yaml"
    write(path, *MANY)
    built = Running(path)
    with built.app:
        yield built


def raise_alarm(running: Running, device_id: str) -> None:
    for number in range(40):
        running.send(device_id, number, rise=0.0 if number < 30 else 40.0)
    running.settle()
    assert [alarm.device_id for alarm in running.app.plant.active_alarms().value] == [device_id]


def metric(running: Running, name: str) -> str:
    (line,) = (line for line in running.app.metrics.render().decode().splitlines() if line.startswith(name))
    return line.split()[-1]


def test_f1_a_change_that_removes_more_than_a_tenth_waits_for_a_yes(many: Running) -> None:
    write(many.path, *MANY[3:])
    change = many.app.plant.reload()
    assert not change.applied
    assert change.waits == ("it removes 3 of 20 devices: pump-01, pump-02, pump-03",)
    assert (change.removed, change.mistakes) == (MANY[:3], ())
    assert set(many.app.plant.inventory().devices) == set(MANY)
    (note,) = (note for note in many.app.plant.health().notes if "plant.yaml" in note)
    assert "waits for aegisflow reload --yes" in note
    assert "pump-03" in note
    assert metric(many, 'aegisflow_reloads_total{outcome="waits"}') == "1.0"
    assert many.app.plant.reload(yes=True, by=Caller("anna", CallerKind.OPERATOR)).applied
    assert set(many.app.plant.inventory().devices) == set(MANY[3:])
    assert not any("plant.yaml" in note for note in many.app.plant.health().notes)
    eventually(lambda: len(many.audit()) == 2)
    assert {row.actor: row.detail["agreed_to"] for row in many.audit()} == {
        "aegisflow": [],
        "anna": ["it removes 3 of 20 devices: pump-01, pump-02, pump-03"],
    }


def test_f1_a_tenth_of_the_devices_goes_without_a_question(many: Running) -> None:
    write(many.path, *MANY[2:])
    assert many.app.plant.reload().applied


def test_f1_a_single_device_with_an_open_alarm_waits_for_a_yes(many: Running) -> None:
    raise_alarm(many, "pump-07")
    write(many.path, *(name for name in MANY if name != "pump-07"))
    change = many.app.plant.reload()
    assert change.waits == ("what it removes has an open alarm: pump-07",)
    (alarm,) = many.app.plant.active_alarms().value
    assert alarm.state is AlarmState.UNACKNOWLEDGED
    assert many.app.plant.reload(yes=True).removed == ("pump-07",)


def test_f1_a_sensor_that_goes_counts_like_a_device(many: Running) -> None:
    raise_alarm(many, "pump-07")
    text = many.path.read_text(encoding="utf-8")
    other = "pump-07: {kind: pump, sensors: {temperature: null, pressure: {unit: PSI}}}"
    many.path.write_text(text.replace("pump-07: pump", other), encoding="utf-8")
    assert many.app.plant.reload().waits == ("what it removes has an open alarm: pump-07",)
    renamed = text.replace("      temperature:", "      heat:")
    many.path.write_text(renamed, encoding="utf-8")
    assert many.app.plant.reload().waits[0].startswith("it removes 20 of 20 sensors, of pump-01, pump-02,")


def test_f1_a_yes_is_for_what_was_shown(many: Running) -> None:
    write(many.path, *MANY[3:])
    assert many.app.plant.reload().waits
    write(many.path, *MANY[15:])
    change = many.app.plant.reload(yes=True)
    assert not change.applied
    assert "changed since" in change.waits[0]
    assert "it removes 15 of 20 devices" in change.waits[1]
    assert many.app.plant.reload(yes=True).applied


def test_f1_what_waited_is_forgotten_when_the_file_is_put_right(many: Running) -> None:
    write(many.path, *MANY[3:])
    many.app.plant.reload()
    write(many.path, *MANY)
    change = many.app.plant.reload()
    assert (change.applied, change.waits) == (True, ())
    assert not any("plant.yaml" in note for note in many.app.plant.health().notes)


def test_f1_a_half_written_file_takes_nothing_away(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    write(path, *MANY)
    whole = path.read_text(encoding="utf-8")
    running = Running(path, watch_file=True)
    with running.app:
        path.write_text(whole[: whole.index("      pump-03")], encoding="utf-8")
        eventually(running.audit)
        assert running.audit()[0].detail["waits"]
        assert set(running.app.plant.inventory().devices) == set(MANY)
        path.write_text(whole.replace("high: 90", "high: 95"), encoding="utf-8")
        eventually(lambda: running.app.plant.inventory().devices["pump-01"].sensors["temperature"].alarm.high == 95)
        assert set(running.app.plant.inventory().devices) == set(MANY)


def test_e4_a_broken_file_leaves_a_note_and_a_count_until_it_is_right(many: Running) -> None:
    good = many.path.read_text(encoding="utf-8")
    many.path.write_text(good + "nonsense: 1\nmore: 2\n", encoding="utf-8")
    many.app.plant.reload()
    health = many.app.plant.health()
    (note,) = (note for note in health.notes if "plant.yaml" in note)
    assert "was not taken over and the plant runs as before" in note
    assert "nonsense" in note
    assert "and 1 more" in note
    assert metric(many, 'aegisflow_reloads_total{outcome="refused"}') == "1.0"
    many.path.write_text(good, encoding="utf-8")
    many.app.plant.reload()
    assert not any("plant.yaml" in note for note in many.app.plant.health().notes)


def test_what_only_a_restart_brings_in_is_a_note_in_health(many: Running) -> None:
    write(many.path, *MANY, limit=500)
    many.app.plant.reload()
    assert any("only a restart brings in: gateway.queue_limit" in note for note in many.app.plant.health().notes)
