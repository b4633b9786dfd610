"""The walk of a commissioning period through the whole application: begun, restarted, ended, decided, and audited."""

from pathlib import Path

import pytest

from aegisflow.actors.messages.store import FindAudit
from aegisflow.actors.runtime.directory import ARCHIVE
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.learning import ENDED, LearningAct, LearningStage, LearningStatus
from aegisflow.domain.times import format_instant
from aegisflow.errors import ConflictError, NotAllowedError, UnknownNameError
from tests.support.running import AGENT, Running
from tests.support.waiting import eventually

ADA = Caller("ada", CallerKind.OPERATOR)
BEGIN, EXTEND, ACCEPT, DISCARD = LearningAct


def learned(running: Running) -> LearningStatus | None:
    return running.plant.learning().value.get("pump-01")


def test_a_period_is_kept_over_restarts_until_a_person_accepts_what_was_learned(tmp_path: Path) -> None:
    first = Running(tmp_path)
    with first.app:
        with pytest.raises(NotAllowedError):
            first.plant.learn("pump-01", BEGIN, "600s", AGENT, "overhauled")
        with pytest.raises(UnknownNameError):
            first.plant.learn("pump-99", BEGIN, "600s", ADA, "overhauled")
        first.ordinary(1)
        first.settle()
        begun = first.plant.learn("pump-01", BEGIN, "600s", ADA, "overhauled")
        assert begun is not None
        assert begun.period.until == first.plant.now() + 600
        first.ordinary(70)
        first.settle()
        with pytest.raises(ConflictError, match="being learned"):
            first.plant.learn("pump-01", BEGIN, "1h", ADA, "overhauled")
        status = first.plant.device_status("pump-01").value
        assert status.learning is not None
        assert (status.learning.stage, status.learning.period) == (LearningStage.LEARNING, begun.period)
        assert [note for note in status.notes if note.startswith("learning, ")]
    second = Running(tmp_path)
    with second.app:
        again = learned(second)
        assert again is not None
        assert (again.period, again.stage) == (begun.period, LearningStage.LEARNING)
        second.ordinary(130)
        second.settle()
        eventually(lambda: [one.fault_type for one in second.plant.active_alarms().value] == [ENDED])
        accepted = second.plant.learn("pump-01", ACCEPT, "", ADA, "as it should be")
        assert accepted is not None
        assert accepted.stage is LearningStage.ACCEPTED
        assert second.plant.active_alarms().value == ()
    third = Running(tmp_path)
    with third.app:
        kept = learned(third)
        assert kept is not None
        assert (kept.stage, kept.period) == (LearningStage.ACCEPTED, accepted.period)
        acts = ("learning_begun", ENDED, "learning_accepted")
        rows = {act: third.app.directory.ask(ARCHIVE, FindAudit(act, 10), 5.0) for act in acts}
        assert [(act, *(row.actor for row in found)) for act, found in rows.items()] == [
            ("learning_begun", "ada"),
            (ENDED, "pump-01"),
            ("learning_accepted", "ada"),
        ]
        (row,) = rows["learning_accepted"]
        assert {name: value for name, value in row.detail.items() if not name.startswith("record_")} == {
            "kind": "operator",
            "since": format_instant(kept.period.since),
            "until": format_instant(kept.period.until),
            "note": "as it should be",
        }


def test_what_is_thrown_away_is_gone_after_a_restart(tmp_path: Path) -> None:
    first = Running(tmp_path)
    with first.app:
        first.plant.learn("pump-01", BEGIN, "600s", ADA, "overhauled")
        first.ordinary(10)
        first.settle()
    second = Running(tmp_path)
    with second.app:
        assert learned(second) is not None
        extended = second.plant.learn("pump-01", EXTEND, "1h", ADA, "it goes on")
        assert extended is not None
        assert second.plant.learn("pump-01", DISCARD, "", ADA, "the wrong pump") is None
        assert learned(second) is None
    third = Running(tmp_path)
    with third.app:
        assert learned(third) is None
        assert third.plant.device_status("pump-01").value.learning is None
