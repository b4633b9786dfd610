from desk import Desk
from store_samples import T0, alarm, raised, reading, records

from aegisflow.actors.messages import DeviceRecalled, RecallDevice, RecordsCommitted
from aegisflow.domain.commands import Mode
from aegisflow.domain.readings import Receipt


def test_a_lone_record_is_committed_at_once_and_then_the_gateway_is_told(desk: Desk) -> None:
    desk.take(records([reading(T0)], packets=[7]))
    assert desk.told == [("gateway", RecordsCommitted((Receipt(1, 7),), 1))]


def test_a_recall_brings_readings_oldest_first_and_open_alarms(desk: Desk) -> None:
    one = alarm(1)
    desk.take(records([reading(T0 + 5 * n, 70 + n) for n in range(60)], alarms=[raised(one)]))
    desk.take(RecallDevice("pump-01", "device:pump-01", 50))
    to, recalled = desk.told[-1]
    assert to == "device:pump-01"
    assert isinstance(recalled, DeviceRecalled)
    assert [r.at for r in recalled.readings] == [T0 + 5 * n for n in range(10, 60)]
    assert recalled.readings[-1].values == {"temperature": 129.0, "pressure": 31.5}
    assert recalled.alarms == (one,)
    assert recalled.mode is Mode.NORMAL
