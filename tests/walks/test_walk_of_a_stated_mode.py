"""The walk of an operator's word for the mode of a machine: asked, audited, told, and kept over a restart (H12)."""

from pathlib import Path

import pytest

from aegisflow.actors.messages.store import FindAudit
from aegisflow.actors.runtime.directory import ARCHIVE
from aegisflow.domain.alarms.model import AlarmState
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import MODE_STATED, Mode
from aegisflow.errors import BadValueError, NotAllowedError, UnknownNameError
from tests.support.running import AGENT, Running
from tests.support.waiting import eventually

ADA = Caller("ada", CallerKind.OPERATOR)


def mode(running: Running, device_id: str = "pump-01") -> Mode:
    return running.plant.device_status(device_id).value.mode


def test_h12_a_stated_mode_is_audited_kept_over_a_restart_and_never_sent(tmp_path: Path) -> None:
    first = Running(tmp_path)
    with first.app:
        first.ordinary(3)
        first.settle()
        stated = first.plant.state_mode("pump-01", Mode.REDUCED_LOAD, 40.0, ADA, "the valve is half shut")
        assert (stated.by, stated.at, mode(first)) == ("ada", first.plant.now(), Mode.REDUCED_LOAD)
        (row,) = first.app.directory.ask(ARCHIVE, FindAudit(MODE_STATED, 10), 5.0)
        assert (row.actor, row.subject, row.at) == ("ada", "pump-01", stated.at)
        assert row.detail == {
            "kind": "operator",
            "mode": "reduced_load",
            "reduction_pct": 40.0,
            "before": "normal",
            "reason": "the valve is half shut",
        }
        assert first.bus.published == []
    second = Running(tmp_path)
    with second.app:
        status = second.plant.device_status("pump-01").value
        assert status.mode is Mode.REDUCED_LOAD
        assert status.notes[0].startswith("its mode is what ada stated at ")
        assert mode(second, "motor-01") is Mode.NORMAL
        second.plant.state_mode("pump-01", Mode.NORMAL, 0.0, ADA, "it is open again")
    third = Running(tmp_path)
    with third.app:
        assert mode(third) is Mode.NORMAL


def test_h12_a_machine_that_takes_no_commands_can_be_in_maintenance_and_its_alarms_are_then_by_design(
    tmp_path: Path,
) -> None:
    running = Running(tmp_path)
    with running.app:
        running.plant.state_mode("pump-01", Mode.MAINTENANCE, 0.0, ADA, "bearing is being changed")
        running.overheat()
        eventually(lambda: running.plant.active_alarms().value)
        assert [alarm.state for alarm in running.plant.active_alarms().value] == [AlarmState.SUPPRESSED_BY_DESIGN]
        assert running.bus.published == []


def test_h12_only_an_operator_states_a_mode_and_only_one_that_can_be(tmp_path: Path) -> None:
    running = Running(tmp_path)
    with running.app:
        for by in (AGENT, Caller("cron", CallerKind.SYSTEM), Caller("ada", CallerKind.UNKNOWN)):
            with pytest.raises(NotAllowedError, match="may not state the mode of a machine"):
                running.plant.state_mode("pump-01", Mode.SHUTDOWN, 0.0, by, "it stands still")
        with pytest.raises(BadValueError, match="why, in a few words"):
            running.plant.state_mode("pump-01", Mode.SHUTDOWN, 0.0, ADA, " ")
        with pytest.raises(UnknownNameError, match="pump-01"):
            running.plant.state_mode("pump-9", Mode.SHUTDOWN, 0.0, ADA, "it stands still")
        assert mode(running) is Mode.NORMAL
        assert running.app.directory.ask(ARCHIVE, FindAudit(MODE_STATED, 10), 5.0) == ()
