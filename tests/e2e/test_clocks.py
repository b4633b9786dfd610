"""Cases A of the field over a real broker: clocks of machines, and our own, that are wrong, jump and are set right."""

import json
import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from aegisflow.domain.times import format_instant
from simulator.protocol import Wire
from tests.support.broker import Mosquitto
from tests.support.healthy import HEALTHY
from tests.support.serve_process import ServeProcess, serving
from tests.support.waiting import eventually
from tests.support.wall_clock import SetClock

pytestmark = [pytest.mark.broker, pytest.mark.long, pytest.mark.timeout(240)]

HOUR, DAY, YEAR = 3_600.0, 86_400.0, 365 * 86_400.0
PUMP = "pump-01"
HOT = {"temperature": 120.0, "vibration": 9.0}
EVERYBODY = tuple(f"{kind}-0{number}" for kind in ("compressor", "motor", "pump") for number in (1, 2, 3))
LIVE = (
    ("source: stream", "source: wall"),
    ("silent_after: 60s", "silent_after: 6s"),
    ("on_delay: 15s", "on_delay: 1s"),
)
"""A plant in real time, whose machines report every quarter of a second."""


class Machines:
    """Machines that report in real time, each stamped by a clock that may be off."""

    def __init__(self, broker: Mosquitto, devices: tuple[str, ...] = (PUMP,), every_s: float = 0.25) -> None:
        self.off_s = 0.0
        """By how much their clocks are off."""
        self.fault: Mapping[str, float] = {}
        self.rounds = 0
        self._devices, self._every_s = devices, every_s
        self._wire = Wire(broker.host, broker.port, name="machines")
        self._stop, self._silent = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._chance = random.Random(5)

    @contextmanager
    def connected(self) -> Iterator["Machines"]:
        """Report only when told to."""
        self._wire.connect()
        try:
            yield self
        finally:
            self._wire.finish()
            self._wire.close()

    @contextmanager
    def running(self) -> Iterator["Machines"]:
        """Report all the time."""
        with self.connected():
            self._thread.start()
            try:
                yield self
            finally:
                self._stop.set()
                self._thread.join(20)

    def fall_silent(self) -> None:
        self._silent.set()

    def report(self, stamps: list[float], fault: Mapping[str, float] = {}) -> None:
        """Have the first machine report once for each stamp, at once."""
        for stamp in stamps:
            self._publish(self._devices[0], stamp, fault)
        self._wire.finish()

    def wait_for_more(self, rounds: int) -> None:
        enough = self.rounds + rounds
        eventually(lambda: self.rounds >= enough)

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            if self._silent.is_set():
                continue
            for device_id in self._devices:
                self._publish(device_id, time.time() + self.off_s, self.fault)
            self.rounds += 1

    def _publish(self, device_id: str, stamp: float, fault: Mapping[str, float]) -> None:
        values = {name: self._chance.gauss(*level) for name, level in HEALTHY.items()}
        for name, level in fault.items():
            values[name] = level + values[name] - HEALTHY[name][0]
        content = {"timestamp": format_instant(stamp), "device_id": device_id, **values}
        self._wire.publish(f"aegisflow/sensors/{device_id}", json.dumps(content))


@pytest.fixture
def clock(tmp_path: Path) -> SetClock:
    return SetClock(tmp_path)


@contextmanager
def live_plant(folder: Path, broker: Mosquitto, clock: SetClock, *replace: tuple[str, str]) -> Iterator[ServeProcess]:
    with serving(folder / "plant", broker, *LIVE, *replace, environment=clock.environment) as serve:
        yield serve


def alarms(serve: ServeProcess, *kinds: str, device_id: str = PUMP) -> list[dict[str, Any]]:
    """Return the alarms of faults that are stored of a device, as an agent is told of them."""
    if not serve.query("SELECT 1 FROM anomalies WHERE device_id = ? AND fault_type <> 'sensor_silent'", device_id):
        return []
    found = serve.call("get_active_anomalies", device_id=device_id)["alarms"]
    return [one for one in found if one["fault_type"] != "sensor_silent" and (not kinds or one["timeliness"] in kinds)]


def raised(serve: ServeProcess, *kinds: str) -> dict[str, Any]:
    """Wait for an alarm of a fault."""
    return eventually(lambda: alarms(serve, *kinds), every_s=0.2)[0]


