"""The alarm commands against a serve that answers what it is told to."""

from typing import Any

import pytest

from aegisflow.cli.client import TOKEN_ENV
from tests.support.canned_serve import Serve, run

ALARM: dict[str, Any] = {
    "alarm_id": "pump-01@20260131T080000",
    "device_id": "pump-01",
    "fault_type": "pressure_leak",
    "severity": "high",
    "state": "shelved",
    "raised_at": "2026-01-31T08:00:00Z",
    "lasts": True,
    "shelved_until": "2026-01-31T09:00:00Z",
    "reasons": ["pressure falls alone"],
    "set_aside_by": "anna",
    "set_aside_because": "welding",
}


def test_an_alarm_is_shelved_with_time_and_reason(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    serve.answer = (200, ALARM)
    assert run(serve, "shelve", ALARM["alarm_id"], "--for", "1h", "--reason", "welding") == 0
    path = "/operator/alarms/pump-01%4020260131T080000/shelve"
    assert serve.asked == [("POST", path, "Bearer token-of-anna", {"duration_s": 3600.0, "reason": "welding"})]
    assert "by anna until 2026-01-31T09:00:00Z: welding" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "act"),
    [
        (("unshelve", "a@1"), "unshelve"),
        (("out-of-service", "a@1", "--reason", "dismounted"), "out-of-service"),
        (("in-service", "a@1"), "in-service"),
    ],
)
def test_each_act_has_its_command(serve: Serve, arguments: tuple[str, ...], act: str) -> None:
    serve.answer = (200, ALARM)
    assert run(serve, *arguments) == 0
    assert serve.asked[0][1] == f"/operator/alarms/a%401/{act}"


