from dataclasses import replace

import pytest

from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.callers import CallerKind
from aegisflow.domain.commands.authorizer import CommandAuthorizer
from aegisflow.domain.commands.execution import Progress
from aegisflow.domain.commands.model import (
    FOLLOWS,
    AgentWrites,
    Command,
    CommandRecord,
    DeviceView,
    Mode,
    Ruling,
    Stage,
)
from aegisflow.domain.commands.policy_spec import PolicyRule, Rate, Verdict
from aegisflow.domain.commands.transition import Transition, digest_of, end
from aegisflow.errors import ConflictError, NotAllowedError, UnknownNameError
from tests.support.command_bench import (
    ADA,
    AGENT,
    BEN,
    CLEO,
    NOW,
    REDUCE,
    SERVICE,
    SET,
    STOP,
    command,
    make_authorizer,
    plant,
    store,
    view,
)

MILD = view(severity=Severity.LOW)
TWO = (PolicyRule("two people", Verdict.ASK, approvals=2),)


def asked(
    authorizer: CommandAuthorizer, what: Command | None = None, device: DeviceView | None = None
) -> CommandRecord:
    record = store(authorizer, authorizer.propose(what or command(STOP), device or view(), NOW))
    assert record.stage is Stage.AWAITING_APPROVAL
    return record


def acts(transition: Transition) -> list[str]:
    return [entry.act.removeprefix("command_") for entry in transition.audit]


def approve(
    authorizer: CommandAuthorizer, record: CommandRecord, when: float = NOW + 1.0, device: DeviceView | None = None
) -> Transition:
    return authorizer.approve(record.command.command_id, record.digest, ADA, device or view(), when)


# --- proposals ----------------------------------------------------------------------------------


def test_a_denial_leaves_rows_and_nothing_open() -> None:
    authorizer = make_authorizer()
    step = authorizer.propose(command(STOP), None, NOW)
    assert step.after.stage is Stage.DENIED
    assert acts(step) == ["proposed", "denied"]
    assert [entry.actor for entry in step.audit] == ["claude", "guard"]
    assert step.audit[0].detail["justification"] == "vibration is high"
    assert "an operator can decide" in step.after.receipt.next_step
    store(authorizer, step)
    assert authorizer.commands.open == {}


def test_a_question_waits_with_digest_facts_and_a_time() -> None:
    authorizer = make_authorizer()
    step = authorizer.propose(command(STOP), view(severity=Severity.CRITICAL), NOW)
    record = step.after
    assert acts(step) == ["proposed", "awaiting_approval"]
    assert step.audit[1].detail["digest"] == record.digest
    assert record.receipt.expires_at == NOW + 900.0
    assert record.send_by is None
    assert "whoever answers for critical" in record.receipt.next_step
    store(authorizer, step)
    (shown,) = authorizer.commands.approvals()
    assert (shown.digest, shown.facts, shown.approvals_needed) == (record.digest, ("mode normal",), 1)


def test_what_policy_allows_is_dispatched_in_the_same_step() -> None:
    step = make_authorizer().propose(command(), MILD, NOW)
    assert step.after.stage is Stage.DISPATCHED
    assert acts(step) == ["proposed", "approved", "dispatched"]
    assert step.audit[1].actor == "policy"
    assert step.after.send_by == NOW + 30.0
    assert step.after.state_version == MILD.version
    assert step.after.expectation is not None


def test_oldest_first() -> None:
    authorizer = make_authorizer()
    first = asked(authorizer, command(STOP, AGENT, "pump-02", NOW - 5.0))
    second = asked(authorizer, command(STOP))
    assert [one.receipt.command for one in authorizer.commands.approvals()] == [first.command, second.command]


# --- approvals ----------------------------------------------------------------------------------


def test_an_approval_dispatches_what_was_shown() -> None:
    authorizer = make_authorizer()
    record = asked(authorizer)
    step = approve(authorizer, record)
    assert (step.before, step.after.stage) == (record, Stage.DISPATCHED)
    assert step.after.approved_by == ("ada",)
    assert [(entry.act, entry.actor) for entry in step.audit] == [
        ("command_approved", "ada"),
        ("command_dispatched", "guard"),
    ]
    assert step.after.send_by == NOW + 31.0
    assert step.after.receipt.ruling == Ruling(NOW + 1.0, Stage.APPROVED, "ada")
    store(authorizer, step)
    with pytest.raises(UnknownNameError):  # once
        approve(authorizer, record)


