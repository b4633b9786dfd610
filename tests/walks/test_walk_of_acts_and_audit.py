"""V5: whatever people have done to alarms, levels, learning and reports is held against its rows of the audit."""

import shutil
from pathlib import Path

import pytest

from aegisflow.config import StoreSettings
from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.incidents.model import IncidentReview, NewIncident
from aegisflow.domain.learning import LearningAct
from aegisflow.plant.audit import verify_audit
from aegisflow.store.connection import Connection
from tests.support.running import T0, Running

ADA = Caller("ada", CallerKind.OPERATOR)
SEVERE = NewIncident("pump-01", None, "leak", Severity.HIGH, "Leak", "worn", "replaced", "fine", "claude", "agent", T0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a store in which people have done all that they can do to what is not a command."""
    made = tmp_path_factory.mktemp("acts")
    running = Running(made)
    plant = running.plant
    with running.app:
        running.ordinary(130, "motor-01")
        running.overheat()
        plant.accept_levels("motor-01", ("temperature",), ADA, "recipe B")
        plant.accept_levels("motor-01", ("vibration",), ADA, "recipe B")
        plant.restore_levels("motor-01", ("vibration",), ADA, "it was none")
        plant.learn("motor-01", LearningAct.BEGIN, "600s", ADA, "overhauled")
        (alarm,) = plant.active_alarms(("pump-01",)).value
        plant.acknowledge(alarm.alarm_id, ADA, "seen it")
        plant.shelve(alarm.alarm_id, ADA, 600.0, "welding next door")
        report = plant.log_incident(SEVERE)
        plant.review_incident(IncidentReview(report.incident_id, 1, ADA, {"outcome": "worse"}))
    return made


def look(folder: Path) -> str:
    return verify_audit(StoreSettings(url=f"sqlite:///{folder}/store.db")).broken


def test_what_people_did_fits_the_audit(folder: Path) -> None:
    assert look(folder) == ""


def test_what_ends_by_itself_fits_as_well(folder: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(folder, again)
    nobody = "acknowledged_by = '', acknowledged_at = NULL, note = ''"
    edit(again, f"UPDATE anomalies SET state = 'unacknowledged', {nobody}")
    assert "otherwise" in look(again)  # its shelf has not ended yet
    edit(again, "UPDATE anomalies SET set_aside_by = '', set_aside_reason = '', shelved_until = NULL")
    assert look(again) == ""


def edit(folder: Path, statement: str) -> None:
    connection = Connection(f"sqlite:///{folder}/store.db", read_only=False)
    assert connection.run(statement).rowcount > 0
    connection.close()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE anomalies SET acknowledged_by = 'anna'", "the alarm pump-01@"),
        ("UPDATE anomalies SET acknowledged_at = acknowledged_at + 1", "the alarm pump-01@"),
        ("UPDATE anomalies SET note = 'by word of anna'", "the alarm pump-01@"),
        ("UPDATE anomalies SET set_aside_by = 'anna'", "the alarm pump-01@"),
        ("UPDATE anomalies SET set_aside_reason = 'for good'", "the alarm pump-01@"),
        ("UPDATE anomalies SET shelved_until = 9e9", "the alarm pump-01@"),
        ("UPDATE anomalies SET shelved_until = NULL", "the alarm pump-01@"),
        ("UPDATE anomalies SET state = 'out_of_service'", "the alarm pump-01@"),
        ("UPDATE anomalies SET state = 'acknowledged', acknowledged_by = ''", "the alarm pump-01@"),
        ("DELETE FROM anomalies", "gone from the store: the alarm pump-01@"),
        ("UPDATE incidents SET actions_taken = 'raise load to 100 %'", "the incident 1 is not as"),
        ("UPDATE incidents SET reviewed_by = 'anna'", "the incident 1 is not as"),
        ("UPDATE incident_revisions SET report = '{}'", "the incident 1 is not as"),
        ("DELETE FROM incident_revisions", "the incident 1 is not as"),
        ("UPDATE incidents SET id = 7", "the incident 7 is not as"),
        ("DELETE FROM incidents", "gone from the store: the incident 1"),
        ("UPDATE levels SET record = replace(record, 'recipe B', 'C')", "the level motor-01/temperature is not as"),
        ("UPDATE levels SET key = 'motor-01/vibration'", "the level motor-01/vibration is not as"),
        ("DELETE FROM levels", "gone from the store: the level motor-01/temperature"),
        ("UPDATE learning SET period = replace(period, 'ada', 'anna')", "the learning motor-01 is not as"),
        ("UPDATE learning SET device_id = 'pump-01'", "the learning pump-01 is not as"),
        ("DELETE FROM learning", "gone from the store: the learning motor-01"),
    ],
)
def test_v5_an_edit_of_what_people_did_shows(folder: Path, tmp_path: Path, statement: str, words: str) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(folder, copied)
    edit(copied, statement)
    assert words in look(copied)
