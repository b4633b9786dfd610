"""The way back from a command is offered, and goes through policy when a person proposes it."""

from dataclasses import replace

import pytest

from aegisflow.domain.commands.model import CommandName, Stage, WayBack
from tests.support.console_client import Browser
from tests.support.console_scene import AGENT
from tests.support.memory_plant import NOW, MemoryPlant


@pytest.fixture
def command(plant: MemoryPlant) -> str:
    asked = plant.request_command("pump-01", CommandName.REDUCE_LOAD, {"reduction_pct": 20.0}, AGENT, "hot")
    back = WayBack(CommandName.RESTORE_LOAD, {}, "it leads to full load")
    plant.requests[0] = replace(asked, stage=Stage.VERIFIED, stage_at=NOW - 600, way_back=back)
    return asked.command.command_id


def test_a_verified_command_offers_its_way_back_with_what_has_changed_since(operator: Browser, command: str) -> None:
    operator.open("/machines/pump-01").shows("The way back: restore load")
    operator.open(f"/commands/{command}/way-back").shows(
        "reduce load by 20 %", "restore load", "it leads to full load", "Nothing goes back by itself"
    )


def test_the_way_back_is_proposed_with_a_reason_and_the_name_of_the_machine(plant, operator, command: str) -> None:
    path = f"/commands/{command}/way-back"
    operator.open(path)
    assert operator.send(path, {"reason": "cooled down", "name": "pump-02"}).status == 400
    assert operator.fields()["reason"] == "cooled down"
    assert operator.open(path).send(path, {"name": "pump-01"}).status == 400
    assert len(plant.requests) == 1
    operator.open(path).send(path, {"reason": "cooled down", "name": "pump-01"})
    operator.shows("restore load for pump-01: awaiting approval")
    asked = plant.requests[-1].command
    assert (asked.command, asked.proposed_by.name) == (CommandName.RESTORE_LOAD, "operator")
    assert asked.justification == f"the way back from {command}: cooled down"


def test_where_nothing_leads_back_it_is_said_why(plant: MemoryPlant, operator: Browser, command: str) -> None:
    plant.requests[0] = replace(plant.requests[0], way_back=WayBack(None, {}, "a restart has none"))
    operator.open("/machines/pump-01").shows("No way back: a restart has none")
    operator.open(f"/commands/{command}/way-back").shows("There is no way back: a restart has none.")
    assert operator.send(f"/commands/{command}/way-back", {"reason": "x", "name": "pump-01"}).status == 409
