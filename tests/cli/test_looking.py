"""What people look at from the command line, against the operators' API over a plant in the night."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from io import BufferedReader

import pytest

from aegisflow.api.schemas.alarms import AlarmList, AlarmRecord
from aegisflow.api.schemas.handover import HandoverSummary, ShiftReport
from aegisflow.api.schemas.plant import PlantStatus
from aegisflow.api.schemas.trends import TrendBand, TrendLine, TrendSummary
from aegisflow.cli.client import TOKEN_ENV, URL_ENV
from aegisflow.cli.trend import BLOCKS, sparkline
from aegisflow.domain.alarms.model import AlarmState
from tests.support.console_scene import ScenePlant
from tests.support.memory_plant import NOW
from tests.support.web_server import served

LEAK, BEARING = "pump-02", "compressor-01"


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[ScenePlant, str]]:
    scene = ScenePlant()
    with served(scene) as url:
        yield scene, url


@pytest.fixture
def scene(address: tuple[ScenePlant, str], monkeypatch: pytest.MonkeyPatch) -> ScenePlant:
    """A plant that the environment names: no command below is told where it is."""
    monkeypatch.setenv(URL_ENV, address[1])
    monkeypatch.setenv(TOKEN_ENV, "token-of-operator")
    return address[0]


def alarm_of(scene: ScenePlant, device_id: str) -> str:
    return next(alarm.alarm_id for alarm in scene.alarms if alarm.device_id == device_id)


def test_status_says_in_a_few_lines_what_is_wrong_and_what_waits(scene, run):
    code, out, _ = run("status")
    assert code == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0].startswith("watched, 2026-01-31T08:00:00Z")
    assert "alarms 1 critical, 1 high, 1 medium; 2 not acknowledged; 1 suppressed" in lines
    assert f"waits {len(scene.approvals().value)} for approval" in lines
    assert "agents may propose commands" in lines
    told = {line.split()[0]: line for line in lines}
    assert "critical bearing failure NOT ACKNOWLEDGED" in told[BEARING]
    assert "high pressure leak" in told[LEAK]
    assert "NOT ACKNOWLEDGED" not in told[LEAK]
    assert "SILENT" in told["motor-03"]
    assert "maintenance" in told["pump-03"]
    assert "compressor-02" not in told
    assert "compressor-02" in run("status", "--all")[1]


def test_status_of_a_machine_has_its_sensors_beside_their_limits(scene, run):
    code, out, _ = run("status", BEARING)
    assert code == 0
    assert out.startswith(f"{BEARING}, compressor on line-1: normal")
    assert "vibration" in out
    assert "mm/s (normal" in out
    assert "critical bearing failure" in out
    code, _, err = run("status", "pump-99")
    assert code == 1
    assert "pump-99" in err


def test_an_alarm_is_told_with_what_to_do_and_what_has_happened(scene, run):
    code, out, _ = run("alarm", alarm_of(scene, LEAK))
    assert code == 0
    for said in ("high", "pressure_leak", "acknowledged by approver", "what to do within", "usual causes", "raised"):
        assert said in out
    assert run("alarm", "pump-02@19700101T000000")[0] == 1


def test_every_view_comes_as_json_in_the_shape_of_the_api(scene, run):
    for arguments, shape in (
        (("status",), PlantStatus),
        (("alarms",), AlarmList),
        (("alarm", alarm_of(scene, LEAK)), AlarmRecord),
        (("trend", LEAK, "pressure"), TrendSummary),
        (("handover",), ShiftReport),
    ):
        code, out, _ = run(*arguments, "--json")
        assert code == 0
        assert shape.model_validate_json(out).model_dump(mode="json") == json.loads(out)
    assert "commands" in json.loads(run("commands", "--json")[1])


def test_a_trend_is_drawn_beside_its_limits(scene, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "64")
    code, out, _ = run("trend", LEAK, "pressure", "--last", "8 hours")
    assert code == 0
    head, name, drawn, *rest = out.splitlines()
    assert head == f"{LEAK}, 8 h up to 2026-01-31T08:00:01Z"
    assert name == "pressure, PSI"
    assert set(drawn.strip()) <= set(BLOCKS) | {" "}
    assert 20 < len(drawn) <= 64
    assert any(line.startswith("  min ") and "max" in line for line in rest)
    assert any("normal" in line and "alarm limit" in line for line in rest)
    for wrong, named in ((("pump-99", "pressure"), "pump-99"), ((LEAK, "smell"), "smell")):
        code, _, err = run("trend", *wrong)
        assert code == 1
        assert named in err
    assert run("trend", LEAK, "--last", "soon")[0] == 2


def a_line(*values: float, alarm: float | None = None) -> TrendLine:
    none = TrendBand(low=None, high=None)
    shown = list(values)
    return TrendLine(
        sensor="vibration",
        unit="mm/s",
        normal=none,
        alarm=TrendBand(low=None, high=alarm),
        trip=none,
        at=[float(index) for index in range(len(shown))],
        mean=shown,
        low=shown,
        high=shown,
        least=min(shown),
        most=max(shown),
        average=sum(shown) / len(shown),
    )


def test_one_peak_among_a_thousand_values_is_drawn_and_marked():
    values = [1.0] * 1_000
    values[777] = 9.0
    drawn, beyond = sparkline(a_line(*values, alarm=5.0), 0.0, 1_000.0, 10)
    assert drawn == "▁▁▁▁▁▁▁█▁▁"
    assert beyond == "       !"


def test_what_was_not_measured_is_blank_and_what_never_changes_is_flat():
    line = a_line(2.0, 2.0)
    assert sparkline(line, 0.0, 4.0, 4) == ("▁▁  ", "")


def test_a_sensor_that_reports_seldom_has_no_gaps_but_those_in_which_readings_are_missing():
    line = a_line(9.0, 1.0, alarm=5.0).model_copy(update={"at": [0.5, 7.5]})
    assert sparkline(line, 0.0, 8.0, 8) == ("███████▁", "!!!!!!!")
    assert sparkline(line, 0.0, 8.0, 8, gaps=[(2.0, 6.0)]) == ("██    █▁", "!!    !")


def test_a_shift_is_handed_over_by_one_and_taken_by_another(scene, run, monkeypatch):
    monkeypatch.setattr(scene, "audited", [])
    code, out, _ = run("handover")
    assert code == 0
    assert "critical compressor-01: bearing failure" in out
    assert "silent: motor-03" in out
    assert run("handover", "--take", "seen")[0] == 1  # nobody has left
    assert run("handover", "--leave", "a", "--take", "b")[0] == 2
    code, out, _ = run("handover", "--leave", "the seal leaks", "--json")
    assert code == 0
    assert HandoverSummary.model_validate_json(out).left_by == "operator"
    assert any("bearing" in fact for fact in json.loads(out)["facts"])
    code, _, err = run("handover", "--take", "seen")
    assert code == 1
    assert "another person" in err
    monkeypatch.setenv(TOKEN_ENV, "token-of-approver")
    code, out, _ = run("handover", "--take", "seen the seal")
    assert code == 0
    assert "operator -> approver: the seal leaks" in out
    assert "approver: seen the seal" in run("handover")[1]


def read_until(stream: BufferedReader, words: str) -> list[str]:
    """Return the lines up to the first with these words; the test's own time limit ends the wait."""
    lines = []
    while not lines or words not in lines[-1]:
        line = stream.readline()
        assert line, f"it ended without {words!r}: {lines}"
        lines.append(line.decode())
    return lines


def test_whoever_watches_is_told_each_change_once(scene):
    command = [sys.executable, "-m", "aegisflow", "alarms", "--watch", "--every", "0.05s"]
    before = scene.alarms
    watching = subprocess.Popen(command, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out = watching.stdout
        assert isinstance(out, BufferedReader)
        for _ in before:
            read_until(out, " new ")
        bearing = before[0]
        seen = replace(bearing, state=AlarmState.ACKNOWLEDGED, acknowledged_by="ben", acknowledged_at=NOW, note="go")
        scene.alarms = [seen, *before[1:]]
        lines = read_until(out, " changed ")
        assert bearing.alarm_id in lines[-1]
        assert " new " not in "".join(lines)
        scene.alarms = before[1:]
        lines = read_until(out, " over ")
        assert bearing.alarm_id in lines[-1]
        assert "acknowledged by ben: go" in "".join(lines)
        watching.send_signal(signal.SIGINT)
        assert watching.wait(30) == 130
    finally:
        watching.kill()
        watching.communicate()
        scene.alarms = before
