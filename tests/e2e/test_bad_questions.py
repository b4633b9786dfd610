"""Tools called with what makes no sense, against the whole application: each answer names what would."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.app_inside import Inside, inside, ordinary

T0 = 1_760_000_000.0
WHY = "the seal drips, and the pressure falls with it"
REPORT = {
    "device_id": "pump-99",
    "fault_type": "pressure_leak",
    "severity": "high",
    "title": "Leak at the seal",
    "root_cause": "worn seal",
    "actions_taken": "none yet",
    "outcome": "open",
}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """A plant with some alarms, for questions that leave it as it is."""
    with inside(tmp_path_factory.mktemp("asked")) as one:
        for number in range(70):
            for device_id in ("pump-01", "pump-02"):
                values = ordinary(number) | ({"temperature": 130.0} if number >= 60 else {})
                one.feed(device_id, T0 + 5 * number, values)
        one.settle(140)
        yield one


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("get_device_status", {"device_id": "pump-99"}, ("pump-01, pump-02",)),
        ("get_sensor_stream", {"device_id": "pump-99"}, ("pump-01, pump-02",)),
        ("get_sensor_stream", {"device_id": "pump-01", "sensors": ["speed"]}, ("temperature, pressure, vibration",)),
        ("get_sensor_stream", {"device_id": "pump-01", "last": "soon"}, ("duration such as",)),
        ("get_sensor_stream", {"device_id": "pump-01", "start": "soon"}, ("ISO 8601 such as",)),
        (
            "get_sensor_stream",
            {"device_id": "pump-01", "start": "2026-02-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"},
            ("before the end",),
        ),
        (
            "get_sensor_stream",
            {"device_id": "pump-01", "start": "2026-02-01T00:00:00Z", "last": "1h"},
            ("either start or last",),
        ),
        ("get_sensor_stream", {"device_id": "pump-01", "points": -1}, ("greater than or equal to 0",)),
        ("get_sensor_stream", {"device_id": "pump-01", "points": 1_000_000}, ("less than or equal to 200",)),
        ("get_active_anomalies", {"device_id": "pump-99"}, ("pump-01, pump-02",)),
        ("get_active_anomalies", {"limit": 0}, ("greater than or equal to 1",)),
        ("get_active_anomalies", {"limit": 1_000_000}, ("less than or equal to 100",)),
        ("get_active_anomalies", {"min_severity": "dire"}, ("'low', 'medium', 'high' or 'critical'",)),
        ("get_anomaly_history", {"device_id": "pump-99"}, ("pump-01, pump-02",)),
        ("get_anomaly_history", {"limit": 0}, ("greater than or equal to 1",)),
        ("get_anomaly_history", {"limit": 1_000_000}, ("less than or equal to",)),
        ("get_anomaly_history", {"last": "-1h"}, ("duration such as",)),
        ("get_anomaly_history", {"end": "9999-12-31T23:59:59Z", "last": "9000000d"}, ("1970 and 9999",)),
        ("get_anomaly_history", {"cursor": "AAAA"}, ("next_cursor of the page before",)),
        ("get_incident_reports", {"device_id": "pump-99"}, ("pump-01, pump-02",)),
        ("get_incident_reports", {"limit": 0}, ("greater than or equal to 1",)),
        ("query_device_manual", {"query": "seal", "device_id": "pump-99"}, ("pump-01, pump-02",)),
        ("query_device_manual", {"query": "seal", "limit": 1_000_000}, ("less than or equal to",)),
        ("acknowledge_anomaly", {"alarm_id": "pump-01@never", "note": "seen"}, ("pump-01@",)),
        (
            "execute_device_command",
            {"device_id": "pump-99", "command": "restart", "justification": WHY},
            ("pump-01, pump-02",),
        ),
        (
            "execute_device_command",
            {"device_id": "pump-01", "command": "explode", "justification": WHY},
            ("emergency_shutdown",),
        ),
        ("log_incident_report", REPORT, ("pump-01, pump-02",)),
    ],
)
def test_a_tool_called_wrongly_names_what_would_be_right(
    asked: Inside, tool: str, arguments: dict[str, Any], words: tuple[str, ...]
) -> None:
    refusal = asked.refusal(tool, **arguments)
    assert len(refusal) < 1_200
    for part in words:
        assert part in refusal


def test_a_cursor_is_good_for_its_own_query_only(asked: Inside) -> None:
    first = asked.call("get_active_anomalies", limit=1)
    cursor = first["next_cursor"]
    second = asked.call("get_active_anomalies", limit=1, cursor=cursor)
    assert first["alarms"][0]["alarm_id"] != second["alarms"][0]["alarm_id"]
    for tool, arguments in (
        ("get_active_anomalies", {"limit": 2}),
        ("get_active_anomalies", {"limit": 1, "device_id": "pump-01"}),
        ("get_anomaly_history", {"limit": 1}),
        ("get_incident_reports", {"limit": 1}),
        ("get_device_status", {"limit": 1}),
    ):
        assert "next_cursor of the page before" in asked.refusal(tool, **arguments, cursor=cursor)


def test_what_happened_just_now_is_in_the_answers_about_the_last_hour(asked: Inside) -> None:
    """The plant's clock is that of the stream: its newest reading lies exactly at now."""
    assert asked.call("get_sensor_stream", device_id="pump-01", last="1h", points=0)["readings"] == 70