def test_the_list_shows_what_asks_for_somebody_first(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    like = {
        "incident_id": 7,
        "device_id": "motor-02",
        "occurred_at": "2026-01-30T08:00:00Z",
        "reviewed": True,
        "alike": ["same fault"],
        "commands": ["reduce_load (reduction_pct=30): verified"],
        "words_not_facts": {"of": "person anna", "actions_taken": "realigned", "outcome": "normal"},
    }
    quiet = {**ALARM, "first_out": False, "patterns": [], "similar_incidents": []}
    loud = {**ALARM, "alarm_id": "motor-01@1", "state": "unacknowledged", "set_aside_by": "", "first_out": True}
    loud |= {"patterns": ["2 times bearing_failure on motor-01, 4.0 d apart"], "similar_incidents": [like]}
    serve.answer = (
        200,
        {"as_of": "2026-01-31T08:30:00Z", "alarms": [quiet, loud], "unavailable": {"pump-03": "it is restarting"}},
    )
    assert run(serve, "alarms") == 0
    first, *past, second, third = capsys.readouterr().out.splitlines()
    assert past == [
        "    again: 2 times bearing_failure on motor-01, 4.0 d apart",
        "    like #7 on motor-02, 2026-01-30T08:00:00Z, reviewed: same fault, reduce_load (reduction_pct=30): verified",
        "      person anna: realigned -> normal",
    ]
    assert "motor-01@1" in first
    assert "FIRST OUT" in first
    assert "shelved" in second
    assert third == "did not answer: pump-03: it is restarting"


@pytest.mark.parametrize(
    ("timeliness", "words"),
    [
        ("history", "HISTORY: it was over before its readings came at 2026-01-31T19:00:00Z"),
        ("catching_up", "it may be over"),
    ],
)
def test_a4_a_person_sees_that_an_alarm_came_out_of_a_backlog(
    serve: Serve, capsys: pytest.CaptureFixture[str], timeliness: str, words: str
) -> None:
    late = {**ALARM, "timeliness": timeliness, "known_at": "2026-01-31T19:00:00Z"}
    late |= {"first_out": False, "patterns": [], "similar_incidents": []}
    serve.answer = (200, {"as_of": "2026-01-31T19:30:00Z", "alarms": [late], "unavailable": {}})
    assert run(serve, "alarms") == 0
    assert words in capsys.readouterr().out


def test_the_figures_are_printed(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    data = {"data_from": "2026-01-31T06:00:00Z", "data_to": "2026-01-31T08:00:00Z"}
    serve.answer = (200, {**data, "alarms": 5, "lines": ["0.03 alarms"], "top": {"pump-02 pressure_leak": 3}})
    assert run(serve, "figures", "--last", "8h", "--operators", "2") == 0
    assert serve.asked[0][1] == "/operator/figures?last_s=28800&operators=2"
    assert capsys.readouterr().out.splitlines() == [
        "5 alarms in the last 8h, of which 2026-01-31T06:00:00Z to 2026-01-31T08:00:00Z is stored",
        "0.03 alarms",
        "      3 × pump-02 pressure_leak",
    ]


def test_b6_a_person_finds_topic_sample_and_reason_of_what_was_refused(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    line = {
        "device_id": "pump-01",
        "sensor": "temperature",
        "reason": "out_of_span",
        "count": 1460,
        "first_at": "2026-01-31T08:00:00Z",
        "last_at": "2026-01-31T10:01:40Z",
        "topic": "aegisflow/sensors/pump-01",
        "sample": "-127",
        "detail": "",
    }
    serve.answer = (200, {"refused": [line]})
    assert run(serve, "refused") == 0
    assert capsys.readouterr().out.splitlines() == [
        "    1,460 × out_of_span        pump-01                temperature",
        "            last 2026-01-31T10:01:40Z on aegisflow/sensors/pump-01: -127",
    ]
    serve.answer = (200, {"refused": []})
    assert run(serve, "refused") == 0
    assert capsys.readouterr().out == "nothing was refused since the start\n"


def test_a_refusal_is_said_in_the_words_of_who_refused(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    serve.answer = (404, {"error": "unknown alarm 'a@1'; choose one of: (none)"})
    assert run(serve, "unshelve", "a@1") == 1
    assert "unknown alarm 'a@1'" in capsys.readouterr().err


def test_without_a_token_nothing_is_asked(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_ENV)
    assert run(serve, "alarms") == 1
    assert run(serve, "shelve", "a@1", "--for", "soon", "--reason", "welding") == 2
    assert serve.asked == []


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ({**ALARM, "severity": "awful"}, "severity is not as expected"),
        ({name: value for name, value in ALARM.items() if name != "state"}, "state is not as expected: field required"),
        ([ALARM], "the whole is not as expected"),
    ],
)
def test_an_answer_of_another_version_is_said_to_be_one(
    serve: Serve, capsys: pytest.CaptureFixture[str], answer: object, named: str
) -> None:
    serve.answer = (200, answer)
    assert run(serve, "unshelve", "a@1") == 1
    told = capsys.readouterr().err
    assert named in told
    assert "is it aegisflow serve, and of this version?" in told
    assert told.count("\n") == 1


def test_a_newer_serve_may_say_more(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    serve.answer = (200, {**ALARM, "priority": 1})
    assert run(serve, "unshelve", "a@1") == 0
    assert "pressure_leak" in capsys.readouterr().out


def test_what_the_plant_would_refuse_is_refused_before_it_is_asked(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(serve, "shelve", "a@1", "--for", "1h", "--reason", " ") == 2
    assert "reason=' ' cannot be used; expected why, in a few words" in capsys.readouterr().err
    assert serve.asked == []


def test_h14_h5_the_list_says_what_each_sensor_shows(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    shown = {"sensor": "vibration", "detector": "zscore", "value": 8.4, "baseline": 1.5, "spread": 0.4, "z": 17.25}
    shown |= {"direction": "high", "since": "2026-01-31T07:50:00Z", "unit": "mm/s", "alarm_limit": "up to 3.5"}
    shown["at"] = "2026-01-31T07:55:00Z"
    loud = {**ALARM, "first_out": False, "patterns": [], "similar_incidents": [], "line": "line-1", "evidence": [shown]}
    loud |= {"duration_s": 5_400, "acknowledged_by": "anna", "note": "on my way"}
    serve.answer = (200, {"as_of": "2026-01-31T09:30:00Z", "alarms": [loud], "unavailable": {}})
    assert run(serve, "alarms") == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "    on line-1, for 1 h 30 min, acknowledged by anna: on my way",
        "    vibration 8.4 mm/s (baseline 1.5, +17.2 spreads, alarm limit up to 3.5) at 2026-01-31T07:55:00Z, "
        "since 2026-01-31T07:50:00Z",
    ]


def test_h4_a_person_is_told_beside_the_answer_that_the_broker_is_away(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    serve.answer = (200, {"broker_away_since": "2026-01-31T07:59:00Z", "refused": []})
    assert run(serve, "refused") == 0
    told = capsys.readouterr()
    assert told.out == "nothing was refused since the start\n"
    assert told.err.startswith("the broker is away since 2026-01-31T07:59:00Z: no machine can be heard")


LEVEL: dict[str, Any] = {
    "device_id": "pump-01",
    "sensor": "temperature",
    "unit": "°C",
    "level": 77.04,
    "before": 72.01,
    "at": "2026-01-31T08:00:00Z",
    "by": "anna",
    "words": "recipe B",
}


def test_d1_what_an_alarm_shows_is_accepted_and_taken_back(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    serve.answer = (200, {"levels": [LEVEL], "unavailable": {}})
    assert run(serve, "accept", ALARM["alarm_id"], "--reason", "recipe B") == 0
    assert serve.asked[-1][1] == "/operator/alarms/pump-01%4020260131T080000/accept"
    assert run(serve, "accept", "pump-01", "--sensor", "temperature", "--reason", "recipe B") == 0
    assert serve.asked[-1][1::2] == (
        "/operator/devices/pump-01/levels/accept",
        {"sensors": ["temperature"], "reason": "recipe B"},
    )
    assert run(serve, "accepted") == 0
    line = "pump-01 temperature: 77.04 °C is normal (was 72.01 °C), by anna: recipe B\n"
    assert capsys.readouterr().out == 3 * line
    assert run(serve, "restore", "pump-01", "--sensor", "temperature", "--reason", "it was none") == 0
    assert capsys.readouterr().out == "pump-01 temperature: 72.01 °C is normal again\n"


@pytest.mark.parametrize("what", [("pump-01",), ("pump-01@20260131T080000", "--sensor", "temperature")])
def test_d1_a_device_needs_sensors_and_an_alarm_has_them(serve: Serve, what: tuple[str, ...]) -> None:
    assert run(serve, "accept", *what, "--reason", "recipe B") == 2
    assert serve.asked == []


@pytest.mark.parametrize(
    ("basis", "source"), [("rules", "by rules"), ("model", "a model's words (claude-x), not checked by a person")]
)
def test_a_diagnosis_is_printed_with_whose_words_it_is(
    serve: Serve, capsys: pytest.CaptureFixture[str], basis: str, source: str
) -> None:
    diagnosis = {
        "at": "2026-01-31T08:00:05Z", "basis": basis, "source": source, "fault": "pressure_leak", "confidence": "high",
        "readings": [], "sections": [], "incidents": [], "proposal": "monitor", "command_id": "", "would_change": "",
        "words": "", "model": "", "dropped": 0, "line": "pressure leak (high confidence). monitor.",
    }  # fmt: skip
    more = {"first_out": False, "patterns": [], "similar_incidents": [], "diagnosis": diagnosis}
    open_alarm = {**ALARM, **more, "set_aside_by": "", "state": "unacknowledged"}
    serve.answer = (200, {"as_of": "2026-01-31T08:00:00Z", "alarms": [open_alarm], "unavailable": {}})
    assert run(serve, "alarms") == 0
    assert f"    probably pressure leak (high confidence). monitor. [{source}]" in capsys.readouterr().out
