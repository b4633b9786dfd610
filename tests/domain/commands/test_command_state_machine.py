from dataclasses import replace

import pytest

from aegisflow.domain.commands.execution import NO_COMMAND, Ack, Progress
from aegisflow.domain.commands.interlocks import Recovery
from aegisflow.domain.commands.model import CommandRecord, Mode, Stage, StatedMode
from aegisflow.domain.commands.state_machine import KNOWN_S, Begun, CommandStateMachine
from aegisflow.errors import BadValueError, ConflictError
from tests.support.command_bench import ADA, NOW, REDUCE, RESTART, SET, STOP, powered, sent, view

SPEC = replace(powered("pump-01"), recovery={"power": Recovery(None, 5.0, 20.0)})


def running(mode: Mode = Mode.NORMAL, reduction_pct: float = 0.0) -> CommandStateMachine:
    state_machine = CommandStateMachine(SPEC)
    state_machine.recall(mode, reduction_pct, None)
    return state_machine


def begin(state_machine: CommandStateMachine, record: CommandRecord, at: float = NOW + 1.0) -> tuple[Progress, ...]:
    return order(state_machine, record, at).ended


def order(state_machine: CommandStateMachine, record: CommandRecord, at: float = NOW + 1.0) -> Begun:
    return state_machine.begin(record, view(mode=state_machine.mode, open_command=state_machine.open_command), at)


def say(
    state_machine: CommandStateMachine, record: CommandRecord, result: str = "accepted", mode: Mode | None = None
) -> Progress | None:
    return state_machine.acknowledge(Ack(record.command.command_id, "pump-01", result, "", NOW, mode), NOW + 2.0)


def show(state_machine: CommandStateMachine, value: float) -> None:
    for index in range(3):
        state_machine.observe(NOW + 5.0 + index, {"power": value})


def test_the_mode_follows_what_readings_have_shown() -> None:
    state_machine, record = running(), sent(REDUCE, reduction_pct=40.0)
    assert begin(state_machine, record) == ()
    say(state_machine, record, "done", Mode.REDUCED_LOAD)
    assert state_machine.mode is Mode.NORMAL  # words
    show(state_machine, 12.0)
    progress = state_machine.verdict(NOW + 10.0)
    assert progress is not None
    assert progress.stage is Stage.VERIFIED
    assert (state_machine.mode, state_machine.reduction_pct, state_machine.open_command) == (
        Mode.REDUCED_LOAD,
        40.0,
        "",
    )


@pytest.mark.parametrize("acked", [False, True])
def test_after_an_effect_that_was_not_seen_the_mode_is_unknown(acked: bool) -> None:
    state_machine, record = running(), sent(STOP)
    begin(state_machine, record)
    if acked:
        say(state_machine, record)
    assert state_machine.question(NOW + 30.0, 10.0) == ("" if acked else record.command.command_id) or acked
    progress = state_machine.verdict(NOW + 1_000.0)
    assert progress is not None
    assert state_machine.needs_person(progress)
    assert state_machine.mode is Mode.UNKNOWN


def test_a_setpoint_never_changes_the_mode() -> None:
    state_machine, record = running(), sent(SET)
    begin(state_machine, record)
    say(state_machine, record)
    assert state_machine.verdict(NOW + 1_000.0) is not None
    assert state_machine.mode is Mode.NORMAL


def test_an_interrupted_one_is_over_and_leaves_the_mode_to_what_the_machine_says() -> None:
    state_machine, record = running(), sent(REDUCE)
    begin(state_machine, record)
    say(state_machine, record, "interrupted")
    assert state_machine.open_command == ""
    assert state_machine.mode is Mode.UNKNOWN


def test_an_interlock_fails_it_and_nothing_is_begun() -> None:
    state_machine, record = running(), sent(REDUCE)
    (failed,) = begin(state_machine, record, NOW + 30.0)
    assert failed.stage is Stage.FAILED
    assert failed.reasons == ("interlock: the command has expired", "nothing was sent")
    assert state_machine.open_command == ""


def test_an_order_without_an_expiry_is_never_begun() -> None:
    (failed,) = begin(running(), replace(sent(REDUCE), send_by=None))
    assert failed.stage is Stage.FAILED


