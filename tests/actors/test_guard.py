import ast
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from aegisflow.actors.messages.common import Ping
from aegisflow.actors.messages.device import ExecuteCommand
from aegisflow.actors.messages.gateway import PlantReplaced
from aegisflow.actors.messages.guard import (
    ApproveCommand,
    CommandProgressed,
    ReadAgentWrites,
    ReadApprovals,
    RejectCommand,
    SwitchAgents,
    TransitionStored,
)
from aegisflow.actors.runtime.directory import GUARD
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.execution import Progress
from aegisflow.domain.commands.model import CommandName, CommandReceipt, Stage
from aegisflow.domain.rights import Role
from aegisflow.errors import BadValueError, NotAllowedError, UnavailableError, UnknownNameError
from tests.support.guarded_plant import ADA, AGENT, acknowledge, ask, guarded_plant, orders, proposal, stored
from tests.support.places import ROOT
from tests.support.samples import device_spec
from tests.support.small_plant import WAIT_S, SmallPlant, plant_of

SOURCES = ROOT / "aegisflow"


@pytest.fixture
def guarded() -> Iterator[SmallPlant]:
    with guarded_plant() as plant:
        yield plant


def rows(plant: SmallPlant, receipt: CommandReceipt) -> list[str]:
    mine = [entry for entry in plant.disk.audit if entry.detail.get("command_id") == receipt.command.command_id]
    return [entry.act.removeprefix("command_") for entry in mine]


def settled(answer: Any) -> Any:
    """Return what the guard answers once it has what it waits for."""
    return answer.get(timeout=WAIT_S).get(timeout=WAIT_S)


def approve(plant: SmallPlant) -> CommandReceipt:
    (shown,) = ask(plant, ReadApprovals())
    return ask(plant, ApproveCommand(shown.receipt.command.command_id, shown.digest, ADA))


# --- committed, then answered -------------------------------------------------------------------


def test_a_denied_proposal_is_committed_with_its_rows_before_it_is_answered(guarded: SmallPlant) -> None:
    receipt = ask(guarded, proposal(name=CommandName.RESTART))
    assert receipt.stage is stored(guarded, receipt) is Stage.DENIED
    assert rows(guarded, receipt) == ["proposed", "denied"]
    proposed = guarded.disk.audit[0]
    assert (proposed.actor, proposed.subject) == ("claude", "pump-01")
    assert proposed.detail["justification"] == "smoke"
    assert orders(guarded) == []


def test_an_approved_one_is_committed_before_it_is_sent(guarded: SmallPlant) -> None:
    waiting = ask(guarded, proposal())
    assert waiting.stage is Stage.AWAITING_APPROVAL
    assert orders(guarded) == []
    guarded.disk.fast.clear()
    (shown,) = ask(guarded, ReadApprovals())
    answer = guarded.directory.begin(GUARD, ApproveCommand(waiting.command.command_id, shown.digest, ADA))
    assert ask(guarded, Ping()) is True
    assert orders(guarded) == []
    guarded.disk.fast.set()
    assert settled(answer).stage is Stage.DISPATCHED
    guarded.bus.wait_until(lambda: orders(guarded))
    assert orders(guarded) == [waiting.command.command_id]
    assert rows(guarded, waiting)[:4] == ["proposed", "awaiting_approval", "approved", "dispatched"]


def test_a_stuck_store_keeps_the_one_who_asked_waiting_but_not_the_guard(guarded: SmallPlant) -> None:
    guarded.disk.fast.clear()
    with pytest.raises(UnavailableError, match=r"no answer within 0\.05 s"):
        ask(guarded, proposal(), 0.05)
    assert ask(guarded, Ping()) is True
    assert ask(guarded, ReadApprovals()) == ()
    guarded.disk.fast.set()
    guarded.disk.wait_until(lambda: guarded.disk.commands)


def test_a_store_that_refuses_is_told_and_nothing_is_sent(guarded: SmallPlant) -> None:
    guarded.disk.refuse_steps = "disk full"
    with pytest.raises(UnavailableError, match="disk full"):
        ask(guarded, proposal(ADA))
    assert orders(guarded) == []
    guarded.disk.refuse_steps = ""
    assert ask(guarded, proposal(ADA)).stage is Stage.DISPATCHED  # the other one is forgotten