def silent(serve: ServeProcess) -> set[str]:
    """Return the devices that were ever told to be silent."""
    rows = serve.query("SELECT device_id FROM anomalies WHERE fault_type IN ('sensor_silent', 'never_heard')")
    return {device_id for (device_id,) in rows}


def told_levels(serve: ServeProcess) -> set[int]:
    return {line["escalation_level"] for line in serve.log() if line["event"] == "people_notified"}


def audited(serve: ServeProcess, act: str) -> list[dict[str, Any]]:
    return [json.loads(detail) for (detail,) in serve.query("SELECT detail FROM audit WHERE act = ?", act)]


def status(serve: ServeProcess, device_id: str = PUMP) -> dict[str, Any]:
    return dict(serve.call("get_device_status", device_id=device_id)["device"])


def test_a1_a_machine_and_ours_that_booted_a_year_ahead_blind_nobody_once_both_are_right(
    mosquitto: Mosquitto, tmp_path: Path, clock: SetClock
) -> None:
    clock.set(YEAR)
    machines = Machines(mosquitto)
    machines.off_s = YEAR
    with machines.running(), live_plant(tmp_path, mosquitto, clock) as serve:
        eventually(lambda: serve.rows().get(PUMP, 0) >= 20)
        assert serve.stop() == 0
        clock.set(0.0)
        machines.off_s = 0.0
        serve.start()
        machines.fault = HOT
        alarm = raised(serve)
        assert alarm["severity"] in ("high", "critical")
        assert alarm["raised_at"][:4] == format_instant(time.time())[:4]
        assert status(serve)["silent"] is False
        before = serve.rows()[PUMP]
        eventually(lambda: serve.rows()[PUMP] >= before + 20)


def test_a1_our_clock_that_is_set_right_by_a_year_while_we_run_blinds_and_silences_nobody(
    mosquitto: Mosquitto, tmp_path: Path, clock: SetClock
) -> None:
    clock.set(YEAR)
    with Machines(mosquitto).running() as machines, live_plant(tmp_path, mosquitto, clock) as serve:
        eventually(lambda: serve.rows().get(PUMP, 0) >= 30)
        clock.set(0.0)
        before = len(audited(serve, "sender_clock_changed"))
        assert serve.hear("own_clock_set")["by_s"] == pytest.approx(-YEAR, abs=2.0)
        machines.wait_for_more(36)
        assert len(audited(serve, "sender_clock_changed")) == before, "it was ours, not theirs"
        assert PUMP not in silent(serve)  # the others were never heard of
        assert [note for note in serve.health()["notes"] if note.startswith(PUMP)] == []
        machines.fault = HOT
        assert raised(serve)["severity"] in ("high", "critical")
        assert audited(serve, "own_clock_set")


def test_a1_a_machine_whose_clock_jumps_a_year_ahead_is_watched_on_and_the_jump_is_told_and_audited(
    mosquitto: Mosquitto, tmp_path: Path, clock: SetClock
) -> None:
    with Machines(mosquitto).running() as machines, live_plant(tmp_path, mosquitto, clock) as serve:
        eventually(lambda: serve.rows().get(PUMP, 0) >= 30)
        machines.off_s = YEAR
        told = serve.hear("sender_clock_changed")
        assert told["after_s"] == pytest.approx(YEAR, abs=5.0)
        machines.fault = HOT
        assert raised(serve)["raised_at"][:4] == format_instant(time.time())[:4]
        assert [round(one["after_s"] / DAY) for one in audited(serve, "sender_clock_changed")] == [365]
        assert any("ahead of ours" in note for note in status(serve)["notes"])


def test_a2_local_time_that_ends_its_summer_hides_no_fault(
    mosquitto: Mosquitto, tmp_path: Path, clock: SetClock
) -> None:
    with Machines(mosquitto).running() as machines, live_plant(tmp_path, mosquitto, clock) as serve:
        machines.off_s = -4 * HOUR
        assert serve.hear("sender_clock_changed")["after_s"] == pytest.approx(-4 * HOUR, abs=5.0)
        machines.wait_for_more(20)
        machines.off_s = -5 * HOUR
        machines.fault = HOT
        alarm = raised(serve)
        assert alarm["severity"] in ("high", "critical")
        assert alarm["timeliness"] == "live"
        eventually(lambda: len(audited(serve, "sender_clock_changed")) == 2)


