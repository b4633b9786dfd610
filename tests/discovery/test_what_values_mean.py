"""Times, commas and texts that could be read in two ways: read as they are meant, or marked."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aegisflow.bus.sources.capture import CapturedMessage
from aegisflow.discovery.survey import BrokerSurvey
from tests.support.discovering import T, drafted, payload, readings

FORMS = {
    "record": lambda t, x: ("hall/saw/values", {"time": t, "feed": x}),
    "alone": lambda t, x: ("hall/saw/feed", {"time": t, "value": x}),
    "points": lambda t, x: ("hall/saw/list", {"points": [{"name": name, "value": x, "time": t} for name in "ab"]}),
    "lines": lambda t, x: ("hall/saw/csv", f"{t};{x};1"),
}  # fmt: skip


@given(
    form=st.sampled_from(sorted(FORMS)),
    hours=st.integers(-11, 13),
    late_s=st.floats(0, 20),
    pattern=st.sampled_from(["%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M:%S"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
def test_local_times_without_a_zone_are_read_as_when_they_were(
    tmp_path: Path, form: str, hours: int, late_s: float, pattern: str
) -> None:
    def local(i: int) -> str:
        return (datetime.fromtimestamp(T + i, UTC) + timedelta(hours=hours)).strftime(pattern)

    said = [FORMS[form](local(i), 3.5 + i) for i in range(12)]
    messages = [CapturedMessage(topic, payload(one), T + i + late_s) for i, (topic, one) in enumerate(said)]
    text, _, configuration = drafted(tmp_path, messages)
    assert [one.at for one in readings(configuration, messages)] == [float(T + i) for i in range(12)], text
    assert ("lies" in text) == (hours != 0)
    assert "says no time zone" in text


def test_a_clock_that_says_utc_and_counts_local_time_is_marked_and_believed(tmp_path: Path) -> None:
    said = [{"time": (T + i + 7_200) * 1000, "feed": 3.5 + i} for i in range(12)]
    messages = [CapturedMessage("hall/saw/values", payload(one), T + i + 0.3) for i, one in enumerate(said)]
    text, _, configuration = drafted(tmp_path, messages)
    assert "(?) time lies 2 h ahead of when messages came" in text
    assert readings(configuration, messages)[0].at == T + 7_200


@pytest.mark.parametrize(
    ("said", "values", "mark"),
    [
        (("999,5", "1.000", "1.234,5"), [999.5, 1000.0, 1234.5], ""),
        (("12,345", "12,346", "12,347"), [12.345, 12.346, 12.347], "decimal comma (?)"),
        (("0,345", "0,346", "0,347"), [0.345, 0.346, 0.347], ""),
        (("0x02BC", "0x02BD", "0xFFFF"), [700.0, 701.0, 65535.0], ""),
    ],
)
def test_numbers_in_text_are_read_as_they_are_meant(tmp_path: Path, said, values, mark: str) -> None:
    messages = [
        CapturedMessage("hall/saw/data", payload({"feed": one, "b": i + 0.5}), T + i) for i, one in enumerate(said)
    ]
    text, _, configuration = drafted(tmp_path, messages)
    assert [one.values.get("feed") for one in readings(configuration, messages)] == values, text
    assert (mark in text) if mark else "decimal comma" not in text


def test_text_that_is_no_number_is_named_as_left_out_and_never_taken_for_one(tmp_path: Path) -> None:
    said = [{"regs": f"02BC01{i:02d}", "part": f"1_{i:03d}", "load": 20.5 + i} for i in range(12)]
    messages = [CapturedMessage("hall/saw/data", payload(one), T + i) for i, one in enumerate(said)]
    text, _, configuration = drafted(tmp_path, messages)
    assert set(configuration.plant.devices["saw"].sensors) == {"load"}
    assert "# left out, text that is no number: regs, such as '02BC0100'" in text
    assert "# left out, text that is no number: part, such as '1_000'" in text


def test_names_that_stand_in_a_list_beside_the_values_name_the_sensors(tmp_path: Path) -> None:
    said = [
        {"TagKeys": ["Temp", "Druck"], "TagValues": [60.5 + i, 3.5 + i], "samples": [0.1 * i] * 8} for i in range(12)
    ]
    messages = [CapturedMessage("Wago/PFC200-1/Data", payload(one), T + i) for i, one in enumerate(said)]
    text, _, configuration = drafted(tmp_path, messages)
    assert {one.device_id: set(one.values) for one in readings(configuration, messages)} == {
        "PFC200-1": {"temp", "druck"}
    }, text
    assert "left out, a list of 8: samples" in text


def test_a_topic_of_one_level_is_not_every_topic_of_one_level(tmp_path: Path) -> None:
    messages = [CapturedMessage("iotgateway", payload({"load": 20.5 + i}), T + i) for i in range(12)]
    _, _, configuration = drafted(tmp_path, messages)
    (source,) = configuration.sources.values()
    assert source.topic == ("iotgateway",)
    assert len(readings(configuration, messages)) == 12


def test_each_message_is_read_or_counted_as_passed_over(tmp_path: Path) -> None:
    def said(i: int) -> list[tuple[str, object]]:
        return [
            ("vib/motor-1/raw", {"ts": (T + i) * 1000, "dt": 0.02, "unit": "mm/s", "samples": [0.1 * i] * 50}),
            ("vib/motor-1/short", {"ts": (T + i) * 1000, "dt": 0.1, "samples": [0.1 * i] * 9}),
            ("vib/motor-1/rms", {"ts": (T + i) * 1000, "rms": 1.5 + i}),
        ]

    messages = [CapturedMessage(topic, payload(one), T + i) for i in range(12) for topic, one in said(i)]
    survey = BrokerSurvey()
    for message in messages:
        survey.add(message)
    draft = survey.draft()
    assert sum(device.messages for device in draft.devices.values()) == 12
    assert survey.passed_over.total() == 24
    assert all(why.startswith("no value in it but a list of") for why in survey.passed_over)
