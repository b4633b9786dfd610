"""An alarm for what others send a machine: one until people have taken note of it (M1)."""

from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.device import FOREIGN_COMMAND
from tests.support.device_bench import fed
from tests.support.samples import healthy

ADA = Caller("ada", CallerKind.OPERATOR)


def test_m1_of_a_flood_of_foreign_commands_people_are_told_once_until_they_take_note() -> None:
    device = fed(list(healthy(30)))
    told = [event for at in range(1_000) for event in device.foreign_command("restart", 200.0 + at)]
    assert [event.alarm.fault_type for event in told] == [FOREIGN_COMMAND]
    device.acknowledge(told[0].alarm.alarm_id, ADA, "the vendor was here", 2_000.0)
    assert len(device.foreign_command("restart", 2_001.0)) == 1
