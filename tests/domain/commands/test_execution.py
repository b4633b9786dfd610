from dataclasses import replace
from typing import Any

import pytest

from aegisflow.domain.commands.execution import Ack, Execution, Progress
from aegisflow.domain.commands.model import Expectation, Stage
from aegisflow.domain.times import format_instant
from tests.support.command_bench import NOW, SET, STOP, sent

SEND_BY, DEADLINE = NOW + 30.0, NOW + 30.0 + 240.0


def running(**changes: object) -> Execution:
    return Execution(sent(**changes))  # type: ignore[arg-type]


def said(execution: Execution, result: str, at: float = NOW + 5.0, detail: str = "") -> Progress | None:
    return execution.acknowledge(Ack(execution.command_id, "pump-01", result, detail, at), at)


def show(execution: Execution, *values: float, start: float = NOW + 10.0) -> None:
    for index, value in enumerate(values):
        execution.observe(start + 5.0 * index, {"power": value})


def stage(progress: Progress | None) -> Stage | None:
    return None if progress is None else progress.stage


@pytest.mark.parametrize("result", ["accepted", "done"])
def test_an_ack_says_that_it_was_taken_and_proves_nothing(result: str) -> None:
    execution = running()
    assert stage(said(execution, result)) is Stage.ACKNOWLEDGED
    assert not execution.wants_readback(SEND_BY + 60.0, 10.0)  # nobody need ask whether it came
    assert execution.verdict(NOW + 10.0) is None
    assert said(execution, "done") is None  # doubled


def test_readings_without_an_ack_prove_nothing() -> None:
    execution = running()
    show(execution, 10.0, 10.0, 10.0)
    assert execution.verdict(NOW + 25.0) is None
    said(execution, "accepted", NOW + 26.0)
    progress = execution.verdict(NOW + 26.0)
    assert stage(progress) is Stage.VERIFIED
    assert progress is not None
    shown = "readings show it: power at most 15 within 240 s; power was 20; 3 unsigned readings since "
    assert progress.reasons == (f"{shown}1970-01-12T13:46:50Z",)


def test_the_mean_of_enough_readings_must_meet_the_expectation() -> None:
    execution = running()
    said(execution, "accepted")
    show(execution, 10.0, 10.0)
    assert execution.verdict(NOW + 20.0) is None
    show(execution, 26.0, start=NOW + 20.0)
    assert execution.verdict(NOW + 20.0) is None  # mean 15.33
    show(execution, 9.0, start=NOW + 25.0)
    assert stage(execution.verdict(NOW + 25.0)) is Stage.VERIFIED  # mean 15.0: the bound counts


@pytest.mark.parametrize(
    ("expects", "value", "met"),
    [
        (Expectation("power", 15.0, None, 240.0, before=9.0), 14.9, False),
        (Expectation("power", 15.0, None, 240.0, before=9.0), 15.0, True),
        (Expectation("power", 14.0, 16.0, 240.0, before=9.0), 16.1, False),
        (Expectation("power", 14.0, 16.0, 240.0, before=9.0), 15.0, True),
        (Expectation("power", 14.0, 16.0, 240.0, before=9.0), 13.9, False),
    ],
)
def test_both_bounds_count(expects: Expectation, value: float, met: bool) -> None:
    execution = running(expects=expects)
    said(execution, "accepted")
    show(execution, value, value, value)
    assert (execution.verdict(NOW + 30.0) is not None) is met


def test_readings_from_before_the_dispatch_prove_nothing() -> None:
    execution = running()
    said(execution, "accepted")
    show(execution, 1.0, 1.0, 1.0, start=NOW - 10.0)  # the last one at the very moment
    assert execution.verdict(NOW + 5.0) is None
    show(execution, 1.0, 1.0)
    assert execution.verdict(NOW + 15.0) is None


def test_other_sensors_prove_nothing() -> None:
    execution = running()
    said(execution, "accepted")
    for index in range(3):
        execution.observe(NOW + 10.0 + index, {"temperature": 1.0})
    assert execution.verdict(NOW + 20.0) is None


