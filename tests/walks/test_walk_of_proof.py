"""What proves that a command has worked, through the whole application."""

import pytest

from aegisflow.domain.commands.model import CommandName, Stage
from simulator.machines import Temper
from tests.support.commanding import ADA, Make

SET = CommandName.SET_PARAMETER


@pytest.mark.parametrize(
    ("temper", "ends", "why"),
    [
        (
            Temper.OBEYS,
            Stage.VERIFIED,
            "the machine's own unsigned answer: power_limit is 24; 3 unsigned readings since",
        ),
        (Temper.PRETENDS, Stage.UNVERIFIED, "the readings prove nothing: power_consumption was"),
    ],
)
def test_v7_a_limit_above_what_the_machine_draws_is_verified_only_by_its_own_answer(
    make: Make, temper: Temper, ends: Stage, why: str
) -> None:
    plant = make(tempers={"motor-01": temper})
    sent = plant.propose("motor-01", SET, ADA, name="power_limit", value=24.0)
    plant.live_until(lambda: plant.stage(sent).is_final, 600)
    assert plant.stage(sent) is ends
    assert why in " ".join(plant.stored(sent).reasons)


def test_v7_readings_that_change_verify_it(make: Make) -> None:
    plant = make()
    sent = plant.propose("pump-01", SET, ADA, name="pressure_setpoint", value=34.0)
    plant.live_until(lambda: plant.stage(sent).is_final, 600)
    assert plant.stage(sent) is Stage.VERIFIED
    assert "readings show it" in plant.stored(sent).reasons[0]
