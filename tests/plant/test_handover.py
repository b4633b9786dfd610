from pathlib import Path

import pytest

from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.handover import ACTS, handovers
from aegisflow.domain.rights import Role
from aegisflow.domain.views import AuditQuery
from aegisflow.errors import ConflictError, NotAllowedError, UnknownNameError
from tests.support.running import AGENT, Running

ANNA, BEN = (Caller(name, CallerKind.OPERATOR, True, Role.OPERATOR) for name in ("anna", "ben"))
EVE = Caller("eve", CallerKind.OPERATOR, True, Role.VIEWER)


def test_a_shift_is_handed_over_by_two_signatures_in_the_audit(tmp_path: Path) -> None:
    running = Running(tmp_path)
    with running.app:
        plant = running.plant
        left = plant.hand_over("Quiet.", ["one alarm is open"], ANNA)
        # One that is answered is on disk: nobody signs for what a crash would forget.
        (known,) = handovers(plant.journal(AuditQuery(acts=ACTS)).value.entries)
        assert (known.at, known.left_by, known.note, known.facts) == (left.at, "anna", "Quiet.", ("one alarm is open",))
        for by in (AGENT, EVE):
            with pytest.raises(NotAllowedError):
                plant.hand_over("Mine.", [], by)
            with pytest.raises(NotAllowedError):
                plant.take_over(left.at, "Mine.", by)
        with pytest.raises(ConflictError):
            plant.take_over(left.at, "Mine.", ANNA)
        plant.take_over(left.at, "Seen.", BEN)
        with pytest.raises(ConflictError):
            plant.take_over(left.at, "Seen.", BEN)
        (known,) = handovers(plant.journal(AuditQuery(acts=ACTS)).value.entries)
        assert (known.taken_by, known.taken_note) == ("ben", "Seen.")


def test_the_life_of_an_alarm_that_never_was_is_unknown(tmp_path: Path) -> None:
    running = Running(tmp_path)
    with running.app, pytest.raises(UnknownNameError):
        running.plant.alarm_life("pump-01@never")