@pytest.mark.parametrize("changed", ["command_id", "device_id", "command", "parameters", "state", "expiry"])
def test_the_digest_is_over_all_that_matters(changed: str) -> None:
    one = command(REDUCE, reduction_pct=50.0)
    other = {
        "command_id": replace(one, command_id="cmd-other"),
        "device_id": replace(one, device_id="pump-02"),
        "command": replace(one, command=SET),
        "parameters": replace(one, parameters={"reduction_pct": 50.5}),
    }.get(changed, one)
    state, expiry = ("v2" if changed == "state" else "v1"), (NOW + 1.0 if changed == "expiry" else NOW)
    assert digest_of(one, "v1", NOW) != digest_of(other, state, expiry)
    assert digest_of(one, "v1", NOW) == digest_of(replace(one, justification="other words"), "v1", NOW)


@pytest.mark.parametrize("wrong", ["", "0" * 64, "ä" * 64])
def test_another_digest_is_another_command(wrong: str) -> None:
    authorizer = make_authorizer()
    record = asked(authorizer)
    for digest in (wrong, record.digest[:-1], record.digest.upper() + " "):
        with pytest.raises(ConflictError, match="not the command that was shown"):
            authorizer.approve(record.command.command_id, digest, ADA, view(), NOW)


def test_only_operators_approve_and_reject_and_nobody_his_own() -> None:
    authorizer = make_authorizer(rules=(PolicyRule("ask everybody", Verdict.ASK),))
    record = asked(authorizer, command(STOP, ADA))
    command_id = record.command.command_id
    for by in (AGENT, *(replace(AGENT, kind=CallerKind.of(text)) for text in ("system", "Operator", ""))):
        with pytest.raises(NotAllowedError, match="only an operator"):
            authorizer.approve(command_id, record.digest, by, view(), NOW)
        with pytest.raises(NotAllowedError, match="only an operator"):
            authorizer.reject(command_id, by, "", NOW)
    with pytest.raises(NotAllowedError, match="who proposes"):
        authorizer.approve(command_id, record.digest, ADA, view(), NOW)


def test_an_agent_that_calls_itself_like_an_operator_does_not_bar_that_operator() -> None:
    authorizer = make_authorizer()
    record = asked(authorizer, command(STOP, replace(AGENT, name=ADA.name)))
    transition = authorizer.approve(record.command.command_id, record.digest, ADA, view(), NOW)
    assert transition.after.stage is Stage.DISPATCHED


@pytest.mark.parametrize("made", ["cmd-invented", ""])
def test_what_does_not_wait_cannot_be_decided(made: str) -> None:
    authorizer = make_authorizer()
    record = asked(authorizer)
    with pytest.raises(UnknownNameError, match=record.command.command_id):
        authorizer.approve(made, record.digest, ADA, view(), NOW)
    with pytest.raises(UnknownNameError):
        authorizer.reject(made, ADA, "", NOW)


def test_two_approvals_are_by_two_people() -> None:
    authorizer = make_authorizer(rules=TWO)
    record = asked(authorizer)
    assert record.approvals_needed == 2
    first = approve(authorizer, record)
    assert first.after.stage is Stage.AWAITING_APPROVAL
    assert acts(first) == ["approval_given"]
    assert "1 of 2 operators have approved it" in first.after.receipt.next_step
    waiting = store(authorizer, first)
    with pytest.raises(NotAllowedError, match="another operator"):
        approve(authorizer, waiting)
    second = authorizer.approve(record.command.command_id, record.digest, BEN, view(), NOW + 2.0)
    assert second.after.stage is Stage.DISPATCHED
    assert second.after.approved_by == ("ada", "ben")


def test_a_policy_that_has_become_stricter_counts_at_the_approval() -> None:
    authorizer = make_authorizer()
    record = asked(authorizer)
    authorizer.commands.replace_plant(plant(rules=TWO))
    first = approve(authorizer, record)
    assert (first.after.stage, first.after.approvals_needed) == (Stage.AWAITING_APPROVAL, 2)
    authorizer.commands.replace_plant(plant())
    store(authorizer, first)
    done = authorizer.approve(record.command.command_id, record.digest, CLEO, view(), NOW + 2.0)
    assert done.after.stage is Stage.DISPATCHED
    authorizer = make_authorizer()
    record = asked(authorizer)
    authorizer.commands.replace_plant(plant(rules=()))
    denied = approve(authorizer, record)
    assert denied.after.stage is Stage.EXPIRED
    assert denied.after.receipt.reasons[0].startswith("judged again")


