"""A plant-day through a real broker into a real ``aegisflow serve``, whatever breaks on the way."""

import itertools
from functools import partial
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto
from tests.support.serve_process import ServeProcess, replaying, serving
from tests.support.waiting import eventually

pytestmark = [pytest.mark.broker, pytest.mark.long, pytest.mark.timeout(400)]

DEVICES = [f"{kind}-{line:02}" for kind in ("compressor", "motor", "pump") for line in (1, 2, 3)]
PER_DEVICE = 17_280
THE_DAY = {"start": "2026-01-05T00:00:00Z", "end": "2026-01-06T00:00:00Z"}


def test_the_reference_day_arrives_without_loss_though_the_broker_restarts(
    reference_day: Path, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    with (
        serving(tmp_path / "plant", mosquitto) as serve,
        replaying(reference_day, mosquitto, tmp_path) as replay,
    ):
        replay.wait_for(0.5)
        mosquitto.stop()
        serve.hear("broker_disconnected")
        assert replay.process.poll() is None, "the broker went away too late to matter"
        assert not serve.health()["broker"]["connected"]
        mosquitto.start()
        assert serve.hear("broker_connected")["detail"].endswith("session resumed")
        assert replay.finish()["sent"] == 155_520
        eventually(lambda: stored(serve) >= 155_520, 120.0, every_s=0.5)
        assert serve.rows() == dict.fromkeys(DEVICES, PER_DEVICE)
        health = serve.health()
        assert health["ok"], health["reasons"]
        assert health["rejected"] == {}
        # Each was counted once as accepted: what came again after the restart is known as such.
        device = serve.call("get_device_status", device_id="pump-01")["device"]
        assert device["readings_accepted"] == PER_DEVICE
        stream = serve.call("get_sensor_stream", device_id="pump-01", last="24h", points=0)
        assert stream["readings"] == PER_DEVICE
        assert serve.stop() == 0
    assert [entry for entry in serve.log() if entry["level"] in ("error", "critical")] == []


def has_stored(serve: ServeProcess, enough: int) -> bool:
    return roughly_stored(serve) >= enough


def test_kill_9_loses_no_reading_of_the_stream(reference_day: Path, mosquitto: Mosquitto, tmp_path: Path) -> None:
    hours = shortened(reference_day, tmp_path / "hours.csv", 24_000)
    with serving(tmp_path / "plant", mosquitto) as serve, replaying(hours, mosquitto, tmp_path, speed=800.0) as replay:
        for threshold in (3_000, 8_000, 13_000):
            eventually(partial(has_stored, serve, threshold), 120.0)
            serve.kill()
            assert stored(serve) < 24_000, "it was killed too late to matter"
            serve.start(and_wait=False)
        serve.serves()
        assert replay.finish()["sent"] == 24_000
        eventually(lambda: stored(serve) >= 24_000, 120.0, every_s=0.5)
        counts = serve.rows()
        assert sum(counts.values()) == 24_000
        assert max(counts.values()) - min(counts.values()) <= 1
        assert serve.query("PRAGMA integrity_check") == [("ok",)]
        assert serve.query("SELECT count(*) FROM dead_letters") == [(0,)]
        stream = serve.call("get_sensor_stream", device_id="pump-01", **THE_DAY, points=0)
        assert stream["readings"] == counts["pump-01"], "what came again was counted again"
        assert stream["gaps_total"] == 1, "there is one gap: what was not sent of the day"
        assert serve.stop() == 0


def stored(serve: ServeProcess) -> int:
    return sum(serve.rows().values())


def roughly_stored(serve: ServeProcess) -> int:
    """Return how many readings are stored, some perhaps counted twice: quickly."""
    return sum(serve.query(f"SELECT count(*) FROM {table}")[0][0] for table in ("readings", "fresh_readings"))


def shortened(recording: Path, path: Path, rows: int) -> Path:
    """Write the header and the first ``rows`` of a recording."""
    with recording.open("rb") as source, path.open("wb") as target:
        target.writelines(itertools.islice(source, rows + 1))
    return path
