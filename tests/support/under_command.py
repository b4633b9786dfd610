"""A core and its machines as processes that may be killed at any instant, on a clock eighty times too fast."""

import faulthandler
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from aegisflow.app import App
from aegisflow.bus.mqtt import PahoBus
from aegisflow.config import ClockSettings, Configuration, ManualsSettings, StoreSettings, load
from aegisflow.config.services import BrokerSettings
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import CommandName
from aegisflow.domain.commands.policy_spec import PolicyRule, PolicySpec, Rate, Verdict
from aegisflow.domain.equipment import LineSpec, PlantSpec
from aegisflow.errors import AegisFlowError, BusError
from simulator.machine import Machine, Running
from simulator.machine import Verdict as Said
from simulator.machines import CommandMemory, Fleet
from simulator.protocol import Wire
from simulator.scenario import REFERENCE_SENSORS
from tests.support.places import PLANT_FILE

DEVICES = ("pump-01", "motor-01", "compressor-01")
T0, SPEED, STEP_S = 1_760_000_000.0, 80.0, 5.0
AGENT, ADA = Caller("claude", CallerKind.AGENT), Caller("ada", CallerKind.OPERATOR)
MILD_PCT = 30.0
"""Up to this, agents reduce the load without a person."""
SETPOINTS = {
    "pump-01": {"pressure_setpoint": (28.0, 35.0)},
    "motor-01": {"power_limit": (15.0, 25.0)},
    "compressor-01": {"pressure_setpoint": (28.0, 35.0)},
}
_ORDERS: tuple[tuple[CommandName, dict[str, str | float]], ...] = (
    (CommandName.REDUCE_LOAD, {"reduction_pct": MILD_PCT}),
    (CommandName.REDUCE_LOAD, {"reduction_pct": 60.0}),
    (CommandName.RESTORE_LOAD, {}),
    (CommandName.SET_PARAMETER, {"value": 20.0}),
    (CommandName.SET_PARAMETER, {"value": 29.0}),
    (CommandName.ENABLE_MAINTENANCE_MODE, {}),
    (CommandName.END_MAINTENANCE, {}),
    (CommandName.EMERGENCY_SHUTDOWN, {}),
    (CommandName.RESTART, {}),
)
_OFTEN = (4, 3, 4, 2, 2, 3, 6, 0.4, 4)
"""How often each is ordered, against the others: a stop ends what is under way, and leaves only the restart to do."""
_OF_PEOPLE = (CommandName.RESTART, CommandName.RESTORE_LOAD, CommandName.END_MAINTENANCE)


def plant_now(began: float) -> float:
    """Return the plant's time, the same in every process."""
    return T0 + (time.time() - began) * SPEED


def configuration(folder: Path, port: int) -> Configuration:
    shipped = load(PLANT_FILE, {}).plant
    devices = {name: replace(shipped.devices[name], recovery={}) for name in DEVICES}
    rules = (
        PolicyRule("agents reduce a little", Verdict.ALLOW, ("agent",), (CommandName.REDUCE_LOAD,), up_to_pct=MILD_PCT),
        PolicyRule("agents ask", Verdict.ASK, ("agent",), (CommandName.REDUCE_LOAD,), above_pct=MILD_PCT),
        PolicyRule("agents ask for more", Verdict.ASK, ("agent",), tuple({*CommandName} - {CommandName.REDUCE_LOAD})),
        PolicyRule("operators decide", Verdict.ALLOW, ("operator",)),
    )
    policy = PolicySpec(
        rules,
        approve_within_s=400.0,
        send_within_s=60.0,
        answer_within_s=60.0,
        device_rate=Rate(100_000, 3600.0),
        plant_rate=Rate(100_000, 3600.0),
        device_proposals=Rate(100_000, 3600.0),
        plant_proposals=Rate(100_000, 3600.0),
        line_reduction_pct=1e6,
        doubtful=(),
    )
    return Configuration(
        path=folder / "plant.yaml",
        plant=PlantSpec("killed", {"line-1": LineSpec("line-1", "", DEVICES)}, devices, policy),
        broker=BrokerSettings(host="127.0.0.1", port=port, reconnect_min_s=0.05, reconnect_max_s=0.2),
        store=StoreSettings(url=f"sqlite:///{folder}/store.db", commit_interval_s=0.0),
        clock=ClockSettings(source="stream", max_age_s=1e7, max_ahead_s=1e7),
        manuals=ManualsSettings(folder=folder / "manuals", model="none"),
    )