def test_an_approval_can_come_too_late() -> None:
    authorizer = make_authorizer()
    record = asked(authorizer)
    assert approve(authorizer, record, NOW + 899.9).after.stage is Stage.DISPATCHED
    assert approve(authorizer, record, NOW + 900.0).after.stage is Stage.EXPIRED


def test_an_approval_is_for_the_device_as_it_was() -> None:
    authorizer = make_authorizer()
    record = asked(authorizer)
    changed = approve(authorizer, record, device=view(version="v2"))
    assert (changed.after.stage, acts(changed)) == (Stage.EXPIRED, ["expired"])
    assert "has changed since the proposal" in changed.after.receipt.reasons[0]
    gone = authorizer.approve(record.command.command_id, record.digest, ADA, None, NOW)
    assert "does not answer" in gone.after.receipt.reasons[0]


def test_an_approval_is_judged_again() -> None:
    authorizer = make_authorizer()
    record = asked(authorizer, command(REDUCE, reduction_pct=50.0))
    authorizer.commands.agents = AgentWrites(False, "ben", NOW, "audit")
    assert approve(authorizer, record).after.stage is Stage.EXPIRED
    authorizer.commands.agents = AgentWrites()
    assert approve(authorizer, record, device=view(stale=("power",))).after.stage is Stage.EXPIRED
    assert approve(authorizer, record).after.stage is Stage.DISPATCHED


def test_a_rejection_without_a_reason_and_what_time_ended_are_told_apart() -> None:
    authorizer = make_authorizer()
    record = asked(authorizer)
    rejected = authorizer.reject(record.command.command_id, ADA, "", NOW + 1.0).after.receipt.ruling
    expired = authorizer.due(NOW + 1e6)[0].after.receipt.ruling
    found_changed = approve(authorizer, record, device=view(version="v2")).after.receipt.ruling
    assert [str(rejected), str(expired)] == ["rejected by ada", "expired: nobody approved it in time"]
    assert str(found_changed).startswith("expired when ada approved it: the device has changed")


def test_what_policy_allows_waited_for_nobody() -> None:
    assert make_authorizer().propose(command(SERVICE, ADA), MILD, NOW).after.receipt.ruling is None


def test_a_rejection_tells_by_whom_and_why() -> None:
    authorizer = make_authorizer()
    record = asked(authorizer)
    step = authorizer.reject(record.command.command_id, ADA, "not today", NOW + 1.0)
    assert (step.after.stage, step.after.receipt.reasons) == (Stage.REJECTED, ("ada: not today",))
    assert step.after.receipt.ruling == Ruling(NOW + 1.0, Stage.REJECTED, "ada", "not today")
    assert [(entry.act, entry.actor) for entry in step.audit] == [("command_rejected", "ada")]
    store(authorizer, step)
    assert authorizer.commands.open == {}


# --- what follows -------------------------------------------------------------------------------


def progress(record: CommandRecord, stage: Stage, at: float = NOW + 5.0) -> Progress:
    return Progress(record.command.command_id, stage, at, ("because",))


def test_what_the_device_saw_is_taken_in_order_and_once() -> None:
    authorizer = make_authorizer()
    record = store(authorizer, authorizer.propose(command(), MILD, NOW))
    assert authorizer.progress(progress(record, Stage.VERIFIED)) is None  # nobody acknowledged it
    taken = authorizer.progress(progress(record, Stage.ACKNOWLEDGED))
    assert taken is not None
    assert [(entry.act, entry.actor) for entry in taken.audit] == [("command_acknowledged", "pump-01")]
    store(authorizer, taken)
    assert authorizer.progress(progress(record, Stage.ACKNOWLEDGED)) is None
    assert authorizer.progress(progress(record, Stage.OUTCOME_UNKNOWN)) is None
    done = authorizer.progress(progress(record, Stage.VERIFIED))
    assert done is not None
    store(authorizer, done)
    assert authorizer.commands.open == {}
    assert authorizer.progress(progress(record, Stage.FAILED)) is None


def test_a_device_cannot_move_what_waits_for_approval() -> None:
    authorizer = make_authorizer()
    record = asked(authorizer)
    for stage in (Stage.ACKNOWLEDGED, Stage.VERIFIED, Stage.FAILED):
        assert authorizer.progress(progress(record, stage)) is None


