"""Reconfiguration of a running ``aegisflow serve`` under load on a real broker, beside a twin that is left alone."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aegisflow.domain.times import format_instant
from simulator.protocol import Wire
from tests.support.app_inside import ordinary
from tests.support.broker import Mosquitto
from tests.support.serve_process import ServeProcess, serving
from tests.support.waiting import eventually

pytestmark = [pytest.mark.broker, pytest.mark.long, pytest.mark.timeout(240)]

T0 = 1_760_000_000.0
UNTOUCHED = ("compressor-01", "compressor-02", "compressor-03", "motor-01", "motor-03", "pump-01", "pump-02")
CHANGED, REMOVED, ADDED = "motor-02", "pump-03", "pump-09"
EVERYBODY = (*UNTOUCHED, CHANGED, REMOVED, ADDED)
PAUSE_S = 0.02
"""Between two rounds of readings: 500 a second."""


class Load:
    """Every device reports every 5 s of recorded time, also those that the plant does not have (yet, or any more)."""

    def __init__(self, broker: Mosquitto) -> None:
        self._wire = Wire(broker.host, broker.port, name="load")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.rounds = 0

    def _run(self) -> None:
        while not self._stop.wait(PAUSE_S):
            at = format_instant(T0 + 5.0 * self.rounds)
            for place, device_id in enumerate(EVERYBODY):
                values = ordinary(self.rounds + place)
                if device_id == "compressor-01" and self.rounds >= 70:
                    values["temperature"] = 97.0  # an alarm that is open all the time
                if device_id == "motor-03" and 75 <= self.rounds < 85:
                    values["vibration"] = 8.0  # one that comes and goes
                content = {"timestamp": at, "device_id": device_id, **values}
                self._wire.publish(f"aegisflow/sensors/{device_id}", json.dumps(content))
            self.rounds += 1

    def wait_for_more(self, rounds: int) -> None:
        """Let the stream go on for so many rounds."""
        enough = self.rounds + rounds
        eventually(lambda: self.rounds >= enough)

    @contextmanager
    def running(self) -> Iterator["Load"]:
        self._wire.connect()
        self._thread.start()
        try:
            yield self
        finally:
            self.end()

    def end(self) -> None:
        """Stop, once the broker has everything."""
        if not self._stop.is_set():
            self._stop.set()
            self._thread.join(20)
            self._wire.finish()
            self._wire.close()


def test_devices_come_go_and_change_under_load_and_nobody_else_notices(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with (
        serving(tmp_path / "twin", mosquitto, ("client_id: aegisflow ", "client_id: twin ")) as twin,
        serving(tmp_path / "plant", mosquitto) as serve,
        Load(mosquitto).running() as load,
    ):
        load.wait_for_more(100)

        serve.edit(("      pump-01: pump\n", f"      pump-01: pump\n      {ADDED}: pump\n"))
        assert differs(serve.hear("plant_reloaded")) == ([ADDED], [], [])  # by itself: the file was saved
        load.wait_for_more(30)

        edited = serve.plant.file.read_text("utf-8").replace(f"      {REMOVED}: pump\n", "")
        serve.plant.file.write_text(edited, "utf-8")  # as some editors do: in place
        serve.hang_up()
        assert differs(serve.hear("plant_reloaded")) == ([], [REMOVED], [])
        load.wait_for_more(30)

        serve.edit(
            (f"{CHANGED}: motor", f"{CHANGED}: {{kind: motor, sensors: {{temperature: {{alarm: {{high: 88}}}}}}}}")
        )
        done = serve.reload()
        assert (done.returncode, done.stderr) == (0, "")
        eventually(lambda: CHANGED in str([row["changed"] for row in audit(serve)]))
        load.wait_for_more(30)

        good = serve.plant.file.read_text("utf-8")
        serve.plant.file.write_text(
            good.replace("window: 60 ", "window: sixty ").replace("pump-01: pump", "pump-01: pomp")
        )
        refused = serve.reload()
        assert refused.returncode == 1
        assert refused.stderr.startswith("nothing was changed:\n")
        for words in ("defaults.detector.window", "sixty", "lines.line-1.devices.pump-01", "pomp"):
            assert words in refused.stderr
        assert "Traceback" not in refused.stderr
        assert serve.health()["devices"] == 9
        load.wait_for_more(30)
        load.end()

        sent = load.rounds
        eventually(lambda: {one.rows().get("pump-02") for one in (serve, twin)} == {sent})
        check_rows(serve, twin, sent)
        check_untouched(serve, twin)
        check_audit(serve)
        changed = serve.call("get_device_status", device_id=CHANGED)["device"]
        limits = {sensor["sensor"]: sensor.get("alarm") for sensor in changed["sensors"]}
        assert "88" in limits["temperature"]
        assert {sensor["window"] for sensor in changed["sensors"]} == {60}
        assert changed["readings_accepted"] == sent
        assert serve.stop() == 0
        assert twin.stop() == 0
    for one in (serve, twin):
        assert [entry for entry in one.log() if entry["level"] == "critical" or "exception" in entry] == []


def differs(entry: dict[str, Any]) -> tuple[list[str], list[str], list[str]]:
    return entry["added"], entry["removed"], entry["changed"]


def check_rows(serve: ServeProcess, twin: ServeProcess, sent: int) -> None:
    """No reading of any device is lost while the plant has it."""
    assert twin.rows() == dict.fromkeys((*UNTOUCHED, CHANGED, REMOVED), sent)
    rows = serve.rows()
    assert {name: rows[name] for name in (*UNTOUCHED, CHANGED)} == dict.fromkeys((*UNTOUCHED, CHANGED), sent)
    since, until = times(serve, ADDED), times(serve, REMOVED)
    assert since == [T0 + 5.0 * number for number in range(sent - len(since), sent)]
    assert until == [T0 + 5.0 * number for number in range(len(until))]
    assert 100 <= len(until) <= sent - 90
    assert 90 <= len(since) <= sent - 100
    unknown = serve.health()["rejected"]
    assert unknown == {"unknown_device": 2 * sent - len(since) - len(until)}


def check_untouched(serve: ServeProcess, twin: ServeProcess) -> None:
    """Windows, alarms and mode of the others are those of a plant that was left alone."""
    for device_id in UNTOUCHED:
        one, other = (plant.call("get_device_status", device_id=device_id)["device"] for plant in (serve, twin))
        assert one == other
    columns = "alarm_id, fault_type, severity, state, evidence, reasons, raised_at, cleared_at, repeats"
    names = ", ".join(f"'{name}'" for name in UNTOUCHED)
    sql = f"SELECT {columns} FROM anomalies WHERE device_id IN ({names}) ORDER BY alarm_id"
    alarms = serve.query(sql)
    assert alarms == twin.query(sql)
    assert {row[0].partition("@")[0] for row in alarms} >= {"compressor-01", "motor-03"}


def audit(serve: ServeProcess) -> list[dict[str, Any]]:
    sql = "SELECT detail FROM audit WHERE act = 'plant_reloaded' ORDER BY id"
    return [json.loads(detail) for (detail,) in serve.query(sql)]


def check_audit(serve: ServeProcess) -> None:
    """Every difference has left a row, and the mistakes have."""
    rows = audit(serve)
    applied = [(row["added"], row["removed"], row["changed"]) for row in rows if row["applied"]]
    assert [change for change in applied if any(change)] == [
        ([ADDED], [], []),
        ([], [REMOVED], []),
        ([], [], [CHANGED]),
    ]
    refused = [row for row in rows if not row["applied"]]
    assert refused
    assert all("pomp" in " ".join(row["mistakes"]) for row in refused)


def times(serve: ServeProcess, device_id: str) -> list[float]:
    sql = """
    SELECT at FROM (SELECT device, at FROM readings UNION SELECT device, at FROM fresh_readings) r
    JOIN devices d ON d.key = r.device WHERE d.name = ? ORDER BY at"""
    return [at for (at,) in serve.query(sql, device_id)]
