"""The walk of an accepted level through the whole application: asked, stored, audited, and known after a start."""

from pathlib import Path

import pytest

from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.errors import NotAllowedError, UnknownNameError
from tests.support.running import AGENT, Running
from tests.support.waiting import eventually

ADA = Caller("ada", CallerKind.OPERATOR)


def test_d1_an_accepted_level_is_stored_audited_and_known_after_a_restart(tmp_path: Path) -> None:
    first = Running(tmp_path)
    with first.app:
        first.ordinary(130)
        first.settle()
        (level,) = first.plant.accept_levels("pump-01", ("temperature",), ADA, "recipe B")
        assert (level.by, level.reason, level.at) == ("ada", "recipe B", first.plant.now())
        assert first.plant.accepted_levels().value == (level,)
        with pytest.raises(NotAllowedError):
            first.plant.accept_levels("pump-01", ("temperature",), AGENT, "recipe B")
        with pytest.raises(UnknownNameError):
            first.plant.accept_levels("pump-99", ("temperature",), ADA, "recipe B")
    second = Running(tmp_path)
    with second.app:
        eventually(lambda: second.plant.accepted_levels().value == (level,))
        assert second.plant.restore_levels("pump-01", ("temperature",), ADA, "it was none") == (level,)
    third = Running(tmp_path)
    with third.app:
        assert third.plant.accepted_levels().value == ()
