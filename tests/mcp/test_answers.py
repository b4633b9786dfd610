"""What agents met in the field (part H): each test is named by its case."""

from dataclasses import replace
from typing import Any

import pytest

from aegisflow.domain.alarms.model import AlarmState
from tests.support.memory_plant import NOW, an_alarm

COMMAND = {
    "device_id": "pump-01",
    "command": "reduce_load",
    "justification": "vibration rises alone; bearing wear, manual section 3",
}


@pytest.mark.parametrize("given", [30, 30.0, True, ["30"]])
def test_h7_what_is_no_string_is_told_to_be_one_and_stays_refused(refusal, plant, given):
    said = refusal("execute_device_command", **COMMAND, reduction_pct=given)
    assert said.startswith(f"reduction_pct={given!r} must be a string, '20', '25', '30'")
    assert plant.requests == []


def test_h13_active_returned_and_set_aside_are_counted_apart(call, plant):
    gone: dict[str, Any] = {"cleared_at": NOW - 3_600}
    plant.alarms = [
        an_alarm(1, "pump-01"),
        replace(an_alarm(2, "pump-01"), state=AlarmState.RETURNED, **gone),
        replace(an_alarm(3, "pump-02"), state=AlarmState.RETURNED, **gone),
        replace(an_alarm(4, "pump-03"), state=AlarmState.SHELVED),
    ]
    answer = call("get_device_status")
    assert (answer["in_alarm"], answer["returned"], answer["set_aside"]) == (1, 1, 1)
    plant.alarms = plant.alarms[2:3]
    answer = call("get_device_status")
    assert (answer["in_alarm"], answer["returned"], answer["set_aside"]) == (0, 1, 0)


def test_h3_the_figures_of_a_device_are_those_of_the_device_and_say_of_what_time(call, plant):
    plant.alarms = [an_alarm(1, "pump-01"), an_alarm(2, "pump-02"), an_alarm(3, "pump-02")]
    answer = call("get_anomaly_history", device_id="pump-02", last="30d")
    assert "most frequent: 2 × pump-02 bearing_failure" in answer["figures"][4]
    assert (answer["data_from"], answer["data_to"]) == ("2026-01-31T07:59:00Z", "2026-01-31T07:59:55Z")