@pytest.mark.parametrize("stage", Stage)
def test_no_step_is_made_that_does_not_follow(stage: Stage) -> None:
    authorizer = make_authorizer()
    record = asked(authorizer)
    if stage in FOLLOWS[Stage.AWAITING_APPROVAL]:
        assert end(record, stage, NOW, ()).after.stage is stage
    else:
        with pytest.raises(AssertionError, match="cannot become"):
            end(record, stage, NOW, ())


def test_time_expires_what_nobody_approved() -> None:
    authorizer = make_authorizer()
    asked(authorizer)
    assert authorizer.due(NOW + 899.9) == []
    (late,) = authorizer.due(NOW + 900.0)
    assert (late.after.stage, acts(late)) == (Stage.EXPIRED, ["expired"])


@pytest.mark.parametrize("acked", [False, True])
def test_a_command_without_a_word_from_its_device_is_given_up(acked: bool) -> None:
    authorizer = make_authorizer()
    record = store(authorizer, authorizer.propose(command(), MILD, NOW))
    if acked:
        taken = authorizer.progress(progress(record, Stage.ACKNOWLEDGED))
        assert taken is not None
        store(authorizer, taken)
    last = NOW + 30.0 + 240.0 + 10.0 + 60.0
    assert authorizer.due(last - 0.1) == []
    (given_up,) = authorizer.due(last)
    assert given_up.after.stage is (Stage.UNVERIFIED if acked else Stage.OUTCOME_UNKNOWN)


@pytest.mark.parametrize(("sent", "stage"), [(False, Stage.EXPIRED), (True, Stage.OUTCOME_UNKNOWN)])
def test_a_clock_that_went_back_leaves_nothing_open_for_ever(sent: bool, stage: Stage) -> None:
    authorizer = make_authorizer()
    record = asked(authorizer)
    if sent:
        authorizer.commands.apply(authorizer.approve(record.command.command_id, record.digest, ADA, view(), NOW))
    assert authorizer.due(NOW - 30.0) == []
    (transition,) = authorizer.due(NOW - 1e6)
    assert transition.after.stage is stage


def test_commands_of_a_device_that_is_gone_end() -> None:
    authorizer = make_authorizer()
    asked(authorizer, command(STOP, AGENT, "pump-02"))
    store(authorizer, authorizer.propose(command(), MILD, NOW))
    authorizer.commands.replace_plant(plant("motor-01"))
    assert {step.after.stage for step in authorizer.due(NOW + 1.0)} == {Stage.EXPIRED, Stage.OUTCOME_UNKNOWN}


def test_a_shutdown_ends_what_waits_on_its_device_and_nothing_else() -> None:
    authorizer = make_authorizer()
    waits = asked(authorizer, command(REDUCE, reduction_pct=50.0))
    asked(authorizer, command(REDUCE, AGENT, "pump-02", reduction_pct=50.0))
    stop = store(authorizer, authorizer.propose(command(STOP, ADA), view(), NOW))
    (ended,) = authorizer.superseded(stop, NOW)
    assert (ended.before, ended.after.stage) == (waits, Stage.EXPIRED)
    other = store(authorizer, authorizer.propose(command(SERVICE, ADA, "motor-01"), view("motor-01"), NOW))
    assert authorizer.superseded(other, NOW) == []


# --- proposals that race ------------------------------------------------------------------------


def test_a_step_on_its_way_to_the_store_counts_already() -> None:
    authorizer = make_authorizer()
    first = authorizer.propose(command(), MILD, NOW)
    authorizer.commands.reserve(first)
    second = authorizer.propose(command(REDUCE, reduction_pct=30.0), MILD, NOW)
    assert second.after.stage is Stage.DENIED
    (reason,) = second.after.receipt.reasons
    assert reason == f"{first.after.command.command_id} (dispatched) is still under way on this device"
    assert authorizer.commands.open == {}
    authorizer.commands.release(first)
    assert authorizer.propose(command(), MILD, NOW).after.stage is Stage.DISPATCHED


def test_a_shutdown_may_race_with_another_command() -> None:
    authorizer = make_authorizer()
    authorizer.commands.reserve(authorizer.propose(command(), MILD, NOW))
    assert authorizer.propose(command(STOP, ADA), MILD, NOW).after.stage is Stage.DISPATCHED