def run_core(folder: Path, port: int, seed: int, finish: threading.Event | None = None) -> None:
    """Propose and approve at random until killed; once the file ``finish`` is there, until nothing is open."""
    settings = configuration(folder, port)
    chance, pause = random.Random(seed), threading.Event()
    with App(settings, PahoBus(settings.broker)) as app:
        (folder / "core-is-up").touch()
        while not (folder / "finish").exists():
            with suppress(AegisFlowError):
                act(app, chance)
            pause.wait(0.01)
        end_commands(app)
    (folder / "finished").touch()


def act(app: App, chance: random.Random) -> None:
    """Do one thing that an agent or an operator may do."""
    waiting = app.plant.approvals().value
    if waiting and chance.random() < 0.5:
        view = chance.choice(waiting)
        app.plant.approve(view.receipt.command.command_id, view.digest, ADA)
        return
    device_id = chance.choice(DEVICES)
    ((name, parameters),) = chance.choices(_ORDERS, _OFTEN)
    if name is CommandName.SET_PARAMETER:
        parameters = {"name": next(iter(SETPOINTS[device_id])), **parameters}
    by = AGENT if name not in _OF_PEOPLE and chance.random() < 0.7 else ADA
    app.plant.request_command(device_id, name, parameters, by, "because the test says so")


def open_commands(app: App, devices: Sequence[str] = DEVICES) -> bool:
    """Whether anything is not over, or nobody knows."""
    try:
        return any(app.plant.device_commands(name, ADA).value.open for name in devices)
    except AegisFlowError:
        return True


def end_commands(app: App, devices: Sequence[str] = DEVICES) -> None:
    """Reject what waits for a person, and return once nothing is open."""
    pause = threading.Event()
    while open_commands(app, devices):
        with suppress(AegisFlowError):
            for view in app.plant.approvals().value:
                app.plant.reject(view.receipt.command.command_id, ADA, "the test ends")
        pause.wait(0.05)


class LoggedMachine(Machine):
    """A machine that writes down, on disk, what it really does, and is in the same state after a fall.

    It is logged before it is kept: what a machine came back with was always logged.
    """

    __slots__ = ("command_id", "log", "state")

    command_id: str
    log: Path
    state: Path

    def wake(self) -> None:
        """Go on as before the fall."""
        with suppress(FileNotFoundError):
            running, load = self.state.read_text().split()
            self.running, self.load = Running(running), float(load)
            self._warmth = self.load

    def obey(self, command: str, parameters: Any) -> Said:
        said = super().obey(command, parameters)
        if said.accepted:
            with self.log.open("a") as file:
                file.write(f"{self.device_id} {self.command_id} {command}\n")
                file.flush()
                os.fsync(file.fileno())
            part = self.state.with_suffix(".part")
            part.write_text(f"{self.running.value} {self._plan[-1][1] if self._plan else self.load}")
            part.replace(self.state)
        return said


class LoggedFleet(Fleet):
    """Tells each machine which command it is about to obey."""

    def answer(self, device_id: str, payload: bytes) -> None:
        with suppress(ValueError):
            self._machines[device_id].command_id = json.loads(payload).get("command_id", "")  # type: ignore[attr-defined]
        super().answer(device_id, payload)


def run_machines(folder: Path, port: int, seed: int, began: float) -> None:
    """Publish and obey until killed."""
    faulthandler.register(signal.SIGUSR1)  # so that one which hangs can be asked where
    machines = {}
    for name in DEVICES:
        machine = LoggedMachine(name, REFERENCE_SENSORS, seed=seed, setpoints=SETPOINTS[name])
        machine.log, machine.command_id = folder / "effects.log", ""
        machine.state = folder / f"{name}.state"
        machine.wake()
        machines[name] = machine
    while True:
        wire = Wire("127.0.0.1", port, name="machines", session=True, patience_s=60.0)
        wire._client.reconnect_delay_set(0.05, 0.2)  # type: ignore[arg-type]
        try:
            wire.connect()
            fleet = LoggedFleet(machines, wire, CommandMemory(folder / "memory.json"), clock=lambda: plant_now(began))
            fleet.listen()
            (folder / "machines-is-up").touch()
            fleet.run(interval_s=STEP_S, speed=SPEED)
        except BusError:
            wire.close()


def main() -> None:
    """``core|machines FOLDER PORT SEED BEGAN``."""
    role, folder, port, seed, began = sys.argv[1:6]
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if role == "core":
        run_core(Path(folder), int(port), int(seed))
    else:
        run_machines(Path(folder), int(port), int(seed), float(began))


if __name__ == "__main__":
    main()