def test_an_effect_that_is_not_seen_in_time_is_told_as_that() -> None:
    execution = running()
    said(execution, "accepted")
    show(execution, 20.0, 20.0, 20.0)
    assert execution.verdict(DEADLINE - 0.1) is None
    assert stage(execution.verdict(DEADLINE)) is Stage.UNVERIFIED


def test_what_no_sensor_can_show_is_never_called_verified() -> None:
    execution = running(expects=None)
    show(execution, 1.0, 1.0, 1.0)
    said(execution, "done")
    assert stage(execution.verdict(NOW + 6.0)) is Stage.UNVERIFIED


@pytest.mark.parametrize("acked", [False, True])
def test_a_refusal_ends_it(acked: bool) -> None:
    execution = running()
    if acked:
        said(execution, "accepted")
    refused = said(execution, "refused", detail="locked out")
    assert stage(refused) is Stage.FAILED
    assert refused is not None
    assert refused.reasons == ("the machine says: refused, locked out",)


def test_a_machine_that_fell_as_it_took_it_proves_nothing_whatever_the_readings_show() -> None:
    execution = running()
    show(execution, 1.0, 1.0, 1.0)
    assert stage(said(execution, "interrupted")) is Stage.OUTCOME_UNKNOWN
    execution = running()
    said(execution, "accepted")
    assert said(execution, "interrupted") is None


def test_that_it_never_came_is_believed_only_once_it_cannot_come_any_more() -> None:
    execution = running()
    assert said(execution, "unknown", SEND_BY - 0.1) is None
    assert stage(said(execution, "unknown", SEND_BY)) is Stage.FAILED
    execution = running()
    said(execution, "accepted")
    assert said(execution, "unknown", SEND_BY + 1.0) is None


def test_without_an_ack_the_machine_is_asked_once_and_then_nobody_knows() -> None:
    execution = running()
    assert not execution.wants_readback(SEND_BY - 0.1, 10.0)
    assert execution.verdict(SEND_BY - 0.1) is None
    assert execution.wants_readback(SEND_BY, 10.0)
    assert not execution.wants_readback(SEND_BY + 1.0, 10.0)
    assert execution.verdict(SEND_BY + 9.9) is None
    assert stage(execution.verdict(SEND_BY + 10.0)) is Stage.OUTCOME_UNKNOWN


def test_a_late_ack_still_counts_and_then_there_is_no_question() -> None:
    execution = running()
    execution.wants_readback(SEND_BY, 10.0)
    assert stage(said(execution, "done", SEND_BY + 5.0)) is Stage.ACKNOWLEDGED
    assert execution.verdict(SEND_BY + 60.0) is None
    assert not execution.wants_readback(SEND_BY + 60.0, 10.0)


def test_one_recalled_as_acknowledged_goes_on_from_there() -> None:
    execution = Execution(replace(sent(stage=Stage.ACKNOWLEDGED), stage_at=NOW + 5.0))
    show(execution, 1.0, 1.0, 1.0)
    assert stage(execution.verdict(NOW + 20.0)) is Stage.VERIFIED


@pytest.mark.parametrize(("acked", "ends"), [(False, Stage.OUTCOME_UNKNOWN), (True, Stage.UNVERIFIED)])
def test_one_that_is_overtaken_is_not_called_done(acked: bool, ends: Stage) -> None:
    execution = running()
    if acked:
        said(execution, "accepted")
    assert execution.supersede(sent(STOP).command.command_id, NOW + 6.0).stage is ends


# --- what was so before proves nothing ------------------------------------------------------------


CAP: dict[str, Any] = {"name": "power_limit", "value": 22.0}


@pytest.mark.parametrize("before", [None, 15.0, 14.9, 0.0])
@pytest.mark.parametrize("result", ["accepted", "done"])
def test_v7_readings_that_lay_there_before_prove_nothing(before: float | None, result: str) -> None:
    execution = running(expects=Expectation("power", None, 15.0, 240.0, before=before))
    said(execution, result)
    show(execution, *([10.0] * 20))
    assert execution.verdict(DEADLINE - 0.1) is None
    ended = execution.verdict(DEADLINE)
    assert ended is not None
    assert ended.stage is Stage.UNVERIFIED
    assert "prove nothing" in ended.reasons[0]


