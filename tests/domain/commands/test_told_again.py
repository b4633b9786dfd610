"""An order that a device is told again is never sent again, whatever has happened since.

The plain cases beside the machine of ``test_command_machine.py``. Each failed while a device knew only the newest
command that it had taken up.
"""

import pytest

from aegisflow.domain.commands.model import CommandName, CommandRecord, Stage
from tests.support.command_bench import ADA, REDUCE, SERVICE, STOP
from tests.support.command_world import World

PUMP = "pump-01"


@pytest.fixture
def world() -> World:
    return World()


def order(world: World, name: CommandName = REDUCE, amount: float = 25.0, device_id: str = PUMP) -> CommandRecord:
    """Have an operator's command dispatched, taken up by its device and published."""
    command_id = world.propose(device_id, name, ADA, amount)
    world.settle()
    record = world.ordered[-1]
    assert record.command.command_id == command_id
    assert command_id in world.published
    return record


def refused(world: World, name: CommandName = REDUCE, amount: float = 25.0) -> CommandRecord:
    """Have a command sent that its machine refuses, so that it is over at once."""
    record = order(world, name, amount)
    world.ack(PUMP, record.command.command_id, "refused", None)
    world.settle()
    assert world.disk[record.command.command_id].stage is Stage.FAILED
    return record


def test_one_that_was_refused_is_not_sent_again_after_another(world: World) -> None:
    first = refused(world)
    world.tell_order(first)
    refused(world, amount=30.0)
    world.tell_order(first)
    assert world.devices[PUMP].command_state.open_command == ""
    assert len(world.published) == 2


def test_three_in_between_change_nothing(world: World) -> None:
    orders = [refused(world, amount=amount) for amount in (20.0, 25.0, 30.0, 50.0)]
    for record in (*orders, *reversed(orders)):
        world.tell_order(record)
    assert world.devices[PUMP].command_state.open_command == ""
    assert len(world.published) == 4


@pytest.mark.parametrize("others", [0, 1, 3])
@pytest.mark.parametrize("knows_mode", [False, True])
def test_a_restarted_device_knows_what_its_predecessor_took_up(world: World, others: int, knows_mode: bool) -> None:
    orders = [refused(world, amount=20.0 + number) for number in range(1 + others)]
    world.restart_device(PUMP, knows_mode)
    for record in orders:
        world.tell_order(record)
    assert world.devices[PUMP].command_state.open_command == ""
    assert world.told == []


def test_a_successor_knows_what_was_over_before_the_device_left_the_plant(world: World) -> None:
    first, second = refused(world), refused(world, amount=30.0)
    world.leave(PUMP)
    world.come_back(PUMP, knows_mode=True)
    world.tell_order(first)
    world.tell_order(second)
    assert world.devices[PUMP].command_state.open_command == ""


def test_what_a_predecessor_left_under_way_is_watched_and_not_sent_again(world: World) -> None:
    first = refused(world)
    second = order(world, amount=30.0)
    world.restart_device(PUMP, knows_mode=True)
    for record in (second, first, second):
        world.tell_order(record)
    assert world.devices[PUMP].command_state.open_command == second.command.command_id


def test_one_that_a_shutdown_has_overtaken_is_not_sent_again(world: World) -> None:
    overtaken = order(world, SERVICE)
    stop = order(world, STOP)
    for record in (overtaken, stop, overtaken):
        world.tell_order(record)
    assert world.devices[PUMP].command_state.open_command == stop.command.command_id
    world.ack(PUMP, stop.command.command_id, "refused", None)
    for record in (overtaken, stop, overtaken):
        world.tell_order(record)
    assert world.devices[PUMP].command_state.open_command == ""
    assert len(world.published) == 2


def test_one_that_could_not_be_sent_is_not_sent_later(world: World) -> None:
    world.connected = False
    command_id = world.propose(PUMP, REDUCE, ADA, 25.0)
    world.settle()
    world.connected = True
    assert world.disk[command_id].stage is Stage.FAILED
    world.tell_order(world.ordered[-1])
    world.restart_device(PUMP, knows_mode=True)
    world.tell_order(world.ordered[-1])
    assert world.published == {}


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("back_s", [1.0, 600.0])
def test_a_clock_that_is_set_back_does_not_revive_an_expired_order(world: World, back_s: float, restarts: bool) -> None:
    expired = refused(world)
    assert expired.send_by is not None
    world.now = expired.send_by + 0.5
    refused(world, amount=30.0)
    if restarts:
        world.restart_device(PUMP, knows_mode=True)
    world.now = expired.send_by + 0.5 - back_s
    world.tell_order(expired)
    assert world.devices[PUMP].command_state.open_command == ""
    assert len(world.published) == 2
