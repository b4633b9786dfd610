"""A plant under command for tests: the whole application on a FakeBus, with simulated machines that take commands."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from aegisflow.actors.messages.common import Ping, Tick
from aegisflow.actors.runtime.directory import GATEWAY, GUARD, HISTORIAN
from aegisflow.app import App
from aegisflow.bus.fake import FakeBus
from aegisflow.config import ClockSettings, Configuration, GatewaySettings, ManualsSettings, StoreSettings, load
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import CommandName, CommandReceipt, Stage
from aegisflow.domain.times import format_instant
from simulator.faults import Fault
from simulator.machine import Machine
from simulator.machines import CommandMemory, Fleet, Temper
from simulator.scenario import REFERENCE_SENSORS
from tests.support.places import PLANT_FILE

PLANT = PLANT_FILE
T0 = 1_760_000_000.0
STEP_S = 5.0
AGENT = Caller("claude", CallerKind.AGENT)
ADA, BEN = Caller("ada", CallerKind.OPERATOR), Caller("ben", CallerKind.OPERATOR)
WHY = "vibration 8.5 mm/s against 1.5: the manual's first response"


class Line:
    """The machines' side of a FakeBus."""

    def __init__(self, bus: FakeBus) -> None:
        self.bus = bus
        self.taken = 0
        self.sent = 0

    def publish(self, topic: str, payload: bytes | str) -> None:
        if self.bus.deliver(topic, payload.encode() if isinstance(payload, str) else payload):
            self.sent += 1

    def commands(self) -> list[tuple[str, bytes]]:
        """What came for the machines since the last look."""
        new = self.bus.published[self.taken :]
        self.taken += len(new)
        return [(one.topic.rpartition("/")[2], one.payload) for one in new if "/commands/" in one.topic]


class Commanded:
    """Three lines of simulated machines; time moves only when told to (``pass_time``)."""

    def __init__(
        self,
        folder: Path,
        *,
        tempers: Mapping[str, Temper] | None = None,
        faults: tuple[Fault, ...] = (),
        key: bytes = b"",
        readings_key: bytes = b"",
        change: Callable[[Configuration], Configuration] = lambda configuration: configuration,
    ) -> None:
        plant = load(PLANT, {}).plant
        self.now = T0
        self.bus = FakeBus()
        self.line = Line(self.bus)
        self.configuration = change(
            Configuration(
                path=PLANT,
                plant=plant,
                store=StoreSettings(url=f"sqlite:///{folder}/store.db", commit_interval_s=0.0),
                gateway=GatewaySettings(group_s=0.0),
                clock=ClockSettings(source="stream"),
                manuals=ManualsSettings(folder=folder, model="none"),
            )
        )
        self.folder = folder
        self.machines = {
            device_id: Machine(
                device_id,
                REFERENCE_SENSORS,
                faults=tuple(fault for fault in faults if fault.device_id == device_id),
                setpoints={
                    name: (spec.limits.low, spec.limits.high)
                    for name, spec in self.configuration.plant.devices[device_id].parameters.items()
                },
            )
            for device_id in plant.devices
        }
        self.fleet = Fleet(
            self.machines,
            self.line,  # type: ignore[arg-type]
            CommandMemory(folder / "commands.json"),
            tempers=tempers or {},
            clock=lambda: self.now,
            key=key,
            readings_key=readings_key,
        )
        self.app = App(self.configuration, self.bus)
        self.plant = self.app.plant

    def pass_time(self, seconds: float = STEP_S) -> None:
        """Let machines live for so long; everything they said is on disk when this returns."""
        end = self.now + seconds
        while self.now < end:
            self.now += STEP_S
            self.fleet.tick(STEP_S)
            self.answer()
            self.settle()
            for name in self.app.directory.names():
                self.app.directory.tell(name, Tick(self.now))

    def answer(self) -> None:
        """Have the machines take what came for them."""
        for device_id, payload in self.line.commands():
            self.fleet.answer(device_id, payload)

    def settle(self) -> None:
        self.bus.wait_until(lambda: len(self.bus.acknowledged) >= self.line.sent)

    def quiet(self) -> None:
        """Return once everybody has done what follows from what was said so far, however busy the machine is.

        Without it the plant's time, which is turned by hand, runs out for a command whose threads had no turn yet.
        """
        for name in (*self.machines, GATEWAY, HISTORIAN, GATEWAY, GUARD, HISTORIAN, GUARD):
            self.app.directory.ask(name, Ping(), 60.0)

    def live_until(self, true: Callable[[], object], most_s: float = 1_800.0) -> None:
        """Let time pass until something is true."""
        end = self.now + most_s
        self.quiet()
        while not true():
            assert self.now < end, "it never happened"
            self.pass_time()
            self.quiet()

    def propose(
        self, device_id: str, command: CommandName, by: Caller = AGENT, **parameters: str | float
    ) -> CommandReceipt:
        return self.plant.request_command(device_id, command, parameters, by, WHY)

    def approve(self, receipt: CommandReceipt, by: Caller = ADA) -> CommandReceipt:
        (view,) = [one for one in self.plant.approvals().value if one.receipt.command == receipt.command]
        return self.plant.approve(receipt.command.command_id, view.digest, by)

    def stage(self, receipt: CommandReceipt) -> Stage:
        return self.stored(receipt).stage

    def stored(self, receipt: CommandReceipt) -> CommandReceipt:
        page = self.plant.commands(receipt.command.device_id, 20).value.commands
        (found,) = [one for one in page if one.command.command_id == receipt.command.command_id]
        return found

    def orders(self, device_id: str) -> list[str]:
        """What was really sent to a machine by now, questions left out."""
        self.quiet()  # what is dispatched is on its way to the bus through threads that may not have had their turn
        sent = [json.loads(one.payload) for one in self.bus.published if one.topic.endswith(f"/commands/{device_id}")]
        return [one["command"] for one in sent if one["command"] != "report_state"]

    def questions(self, device_id: str) -> int:
        """How often a machine was asked by now what became of a command."""
        self.quiet()
        sent = [json.loads(one.payload) for one in self.bus.published if one.topic.endswith(f"/commands/{device_id}")]
        return sum(one["command"] == "report_state" for one in sent)

    def say(self, device_id: str, command_id: str, result: str, topic_of: str = "") -> None:
        """Send an answer in a machine's name."""
        ack = {"command_id": command_id, "device_id": device_id, "result": result, "at": format_instant(self.now)}
        self.line.publish(f"aegisflow/acks/{topic_of or device_id}", json.dumps(ack))
        self.settle()


Make = Callable[..., Commanded]
"""Starts a plant, warmed up, with the options of ``Commanded``."""


@contextmanager
def several(folder: Path) -> Iterator[Make]:
    """Give a function that starts a plant, warmed up, with the options of ``Commanded``; all are stopped in the end."""
    running: list[Commanded] = []

    def start(**options: object) -> Commanded:
        built = Commanded(folder, **options)  # type: ignore[arg-type]
        built.app.start()
        running.append(built)
        built.pass_time(400)
        return built

    try:
        yield start
    finally:
        for built in running:
            built.app.stop()
