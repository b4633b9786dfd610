from dataclasses import replace

import pytest

from aegisflow.domain.commands.execution import Ack, Execution, Progress
from aegisflow.domain.commands.model import Expectation, Stage
from tests.support.command_bench import NOW, STOP, sent

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
    assert execution.is_acked
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
    assert progress.reasons == ("readings show it: power at most 15 within 240 s",)


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
        (Expectation("power", 15.0, None, 240.0), 14.9, False),
        (Expectation("power", 15.0, None, 240.0), 15.0, True),
        (Expectation("power", 14.0, 16.0, 240.0), 16.1, False),
        (Expectation("power", 14.0, 16.0, 240.0), 15.0, True),
        (Expectation("power", 14.0, 16.0, 240.0), 13.9, False),
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
    assert execution.is_acked
    show(execution, 1.0, 1.0, 1.0)
    assert stage(execution.verdict(NOW + 20.0)) is Stage.VERIFIED


@pytest.mark.parametrize(("acked", "ends"), [(False, Stage.OUTCOME_UNKNOWN), (True, Stage.UNVERIFIED)])
def test_one_that_is_overtaken_is_not_called_done(acked: bool, ends: Stage) -> None:
    execution = running()
    if acked:
        said(execution, "accepted")
    assert execution.supersede(sent(STOP).command.command_id, NOW + 6.0).stage is ends