def test_v7_a_change_from_outside_to_inside_proves_it() -> None:
    execution = running(expects=Expectation("power", None, 15.0, 240.0, before=15.1))
    said(execution, "accepted")
    show(execution, 15.0, 15.0, 15.0)
    assert stage(execution.verdict(NOW + 30.0)) is Stage.VERIFIED


def test_v7_of_a_device_that_signs_only_signed_readings_prove_anything() -> None:
    execution = running()
    said(execution, "accepted")
    for number in range(2):
        execution.observe(NOW + 1 + number, {"power": 10.0})
    execution.observe(NOW + 3, {"power": 20.0}, signed=True)
    for number in range(5):
        execution.observe(NOW + 4 + number, {"power": 10.0})
    assert execution.verdict(NOW + 30.0) is None
    for number in range(3):
        execution.observe(NOW + 10 + number, {"power": 10.0}, signed=True)
    ended = execution.verdict(NOW + 30.0)
    assert stage(ended) is Stage.VERIFIED
    assert ended is not None
    assert "3 signed readings since" in ended.reasons[0]


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("before", [20.0, None])
@pytest.mark.parametrize(
    ("has", "value", "ends"),
    [
        ({"power_limit": 22.0}, 20.0, Stage.VERIFIED),
        ({"power_limit": 22.01}, 20.0, Stage.VERIFIED),
        ({"power_limit": 22.0}, 23.0, Stage.UNVERIFIED),  # its readings say otherwise
        ({"power_limit": 24.0}, 20.0, Stage.UNVERIFIED),
        ({"speed": 22.0}, 20.0, Stage.UNVERIFIED),
        ({}, 20.0, Stage.UNVERIFIED),
    ],
)
def test_v7_where_readings_cannot_tell_the_machines_own_answer_about_its_setpoint_does(
    has: dict[str, float], value: float, ends: Stage, before: float | None, signed: bool
) -> None:
    expects = Expectation("power", None, 22.5, 240.0, before=before)
    execution = Execution(sent(SET, expects=expects, **CAP))
    answer = Ack(execution.command_id, "pump-01", "accepted", "", NOW + 5.0, parameters=has, signed=signed)
    execution.acknowledge(answer, NOW + 5.0)
    show(execution, value, value, value)
    ended = execution.verdict(DEADLINE)
    assert ended is not None
    assert ended.stage is ends
    told = f"the machine's own {'signed' if signed else 'unsigned'} answer"
    assert (told in ended.reasons[0]) == (ends is Stage.VERIFIED)


def test_v7_a_setpoint_that_no_sensor_shows_is_verified_by_the_machines_own_answer_only() -> None:
    for has, ends in (({"power_limit": 22.0}, Stage.VERIFIED), ({}, Stage.UNVERIFIED)):
        execution = Execution(sent(SET, expects=None, **CAP))
        execution.acknowledge(Ack(execution.command_id, "pump-01", "done", "", NOW, parameters=has), NOW + 1.0)
        assert stage(execution.verdict(NOW + 2.0)) is ends


def test_v7_no_machine_verifies_a_reduction_by_its_own_word() -> None:
    execution = running(expects=Expectation("power", None, 15.0, 240.0, before=10.0))
    has = {"power_limit": 22.0, "reduction_pct": 25.0, "None": 0.0}
    execution.acknowledge(Ack(execution.command_id, "pump-01", "done", "", NOW, parameters=has), NOW + 1.0)
    show(execution, 10.0, 10.0, 10.0)
    assert stage(execution.verdict(DEADLINE)) is Stage.UNVERIFIED


def test_v7_verified_says_by_how_many_readings_and_since_when() -> None:
    execution = running(expects=Expectation("power", None, 15.0, 240.0, readings=4, before=20.0))
    said(execution, "accepted")
    show(execution, 20.0, 20.0, 12.0, 12.0, 12.0, 12.0, 12.0)
    ended = execution.verdict(NOW + 60.0)
    assert ended is not None
    assert ended.reasons[0].endswith(f"power was 20; 4 unsigned readings since {format_instant(NOW + 15.0)}")