def test_what_the_device_saw_outlives_a_store_that_refuses(
    guarded: SmallPlant, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("guard", "transition_writer"):
        monkeypatch.setattr(f"aegisflow.actors.{module}.STORE_AGAIN_S", 0.05)
    sent = ask(guarded, proposal(ADA))
    guarded.bus.wait_until(lambda: orders(guarded))
    guarded.disk.refuse_steps = "disk full"
    acknowledge(guarded, sent)
    guarded.wait_for(lambda: guarded.disk.refused_steps)
    guarded.disk.refuse_steps = ""
    guarded.wait_for(lambda: stored(guarded, sent) is Stage.UNVERIFIED)  # no sensor shows a stop here
    assert rows(guarded, sent)[3:] == ["acknowledged", "unverified"]


def test_a_step_that_another_has_taken_is_not_taken_twice(guarded: SmallPlant) -> None:
    waiting = ask(guarded, proposal())
    command_id = waiting.command.command_id
    with guarded.disk.changed:
        del guarded.disk.commands[command_id]  # the store knows another story
    with pytest.raises(UnavailableError, match="no longer at that stage"):
        approve(guarded)
    guarded.wait_for(lambda: ask(guarded, ReadApprovals()) == ())
    assert orders(guarded) == []


def test_an_answer_of_the_store_that_nobody_waits_for_changes_nothing(guarded: SmallPlant) -> None:
    waiting = ask(guarded, proposal())
    guarded.directory.tell(GUARD, TransitionStored(waiting.command.command_id, True))
    assert ask(guarded, Ping()) is True
    assert stored(guarded, waiting) is Stage.AWAITING_APPROVAL
    assert orders(guarded) == []


def test_without_a_historian_nothing_is_decided(guarded: SmallPlant) -> None:
    guarded.directory.forget("historian", "isolated for a test")
    with pytest.raises(UnavailableError):
        ask(guarded, proposal(ADA), 0.2)
    assert orders(guarded) == []


# --- who asks -----------------------------------------------------------------------------------


def test_the_guard_knows_the_devices_of_today(guarded: SmallPlant) -> None:
    with pytest.raises(UnknownNameError, match="pump-01, motor-01"):
        ask(guarded, proposal(device_id="fan-01"))
    plant = plant_of(device_spec("fan-01"))
    guarded.directory.tell(GUARD, PlantReplaced(plant))
    assert ask(guarded, proposal(device_id="fan-01")).stage is Stage.DENIED
    with pytest.raises(UnknownNameError):
        ask(guarded, proposal())


def test_only_people_decide(guarded: SmallPlant) -> None:
    waiting = ask(guarded, proposal())
    command_id = waiting.command.command_id
    (shown,) = ask(guarded, ReadApprovals())
    for question in (
        ApproveCommand(command_id, shown.digest, AGENT),
        RejectCommand(command_id, AGENT, ""),
        SwitchAgents(True, AGENT, "please"),
    ):
        with pytest.raises(NotAllowedError):
            ask(guarded, question)
    with pytest.raises(BadValueError):
        ask(guarded, SwitchAgents(False, ADA, " "))
    assert ask(guarded, RejectCommand(command_id, ADA, "no smoke")).stage is Stage.REJECTED
    assert orders(guarded) == []


def test_the_kill_switch_takes_effect_before_it_is_stored(guarded: SmallPlant) -> None:
    guarded.disk.fast.clear()
    stopped = guarded.directory.begin(GUARD, SwitchAgents(False, ADA, "audit"))
    asked = guarded.directory.begin(GUARD, proposal())
    guarded.disk.fast.set()
    assert settled(asked).stage is Stage.DENIED
    assert settled(stopped).allowed is False


def test_a_resumption_takes_effect_once_it_is_stored_whoever_waits_for_it(guarded: SmallPlant) -> None:
    assert not ask(guarded, SwitchAgents(False, ADA, "audit")).allowed
    guarded.disk.fast.clear()
    guarded.directory.begin(GUARD, SwitchAgents(True, ADA, "done"))
    assert ask(guarded, Ping()) is True
    assert not ask(guarded, ReadAgentWrites()).allowed
    guarded.disk.fast.set()
    guarded.wait_for(lambda: ask(guarded, ReadAgentWrites()).allowed)


def test_a_stop_outweighs_a_resumption_that_was_asked_for_before_it(guarded: SmallPlant) -> None:
    ask(guarded, SwitchAgents(False, ADA, "audit"))
    guarded.disk.fast.clear()
    resumed = guarded.directory.begin(GUARD, SwitchAgents(True, ADA, "done"))
    stopped = guarded.directory.begin(GUARD, SwitchAgents(False, ADA, "smoke"))
    guarded.disk.fast.set()
    for answer in (stopped, resumed):
        assert settled(answer).reason == "smoke"
    assert ask(guarded, ReadAgentWrites()).allowed is False
    assert ask(guarded, SwitchAgents(True, ADA, "over")).allowed is True


def test_who_acts_on_one_line_stops_the_agents_of_all_and_does_not_let_them_again(guarded: SmallPlant) -> None:
    by = Caller("olaf", CallerKind.OPERATOR, True, Role.ADMIN, ("line-1",))
    assert not ask(guarded, SwitchAgents(False, by, "smoke")).allowed
    with pytest.raises(NotAllowedError, match="about the whole plant, and their role is admin of line-1"):
        ask(guarded, SwitchAgents(True, by, "over"))
    assert not ask(guarded, ReadAgentWrites()).allowed


def test_v4_a_stop_that_cannot_be_stored_is_in_force_says_so_and_is_stored_as_soon_as_it_can_be(
    guarded: SmallPlant,
) -> None:
    guarded.disk.refuse_audit = "database is locked"
    stopped = ask(guarded, SwitchAgents(False, ADA, "smoke"))
    assert (stopped.allowed, stopped.durable, stopped.reason) == (False, False, "smoke")
    assert ask(guarded, proposal()).stage is Stage.DENIED
    with pytest.raises(UnavailableError, match="database is locked"):
        ask(guarded, SwitchAgents(True, ADA, "done"))
    assert not ask(guarded, ReadAgentWrites()).allowed
    guarded.disk.refuse_audit = ""
    guarded.wait_for(lambda: ask(guarded, ReadAgentWrites()).durable)
    assert [entry.act for entry in guarded.disk.audit if entry.subject == "agents"] == ["agents_stopped"]
    assert ask(guarded, SwitchAgents(True, ADA, "over")).allowed


def test_v4_a_stop_outlives_a_guard_that_falls_before_it_is_stored(guarded: SmallPlant) -> None:
    guarded.disk.refuse_audit = "database is locked"
    assert not ask(guarded, SwitchAgents(False, ADA, "smoke")).durable
    guarded.fall(GUARD)
    guarded.wait_for(lambda: guarded.restarts(GUARD) == 1 and guarded.state(GUARD) == "running")
    guarded.wait_for(lambda: not ask(guarded, ReadAgentWrites()).allowed)
    guarded.disk.refuse_audit = ""
    guarded.wait_for(lambda: ask(guarded, ReadAgentWrites()).durable)
    assert not ask(guarded, ReadAgentWrites()).allowed


def test_v4_without_a_historian_a_stop_is_in_force_and_a_resumption_is_none(guarded: SmallPlant) -> None:
    guarded.directory.forget("historian", "isolated for a test")
    stopped = ask(guarded, SwitchAgents(False, ADA, "smoke"))
    assert (stopped.allowed, stopped.durable) == (False, False)
    with pytest.raises(UnavailableError):
        ask(guarded, SwitchAgents(True, ADA, "done"))
    assert not ask(guarded, ReadAgentWrites()).allowed


def test_of_proposals_that_race_on_a_device_one_is_sent(guarded: SmallPlant) -> None:
    guarded.send("pump-01", 1_000_000.0, temperature=75.0)
    guarded.disk.wait_until(lambda: guarded.disk.readings)
    guarded.disk.fast.clear()
    service = CommandName.ENABLE_MAINTENANCE_MODE
    answers = [guarded.directory.begin(GUARD, proposal(ADA, name=service)) for _ in range(8)]
    assert ask(guarded, Ping()) is True
    guarded.disk.fast.set()
    receipts = [settled(answer) for answer in answers]
    sent = [one for one in receipts if one.stage is Stage.DISPATCHED]
    assert len(sent) == 1
    assert {one.stage for one in receipts if one is not sent[0]} == {Stage.DENIED}
    guarded.bus.wait_until(lambda: orders(guarded))
    assert orders(guarded) == [sent[0].command.command_id]


# --- falls --------------------------------------------------------------------------------------


def test_a_guard_that_falls_while_a_command_is_under_way_goes_on_with_it(guarded: SmallPlant) -> None:
    waiting = ask(guarded, proposal(device_id="motor-01"))
    sent = ask(guarded, proposal(ADA))
    guarded.bus.wait_until(lambda: orders(guarded))
    guarded.fall(GUARD)
    guarded.wait_for(lambda: guarded.restarts(GUARD) == 1 and guarded.state(GUARD) == "running")
    acknowledge(guarded, sent)
    guarded.wait_for(lambda: stored(guarded, sent) is Stage.UNVERIFIED)
    (shown,) = ask(guarded, ReadApprovals())
    assert shown.receipt.command == waiting.command
    assert orders(guarded) == [sent.command.command_id]


def test_what_a_device_saw_while_the_guard_lay_is_not_lost(guarded: SmallPlant) -> None:
    sent = ask(guarded, proposal(ADA))
    guarded.bus.wait_until(lambda: orders(guarded))
    guarded.fall(GUARD)
    acknowledge(guarded, sent)
    guarded.wait_for(lambda: stored(guarded, sent) is Stage.UNVERIFIED)
    assert rows(guarded, sent)[3:] == ["acknowledged", "unverified"]


def test_a_fact_that_came_before_the_past_outlives_another_fall(guarded: SmallPlant) -> None:
    sent = ask(guarded, proposal(ADA))
    guarded.bus.wait_until(lambda: orders(guarded))
    guarded.disk.fast.clear()
    guarded.fall(GUARD)
    guarded.wait_for(lambda: guarded.restarts(GUARD) == 1 and guarded.state(GUARD) == "running")
    fact = Progress(sent.command.command_id, Stage.ACKNOWLEDGED, guarded.clock.now(), ("told only once",))
    guarded.directory.tell(GUARD, CommandProgressed(fact))
    guarded.wait_for(lambda: len(guarded.actor(GUARD)._stash))
    guarded.fall(GUARD)
    guarded.wait_for(lambda: guarded.restarts(GUARD) == 2 and guarded.state(GUARD) == "running")
    guarded.disk.fast.set()
    guarded.wait_for(lambda: stored(guarded, sent) is Stage.ACKNOWLEDGED)


def test_a_fact_that_waits_for_another_to_be_stored_outlives_a_failure(guarded: SmallPlant) -> None:
    sent = ask(guarded, proposal(ADA))
    guarded.bus.wait_until(lambda: orders(guarded))
    guarded.disk.fast.clear()
    for stage in (Stage.ACKNOWLEDGED, Stage.UNVERIFIED):
        fact = Progress(sent.command.command_id, stage, guarded.clock.now(), ("told only once",))
        guarded.directory.tell(GUARD, CommandProgressed(fact))
    assert ask(guarded, Ping()) is True
    guarded.fall(GUARD)
    guarded.wait_for(lambda: guarded.restarts(GUARD) == 1 and guarded.state(GUARD) == "running")
    guarded.disk.fast.set()
    guarded.wait_for(lambda: stored(guarded, sent) is Stage.UNVERIFIED)
    assert rows(guarded, sent)[3:] == ["acknowledged", "unverified"]


def test_who_waits_for_a_device_to_tell_how_it_is_is_answered_though_the_guard_fails(guarded: SmallPlant) -> None:
    guarded.directory.forget("pump-01")
    guarded.directory.expect("pump-01")  # keeps what it is told, and never answers
    answer = guarded.directory.begin(GUARD, proposal(ADA))
    assert ask(guarded, Ping()) is True
    guarded.fall(GUARD)
    with pytest.raises(UnavailableError, match="stopped before this was decided"):
        settled(answer)


def test_a_device_that_does_not_tell_how_it_is_gets_no_command(guarded: SmallPlant) -> None:
    guarded.directory.forget("pump-01")
    guarded.directory.expect("pump-01")
    denied = ask(guarded, proposal(ADA))
    assert (denied.stage, "does not answer" in denied.reasons[0]) == (Stage.DENIED, True)


def test_who_waits_for_a_guard_that_falls_is_told_so(guarded: SmallPlant) -> None:
    guarded.disk.fast.clear()
    answer = guarded.directory.begin(GUARD, proposal(ADA))
    assert ask(guarded, Ping()) is True
    guarded.wait_for(lambda: len(guarded.actor(GUARD)._writer))
    guarded.fall(GUARD)
    with pytest.raises(UnavailableError, match="stopped before this was decided"):
        settled(answer)
    guarded.disk.fast.set()


def test_a_device_that_falls_while_it_executes_does_not_send_it_twice(guarded: SmallPlant) -> None:
    sent = ask(guarded, proposal(ADA))
    guarded.bus.wait_until(lambda: orders(guarded))
    guarded.fall("pump-01")
    guarded.wait_for(lambda: guarded.restarts("pump-01") == 1 and guarded.state("pump-01") == "running")
    record = guarded.disk.commands[sent.command.command_id]
    guarded.directory.tell("pump-01", ExecuteCommand(record))  # as if it had waited in its inbox
    acknowledge(guarded, sent)
    guarded.wait_for(lambda: stored(guarded, sent) is Stage.UNVERIFIED)
    assert orders(guarded) == [sent.command.command_id]


def test_without_a_connection_nothing_is_sent_and_it_says_so(guarded: SmallPlant) -> None:
    guarded.bus.break_link()
    sent = ask(guarded, proposal(ADA))
    guarded.wait_for(lambda: stored(guarded, sent) is Stage.FAILED)
    guarded.bus.restore_link()
    assert ask(guarded, Ping()) is True
    assert orders(guarded) == []


# --- by construction ----------------------------------------------------------------------------


def test_only_the_guard_has_commands_executed() -> None:
    makers = {
        path.relative_to(SOURCES).as_posix()
        for path in SOURCES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and "ExecuteCommand" in (getattr(node.func, "id", ""), getattr(node.func, "attr", ""))
    }
    assert makers == {"actors/guard.py"}


# --- how much agents may propose ------------------------------------------------------------------


def test_v9_sixty_restarts_leave_one_row_and_two_of_the_audit(guarded: SmallPlant) -> None:
    told = [ask(guarded, proposal(name=CommandName.RESTART)).command.command_id for _ in range(12)]
    for _ in range(48):
        with pytest.raises(NotAllowedError, match="has used up its 12 proposals for pump-01"):
            ask(guarded, proposal(name=CommandName.RESTART))
    assert len(told) == 12
    assert len(set(told)) == len(guarded.disk.commands) == 1
    guarded.wait_for(lambda: len(guarded.disk.audit) == 3)
    assert [entry.act for entry in guarded.disk.audit] == ["command_proposed", "command_denied", "proposals_refused"]


def test_v9_a_first_shutdown_reaches_people_whatever_was_proposed_before(guarded: SmallPlant) -> None:
    for _ in range(20):
        with suppress(NotAllowedError):
            ask(guarded, proposal(name=CommandName.RESTART))
    assert ask(guarded, proposal(name=CommandName.EMERGENCY_SHUTDOWN)).stage is Stage.AWAITING_APPROVAL
    with pytest.raises(NotAllowedError, match="used up"):
        ask(guarded, proposal(name=CommandName.EMERGENCY_SHUTDOWN))


def test_v9_operators_have_no_quota(guarded: SmallPlant) -> None:
    assert len({ask(guarded, proposal(ADA, name=CommandName.RESTART)).command.command_id for _ in range(20)}) == 20
