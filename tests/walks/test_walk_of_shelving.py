"""The walk of a shelved alarm through the whole application: asked, stored, told, and rebuilt at a start."""

from pathlib import Path

import pytest

from aegisflow.actors.messages.common import Tick
from aegisflow.actors.runtime.directory import Directory
from aegisflow.domain.alarms.model import AlarmState
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.views import AlarmQuery
from aegisflow.errors import NotAllowedError, UnknownNameError
from tests.support.running import AGENT, T0, Running
from tests.support.waiting import eventually

ADA = Caller("ada", CallerKind.OPERATOR)
PUMP = ("pump-01",)
"""The machine that overheats; the other may be missed, and then has an alarm of its own."""
OF_PUMP = AlarmQuery(device_ids=PUMP)


def state(running: Running) -> AlarmState:
    (alarm,) = running.plant.active_alarms(PUMP).value
    return alarm.state


def test_a_shelved_alarm_is_stored_survives_a_restart_and_comes_back_in_time(tmp_path: Path) -> None:
    first = Running(tmp_path)
    with first.app:
        first.overheat()
        (alarm,) = first.plant.active_alarms(PUMP).value
        shelved = first.plant.shelve(alarm.alarm_id, ADA, 600.0, "welding next door")
        assert (shelved.state, shelved.shelved_until) == (AlarmState.SHELVED, first.plant.now() + 600.0)
        eventually(
            lambda: first.plant.alarm_history(AlarmQuery(device_ids=PUMP)).value.alarms[0].state is AlarmState.SHELVED
        )
        eventually(lambda: first.heard[-1].change == "shelved")
    second = Running(tmp_path)
    with second.app:
        (again,) = second.plant.active_alarms(PUMP).value
        assert (again.state, again.suppressed_by, again.suppression_reason, again.shelved_until) == (
            AlarmState.SHELVED,
            "ada",
            "welding next door",
            shelved.shelved_until,
        )
        for number in range(30):  # the plant's clock is the stream's: another machine lets it go on
            second.send("motor-01", T0 + 400 + 30 * number, {"temperature": 75.0})
        eventually(lambda: state(second) is AlarmState.UNACKNOWLEDGED)
        assert second.plant.active_alarms(PUMP).value[0].alarm_id == alarm.alarm_id


def test_only_operators_shelve_take_out_of_service_and_bring_back(tmp_path: Path) -> None:
    running = Running(tmp_path)
    with running.app:
        running.overheat()
        (alarm,) = running.plant.active_alarms(PUMP).value
        with pytest.raises(NotAllowedError, match="claude may not shelve alarms: only operators may"):
            running.plant.shelve(alarm.alarm_id, AGENT, 600.0, "it is in my way")
        with pytest.raises(NotAllowedError):
            running.plant.take_out_of_service(alarm.alarm_id, AGENT, "it is in my way")
        assert state(running) is AlarmState.UNACKNOWLEDGED
        running.plant.shelve(alarm.alarm_id, ADA, 600.0, "welding")
        with pytest.raises(NotAllowedError):
            running.plant.unshelve(alarm.alarm_id, AGENT)
        assert running.plant.unshelve(alarm.alarm_id, ADA).state is AlarmState.UNACKNOWLEDGED
        assert running.plant.take_out_of_service(alarm.alarm_id, ADA, "dismounted").state is AlarmState.OUT_OF_SERVICE
        with pytest.raises(NotAllowedError):
            running.plant.return_to_service(alarm.alarm_id, AGENT)
        assert running.plant.return_to_service(alarm.alarm_id, ADA).state is AlarmState.UNACKNOWLEDGED
        with pytest.raises(UnknownNameError, match=alarm.alarm_id):
            running.plant.shelve("nonsense", ADA, 600.0, "welding")


def test_a_machine_that_falls_silent_is_an_alarm_that_is_stored(tmp_path: Path) -> None:
    running = Running(tmp_path)
    with running.app:
        running.ordinary(60)
        running.settle()

        def stored_while_time_goes_on() -> list[tuple[str, str]]:
            running.send("motor-01", T0 + 300 + running.sent, {"temperature": 75.0})
            alarms = running.plant.alarm_history(AlarmQuery()).value.alarms
            return [(alarm.device_id, alarm.fault_type) for alarm in alarms]

        eventually(lambda: stored_while_time_goes_on() == [("pump-01", "sensor_silent")], every_s=0.05)


def test_a_plant_of_recorded_time_lets_nothing_end_before_its_stream_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wall is years ahead of the recording: by it, the shelf would be long over and the readings too old."""
    monkeypatch.setattr("aegisflow.actors.ticker.EVERY_S", 0.01)
    first = Running(tmp_path)
    with first.app:
        first.overheat()
        (alarm,) = first.plant.active_alarms(PUMP).value
        first.plant.shelve(alarm.alarm_id, ADA, 600.0, "welding next door")
        eventually(
            lambda: first.plant.alarm_history(AlarmQuery(device_ids=PUMP)).value.alarms[0].state is AlarmState.SHELVED
        )
    second = Running(tmp_path)
    ticked: list[str] = []
    times: list[float] = []
    told = Directory.tell
    monkeypatch.setattr(
        Directory,
        "tell",
        lambda directory, name, message: (
            (ticked.append(name), times.append(message.at)) if isinstance(message, Tick) else None,
            told(directory, name, message),
        )[1],
    )
    with second.app:
        eventually(lambda: len(ticked) >= 5)
        assert max(times) < T0 + 400, "a stream's clock goes on from the newest reading of the store"
        assert state(second) is AlarmState.SHELVED
        second.send("motor-01", T0 + 400, {"temperature": 75.0})
        eventually(lambda: "pump-01" in ticked)
        assert state(second) is AlarmState.SHELVED
