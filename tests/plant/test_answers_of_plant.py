"""What the plant answered in the field (part H): each test is named by its case."""

from pathlib import Path

from aegisflow.domain.times import Period
from aegisflow.domain.views import AlarmQuery
from tests.support.running import Running


def test_h4_every_read_says_that_the_broker_is_away_and_no_longer_once_it_is_back(tmp_path: Path) -> None:
    running = Running(tmp_path)
    with running.app:
        plant = running.plant
        hour = Period(plant.now() - 3_600, plant.now())
        reads = (
            plant.all_status,
            lambda: plant.device_status("pump-01"),
            plant.active_alarms,
            lambda: plant.alarm_history(AlarmQuery()),
            lambda: plant.sensor_stream("pump-01", (), hour, 10),
        )
        assert [dict(read().unavailable) for read in reads] == [{}] * len(reads)
        running.bus.break_link("connection refused")
        for read in reads:
            assert "connection refused; values are those of before" in read().unavailable["broker"]
        running.bus.restore_link()
        assert [dict(read().unavailable) for read in reads] == [{}] * len(reads)