def test_an_order_that_comes_again_is_not_begun_again() -> None:
    state_machine, record = running(), sent(REDUCE)
    begin(state_machine, record)
    say(state_machine, record, "refused")
    assert state_machine.open_command == ""
    assert begin(state_machine, record) == ()
    assert state_machine.open_command == ""


def test_an_order_that_an_interlock_refused_is_not_begun_once_nothing_is_against_it() -> None:
    state_machine, record = running(), sent(REDUCE)
    refused = state_machine.begin(record, view(silent=True), NOW + 1.0)
    assert [progress.stage for progress in refused.ended] == [Stage.FAILED]
    assert order(state_machine, record) == Begun()
    assert state_machine.open_command == ""


def test_an_order_is_known_for_a_day_past_its_expiry_and_no_longer() -> None:
    state_machine, records = running(), [sent(REDUCE) for _ in range(50)]
    for record in records:
        assert order(state_machine, record).publish
        say(state_machine, record, "refused")
    assert all(order(state_machine, record) == Begun() for record in records)
    for at, kept in ((NOW + 30.0 + KNOWN_S - 1.0, 51), (NOW + 30.0 + KNOWN_S, 1)):
        order(state_machine, sent(REDUCE), at)
        assert len(state_machine._decided) == kept
    assert [progress.stage for progress in begin(state_machine, records[0], NOW + 30.0 + KNOWN_S)] == [Stage.FAILED]


def test_an_order_that_the_store_has_as_dispatched_is_not_begun() -> None:
    state_machine, over = CommandStateMachine(SPEC), sent(REDUCE)
    state_machine.recall(Mode.NORMAL, 0.0, None, dispatched={over.command.command_id: NOW + 30.0})
    assert order(state_machine, over) == Begun()
    assert order(state_machine, sent(REDUCE)).publish


def test_one_of_the_store_is_not_begun_again() -> None:
    state_machine, record = CommandStateMachine(SPEC), sent(REDUCE)
    state_machine.recall(Mode.NORMAL, 0.0, record)
    assert state_machine.open_command == record.command.command_id
    assert begin(state_machine, record) == ()


def test_a_shutdown_overtakes_and_ends_the_other() -> None:
    state_machine, first, stop = running(), sent(REDUCE), sent(STOP)
    begin(state_machine, first)
    (ended,) = begin(state_machine, stop)
    assert (ended.command_id, ended.stage) == (first.command.command_id, Stage.OUTCOME_UNKNOWN)
    assert state_machine.open_command == stop.command.command_id
    assert say(state_machine, first) is None
    other = sent(REDUCE)
    (failed,) = begin(state_machine, other)
    assert failed.stage is Stage.FAILED


def test_what_was_not_sent_has_failed_and_the_mode_stays() -> None:
    state_machine, record = running(), sent(STOP)
    begin(state_machine, record)
    failed = state_machine.not_sent(record.command.command_id, "no connection", NOW + 1.0)
    assert failed is not None
    assert (failed.stage, state_machine.mode, state_machine.open_command) == (Stage.FAILED, Mode.NORMAL, "")
    assert state_machine.not_sent(record.command.command_id, "no connection", NOW + 1.0) is None


def test_a_machine_is_believed_about_its_mode_only_while_nobody_knows_better() -> None:
    state_machine, stray = running(), sent(STOP)
    say(state_machine, stray, "done", Mode.SHUTDOWN)
    state_machine.acknowledge(Ack(NO_COMMAND, "pump-01", "unknown", "", NOW, Mode.REDUCED_LOAD), NOW)
    assert state_machine.mode is Mode.NORMAL
    lost = running(Mode.UNKNOWN)
    assert lost.question(NOW, 10.0) == ""
    assert lost.question(NOW + 59.0, 10.0) is None
    assert lost.question(NOW + 60.0, 10.0) == ""
    say(lost, stray, "unknown", Mode.NORMAL)
    assert lost.mode is Mode.UNKNOWN
    lost.acknowledge(Ack(NO_COMMAND, "pump-01", "unknown", "", NOW, Mode.NORMAL), NOW + 61.0)
    assert lost.mode is Mode.NORMAL


