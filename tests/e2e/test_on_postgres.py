"""The whole application on PostgreSQL, as it is on SQLite."""

import signal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from aegisflow.app import EXIT_LOST
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.errors import StoreHeldError
from aegisflow.store import open_store
from tests.support.app_inside import Inside, inside, ordinary
from tests.support.broker import Mosquitto
from tests.support.postgres import restartable_postgres
from tests.support.serve_process import ServeProcess
from tests.support.waiting import eventually

T0 = 1_760_000_000.0
TOPIC = "aegisflow/sensors/pump-01"
ROWS = """
SELECT d.name, count(*) FROM (SELECT device, at FROM readings UNION SELECT device, at FROM fresh_readings) AS r
JOIN devices d ON d.key = r.device GROUP BY d.name ORDER BY d.name"""

pytestmark = pytest.mark.timeout(120)


def feed(one: Inside, first: int, last: int) -> None:
    for number in range(first, last):
        for device_id in ("pump-01", "pump-02"):
            values = ordinary(number)
            if device_id == "pump-01" and number >= 300:
                values["temperature"] = 130.0
            one.feed(device_id, T0 + 5 * number, values)


def test_a_stream_its_alarms_and_its_letters_are_the_same_on_both_databases(tmp_path: Path, postgres_url: str) -> None:
    answers: list[dict[str, Any]] = []
    for name, url in (("sqlite", "sqlite:///store.db"), ("postgresql", postgres_url)):
        with inside(tmp_path / name, url=url) as one:
            feed(one, 0, 320)
            for payload in (b"{", b'{"\\u0000\\ud800": NaN}', b"\0" * 70_000):
                one.bus.deliver(TOPIC, payload)
            one.bus.deliver("aegisflow/sensors/nobody", b"{}")
            one.settle(644)
            (alarm,) = one.call("get_active_anomalies")["alarms"]
            one.plant.acknowledge(alarm["alarm_id"], Caller("ada", CallerKind.OPERATOR), "on my way")
            eventually(lambda: one.plant.health().store.pending == 0)
            before = one.windows("pump-01")
        with inside(tmp_path / name, url=url) as one:  # what it remembers
            one.feed("pump-02", T0 + 5 * 319, ordinary(319))
            one.settle(1)
            assert one.windows("pump-01") == pytest.approx(before)
            assert one.plant.device_status("pump-02").value.refused == {"duplicate": 1}
            assert one.query(ROWS) == [("pump-01", 320), ("pump-02", 320)]
            letters = one.query("SELECT topic, device_id, reason, detail, payload, size FROM dead_letters ORDER BY id")
            answers.append(
                {
                    "stream": without_instant(one.call("get_sensor_stream", device_id="pump-01", last="1h")),
                    "alarms": without_instant(one.call("get_active_anomalies")),
                    "history": without_instant(one.call("get_anomaly_history")),
                    "letters": [
                        tuple(bytes(cell) if not isinstance(cell, str | int | None) else cell for cell in row)
                        for row in letters
                    ],
                }
            )
    sqlite, postgresql = answers
    assert sqlite == postgresql
    assert sqlite["stream"]["readings"] == 320
    assert sqlite["alarms"]["alarms"][0]["acknowledged_by"] == "ada"
    assert [row[2] for row in sqlite["letters"]] == [
        "not_json",
        "no_known_sensor",
        "payload_too_large",
        "unknown_device",
    ]


def without_instant(answer: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in answer.items() if name != "as_of"}


def test_a_second_plant_on_the_same_database_is_told_who_holds_it(tmp_path: Path, postgres_url: str) -> None:
    with inside(tmp_path / "first", url=postgres_url) as first:
        with pytest.raises(StoreHeldError, match="is in use by pid"), inside(tmp_path / "second", url=postgres_url):
            pass
        assert first.plant.health().store.ok


def test_a_database_that_ends_our_sessions_loses_nothing_and_is_used_again(tmp_path: Path, postgres_url: str) -> None:
    with inside(tmp_path, url=postgres_url) as one:
        feed(one, 0, 50)
        one.settle(100)
        with psycopg.connect(postgres_url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        feed(one, 50, 100)
        one.settle(200)
        eventually(lambda: one.plant.health().ok)
        assert one.call("get_sensor_stream", device_id="pump-02", last="1h", points=0)["readings"] == 100
        assert one.query(ROWS) == [("pump-01", 100), ("pump-02", 100)]


@pytest.mark.long
@pytest.mark.broker
def test_e5_a_serve_whose_database_restarted_goes_on_or_ends_and_never_writes_beside_another(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    with restartable_postgres() as server:
        url = server.database()
        elder = ServeProcess(tmp_path, mosquitto.port, store_url=url)
        try:
            elder.start()
            server.stop()
            elder.send(signal.SIGHUP)  # a reload has an audit row, so there is something to store
            elder.hear("commit_failed")
            server.start()
            elder.hear("store_recovered")
            assert elder.health()["store"]["ok"]
            with pytest.raises(StoreHeldError, match="is in use by pid"):
                open_store(url)

            elder.send(signal.SIGSTOP)  # as a machine that is suspended, while its sessions break
            server.stop()
            server.start()
            younger = open_store(url)
            elder.send(signal.SIGCONT)
            elder.send(signal.SIGHUP)
            assert "is in use by pid" in elder.hear("critical_part_lost")["reason"]
            assert elder.wait() == EXIT_LOST
            reader = younger.reader()
            assert reader.value("SELECT count(*) FROM audit WHERE act = 'plant_reloaded'") == 1
            reader.close()
            younger.close()
        finally:
            elder.send(signal.SIGCONT)
            elder.end()
