"""A small plant with a guard, and the shorthand of the tests that put commands through it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pykka

from aegisflow.actors.guard import Guard
from aegisflow.actors.messages.device import AckReceived
from aegisflow.actors.messages.guard import ReadApprovals, RequestCommand
from aegisflow.actors.runtime.children import ChildSpec, Family
from aegisflow.actors.runtime.directory import GUARD
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.execution import Ack
from aegisflow.domain.commands.model import CommandName, CommandReceipt, Stage
from tests.support.samples import device_spec, sensor_spec
from tests.support.small_plant import WAIT_S, SmallPlant

AGENT, ADA = Caller("claude", CallerKind.AGENT), Caller("ada", CallerKind.OPERATOR)
STOP = CommandName.EMERGENCY_SHUTDOWN


@contextmanager
def guarded_plant() -> Iterator[SmallPlant]:
    """Run two devices with a guard that knows its past."""
    plant = SmallPlant(*[device_spec(name, sensor_spec("temperature")) for name in ("pump-01", "motor-01")])

    def start() -> pykka.ActorRef:
        return Guard.start(GUARD, plant.directory, plant.plant, plant.clock.now, plant.metrics)

    plant.family = Family(plant.family.before, plant.family.device, (ChildSpec(GUARD, start),))
    plant.start()
    ask(plant, ReadApprovals())  # answered once it has its past
    try:
        yield plant
    finally:
        plant.end()


def ask(plant: SmallPlant, question, timeout_s: float = WAIT_S):
    return plant.directory.ask(GUARD, question, timeout_s)


def proposal(by: Caller = AGENT, device_id: str = "pump-01", name: CommandName = STOP) -> RequestCommand:
    return RequestCommand(device_id, name, {}, by, "smoke")


def orders(plant: SmallPlant) -> list[str]:
    """Return the ids of the commands on the wire, in order; questions to machines are left out."""
    sent = [json.loads(one.payload) for one in plant.bus.published if "/commands/" in one.topic]
    return [one["command_id"] for one in sent if one["command"] != "report_state"]


def stored(plant: SmallPlant, receipt: CommandReceipt) -> Stage:
    return plant.disk.commands[receipt.command.command_id].stage


def acknowledge(plant: SmallPlant, receipt: CommandReceipt) -> None:
    ack = Ack(receipt.command.command_id, "pump-01", "accepted", "", plant.clock.now())
    plant.directory.tell("pump-01", AckReceived(ack))
