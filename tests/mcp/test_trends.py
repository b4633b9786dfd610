"""Series of several sensors on one grid of time, and how much of them an agent is given (H9)."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.domain.equipment import Limits
from aegisflow.domain.times import Period
from aegisflow.domain.views import SensorSummary, SeriesPoint
from aegisflow.errors import UnavailableError
from aegisflow.mcp.budget import BUDGET_BYTES, USUAL_TOKENS
from aegisflow.mcp.presenters import sensor_trend
from aegisflow.mcp.trends import SeriesGrid
from tests.support.memory_plant import NOW, SENSORS, size_of_json
from tests.support.nine_tools import tokens

BUCKETS = 12
WIDTH_S = 300.0
PERIOD = Period(NOW - 3_600.0, NOW)
_series = st.dictionaries(st.integers(0, BUCKETS - 1), st.tuples(st.integers(0, 9), st.floats(-1e6, 1e6)))


def summary(name: str, series: dict[int, tuple[int, float]]) -> SensorSummary:
    points = tuple(
        SeriesPoint(PERIOD.start + index * WIDTH_S, count, value, value - 1, value + 1)
        for index, (count, value) in sorted(series.items())
    )
    return SensorSummary(name, "", 0, None, None, None, None, None, None, None, None, None, None, points)


@given(st.lists(_series, min_size=1, max_size=4), st.integers(0, BUCKETS + 2))
def test_h9_series_on_one_grid_keep_their_extremes_and_never_have_more_points_than_asked(
    several: list[dict[int, tuple[int, float]]], most: int
) -> None:
    summaries = [summary(f"s{number}", series) for number, series in enumerate(several)]
    trends = [(one, sensor_trend(one, PERIOD.start, Limits(), None)) for one in summaries]
    grid = SeriesGrid(trends, PERIOD, BUCKETS)
    offsets, shown = grid.show(len(trends), most)
    assert len(offsets) <= most
    assert offsets == sorted(set(offsets))
    if most >= grid.finest:
        assert offsets == [round(index * WIDTH_S) for index in sorted({index for one in several for index in one})]
    for told, series in zip(shown, several, strict=True):
        if not most or not series:
            assert told.series is None
            continue
        assert told.series is not None
        assert len(told.series.mean) == len(told.series.min) == len(told.series.max) == len(offsets)
        highest = max(value for _, value in series.values()) + 1
        assert max(value for value in told.series.max if value is not None) == pytest.approx(highest, rel=1e-4)
        lowest = min(value for _, value in series.values()) - 1
        assert min(value for value in told.series.min if value is not None) == pytest.approx(lowest, rel=1e-4)


def widen(plant: Any, count: int) -> None:
    many = {f"bearing-{number}": replace(SENSORS["vibration"], name=f"bearing-{number}") for number in range(count)}
    plant.spec.devices["pump-01"] = replace(plant.spec.devices["pump-01"], sensors=many)


@pytest.mark.parametrize("count", [1, 2, 5, 9, 20, 60])
def test_h9_an_answer_whose_size_nobody_asked_for_takes_1500_tokens_at_most(call, plant, count):
    widen(plant, count)
    plant.points = 200
    answer = call("get_sensor_stream", device_id="pump-01")
    text = json.dumps(answer, separators=(",", ":"), ensure_ascii=False)
    assert max(tokens(text), len(text.encode()) / 4) <= USUAL_TOKENS == 1_500
    assert answer["truncated"] is False
    assert len(answer["sensors"]) == count or answer["left_out"]
    if count <= 5:
        assert len(answer["offset_s"]) >= 8
        assert answer["left_out"] == []


def test_h9_the_times_of_the_buckets_are_told_once(call, plant):
    answer = call("get_sensor_stream", device_id="pump-01", points=30)
    assert answer["offset_s"] == list(range(0, 3_600, 120))
    assert [set(sensor["series"]) for sensor in answer["sensors"]] == [{"mean", "min", "max"}] * 2


@pytest.mark.parametrize("count", [1, 5, 60])
@pytest.mark.parametrize("points", [0, 1, 200])
def test_h9_without_points_nothing_is_called_truncated_and_what_has_no_room_is_named(call, plant, count, points):
    widen(plant, count)
    plant.points = 200
    answer = call("get_sensor_stream", device_id="pump-01", points=points)
    assert size_of_json(answer) <= BUDGET_BYTES
    assert not (answer["truncated"] and points == 0)
    assert answer["truncated"] is (len(answer["offset_s"]) < points)
    left_out = answer["left_out"]
    assert len(answer["sensors"]) + len(left_out) == count or left_out[-1].endswith(" more")


def test_h9_devices_are_compared_in_one_call_sensor_beside_sensor(call, plant):
    answer = call("get_sensor_stream", device_id="pump-01", sensors="vibration", compare_with=["pump 2", "pump-03"])
    assert [(one["device_id"], one["sensor"]) for one in answer["sensors"]] == [
        ("pump-01", "vibration"),
        ("pump-02", "vibration"),
        ("pump-03", "vibration"),
    ]
    assert answer["gaps_total"] == 3
    assert answer["gaps"][0] == "pump-01 2026-01-31T07:00:00Z/2026-01-31T07:01:00Z"
    assert answer["readings"] == 3 * 720
    whole = call("get_sensor_stream", device_id="pump-01", compare_with=["pump-02", "pump-01"])
    assert [(one["sensor"], one["device_id"]) for one in whole["sensors"]] == [
        ("pressure", "pump-01"),
        ("pressure", "pump-02"),
        ("vibration", "pump-01"),
        ("vibration", "pump-02"),
    ]
    assert "device_id" not in call("get_sensor_stream", device_id="pump-01")["sensors"][0]


def test_h9_what_cannot_be_compared_is_named(call, refusal, plant, monkeypatch):
    assert "pump-01, pump-02" in refusal("get_sensor_stream", device_id="pump-01", compare_with=["pump-77"])
    plant.spec.devices["pump-02"] = replace(plant.spec.devices["pump-02"], sensors={})
    stream = plant.sensor_stream

    def slow(device_id: str, *rest: Any) -> Any:
        if device_id == "pump-03":
            raise UnavailableError("archive", "no answer within 8 s")
        return stream(device_id, *rest)

    monkeypatch.setattr(plant, "sensor_stream", slow)
    answer = call("get_sensor_stream", device_id="pump-01", compare_with=["pump-02", "pump-03"])
    assert answer["unavailable"] == {"pump-02": "it has none of these sensors", "pump-03": "no answer within 8 s"}
    assert len(answer["sensors"]) == 2


def test_h9_the_schema_lets_a_place_in_a_series_be_empty(ask):
    (tool,) = [tool for tool in ask("list_tools") if tool.name == "get_sensor_stream"]
    series = tool.output_schema["properties"]["sensors"]["items"]["properties"]["series"]["properties"]
    assert series["mean"] == {"items": {"type": ["number", "null"]}, "type": "array"}
