"""Bounds of change and the way back, through the whole application, with machines that obey."""

from dataclasses import replace
from pathlib import Path

import pytest

from aegisflow.api.schemas.alarms import ById
from aegisflow.api.schemas.base import Nothing
from aegisflow.api.schemas.commands import ReasonRequest
from aegisflow.config import Configuration
from aegisflow.domain.commands.model import CommandName, Mode, Stage
from aegisflow.domain.equipment import LoadSpec
from aegisflow.errors import ConflictError, UnknownNameError
from aegisflow.http.commands import CommandRoutes
from tests.support.commanding import ADA, BEN, Commanded, Make

SET, REDUCE = CommandName.SET_PARAMETER, CommandName.REDUCE_LOAD
DEVICE = "pump-01"


def bounded(configuration: Configuration) -> Configuration:
    plant = configuration.plant
    spec = plant.devices[DEVICE]
    pressure = replace(spec.parameters["pressure_setpoint"], max_change=2.5, max_change_per_hour=2.5)
    load = replace(spec.load or LoadSpec("power_consumption"), max_change=50.0)
    bound = replace(spec, parameters={"pressure_setpoint": pressure}, load=load)
    return replace(configuration, plant=replace(plant, devices={**plant.devices, DEVICE: bound}))


def test_a_set_point_is_moved_within_its_bounds_and_back_by_one_call(make: Make) -> None:
    plant = make(change=bounded)
    routes = CommandRoutes(lambda: plant.plant)
    far = plant.propose(DEVICE, SET, ADA, name="pressure_setpoint", value=28.0)
    assert far.stage is Stage.DENIED
    assert any("at once, and 2.5 is the limit" in reason for reason in far.reasons)
    near = plant.propose(DEVICE, SET, ADA, name="pressure_setpoint", value=33.5)
    which = ById(id=near.command.command_id)
    assert routes.show(which, Nothing(), ADA).way_back is None
    with pytest.raises(ConflictError, match="only from what is verified"):
        routes.go_back(which, ReasonRequest(reason="too soon"), BEN)
    plant.live_until(lambda: plant.stage(near) is Stage.VERIFIED)
    plant.pass_time(60)
    offer = routes.way_back(which, Nothing(), ADA)
    assert offer.way_back.command is SET
    assert offer.way_back.parameters["value"] == pytest.approx(31.5, abs=0.8)
    (now,) = offer.since
    assert now.startswith("pressure_setpoint from 31.")
    assert "pressure shows 3" in now
    assert plant.orders(DEVICE) == ["set_parameter"]  # it is offered, and never sent by itself
    back = routes.go_back(which, ReasonRequest(reason="the batch is done"), BEN)
    assert back.words_not_facts.text == f"the way back from {which.id}: the batch is done"
    assert back.words_not_facts.of == "operator ben"
    assert back.stage is Stage.DISPATCHED
    plant.pass_time()
    assert plant.orders(DEVICE) == ["set_parameter", "set_parameter"]
    said = routes.way_back(which, Nothing(), ADA).since
    assert any(line.startswith(f"{back.command_id} followed it: set_parameter") for line in said)


def test_the_way_back_of_a_reduction_passes_the_guard_as_any_command_does(make: Make) -> None:
    plant = make(change=bounded)
    routes = CommandRoutes(lambda: plant.plant)
    assert plant.propose(DEVICE, REDUCE, ADA, reduction_pct=60.0).stage is Stage.DENIED
    half = plant.propose(DEVICE, REDUCE, ADA, reduction_pct=50.0)
    plant.live_until(lambda: plant.stage(half) is Stage.VERIFIED)
    which = ById(id=half.command.command_id)
    plant.plant.state_mode(DEVICE, Mode.MAINTENANCE, 0.0, ADA, "the bearing is being changed")
    since = routes.way_back(which, Nothing(), ADA).since
    assert since == ["the command led to the mode reduced_load, and the mode is maintenance now"]
    denied = routes.go_back(which, ReasonRequest(reason="enough"), BEN)
    assert denied.stage is Stage.DENIED
    with pytest.raises(UnknownNameError):
        routes.go_back(ById(id="cmd-of-nobody"), ReasonRequest(reason="enough"), BEN)


def test_a_guard_that_restarts_still_knows_what_was_moved_and_where_it_leads_back(make: Make, tmp_path: Path) -> None:
    first = make(change=bounded)
    up = first.propose(DEVICE, SET, ADA, name="pressure_setpoint", value=33.5)
    first.live_until(lambda: first.stage(up) is Stage.VERIFIED)
    first.app.stop()
    second = Commanded(tmp_path, change=bounded)
    second.now = first.now
    second.app.start()
    try:
        second.machines[DEVICE].parameters["pressure_setpoint"] = 33.5
        second.pass_time(120)
        further = second.propose(DEVICE, SET, ADA, name="pressure_setpoint", value=35.0)
        receipt = second.plant.command(up.command.command_id).value
        assert receipt.way_back is not None
        assert receipt.way_back.command is SET
        assert further.stage is Stage.DENIED
        (why,) = further.reasons
        assert why.startswith("pressure_setpoint was 31.")
        assert "within the last hour" in why
    finally:
        second.app.stop()