def test_h1_the_same_command_twice_is_one_and_the_denial_names_it() -> None:
    authorizer = make_authorizer()
    first = authorizer.propose(command(REDUCE, reduction_pct=50.0), view(), NOW)
    authorizer.commands.reserve(first)
    again = authorizer.propose(command(REDUCE, reduction_pct=50.0), view(), NOW)
    (reason,) = again.after.receipt.reasons
    assert reason == f"the same command is open already: follow {first.after.command.command_id} (awaiting_approval)"
    for other in (command(REDUCE, reduction_pct=60.0), command(REDUCE, AGENT, "pump-02", reduction_pct=50.0)):
        assert authorizer.propose(other, view(other.device_id), NOW).after.stage is Stage.AWAITING_APPROVAL


def test_the_line_counts_what_is_taken_and_about_to_be() -> None:
    authorizer = make_authorizer(line_reduction_pct=60.0)
    authorizer.commands.reserve(
        authorizer.propose(command(REDUCE, ADA, "pump-02", reduction_pct=40.0), view("pump-02"), NOW)
    )
    assert authorizer.commands.surroundings("pump-01", NOW).line_reduction_pct == 40.0
    assert authorizer.commands.surroundings("pump-02", NOW).line_reduction_pct == 0.0
    assert authorizer.propose(command(), MILD, NOW).after.stage is Stage.DENIED
    authorizer = make_authorizer(line_reduction_pct=60.0)
    authorizer.commands.modes = {"pump-02": (Mode.UNKNOWN, 0.0), "motor-01": (Mode.REDUCED_LOAD, 30.0)}
    assert authorizer.commands.surroundings("pump-01", NOW).line_reduction_pct == 130.0


def test_m4_a_device_that_has_not_told_its_mode_counts_as_stopped() -> None:
    authorizer = make_authorizer("pump-01", "pump-02", keep_running={"pump": 1})
    assert authorizer.commands.surroundings("pump-01", NOW).others_running == 1
    for modes in ({}, {"pump-02": (Mode.UNKNOWN, 0.0)}):
        authorizer.commands.modes = dict(modes)
        seen = authorizer.commands.surroundings("pump-01", NOW)
        assert (seen.others_running, seen.line_reduction_pct) == (0, 100.0)
        assert authorizer.propose(command(SERVICE), view(), NOW).after.stage is Stage.DENIED


def test_siblings_that_are_about_to_stop_do_not_count_as_running() -> None:
    authorizer = make_authorizer("pump-01", "pump-02", "pump-03", "motor-01", keep_running={"pump": 1})
    assert authorizer.commands.surroundings("pump-01", NOW).others_running == 2
    authorizer.commands.modes["pump-02"] = (Mode.SHUTDOWN, 0.0)
    assert authorizer.commands.surroundings("pump-01", NOW).others_running == 1
    authorizer.commands.reserve(authorizer.propose(command(SERVICE, ADA, "pump-03"), view("pump-03"), NOW))
    assert authorizer.commands.surroundings("pump-01", NOW).others_running == 0
    assert authorizer.propose(command(SERVICE), view(), NOW).after.stage is Stage.DENIED


def test_rates_count_what_agents_sent_within_their_time() -> None:
    authorizer = make_authorizer(device_rate=Rate(2, 60.0), plant_rate=Rate(3, 120.0))
    authorizer.commands.recall(
        (), [(NOW - 60.0, "pump-01"), (NOW - 59.0, "pump-01"), (NOW - 120.0, "pump-02"), (NOW - 70.0, "pump-02")]
    )
    seen = authorizer.commands.surroundings("pump-01", NOW)
    assert (seen.device_commands, seen.plant_commands) == (1, 3)
    seen = authorizer.commands.surroundings("pump-02", NOW)
    assert (seen.device_commands, seen.plant_commands) == (0, 3)


def test_rates_count_agents_only_and_what_is_about_to_be_sent() -> None:
    authorizer = make_authorizer()
    store(authorizer, authorizer.propose(command(REDUCE, ADA, "pump-02"), view("pump-02"), NOW))
    assert authorizer.commands.surroundings("pump-01", NOW).plant_commands == 0
    step = authorizer.propose(command(), MILD, NOW)
    authorizer.commands.reserve(step)
    assert authorizer.commands.surroundings("pump-01", NOW).device_commands == 1
    authorizer.commands.apply(step)
    assert authorizer.commands.surroundings("pump-01", NOW).device_commands == 1
    assert authorizer.commands.surroundings("pump-01", NOW + 3600.0).device_commands == 0
