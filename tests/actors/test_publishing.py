"""On the wire once or never: whatever comes twice, falls, or is not answered between the guard and the broker."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from aegisflow.actors import device as device_actor
from aegisflow.actors.messages.common import Ping, Tick
from aegisflow.actors.messages.device import AckReceived, CommandNotSent, ExecuteCommand
from aegisflow.actors.messages.gateway import PublishClaimed, PublishCommand
from aegisflow.actors.messages.guard import CommandProgressed, TransitionStored
from aegisflow.actors.messages.store import ClaimPublish, StoreTransition
from aegisflow.actors.runtime.directory import GATEWAY, GUARD, Directory
from aegisflow.domain.commands.execution import Ack
from aegisflow.domain.commands.model import CommandReceipt, CommandRecord, PublishClaim, Stage
from tests.support.guarded_plant import ADA, acknowledge, ask, guarded_plant, orders, proposal, stored
from tests.support.places import ROOT
from tests.support.small_plant import SmallPlant

SOURCES = ROOT / "aegisflow"


@pytest.fixture
def guarded() -> Iterator[SmallPlant]:
    with guarded_plant() as plant:
        yield plant


def send(plant: SmallPlant) -> CommandReceipt:
    """Have an operator's command sent, and return what the operator was told."""
    before = len(orders(plant))
    receipt = ask(plant, proposal(ADA))
    assert receipt.stage is Stage.DISPATCHED
    plant.bus.wait_until(lambda: len(orders(plant)) > before)
    return receipt


def refuse(plant: SmallPlant, receipt: CommandReceipt) -> None:
    """Have the machine refuse a command, and wait until that is stored."""
    ack = Ack(receipt.command.command_id, "pump-01", "refused", "", plant.clock.now())
    plant.directory.tell("pump-01", AckReceived(ack))
    plant.wait_for(lambda: stored(plant, receipt) is Stage.FAILED)


def record_of(plant: SmallPlant, receipt: CommandReceipt) -> CommandRecord:
    return plant.disk.commands[receipt.command.command_id]


def let_all_arrive(plant: SmallPlant) -> None:
    """Return once all that is on its way between device, gateway and store has come to something."""
    for name in ("pump-01", GATEWAY, "historian", GATEWAY, "pump-01", GUARD, "historian", GUARD):
        plant.directory.ask(name, Ping(), 10.0)


def restart(plant: SmallPlant, name: str) -> None:
    before = plant.restarts(name)
    plant.fall(name)
    plant.wait_for(lambda: plant.restarts(name) == before + 1 and plant.state(name) == "running")


@pytest.fixture
def meddle(monkeypatch: pytest.MonkeyPatch) -> Callable[[type, Callable[[object], list[object]]], None]:
    """Have each message of a kind replaced by what a function makes of it: several, or none."""
    tell = Directory.tell

    def install(kind: type, made_of: Callable[[Any], list[object]]) -> None:
        def meddled(directory: Directory, name: str, message: object) -> bool:
            if not isinstance(message, kind):
                return tell(directory, name, message)
            results = [tell(directory, name, one) for one in made_of(message)]
            return all(results)

        monkeypatch.setattr(Directory, "tell", meddled)

    return install


# --- what comes twice ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", [StoreTransition, TransitionStored, ExecuteCommand, PublishCommand, ClaimPublish, PublishClaimed]
)
@pytest.mark.parametrize("times", [2, 5])
def test_whatever_comes_several_times_the_command_is_sent_once(guarded, meddle, kind: type, times: int) -> None:
    meddle(kind, lambda message: [message] * times)
    sent = send(guarded)
    let_all_arrive(guarded)
    acknowledge(guarded, sent)
    guarded.wait_for(lambda: stored(guarded, sent) is Stage.UNVERIFIED)
    assert orders(guarded) == [sent.command.command_id]


def test_an_order_is_not_sent_again_after_another(guarded: SmallPlant) -> None:
    first = send(guarded)
    order = ExecuteCommand(record_of(guarded, first))
    refuse(guarded, first)
    second = send(guarded)
    refuse(guarded, second)
    guarded.directory.tell("pump-01", order)
    let_all_arrive(guarded)
    assert orders(guarded) == [first.command.command_id, second.command.command_id]


def test_a_successor_does_not_send_again_what_its_predecessor_left_in_the_inbox(guarded: SmallPlant) -> None:
    first = send(guarded)
    order = ExecuteCommand(record_of(guarded, first))
    refuse(guarded, first)
    guarded.fall("pump-01")
    guarded.directory.tell("pump-01", order)  # kept for the successor
    guarded.wait_for(lambda: guarded.restarts("pump-01") == 1 and guarded.state("pump-01") == "running")
    let_all_arrive(guarded)
    assert orders(guarded) == [first.command.command_id]
    assert stored(guarded, first) is Stage.FAILED


def test_a_device_without_its_past_cannot_send_again_what_the_store_knows_as_sent(
    guarded: SmallPlant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_actor, "RECALL_TIMEOUT_S", 0.0)
    first = send(guarded)
    record = record_of(guarded, first)
    guarded.disk.recall_failure = "the disk is gone"
    restart(guarded, "pump-01")
    guarded.wait_for(lambda: guarded.directory.tell("pump-01", Tick(0.0)) and guarded.actor("pump-01")._stash.is_open)
    guarded.directory.tell("pump-01", ExecuteCommand(record))
    guarded.directory.tell(GATEWAY, PublishCommand(record))
    let_all_arrive(guarded)
    assert orders(guarded) == [first.command.command_id]


