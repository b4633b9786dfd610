from dataclasses import replace

from aegisflow.domain.alarms.first_out import first_outs
from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.equipment import DeviceSpec, LineSpec, PlantSpec
from tests.support.alarm_bench import raised

LINES = {"line-1": ("compressor-01", "motor-01", "pump-01"), "line-2": ("compressor-02", "motor-02", "pump-02")}
PLANT = PlantSpec(
    "test",
    {line: LineSpec(line, "", devices) for line, devices in LINES.items()},
    {device: DeviceSpec(device, line, "any", {}) for line, devices in LINES.items() for device in devices},
)


def alarm(device_id: str, at: float) -> Alarm:
    return replace(raised().only, alarm_id=f"{device_id}@{at:g}", device_id=device_id, raised_at=at)


def test_the_oldest_of_a_lines_alarms_that_follow_each_other_is_first_out() -> None:
    alarms = [alarm("pump-01", 190.0), alarm("compressor-01", 60.0), alarm("motor-01", 100.0)]
    assert first_outs(alarms, PLANT) == {"compressor-01@60"}


def test_alarms_far_apart_or_on_different_lines_are_not_together() -> None:
    alarms = [alarm("pump-01", 0.0), alarm("motor-01", 121.0), alarm("motor-02", 10.0), alarm("gone-99", 1.0)]
    assert first_outs(alarms, PLANT) == frozenset()


def test_a_line_may_trip_twice() -> None:
    alarms = [alarm("pump-01", 0.0), alarm("motor-01", 9.0), alarm("motor-01", 900.0), alarm("pump-01", 990.0)]
    assert first_outs(alarms, PLANT) == {"pump-01@0", "motor-01@900"}


def test_a_device_alone_has_no_first_out() -> None:
    assert first_outs([alarm("pump-01", 0.0), alarm("pump-01", 30.0)], PLANT) == frozenset()
    assert first_outs([], PLANT) == frozenset()
