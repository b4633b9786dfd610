import io
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from aegisflow.config import load
from aegisflow.domain.alarms.model import Alarm, AlarmEvent, AlarmState, Change, Evidence, Severity
from aegisflow.errors import BadValueError, StoreHeldError
from aegisflow.offline.demo import DemoOptions, run, run_demo
from aegisflow.offline.demo.replaying import Sent
from aegisflow.offline.demo.score import Truth, judge, read_labels
from aegisflow.offline.demo.screen import Screen
from aegisflow.offline.demo.setting import Setting, clear_store, mcp_servers
from aegisflow.offline.demo.story import DemoOutcome, summarise, tell
from aegisflow.store.lock import FileLock
from simulator.dataset import write_file
from simulator.faults import REFERENCE_DAY, Fault
from simulator.scenario import Scenario
from tests.support.places import PLANT_FILE, ROOT
from tests.support.short_day import short_day

PLANT = PLANT_FILE


def alarm(device_id, raised_at, **more):
    evidence = Evidence("power_consumption", "limit", 41.26, 20.1, 2.0, 10.6, "high", raised_at)
    whole = {
        "alarm_id": f"{device_id}@{raised_at}",
        "device_id": device_id,
        "fault_type": "electrical_fault",
        "first_type": "unclassified",
        "severity": Severity.HIGH,
        "state": AlarmState.UNACKNOWLEDGED,
        "detector": "limit",
        "evidence": (evidence,),
        "raised_at": raised_at,
        "changed_at": raised_at,
    }
    return Alarm(**{**whole, **more})


def test_labels_are_read_as_faults_with_onset_and_end(tmp_path):
    path = tmp_path / "day.csv"
    rows = write_file(Scenario(interval_s=60), path)
    labelled = read_labels(path)
    start = Scenario().start
    assert (labelled.rows, labelled.start, labelled.end) == (rows, start, start + 86_340)
    assert labelled.faults == tuple(
        Truth(fault.device_id, fault.kind, start + fault.start_s, start + fault.end_s - 60) for fault in REFERENCE_DAY
    )


def test_a_fault_that_lasts_to_the_end_of_the_recording_is_read(tmp_path):
    path = tmp_path / "day.csv"
    write_file(Scenario(duration_s=1200, faults=(Fault("pressure_leak", "pump-01", 600),)), path)
    start = Scenario().start
    assert read_labels(path).faults == (Truth("pump-01", "pressure_leak", start + 600, start + 1195),)


LEAK = Truth("pump-01", "pressure_leak", 1000.0, 2000.0)
DRIFT = Truth("motor-01", "sensor_drift", 1000.0, 2000.0)


def test_the_first_alarm_during_a_fault_notices_it():
    late, early = alarm("pump-01", 1500.0), alarm("pump-01", 1030.0)
    score = judge((LEAK, DRIFT), (late, early))
    assert [noticed.alarm for noticed in score.faults] == [early, None]
    assert [noticed.delay_s for noticed in score.faults] == [30.0, None]
    assert score.during == (early, late)


@pytest.mark.parametrize(
    ("device_id", "raised_at", "kind"),
    [
        ("pump-01", 999.0, "false"),
        ("pump-01", 1000.0, "during"),
        ("pump-01", 2000.0, "during"),
        ("pump-01", 2600.0, "after"),
        ("pump-01", 2601.0, "false"),
        ("pump-02", 1500.0, "false"),
    ],
)
def test_an_alarm_is_about_a_fault_its_aftermath_or_nothing(device_id, raised_at, kind):
    score = judge((LEAK,), (alarm(device_id, raised_at),))
    counts = {"during": len(score.during), "after": len(score.after), "false": len(score.false)}
    assert counts == {"during": 0, "after": 0, "false": 0, kind: 1}
    assert (score.faults[0].alarm is not None) is (kind == "during")


def test_an_alarm_is_told_with_the_time_that_the_store_keeps_and_its_reason():
    plant = load(PLANT, {}).plant
    raised = alarm("motor-01", 100_000.0)
    line = tell(AlarmEvent(Change.RAISED, 100_000.0, raised), plant)
    assert line == (
        "1970-01-02T03:46:40Z  ALARM    motor-01       high, electrical fault: "
        "power consumption 41.26 kW (was 20.1, too high)"
    )
    cleared = tell(AlarmEvent(Change.CLEARED, 100_300.0, raised), plant)
    assert cleared is not None
    assert cleared.endswith("over     motor-01       after 5 min (high, electrical fault)")
    assert tell(AlarmEvent(Change.UPDATED, 100_300.0, raised), plant) is None


def outcome(**more):
    score = judge((LEAK, DRIFT), (alarm("pump-01", 1030.0), alarm("pump-02", 1030.0)))
    whole = {
        "simulated_s": 86_395.0,
        "seconds": 121.0,
        "devices": 9,
        "sent": 155_520,
        "received": 155_530,
        "stored": 155_520,
        "refused": {},
        "score": score,
        "alarms_stored": 2,
    }
    return DemoOutcome(**{**whole, **more})


def test_the_summary_counts_what_was_sent_stored_noticed_and_false():
    text = summarise(outcome())
    assert "24 h of 9 machines in 2 min" in text
    assert "stored      155,520" in text
    assert "lost              0\n" in text
    assert "Noticed 1 of 2 scripted faults" in text
    assert "pressure leak  pump-01   1970-01-01T00:16:40Z  after 30 s  electrical fault, high" in text
    assert "sensor drift   motor-01  1970-01-01T00:16:40Z  not at all\n" in text
    assert "2 in the store; 1 raised during a fault of their machine, 0 within 10 min after one, 1 false" in text
    assert "false: 1 × pump-02, electrical fault" in text


