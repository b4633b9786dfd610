from pathlib import Path

import pytest

from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.incidents.model import IncidentReview
from aegisflow.domain.rights import Role
from aegisflow.errors import NotAllowedError
from tests.support.memory_plant import a_new_incident
from tests.support.running import Running


def test_reports_are_written_and_reviewed_by_people_of_the_machines_line_alone(tmp_path: Path) -> None:
    running = Running(tmp_path)
    with running.app:
        plant = running.plant
        device = next(iter(plant.inventory().devices.values()))
        olaf, eve = (
            Caller(name, CallerKind.OPERATOR, True, Role.OPERATOR, lines)
            for name, lines in (("olaf", (device.line,)), ("eve", ("another",)))
        )
        report = a_new_incident(device_id=device.device_id)
        with pytest.raises(NotAllowedError, match=f"a machine of {device.line}, and their role is operator of another"):
            plant.log_incident(report, eve)
        stored = plant.log_incident(report, olaf)
        with pytest.raises(NotAllowedError, match=f"a machine of {device.line}, and their role is operator of another"):
            plant.review_incident(IncidentReview(stored.incident_id, 1, eve))
        assert plant.review_incident(IncidentReview(stored.incident_id, 1, olaf)).revision == 2
