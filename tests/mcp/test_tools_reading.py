from dataclasses import replace

import pytest

from aegisflow.domain.readings import Quality
from aegisflow.mcp.budget import BUDGET_BYTES
from tests.support.memory_plant import SENSORS, an_alarm, size_of_json


def test_a_stream_is_a_summary_with_a_series_that_keeps_the_peak(call):
    answer = call("get_sensor_stream", device_id="pump-01", sensors=["vibration"], points=30)
    (sensor,) = answer["sensors"]
    assert (sensor["raw_values"], sensor["unit"], sensor["quality_now"], sensor["normal"]) == (
        720,
        "mm/s",
        "good",
        "0.5 to 2.5",
    )
    assert len(sensor["series"]["max"]) == 30
    assert max(sensor["series"]["max"]) == 99.25
    assert (answer["start"], answer["end"]) == ("2026-01-31T07:00:00Z", "2026-01-31T08:00:00Z")
    assert answer["gaps"] == ["2026-01-31T07:00:00Z/2026-01-31T07:01:00Z"]
    assert answer["raw_values"] == 720
    assert answer["truncated"] is False


def test_a_stream_too_large_for_the_budget_gets_coarser_and_says_so(call, plant):
    plant.points = 200
    many = {f"bearing-{number}": SENSORS["vibration"] for number in range(1, 7)}
    many = {name: replace(spec, name=name) for name, spec in many.items()}
    plant.spec.devices["pump-01"] = replace(plant.spec.devices["pump-01"], sensors=many)
    answer = call("get_sensor_stream", device_id="pump-01", points=200)
    assert size_of_json(answer) <= BUDGET_BYTES
    assert answer["truncated"] is True
    assert all(max(sensor["series"]["max"]) == 99.25 for sensor in answer["sensors"])
    assert all(len(sensor["series"]["max"]) > 60 for sensor in answer["sensors"])


def test_no_points_means_the_summary_alone(call):
    answer = call("get_sensor_stream", device_id="pump-01", points=0)
    assert all("series" not in sensor for sensor in answer["sensors"])
    assert answer["sensors"][0]["mean"] == 1.5


def test_the_period_can_be_given_in_three_ways(call):
    by_last = call("get_sensor_stream", device_id="pump-01", last="15min")
    by_both = call("get_sensor_stream", device_id="pump-01", start="2026-01-31T07:45:00", end="2026-01-31T08:00:00Z")
    assert by_last["start"] == by_both["start"] == "2026-01-31T07:45:00Z"
    before = call("get_sensor_stream", device_id="pump-01", last="1d", end="2026-01-30T08:00:00+02:00")
    assert before["start"] == "2026-01-29T06:00:00Z"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"device_id": "pump-77"}, "pump-01, pump-02, pump-03"),
        ({"sensors": ["noise"]}, "pressure, vibration"),
        ({"start": "some time ago"}, "2026-01-31T08:00:00Z"),
        ({"last": "3 fortnights"}, "15min, 1h or 7d"),
        ({"last": "1h", "start": "2026-01-31T07:00:00Z"}, "not both"),
        ({"start": "2026-01-31T08:00:00Z", "end": "2026-01-31T07:00:00Z"}, "before the end"),
        ({"last": "99999999d"}, "between the years 1970 and 9999"),
        ({"points": 1_000_000}, "less than or equal to 200"),
        ({"points": -1}, "greater than or equal to 0"),
        ({"points": "many"}, "valid integer"),
        ({"speed": 3}, "speed is not an argument"),
        ({"device_id": "x" * 5_000}, "at most 100 characters"),
    ],
)
def test_a_stream_that_cannot_be_is_refused_with_what_could_be(refusal, arguments, named):
    said = refusal("get_sensor_stream", **({"device_id": "pump-01"} | arguments))
    assert named in said
    assert len(said) < 400


def test_without_a_device_every_device_is_a_line(call, plant):
    plant.alarms = [an_alarm(1, "pump-02")]
    answer = call("get_device_status")
    assert [line["device_id"] for line in answer["devices"]] == ["pump-01", "pump-02", "pump-03"]
    assert answer["devices"][1]["alarms"] == ["high bearing_failure (unacknowledged) pump-02@00001"]
    assert "alarms" not in answer["devices"][0]
    assert (answer["total"], answer["in_alarm"], answer["silent"]) == (3, 1, 0)
    assert answer["raw_values"] == 3 * 2 * 60


def test_with_a_device_its_sensors_limits_and_setpoints_are_told(call):
    device = call("get_device_status", device_id="pump-01")["device"]
    pressure = device["sensors"][0]
    assert (pressure["value"], pressure["unit"], pressure["z"]) == (31.235, "PSI", -0.27)
    assert (pressure["normal"], pressure["alarm"], pressure["trip"]) == ("28 to 35", "from 22", "18 to 42")
    assert device["parameters"] == {"speed": "800 to 1500 rpm"}
    assert device["manual"] == "pump.md"


def test_who_does_not_answer_is_named(call, plant):
    plant.silent_names = {"pump-03": "no answer within 2 s"}
    answer = call("get_device_status")
    assert answer["unavailable"] == {"pump-03": "no answer within 2 s"}
    assert answer["total"] == 2


def test_a_stale_sensor_is_named_unless_the_whole_device_is_silent(call, plant, monkeypatch):
    usual = plant.device_status("pump-01").value
    stale = replace(usual, sensors=(replace(usual.sensors[0], quality=Quality.UNCERTAIN), usual.sensors[1]))
    monkeypatch.setattr(plant, "_status", lambda name: replace(stale, device_id=name, silent=name == "pump-02"))
    answer = call("get_device_status")
    assert answer["devices"][0]["stale_sensors"] == ["pressure"]
    assert "stale_sensors" not in answer["devices"][1]
    assert answer["silent"] == 1


def test_a_large_plant_is_paged_without_loss_or_repetition(call, plant):
    plant.spec = type(plant)(300).spec
    seen, cursor = [], None
    while True:
        answer = call("get_device_status", limit=200, **({"cursor": cursor} if cursor else {}))
        assert size_of_json(answer) <= BUDGET_BYTES
        seen += [line["device_id"] for line in answer["devices"]]
        if not answer["truncated"]:
            break
        cursor = answer["next_cursor"]
    assert seen == list(plant.spec.devices)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"device_id": "pump-77"}, "pump-01, pump-02, pump-03"),
        ({"limit": 0}, "greater than or equal to 1"),
        ({"limit": 1_000_000}, "less than or equal to 200"),
        ({"cursor": "nonsense!"}, "next_cursor of the page before"),
        ({"cursor": "W10"}, "next_cursor of the page before"),
        ({"device_id": "pump-01", "cursor": "W10"}, "no cursor beside device_id"),
    ],
)
def test_a_status_that_cannot_be_is_refused_with_what_could_be(refusal, arguments, named):
    assert named in refusal("get_device_status", **arguments)


def test_a_cursor_whose_device_has_left_the_plant_is_refused(call, refusal, plant):
    cursor = call("get_device_status", limit=1)["next_cursor"]
    del plant.spec.devices["pump-01"]
    assert "the plant has changed" in refusal("get_device_status", limit=1, cursor=cursor)
