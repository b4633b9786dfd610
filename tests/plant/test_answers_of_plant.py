"""What the plant answered in the field (part H): each test is named by its case."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from aegisflow.domain.incidents.model import IncidentQuery
from aegisflow.domain.times import Period
from aegisflow.domain.views import AlarmQuery, Answer
from tests.support.running import AGENT, Running


def test_h4_every_answer_says_since_when_the_broker_is_away_and_no_longer_once_it_is_back(tmp_path: Path) -> None:
    running = Running(tmp_path)
    with running.app:
        plant = running.plant
        hour = Period(plant.now() - 3_600, plant.now())
        reads: tuple[Callable[[], Answer[Any]], ...] = (
            plant.all_status,
            lambda: plant.device_status("pump-01"),
            lambda: plant.device_commands("pump-01", AGENT),
            plant.active_alarms,
            lambda: plant.alarm_history(AlarmQuery()),
            lambda: plant.alarm_kpis(hour),
            lambda: plant.sensor_stream("pump-01", (), hour, 10),
            lambda: plant.commands(None, 10),
            lambda: plant.incidents(IncidentQuery()),
            plant.approvals,
            plant.refused,
        )
        assert [read().broker_away_since for read in reads] == [None] * len(reads)
        running.bus.break_link("connection refused")
        since = running.bus.link().since
        assert [read().broker_away_since for read in reads] == [since] * len(reads)
        # Devices answer all the same, so nobody is unavailable; a reload would take that for a device not to be asked.
        assert all(read().unavailable == {} for read in reads)
        running.bus.restore_link()
        assert [read().broker_away_since for read in reads] == [None] * len(reads)