def test_h12_a_machine_that_does_not_say_its_mode_is_asked_less_and_less_often_and_at_last_no_more() -> None:
    lost = running(Mode.UNKNOWN)
    asked = [at for at in range(0, 86_400, 5) if lost.question(NOW + at, 10.0) == ""]
    assert asked == [0, 60, 180, 420, 900, 1_860, 3_780, 7_620]
    assert lost.notes() == ("it was asked 8 times for its mode and did not say; an operator can state it",)
    lost.ask_anew()
    assert lost.question(NOW + 90_000, 10.0) == ""
    assert lost.notes() == ()


def stated(mode: Mode, reduction_pct: float = 0.0, reason: str = "I stand at it") -> StatedMode:
    return StatedMode("pump-01", mode, reduction_pct, "ada", NOW + 5.0, reason)


@pytest.mark.parametrize("before", list(Mode))
@pytest.mark.parametrize("said", [mode for mode in Mode if mode is not Mode.UNKNOWN])
def test_h12_an_operators_word_for_the_mode_counts_in_any_mode(before: Mode, said: Mode) -> None:
    machine = running(before)
    machine.check_statement(stated(said, 40.0 if said is Mode.REDUCED_LOAD else 0.0))
    machine.state(stated(said, 40.0 if said is Mode.REDUCED_LOAD else 0.0))
    assert (machine.mode, machine.reduction_pct) == (said, 40.0 if said is Mode.REDUCED_LOAD else 0.0)
    assert machine.notes() == ("its mode is what ada stated at 1970-01-12T13:46:45Z",)
    assert machine.question(NOW + 90.0, 10.0) is None
    say(machine, sent(STOP), "unknown", Mode.SHUTDOWN)
    assert machine.mode is said  # the machine's word counts while nobody knows better


def test_h12_a_command_moves_the_mode_on_from_what_was_stated() -> None:
    machine, record = running(Mode.UNKNOWN), sent(REDUCE, reduction_pct=40.0)
    machine.state(stated(Mode.NORMAL))
    begin(machine, record)
    with pytest.raises(ConflictError, match=f"{record.command.command_id} is under way"):
        machine.check_statement(stated(Mode.NORMAL))
    say(machine, record)
    show(machine, 12.0)
    machine.verdict(NOW + 10.0)
    assert (machine.mode, machine.stated, machine.notes()) == (Mode.REDUCED_LOAD, None, ())


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (stated(Mode.UNKNOWN), "the mode that the machine is in"),
        (stated(Mode.REDUCED_LOAD), "per cent of the load"),
        (stated(Mode.REDUCED_LOAD, 100.0), "per cent of the load"),
        (stated(Mode.REDUCED_LOAD, float("nan")), "per cent of the load"),
        (stated(Mode.SHUTDOWN, 30.0), "no reduction with shutdown"),
        (stated(Mode.SHUTDOWN, reason="  "), "why, in a few words"),
    ],
)
def test_h12_a_statement_that_cannot_be_is_refused(wrong: StatedMode, expected: str) -> None:
    machine = running()
    with pytest.raises(BadValueError, match=expected):
        machine.check_statement(wrong)
    assert machine.mode is Mode.NORMAL


def test_recovery_counts_from_the_stop_on() -> None:
    state_machine, record = running(), sent(STOP)
    assert state_machine.unrecovered(NOW) == ()
    begin(state_machine, record)
    say(state_machine, record)
    for at in (NOW - 20.0, NOW - 10.0):
        state_machine.observe(at, {"power": 0.1})
    show(state_machine, 0.1)
    state_machine.verdict(NOW + 8.0)
    assert state_machine.mode is Mode.SHUTDOWN
    state_machine.observe(NOW + 10.0, {"power": 0.1})
    state_machine.observe(NOW + 29.9, {"power": 0.1})
    assert state_machine.unrecovered(NOW + 30.0)
    state_machine.observe(NOW + 30.0, {"power": 0.1})
    assert state_machine.unrecovered(NOW + 30.0) == ()
    assert sent(RESTART, by=ADA).stage is Stage.DISPATCHED


def test_the_version_changes_with_all_that_a_decision_rests_on() -> None:
    versions = {
        running().version,
        running(Mode.REDUCED_LOAD, 20.0).version,
        running(Mode.REDUCED_LOAD, 30.0).version,
        running(Mode.SHUTDOWN).version,
    }
    other = running()
    other.reconfigure(replace(SPEC, silent_after_s=1.0))
    assert len(versions | {other.version}) == 5
    assert running().version == running().version