def test_a_restarted_gateway_does_not_send_again_what_its_predecessor_sent(guarded: SmallPlant) -> None:
    first = send(guarded)
    restart(guarded, GATEWAY)
    guarded.directory.tell(GATEWAY, PublishCommand(record_of(guarded, first)))
    let_all_arrive(guarded)
    assert orders(guarded) == [first.command.command_id]
    assert stored(guarded, first) is Stage.DISPATCHED  # nobody was told that nothing had been sent


def test_an_order_that_an_interlock_refuses_never_reaches_the_gateway(guarded: SmallPlant, meddle) -> None:
    asked: list[PublishCommand] = []
    meddle(PublishCommand, lambda message: asked.append(message) or [message])
    meant_for = record_of(guarded, send(guarded))
    assert [message.record for message in asked] == [meant_for]
    changed = replace(meant_for, state_version="another state")
    other = replace(changed, receipt=replace(changed.receipt, command=replace(changed.command, command_id="cmd-2")))
    guarded.directory.tell("pump-01", ExecuteCommand(other))
    let_all_arrive(guarded)
    assert len(asked) == 1


# --- between the mark and the wire --------------------------------------------------------------


def test_a_command_is_marked_before_it_is_sent(guarded: SmallPlant) -> None:
    guarded.disk.lost_claims = True
    sent = ask(guarded, proposal(ADA))
    command_id = sent.command.command_id
    guarded.disk.wait_until(lambda: command_id in guarded.disk.published)
    let_all_arrive(guarded)
    assert orders(guarded) == []


def test_a_gateway_that_falls_before_its_claim_is_answered_never_sends_it(guarded: SmallPlant, meddle) -> None:
    kept: list[PublishClaimed] = []
    meddle(PublishClaimed, lambda answer: kept.append(answer) or [])
    sent = ask(guarded, proposal(ADA))
    guarded.wait_for(lambda: kept)
    restart(guarded, GATEWAY)
    guarded.actor(GATEWAY).actor_ref.tell(kept[0])
    guarded.directory.tell(GATEWAY, PublishCommand(record_of(guarded, sent)))
    guarded.wait_for(lambda: len(kept) == 2)
    assert [answer.claim for answer in kept] == [PublishClaim.GRANTED, PublishClaim.PUBLISHED_BEFORE]
    let_all_arrive(guarded)
    assert orders(guarded) == []
    assert stored(guarded, sent) is Stage.DISPATCHED  # its device asks the machine once it has expired


def test_a_claim_that_is_answered_too_late_is_not_used(guarded: SmallPlant, meddle) -> None:
    kept: list[PublishClaimed] = []
    meddle(PublishClaimed, lambda answer: kept.append(answer) or [])
    sent = ask(guarded, proposal(ADA))
    guarded.wait_for(lambda: kept)
    record = record_of(guarded, sent)
    assert record.send_by is not None
    guarded.send("motor-01", record.send_by + 1.0, temperature=20.0)
    send_by = record.send_by
    assert send_by is not None
    guarded.wait_for(lambda: guarded.clock.now() >= send_by)
    guarded.actor(GATEWAY).actor_ref.tell(kept[0])
    guarded.wait_for(lambda: stored(guarded, sent) is Stage.FAILED)
    assert orders(guarded) == []


def test_a_store_that_cannot_grant_it_keeps_it_off_the_wire_and_nobody_claims_to_know(
    guarded: SmallPlant, meddle
) -> None:
    told: list[CommandNotSent] = []
    meddle(CommandNotSent, lambda message: told.append(message) or [message])
    guarded.disk.refuse_claims = "disk full"
    sent = ask(guarded, proposal(ADA))
    let_all_arrive(guarded)
    guarded.disk.refuse_claims = ""
    assert (orders(guarded), told) == ([], [])
    assert stored(guarded, sent) is Stage.DISPATCHED


def test_one_that_the_guard_has_ended_meanwhile_is_not_sent_and_its_device_is_told(guarded, meddle) -> None:
    held: list[PublishCommand] = []
    meddle(PublishCommand, lambda message: held.append(message) or [])
    sent = ask(guarded, proposal(ADA))
    guarded.wait_for(lambda: held)
    record = record_of(guarded, sent)
    with guarded.disk.changed:  # as the guard does with a command of which it hears nothing
        given_up = CommandRecord(
            CommandReceipt(record.command, Stage.OUTCOME_UNKNOWN, ("nothing was heard of it",), ""), record.stage_at
        )
        guarded.disk.commands[record.command.command_id] = given_up
    told: list[object] = []
    meddle(CommandProgressed, lambda message: told.append(message.progress.stage) or [message])
    guarded.actor(GATEWAY).actor_ref.tell(held[0])
    guarded.wait_for(lambda: told)
    assert told == [Stage.FAILED]
    assert orders(guarded) == []


# --- by construction ----------------------------------------------------------------------------


def test_only_a_granted_claim_leads_to_the_wire() -> None:
    callers = {
        (path.relative_to(SOURCES).as_posix(), function.name)
        for path in SOURCES.rglob("*.py")
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if (isinstance(node, ast.Attribute) and node.attr == "encode_command")
        or (isinstance(node, ast.Name) and node.id == "encode_written")
    }
    # The rehearsal shows bytes to whoever asks, and has no bus.
    assert callers == {
        ("actors/gateway.py", "_ready"),
        *(("bus/rehearsal.py", one) for one in ("rehearse", "_written")),
    }
    tree = ast.parse((SOURCES / "actors/gateway.py").read_text(encoding="utf-8"))
    for once in ("_ready", "_publish_command"):
        assert sum(isinstance(node, ast.Attribute) and node.attr == once for node in ast.walk(tree)) == 1
