"""The two walks of docs/architecture.md, through the whole application: a reading's and a command's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aegisflow.domain.alarms.model import AlarmState, Change, Severity
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import CommandName, Stage
from aegisflow.domain.incidents.model import IncidentQuery, IncidentReview, NewIncident
from aegisflow.domain.readings import Quality
from aegisflow.domain.times import Period
from aegisflow.domain.views import AlarmQuery
from aegisflow.errors import BadValueError, NotAllowedError, UnavailableError, UnknownNameError
from tests.support.running import AGENT, T0, Running
from tests.support.samples import healthy
from tests.support.waiting import eventually


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    built = Running(tmp_path)
    with built.app:
        yield built


def test_a_reading_walks_from_the_bus_to_the_store_and_back_as_an_acknowledgement(running: Running) -> None:
    running.ordinary(100)
    running.settle()
    status = running.plant.device_status("pump-01").value
    assert status.accepted == 100
    assert status.latest_at == T0 + 5 * 99
    assert {sensor.quality for sensor in status.sensors} == {Quality.GOOD}
    assert [sensor.count for sensor in status.sensors] == [60] * 5
    stream = running.plant.sensor_stream("pump-01", ("temperature",), Period(T0, T0 + 500), 10).value
    assert stream.readings == 100
    temperatures = [reading.values["temperature"] for reading in healthy(100, start=T0)]
    assert stream.sensors[0].max == pytest.approx(max(temperatures))
    assert stream.sensors[0].mean == pytest.approx(sum(temperatures) / 100)
    assert running.plant.now() == T0 + 5 * 99


def test_an_alarm_walks_from_a_reading_to_the_store_the_listeners_and_the_one_who_asks(running: Running) -> None:
    running.overheat()
    (alarm,) = running.plant.active_alarms().value
    assert alarm.device_id == "pump-01"
    assert "temperature" in alarm.sensors
    assert running.plant.active_alarms(("motor-01",)).value == ()
    page = running.plant.alarm_history(AlarmQuery()).value
    assert [found.alarm_id for found in page.alarms] == [alarm.alarm_id]
    assert running.heard[0].change is Change.RAISED
    noted = running.plant.acknowledge(alarm.alarm_id, Caller("ada", CallerKind.OPERATOR), "on my way")
    assert noted.state is AlarmState.ACKNOWLEDGED
    eventually(lambda: running.plant.alarm_history(AlarmQuery()).value.alarms[0].acknowledged_by == "ada")
    with pytest.raises(UnknownNameError, match=alarm.alarm_id):
        running.plant.acknowledge("pump-01@never", AGENT, "")
    with pytest.raises(UnknownNameError, match=alarm.alarm_id):
        running.plant.acknowledge("nonsense", AGENT, "")


@pytest.mark.parametrize(
    ("command", "parameters"),
    [
        (CommandName.REDUCE_LOAD, {"reduction_pct": 30}),
        (CommandName.SET_PARAMETER, {"name": "pressure_setpoint", "value": 30.0}),
        (CommandName.ENABLE_MAINTENANCE_MODE, {}),
    ],
)
def test_what_an_agent_proposes_for_a_silent_device_is_denied_stored_and_never_published(
    running: Running, command: CommandName, parameters: dict[str, str | float]
) -> None:
    receipt = running.plant.request_command("pump-01", command, parameters, AGENT, "it is hot")
    assert receipt.stage is Stage.DENIED
    assert "monitor and do not act" in receipt.reasons[0]
    assert "nothing was sent" in receipt.next_step
    assert running.plant.command(receipt.command.command_id).value.stage is Stage.DENIED
    with pytest.raises(UnknownNameError, match=receipt.command.command_id):
        running.plant.command("cmd-of-nobody")
    page = running.plant.commands("pump-01", 10).value
    assert [(kept.command.command_id, kept.stage) for kept in page.commands] == [
        (receipt.command.command_id, Stage.DENIED)
    ]
    assert running.bus.published == []


@pytest.mark.parametrize(
    ("device_id", "command", "parameters", "error", "words"),
    [
        ("pump-99", CommandName.RESTART, {}, UnknownNameError, "pump-01, motor-01"),
        ("pump-01", CommandName.REDUCE_LOAD, {"reduction_pct": 90}, BadValueError, "from 20 to 80 %"),
        ("pump-01", CommandName.REDUCE_LOAD, {"reduction_pct": "nan"}, BadValueError, "from 20 to 80 %"),
        ("pump-01", CommandName.REDUCE_LOAD, {}, BadValueError, "reduce_load needs"),
        ("pump-01", CommandName.RESTART, {"now": 1}, BadValueError, "no parameters for restart"),
        ("pump-01", CommandName.SET_PARAMETER, {"name": "speed", "value": 1}, UnknownNameError, "pressure_setpoint"),
        (
            "pump-01",
            CommandName.SET_PARAMETER,
            {"name": "pressure_setpoint", "value": 99},
            BadValueError,
            "from 28 to 35 PSI",
        ),
    ],
)
def test_a_proposal_that_makes_no_sense_is_answered_with_what_would(
    running: Running, device_id: str, command: CommandName, parameters, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        running.plant.request_command(device_id, command, parameters, AGENT, "")


def test_a_report_needs_an_alarm_that_exists_and_is_found_again(running: Running) -> None:
    running.overheat()
    (alarm,) = running.plant.active_alarms().value
    report = NewIncident(
        "pump-01", alarm.alarm_id, "thermal_runaway", Severity.HIGH, "Hot", "", "", "", "claude", "agent", T0
    )
    stored = running.plant.log_incident(report)
    (found,) = running.plant.incidents(IncidentQuery(device_id="pump-01")).value.incidents
    assert found == stored
    invented = NewIncident("pump-01", "pump-01@x", "", Severity.HIGH, "", "", "", "", "claude", "agent", T0)
    with pytest.raises(UnknownNameError, match=alarm.alarm_id):
        running.plant.log_incident(invented)


def report_of(device_id: str, alarm_id: str | None, title: str, cause: str) -> NewIncident:
    words = (title, cause, "cleaned the fan inlet", "back to normal")
    return NewIncident(device_id, alarm_id, "thermal_runaway", Severity.HIGH, *words, "claude", "agent", T0)


def test_a_report_can_not_be_of_another_devices_alarm(running: Running) -> None:
    running.overheat()
    (alarm,) = running.plant.active_alarms().value
    with pytest.raises(BadValueError, match="an alarm of motor-01, not of pump-01"):
        running.plant.log_incident(report_of("motor-01", alarm.alarm_id, "Hot", "fan"))


def test_what_was_reported_comes_back_with_the_next_alarm_that_is_like_it(running: Running) -> None:
    first = running.plant.log_incident(report_of("motor-01", None, "Winding hot", "blocked fan"))
    second = running.plant.log_incident(report_of("pump-01", None, "Ran dry", "closed valve"))
    running.overheat()
    (alarm,) = running.plant.active_alarms().value
    assert alarm.fault_type == "thermal_runaway"

    def similar() -> list[int]:
        return [one.incident.incident_id for one in running.plant.similar_incidents((alarm,))[alarm.alarm_id]]

    assert similar() == [second.incident_id, first.incident_id]
    anna = Caller("anna", CallerKind.OPERATOR)
    reviewed = running.plant.review_incident(IncidentReview(first.incident_id, 1, anna, {"root_cause": "dirty fan"}))
    assert similar() == [second.incident_id, first.incident_id]  # likeness counts for more than a review
    page = running.plant.incidents(IncidentQuery(similar_to=alarm.alarm_id, limit=2)).value
    assert reviewed in page.incidents
    assert (page.total, page.method) == (2, "similar")
    assert page.why[first.incident_id][0] == "same fault"
    assert running.plant.incident(first.incident_id).revisions[0].values["root_cause"] == "blocked fan"
    with pytest.raises(NotAllowedError):
        running.plant.review_incident(IncidentReview(second.incident_id, 1, AGENT))
    with pytest.raises(BadValueError, match="not both"):
        running.plant.incidents(IncidentQuery(similar_to=alarm.alarm_id, text="fan"))
    with pytest.raises(UnknownNameError, match=alarm.alarm_id):
        running.plant.incidents(IncidentQuery(similar_to="pump-01@never"))


def test_reports_are_found_by_what_they_tell_of_also_after_a_restart(tmp_path: Path) -> None:
    first = Running(tmp_path)
    with first.app:
        stored = first.plant.log_incident(report_of("motor-01", None, "Winding hot", "blocked fan"))
        first.plant.log_incident(report_of("pump-01", None, "Ran dry", "closed valve"))
    second = Running(tmp_path)
    with second.app:

        def found() -> list[int]:
            try:
                page = second.plant.incidents(IncidentQuery(text="the winding was hot")).value
            except UnavailableError:  # the reports are still being read
                return []
            assert page.method == "lexical"
            return [one.incident_id for one in page.incidents]

        assert eventually(found) == [stored.incident_id]
        late = second.plant.log_incident(report_of("motor-01", None, "Winding hot again", "fan broken"))
        assert set(found()) == {stored.incident_id, late.incident_id}
        narrow = IncidentQuery(text="the winding was hot", kind="motor", fault_type="bearing_failure")
        assert second.plant.incidents(narrow).value.incidents == ()
        with pytest.raises(UnknownNameError, match="motor, pump"):
            second.plant.incidents(IncidentQuery(kind="whale"))


def test_manuals_are_searched_listed_and_read(running: Running) -> None:
    assert running.plant.manuals() == {"pump.md": "Pumps"}
    assert "seal" in running.plant.read_manual("pump.md")
    assert running.plant.find_passages("seal drips", "pump-01", 3).value.passages[0].manual == "pump.md"
    with pytest.raises(UnknownNameError):
        running.plant.find_passages("seal", "pump-99", 3)


def test_an_unknown_name_is_answered_with_the_valid_ones(running: Running) -> None:
    for ask in (
        lambda: running.plant.device_status("x"),
        lambda: running.plant.active_alarms(("x",)),
        lambda: running.plant.commands("x", 1),
        lambda: running.plant.incidents(IncidentQuery(device_id="x")),
        lambda: running.plant.alarm_history(AlarmQuery(device_ids=("x",))),
    ):
        with pytest.raises(UnknownNameError, match="pump-01, motor-01"):
            ask()
    with pytest.raises(UnknownNameError, match="temperature, pressure"):
        running.plant.sensor_stream("pump-01", ("x",), Period(T0, T0 + 1), 1)


def test_the_plant_remembers_after_a_restart(tmp_path: Path) -> None:
    first = Running(tmp_path)
    with first.app:
        first.overheat()
        (alarm,) = first.plant.active_alarms().value
        before = first.plant.device_status("pump-01").value
    second = Running(tmp_path)
    with second.app:
        (again,) = second.plant.active_alarms().value
        after = second.plant.device_status("pump-01").value
    assert again.alarm_id == alarm.alarm_id
    assert [(s.value, s.count) for s in after.sensors] == [(s.value, s.count) for s in before.sensors]


def test_what_the_gateway_refuses_shows_in_the_status_of_the_device(running: Running) -> None:
    running.bus.deliver("aegisflow/sensors/pump-01", b"{")
    running.bus.wait_until(lambda: running.bus.acknowledged)
    assert running.plant.device_status("pump-01").value.refused == {"not_json": 1}
    by_name = {status.device_id: status.refused for status in running.plant.all_status().value}
    assert by_name == {"pump-01": {"not_json": 1}, "motor-01": {}}
    assert running.plant.health().rejected == {"not_json": 1}


def test_a_stopped_plant_answers_that_it_is_not_there(tmp_path: Path) -> None:
    running = Running(tmp_path)
    with running.app:
        pass
    with pytest.raises(UnavailableError, match="not running"):
        running.plant.device_status("pump-01")
    answer = running.plant.all_status()
    assert answer.value == ()
    assert set(answer.unavailable) == {"pump-01", "motor-01"}
    health = running.plant.health()
    assert not health.ok
    assert any("historian" in reason for reason in health.reasons)
