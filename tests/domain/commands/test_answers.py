"""What a machine says is believed only where it answers something, now, and as far as its readings agree (V6)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.domain.alarms.model import AlarmState, Severity
from aegisflow.domain.commands.execution import NO_COMMAND, Ack
from aegisflow.domain.commands.model import CommandRecord, Mode, Stage
from aegisflow.domain.commands.state_machine import FRESH_S, CommandStateMachine
from aegisflow.domain.device import MODE_CONTRADICTED, Device
from aegisflow.domain.equipment import AlarmSpec, DeviceSpec, Limits
from tests.support.command_bench import NOW, REDUCE, STOP, powered, sent, view
from tests.support.samples import reading

FULL, IDLE = 20.0, 0.2
YEAR_1999 = 915_148_800.0
STANDING = (Mode.MAINTENANCE, Mode.SHUTDOWN)


def spec(*suppress_in: Mode) -> DeviceSpec:
    made = powered("pump-01")
    power = replace(made.sensors["power"], normal=Limits(18.0, 25.0))
    return replace(made, sensors={**made.sensors, "power": power}, alarm=AlarmSpec(suppress_in=suppress_in))


def machine(mode: Mode, made: DeviceSpec | None = None) -> CommandStateMachine:
    state = CommandStateMachine(made or spec(*STANDING))
    state.recall(mode, 0.0, None)
    return state


def says(mode: Mode | None, command_id: str = NO_COMMAND, at: float = NOW, result: str = "unknown") -> Ack:
    return Ack(command_id, "pump-01", result, "", at, mode)


def device(mode: Mode, made: DeviceSpec | None = None) -> Device:
    built = Device(made or spec(*STANDING))
    built.recall((), (), mode)
    return built


def show(built: Device, value: float, count: int = 12, start: float = NOW) -> list[str]:
    """Let the machine draw so much, and return the types of the alarms that this raised."""
    told = []
    for index in range(count):
        at = start + 5.0 * index
        _, events = built.record(reading(at, {"power": value}, "pump-01")._replace(received_at=at))
        told += [event.alarm.fault_type for event in (*events, *built.tick(at))]
    return told


# --- what it must answer ------------------------------------------------------------------------


@given(said_at=st.floats(-4e8, 4e8), ahead_s=st.sampled_from((0.0, -18_000.0, 3_600.0)))
def test_v6_an_answer_counts_only_if_it_is_of_now_by_the_clock_that_its_machine_is_known_to_have(
    said_at: float, ahead_s: float
) -> None:
    state, record = machine(Mode.NORMAL), sent(STOP)
    assert state.begin(record, view(), NOW + 1.0).publish
    now = NOW + 10.0
    refused = state.refuses(says(None, record.command.command_id, NOW + said_at + ahead_s), now, ahead_s)
    fresh = -FRESH_S <= said_at <= 10.0 + FRESH_S
    assert (refused is None) == fresh or min(abs(said_at + FRESH_S), abs(said_at - 10.0 - FRESH_S)) < 1e-3
    assert refused is None or refused.reason == "stale_answer"


@pytest.mark.parametrize("command_id", ["cmd-invented", NO_COMMAND, ""])
def test_v6_what_answers_nothing_is_refused(command_id: str) -> None:
    for mode in Mode:
        refused = machine(mode).refuses(says(Mode.MAINTENANCE, command_id), NOW)
        assert refused is not None
        assert refused.reason == "stray_answer"


def test_v6_a_question_is_answered_within_its_time_and_not_by_what_was_said_before() -> None:
    state = machine(Mode.UNKNOWN)
    assert state.question(NOW, 10.0) == ""
    assert state.refuses(says(Mode.SHUTDOWN, at=NOW + 1.0), NOW + 2.0) is None
    for at, now, reason in ((YEAR_1999, NOW + 2.0, "stale_answer"), (NOW + 61.0, NOW + 61.0, "stray_answer")):
        refused = state.refuses(says(Mode.SHUTDOWN, at=at), now)
        assert refused is not None
        assert refused.reason == reason


def test_v6_late_news_of_a_command_that_is_over_is_no_forgery() -> None:
    state, record = machine(Mode.NORMAL), sent(REDUCE)
    state.begin(record, view(), NOW + 1.0)
    state.acknowledge(says(None, record.command.command_id, result="refused"), NOW + 2.0)
    late = says(Mode.MAINTENANCE, record.command.command_id, result="done")
    assert state.refuses(late, NOW + 3.0) is None
    assert state.acknowledge(late, NOW + 3.0, {"power": IDLE}) is None
    assert state.mode is Mode.NORMAL


# --- what is believed of its mode ----------------------------------------------------------------


@pytest.mark.parametrize("told", list(Mode)[:4])
@pytest.mark.parametrize("means", [{}, {"power": FULL}, {"power": 12.0}, {"power": 4.0}, {"power": IDLE}])
@pytest.mark.parametrize("suppressing", [(), STANDING, (Mode.NORMAL, Mode.REDUCED_LOAD)])
def test_v6_a_mode_is_believed_only_as_far_as_readings_agree(
    told: Mode, means: dict[str, float], suppressing: tuple[Mode, ...]
) -> None:
    right = {Mode.NORMAL: (FULL, 12.0, 4.0), Mode.REDUCED_LOAD: (12.0, 4.0)}.get(told, (IDLE,))
    harmless = told.is_running and told not in suppressing
    state = machine(Mode.UNKNOWN, spec(*suppressing))
    state.question(NOW, 10.0)
    state.acknowledge(says(told), NOW + 1.0, means)
    believed = means["power"] in right if means else harmless
    assert (state.mode is told) == believed
    assert state.doubted is (None if believed else told)


def test_v6_a_mode_that_only_a_word_tells_is_not_believed_at_the_end_of_a_command_either() -> None:
    for drawn, mode in ((FULL, Mode.NORMAL), (IDLE, Mode.MAINTENANCE)):
        state, record = machine(Mode.NORMAL), sent(REDUCE)
        state.begin(record, view(), NOW + 1.0)
        answer = says(Mode.MAINTENANCE, record.command.command_id, result="refused")
        failed = state.acknowledge(answer, NOW + 2.0, {"power": drawn})
        assert failed is not None
        assert (failed.stage, state.mode) == (Stage.FAILED, mode)


def test_v6_a_silent_device_shows_nothing() -> None:
    built = device(Mode.UNKNOWN)
    show(built, IDLE)
    later = NOW + 3_600.0
    built.command_state.question(later, 10.0)
    built.acknowledged(says(Mode.MAINTENANCE, at=later), later)
    assert built.mode is Mode.UNKNOWN
    assert any("says that its mode is maintenance" in note for note in built.status(later, 0, {}).notes)


def test_v6_a_device_without_a_load_sensor_stands_only_when_a_person_says_so() -> None:
    state = machine(Mode.UNKNOWN, replace(spec(), load=None))
    state.question(NOW, 10.0)
    state.acknowledge(says(Mode.SHUTDOWN), NOW + 1.0, {"power": IDLE})
    assert state.mode is Mode.UNKNOWN


# --- what contradicts it -------------------------------------------------------------------------


@pytest.mark.parametrize("mode", STANDING)
def test_v6_a_machine_that_draws_power_while_its_mode_says_that_it_stands_is_an_alarm_once(mode: Mode) -> None:
    built = device(mode)
    told = show(built, FULL, 200)
    assert told.count(MODE_CONTRADICTED) == 1
    (alarm,) = [one for one in built.alarms() if one.fault_type == MODE_CONTRADICTED]
    assert (alarm.state, alarm.severity) == (AlarmState.RETURNED, Severity.HIGH)
    assert "the mode is" in alarm.reasons[0]
    assert show(built, IDLE, 20, NOW + 2_000.0).count(MODE_CONTRADICTED) == 0
    assert show(built, FULL, 20, NOW + 3_000.0).count(MODE_CONTRADICTED) == 1


@pytest.mark.parametrize("mode", STANDING)
@pytest.mark.parametrize("drawn", [IDLE, 0.0, 4.0])
def test_v6_a_machine_that_stands_contradicts_nothing(mode: Mode, drawn: float) -> None:
    assert MODE_CONTRADICTED not in show(device(mode), drawn, 200)


def test_v6_a_mode_that_readings_contradict_suppresses_no_alarm() -> None:
    built = device(Mode.MAINTENANCE)
    show(built, IDLE, 100)
    assert built._book.suppresses_by_design
    show(built, FULL, 12, NOW + 1_000.0)
    assert not built._book.suppresses_by_design
    built.tick(NOW + 1_061.0)
    assert not built._book.suppresses_by_design


def test_v6_the_ramp_of_a_command_under_way_is_no_contradiction() -> None:
    built = device(Mode.SHUTDOWN)
    record: CommandRecord = sent(STOP, state_version=built.command_state.version)
    assert built.begin(record, NOW + 1.0).publish
    assert MODE_CONTRADICTED not in show(built, FULL, 30, NOW + 2.0)
    assert built.command_state.contradiction == ""


def test_v6_a_restart_does_not_tell_of_the_same_contradiction_again() -> None:
    built = device(Mode.SHUTDOWN)
    show(built, FULL, 60)
    after = Device(spec(*STANDING))
    past = [reading(NOW + 5.0 * index, {"power": FULL}, "pump-01") for index in range(60)]
    after.recall(past, built.alarms(), Mode.SHUTDOWN)
    assert not after._book.suppresses_by_design
    assert MODE_CONTRADICTED not in show(after, FULL, 60, NOW + 300.0)
