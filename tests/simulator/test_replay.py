import json
import time
from dataclasses import replace

import pytest

from aegisflow.domain.times import parse_instant
from simulator.__main__ import main
from simulator.dataset import write_file
from simulator.replay import RecordedFile, ReplayError, replay
from simulator.scenario import Scenario

SHORT = Scenario(duration_s=60, faults=())
HEADER = "timestamp,device_id,temperature,pressure,anomaly,severity\n"


class FakeWire:
    """Acknowledges at once."""

    def __init__(self):
        self.sent = []
        self.acknowledged = 0

    def publish(self, topic, payload):
        self.sent.append((topic, json.loads(payload)))
        self.acknowledged += 1

    def finish(self):
        pass


@pytest.fixture
def wire():
    return FakeWire()


@pytest.fixture
def day(tmp_path):
    path = tmp_path / "day.csv"
    write_file(SHORT, path)
    return path


def csv_file(tmp_path, text):
    path = tmp_path / "rows.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_row_is_sent_in_order_without_its_label(day, wire):
    done = replay(RecordedFile(day), wire, speed=0)
    assert done.sent == done.acknowledged == len(wire.sent) == 12 * 9
    lines = day.read_text().splitlines()
    timestamp, device_id, temperature, *_ = lines[10].split(",")
    topic, payload = wire.sent[9]
    assert topic == f"aegisflow/sensors/{device_id}"
    assert list(payload) == [*lines[0].split(",")[:-2]]
    assert payload["timestamp"] == timestamp
    assert payload["temperature"] == float(temperature)


def test_restamped_readings_end_now_and_keep_their_distances(day, wire):
    before = time.time()
    replay(RecordedFile(day), wire, speed=0, restamp=True)
    stamps = [parse_instant(payload["timestamp"]) for _, payload in wire.sent]
    assert before - 1 <= stamps[-1] <= time.time()
    assert stamps[-1] - stamps[0] == 55
    assert stamps == sorted(stamps)


def test_speed_keeps_the_pace_of_the_recording(day, wire):
    began = time.monotonic()
    replay(RecordedFile(day), wire, speed=550)
    assert time.monotonic() - began >= 0.1


def test_progress_tells_the_share_of_the_recorded_time(tmp_path, wire):
    path = tmp_path / "day.csv"
    write_file(replace(SHORT, duration_s=600), path)
    told = []
    replay(RecordedFile(path), wire, speed=1000, report=told.append)
    assert len(told) >= 2
    assert [progress.share for progress in told] == sorted(progress.share for progress in told)
    assert told[-1].share == 1.0
    assert told[-1].sent == 1080


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("yesterday,pump-01,1,2,,", "Invalid isoformat string: 'yesterday'"),
        ("2026-01-05T00:00:05Z,pump-01,1", "found 3 columns, expected 6"),
        ("2026-01-05T00:00:05Z,pump-01,warm,2,,", "could not convert string to float: 'warm'"),
        ("2026-01-05T00:00:05Z,pump-01,nan,2,,", "found 'nan', expected a finite number"),
        ("2026-01-05T00:00:05Z,pump-01,1e999,2,,", "found '1e999', expected a finite number"),
        ("2026-01-05T00:00:05Z,pump-01,,,,", "found no value, expected at least one"),
        ("2026-01-05T00:00:05Z,a/b,1,2,,", "found device_id 'a/b', expected a name that can stand in a topic"),
        ("2026-01-05T00:00:05Z,#,1,2,,", "found device_id '#', expected a name that can stand in a topic"),
        ("2026-01-05T00:00:05Z,,1,2,,", "found device_id '', expected a name that can stand in a topic"),
        ('2026-01-05T00:00:05Z,pump-01,1,"' + "9" * 200_000 + '",,', "field larger than field limit"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_the_rest_is_sent(tmp_path, wire, row, complaint):
    good = "2026-01-05T00:00:00Z,pump-01,1,2,,\n", "2026-01-05T00:00:10Z,pump-01,3,,,\n"
    recording = RecordedFile(csv_file(tmp_path, HEADER + good[0] + row + "\n" + good[1]))
    done = replay(recording, wire, speed=0)
    assert [payload for _, payload in wire.sent] == [
        {"timestamp": "2026-01-05T00:00:00Z", "device_id": "pump-01", "temperature": 1, "pressure": 2},
        {"timestamp": "2026-01-05T00:00:10Z", "device_id": "pump-01", "temperature": 3},
    ]
    assert done.sent == 2
    assert recording.bad_rows == 1
    assert recording.mistakes[0].startswith(f"{recording.path}:3: ")
    assert complaint in recording.mistakes[0]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "timestamp,device_id,anomaly\n2026-01-05T00:00:00Z,pump-01,\n"])
def test_a_file_that_is_no_recording_is_refused(tmp_path, wire, text):
    path = csv_file(tmp_path, text)
    with pytest.raises(ReplayError, match=str(path)):
        replay(RecordedFile(path), wire, speed=0)
    assert wire.sent == []


def test_a_file_out_of_order_is_not_restamped_into_the_future(tmp_path, wire):
    rows = "2026-01-05T00:00:10Z,pump-01,1,2,,\n2026-01-05T00:00:00Z,pump-01,1,2,,\n"
    with pytest.raises(ReplayError, match=r":2: later than the last row"):
        replay(RecordedFile(csv_file(tmp_path, HEADER + rows)), wire, speed=0, restamp=True)


def test_no_broker_is_one_clear_line(day, capsys, free_port):
    assert main(["replay", str(day), "--broker", f"127.0.0.1:{free_port}"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"simulator replay: no MQTT broker at 127.0.0.1:{free_port}: ")
    assert error.count("\n") == 1


def test_a_missing_file_is_one_clear_line(capsys):
    assert main(["replay", "nowhere.csv"]) == 2
    assert "nowhere.csv" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "named"), [("fast", "argument --speed: invalid speed value: 'fast'"), ("50", "missing.csv")]
)
def test_the_environment_says_how_fast_unless_the_command_line_does(tmp_path, monkeypatch, capsys, said, named):
    monkeypatch.setenv("SPEED_MULTIPLIER", said)
    try:
        code = main(["replay", str(tmp_path / "missing.csv")])
    except SystemExit as exit_:
        code = int(exit_.code or 0)
    assert code == 2
    assert named in capsys.readouterr().err
    assert main(["replay", str(tmp_path / "missing.csv"), "--speed", "3"]) == 2
    assert "missing.csv" in capsys.readouterr().err
