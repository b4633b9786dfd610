"""A plant under command, without actors: views, commands, records and an authorizer, for tests."""

from dataclasses import replace
from typing import Any

from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.authorizer import CommandAuthorizer
from aegisflow.domain.commands.model import (
    Command,
    CommandName,
    CommandReceipt,
    CommandRecord,
    DeviceView,
    Expectation,
    Mode,
    Stage,
)
from aegisflow.domain.commands.policy_spec import PolicySpec
from aegisflow.domain.commands.transition import Transition
from aegisflow.domain.equipment import DeviceSpec, LineSpec, LoadSpec, PlantSpec
from tests.support.samples import device_spec, sensor_spec

AGENT = Caller("claude", CallerKind.AGENT)
ADA, BEN, CLEO = (Caller(name, CallerKind.OPERATOR) for name in ("ada", "ben", "cleo"))
NOW = 1_000_000.0
LESS_POWER = Expectation("power", None, 15.0, 240.0, before=20.0)
REDUCE, STOP, RESTART = CommandName.REDUCE_LOAD, CommandName.EMERGENCY_SHUTDOWN, CommandName.RESTART
SERVICE, SET = CommandName.ENABLE_MAINTENANCE_MODE, CommandName.SET_PARAMETER


def view(device_id: str = "pump-01", **changes: Any) -> DeviceView:
    """Return a healthy running device at full load."""
    healthy = DeviceView(
        device_id=device_id,
        line="line-1",
        kind=device_id.rpartition("-")[0],
        mode=Mode.NORMAL,
        reduction_pct=0.0,
        silent=False,
        stale=(),
        severity=None,
        fault_types=(),
        open_command="",
        means={"power": 20.0},
        recent={"power": (20.0,) * 12},
        spreads={"power": 0.5},
        full_load=None,
        unrecovered=(),
        version="v1",
        facts=("mode normal",),
    )
    return replace(healthy, **changes)


_made = iter(range(10**9))


def command(
    name: CommandName = REDUCE, by: Caller = AGENT, device_id: str = "pump-01", at: float = NOW, /, **parameters: Any
) -> Command:
    """Return a command with an id of its own; a reduction without an amount is one by 25 %."""
    if name is REDUCE and not parameters:
        parameters = {"reduction_pct": 25.0}
    return Command(f"cmd-{next(_made)}", device_id, name, parameters, by, "vibration is high", at)


def powered(device_id: str) -> DeviceSpec:
    """Return a device whose load its power shows."""
    spec = device_spec(device_id, sensor_spec("power", "kW"), sensor_spec("temperature"))
    return replace(spec, load=LoadSpec("power"))


def plant(*device_ids: str, **policy: Any) -> PlantSpec:
    """Return one line of these devices."""
    names = device_ids or ("pump-01", "pump-02", "motor-01")
    return PlantSpec(
        "test", {"line-1": LineSpec("line-1", "", names)}, {name: powered(name) for name in names}, PolicySpec(**policy)
    )


def make_authorizer(*device_ids: str, **policy: Any) -> CommandAuthorizer:
    """Return an authorizer of a plant whose devices have all told that they run."""
    made = CommandAuthorizer(plant(*device_ids, **policy), lambda severity: f"whoever answers for {severity}")
    made.commands.modes = dict.fromkeys(made.commands.plant.devices, (Mode.NORMAL, 0.0))
    return made


def store(authorizer: CommandAuthorizer, transition: Transition) -> CommandRecord:
    """Have a step stored, as the guard does."""
    authorizer.commands.reserve(transition)
    authorizer.commands.apply(transition)
    return transition.after


def sent(
    name: CommandName = REDUCE,
    /,
    *,
    stage: Stage = Stage.DISPATCHED,
    expects: Expectation | None = LESS_POWER,
    state_version: str = "v1",
    by: Caller = ADA,
    **parameters: Any,
) -> CommandRecord:
    """Return a command that is under way since ``NOW`` and must begin within 30 s."""
    receipt = CommandReceipt(command(name, by, **parameters), stage, (), "")
    return CommandRecord(receipt, NOW, state_version=state_version, send_by=NOW + 30.0, expectation=expects)