@pytest.mark.parametrize("step_s", [2 * HOUR, -HOUR])
def test_a3_our_clock_that_is_set_silences_none_of_nine_devices_and_calls_nobody(
    mosquitto: Mosquitto, tmp_path: Path, clock: SetClock, step_s: float
) -> None:
    with Machines(mosquitto, EVERYBODY).running() as machines, live_plant(tmp_path, mosquitto, clock) as serve:
        eventually(lambda: len(serve.rows()) == 9 and min(serve.rows().values()) >= 30)
        clock.set(step_s)
        assert serve.hear("own_clock_set")["by_s"] == pytest.approx(step_s, abs=2.0)
        machines.wait_for_more(36)  # half as long again as the time of silence
        assert silent(serve) == set()
        assert told_levels(serve) == set()
        machines.fall_silent()
        eventually(lambda: silent(serve) == set(EVERYBODY), 120.0)


def test_a3_no_time_to_answer_passes_when_our_clock_is_set(
    mosquitto: Mosquitto, tmp_path: Path, clock: SetClock
) -> None:
    with Machines(mosquitto).running() as machines, live_plant(tmp_path, mosquitto, clock) as serve:
        eventually(lambda: serve.rows().get(PUMP, 0) >= 30)
        machines.fault = HOT
        assert serve.hear("people_notified")["escalation_level"] == 0
        clock.set(2 * HOUR)
        serve.hear("own_clock_set")
        machines.wait_for_more(24)
        assert told_levels(serve) == {0}


def test_a4_a_backlog_with_a_fault_that_is_over_is_history_and_one_that_lasts_is_live(
    mosquitto: Mosquitto, tmp_path: Path, clock: SetClock
) -> None:
    with live_plant(tmp_path, mosquitto, clock) as serve, Machines(mosquitto).connected() as machines:
        now = time.time()
        back = [now - 11 * HOUR + 10.0 * number for number in range(int(11 * HOUR / 10.0))]
        machines.report(back[:500])
        machines.report(back[500:650], HOT)
        machines.report(back[650:])
        over = raised(serve, "history")
        told = serve.hear("people_notified")
        while told["subject"] != over["alarm_id"]:  # that nothing was heard of it before
            told = serve.hear("people_notified")
        assert told["escalation_level"] == 0
        assert "it is over" in told["text"]
        assert now - 60.0 <= datetime.fromisoformat(told["at"]).timestamp() <= time.time()
        machines.report([time.time() - 3.0 + 0.25 * number for number in range(12)], HOT)
        assert raised(serve, "live")["alarm_id"] != over["alarm_id"]
        assert told_levels(serve) == {0}


def test_a5_a_machine_five_hours_behind_says_so_and_is_asked_about_by_when_it_came(
    mosquitto: Mosquitto, tmp_path: Path, clock: SetClock
) -> None:
    with Machines(mosquitto).running() as machines, live_plant(tmp_path, mosquitto, clock) as serve:
        machines.off_s = -5 * HOUR
        serve.hear("sender_clock_changed")
        machines.wait_for_more(20)
        assert any("its clock is 5 h behind ours" in note for note in status(serve)["notes"])
        assert any("5 h behind" in note for note in serve.health()["notes"])
        stream = serve.call("get_sensor_stream", device_id=PUMP, sensors="temperature", last="1h", points=0)
        assert stream["readings"] >= 15


def test_a6_a_plant_of_recorded_time_that_starts_two_days_later_is_asked_about_its_own_past(
    mosquitto: Mosquitto, tmp_path: Path, clock: SetClock
) -> None:
    with (
        serving(tmp_path / "plant", mosquitto, environment=clock.environment) as serve,
        Machines(mosquitto).connected() as machines,
    ):
        now = time.time()
        machines.report([now - 2_000.0 + 5.0 * number for number in range(300)])
        machines.report([now - 500.0 + 5.0 * number for number in range(100)], HOT)
        raised(serve)
        eventually(lambda: serve.rows().get(PUMP) == 400)
        assert serve.stop() == 0
        clock.set(2 * DAY)
        serve.start()
        assert serve.call("get_anomaly_history")["total"] >= 1
        stream = serve.call("get_sensor_stream", device_id=PUMP, sensors="temperature", last="1h", points=0)
        assert stream["readings"] == 400
