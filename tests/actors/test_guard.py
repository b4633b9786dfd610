import pykka
import pytest
from samples import device_spec
from small_plant import WAIT_S, SmallPlant

from aegisflow.actors.base import GUARD
from aegisflow.actors.guard import Guard
from aegisflow.actors.messages import Ping, PlantReplaced, RequestCommand
from aegisflow.domain.commands import Caller, CommandName, Stage
from aegisflow.errors import UnavailableError, UnknownNameError

AGENT = Caller("claude", "agent")


@pytest.fixture
def guard(small_plant: SmallPlant) -> pykka.ActorRef:
    ref = Guard.start(GUARD, small_plant.directory, small_plant.plant, small_plant.clock.now, small_plant.metrics)
    small_plant.directory.register(GUARD, ref)
    return ref


def propose(device_id: str = "pump-01") -> RequestCommand:
    return RequestCommand(device_id, CommandName.EMERGENCY_SHUTDOWN, {}, AGENT, "smoke")


@pytest.mark.usefixtures("guard")
def test_a_denied_proposal_is_committed_with_its_row_before_it_is_answered(small_plant: SmallPlant) -> None:
    receipt = small_plant.directory.ask(GUARD, propose(), WAIT_S)
    assert receipt.stage is Stage.DENIED
    assert small_plant.disk.commands == [receipt]
    (row,) = small_plant.disk.audit
    assert (row.actor, row.act, row.subject) == ("claude", "command_denied", "pump-01")
    assert row.detail["justification"] == "smoke"
    assert small_plant.bus.published == []


@pytest.mark.usefixtures("guard")
def test_a_stuck_store_keeps_the_one_who_asked_waiting_but_not_the_guard(small_plant: SmallPlant) -> None:
    small_plant.disk.fast.clear()
    with pytest.raises(UnavailableError, match=r"no answer within 0\.05 s"):
        small_plant.directory.ask(GUARD, propose(), 0.05)
    assert small_plant.directory.ask(GUARD, Ping(), WAIT_S) is True
    small_plant.disk.fast.set()
    small_plant.disk.wait_until(lambda: small_plant.disk.commands)


@pytest.mark.usefixtures("guard")
def test_the_guard_knows_the_devices_of_today(small_plant: SmallPlant) -> None:
    with pytest.raises(UnknownNameError, match="pump-01, motor-01"):
        small_plant.directory.ask(GUARD, propose("fan-01"), WAIT_S)
    plant = type(small_plant.plant)("test", {}, {"fan-01": device_spec("fan-01")})
    small_plant.directory.tell(GUARD, PlantReplaced(plant))
    assert small_plant.directory.ask(GUARD, propose("fan-01"), WAIT_S).stage is Stage.DENIED


def test_without_a_historian_nothing_is_decided(small_plant: SmallPlant, guard: pykka.ActorRef) -> None:
    small_plant.directory.forget("historian", "isolated for a test")
    with pytest.raises(UnavailableError, match="historian did not answer: isolated for a test"):
        small_plant.directory.ask(GUARD, propose(), WAIT_S)
    assert guard.is_alive()