def test_the_summary_does_not_hide_losses():
    text = summarise(outcome(stored=155_000, refused={"out_of_span": 520}))
    assert "lost            520  (sent, but not in the store)" in text
    assert "520 out_of_span" in text


def test_plain_output_has_no_control_characters_and_a_line_per_tenth():
    out = io.StringIO()
    screen = Screen(out)
    with screen.progress() as bar:
        for step in range(101):
            bar(Sent(step / 100, step, step, step * 60.0, 0.0), step, 0)
        bar(Sent(1.0, 100, 100, 6000.0, 0.0), 100, 0)
    screen.tell(Change.RAISED, "x" * 300)
    text = out.getvalue()
    assert "\x1b" not in text
    lines = text.splitlines()
    assert len(lines) == 11
    assert lines[9].startswith("100 %")
    assert lines[10] == "x" * 300


def test_the_store_of_a_running_agent_is_not_taken_away(tmp_path):
    setting = Setting(tmp_path)
    setting.store.write_text("precious")
    lock = FileLock(setting.store)
    with pytest.raises(StoreHeldError):
        clear_store(setting)
    lock.release()
    assert setting.store.exists()
    clear_store(setting)
    assert not setting.store.exists()


def test_the_snippet_for_an_agent_names_what_exists(tmp_path):
    server = json.loads(mcp_servers(Setting(tmp_path)))["mcpServers"]["aegisflow"]
    assert Path(server["command"]).exists()
    assert server["args"][-2:] == ["--plant", str(tmp_path / "plant.yaml")]


@pytest.fixture
def plant_file(tmp_path):
    """The plant without the model that understands manuals, which takes seconds to load."""
    path = tmp_path / "plant.yaml"
    text = PLANT.read_text(encoding="utf-8").replace("model: auto", "model: none")
    path.write_text(text.replace("folder: ../manuals", f"folder: {PLANT.parents[1] / 'manuals'}"), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "choice", [{"minutes": 0}, {"minutes": -1}, {"minutes": float("nan")}, {"speed": -1}, {"speed": float("inf")}]
)
def test_a_pace_that_is_none_is_refused_before_anything_begins(tmp_path, choice):
    with pytest.raises(BadValueError, match=next(iter(choice))):
        run_demo(DemoOptions(PLANT, tmp_path / "demo", **choice), io.StringIO())
    assert not (tmp_path / "demo").exists()


@pytest.mark.serial
@pytest.mark.broker
def test_the_demo_stores_every_reading_and_notices_what_was_scripted(tmp_path, plant_file, monkeypatch):
    monkeypatch.setattr(run, "record_day", short_day)
    before = set(threading.enumerate())
    out = io.StringIO()
    code = run_demo(DemoOptions(plant_file, tmp_path / "demo", speed=0), out)
    text = out.getvalue()
    assert code == 0, text
    assert "stored        9,720" in text
    assert "lost              0\n" in text
    assert "Noticed 2 of 2 scripted faults" in text
    assert "ALARM    pump-02" in text
    assert "0 false" in text
    plant = load(tmp_path / "demo" / "plant.yaml", {})
    assert plant.clock.source == "stream"
    assert plant.plant == load(PLANT, {}).plant
    assert plant.manuals.folder == load(PLANT, {}).manuals.folder
    assert set(threading.enumerate()) <= before


@pytest.mark.broker
def test_ctrl_c_ends_the_demo_in_good_order(tmp_path, plant_file):
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "  # ignored in the background
        "from pathlib import Path; from aegisflow.offline.demo import DemoOptions, run, run_demo; "
        "from tests.support.short_day import short_day; run.record_day = short_day; "
        f"sys.exit(run_demo(DemoOptions(Path({str(plant_file)!r}), Path({str(tmp_path / 'demo')!r}), minutes=60)))"
    )
    process = subprocess.Popen([sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    children = []
    for line in process.stdout:
        if "scripted" in line:
            children = descendants(process.pid)
            process.send_signal(signal.SIGINT)
            break
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Stopped by you" in text
    assert "Traceback" not in text
    assert children
    assert not [pid for pid in children if alive(pid)]


def test_ctrl_c_while_the_replay_starts_leaves_no_replay_behind(tmp_path):
    """It comes as soon as there is a new process, long before whoever starts it has returned."""
    code = """
import os, signal, sys, threading
from pathlib import Path
from types import SimpleNamespace
from aegisflow.offline.demo.replaying import DemoReplay

def children():
    return Path(f"/proc/self/task/{main}/children").read_text().split()

def press():
    while not (found := children()):
        pass
    print(*found, flush=True)
    os.kill(os.getpid(), signal.SIGINT)

main = threading.get_native_id()
signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored where a shell runs us in the background
threading.Thread(target=press).start()
try:
    with DemoReplay(Path("none.csv"), SimpleNamespace(host="127.0.0.1", port=9), 0.0, print):
        threading.Event().wait(60)
except KeyboardInterrupt:
    sys.exit(130 if not children() else 1)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 130, done.stderr
    assert not [pid for pid in done.stdout.split() if alive(pid)]


def descendants(pid):
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return children + [below for child in children for below in descendants(child)]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
