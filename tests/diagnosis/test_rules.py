"""The diagnosis by rules names the fault, what shows it, and the section of the manual that is about it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from aegisflow.config import load
from aegisflow.domain.alarms.model import Alarm, AlarmState, Change, Evidence, Severity
from aegisflow.domain.detection.finding import NEVER_HEARD, READINGS_REFUSED, SENSOR_SILENT, SENSOR_STUCK, UNCLASSIFIED
from aegisflow.domain.device import Device
from aegisflow.domain.diagnosis import (
    MONITOR,
    AlarmDiagnosis,
    Basis,
    Confidence,
    by_rules,
    question_to_manuals,
    to_diagnose,
)
from aegisflow.domain.learning import ENDED
from aegisflow.domain.readings import Reading
from aegisflow.domain.views import Passage
from aegisflow.search import ManualSearch
from simulator.dataset import Recording, generate
from simulator.scenario import VARIANTS, Scenario
from tests.support.places import MANUALS, PLANT_FILE

DEVICES = load(PLANT_FILE).plant.devices
FAULTS = ("thermal_runaway", "pressure_leak", "bearing_failure", "sensor_drift", "electrical_fault")
OF_DETECTORS = {
    SENSOR_STUCK: "A value is frozen",
    SENSOR_SILENT: "A device sends no data",
    NEVER_HEARD: "A device sends no data",
    READINGS_REFUSED: "Is it the sensor or the machine?",
    UNCLASSIFIED: "From symptom to fault",
}


@pytest.fixture(scope="module")
def manuals() -> Iterator[ManualSearch]:
    search = ManualSearch(MANUALS, None)
    search.refresh()
    yield search
    search.close()


def an_alarm(fault: str, device_id: str = "pump-01", **more) -> Alarm:
    evidence = Evidence("temperature", "limit", 97.0, 72.0, 1.5, 16.7, "high", 100.0, 130.0)
    made = Alarm(
        f"{device_id}@19700101T000140", device_id, fault, fault, Severity.CRITICAL, AlarmState.UNACKNOWLEDGED,
        "limit", (evidence,), 100.0, 130.0,
    )  # fmt: skip
    return replace(made, **more)


def diagnosed(alarm: Alarm, manuals: ManualSearch) -> AlarmDiagnosis:
    device = DEVICES[alarm.device_id]
    found = manuals.search(question_to_manuals(alarm.fault_type), device.kind, 6)
    rule = next((rule for rule in device.faults if rule.name == alarm.fault_type), None)
    return by_rules(alarm, rule, found.passages, (), {"temperature": "°C"}, 140.0)


@pytest.mark.parametrize("device_id", ["compressor-01", "motor-01", "pump-01"])
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_of_the_plant_leads_to_its_own_protocol(manuals: ManualSearch, fault: str, device_id: str) -> None:
    found = diagnosed(an_alarm(fault, device_id), manuals)
    assert (found.fault, found.basis) == (fault, Basis.RULES)
    heading = fault.replace("_", " ").capitalize()
    assert found.sections[0].manual == "response-protocols.md"
    assert found.sections[0].section == f"{heading} > First response"
    assert all(cited.section.startswith(heading) for cited in found.sections)


@pytest.mark.parametrize(("fault", "section"), OF_DETECTORS.items())
def test_what_is_wrong_with_a_sensor_leads_to_the_troubleshooting(
    manuals: ManualSearch, fault: str, section: str
) -> None:
    found = diagnosed(an_alarm(fault), manuals)
    assert [(cited.manual, cited.section) for cited in found.sections] == [("troubleshooting.md", section)]
    assert found.proposal == MONITOR


def test_it_cites_the_value_that_raised_the_alarm_and_says_whose_words_it_is(manuals: ManualSearch) -> None:
    found = diagnosed(an_alarm("thermal_runaway"), manuals)
    assert [(one.sensor, one.value, one.at, one.unit) for one in found.readings] == [("temperature", 97.0, 130.0, "°C")]
    assert found.line.startswith("thermal runaway (high confidence): temperature 97 °C. see response-protocols.md")
    assert found.source == "by rules"


def test_what_speaks_against_a_fault_makes_it_less_sure_and_is_said(manuals: ManualSearch) -> None:
    reasons = ("temperature at 97 °C is beyond its limit", "against: vibration does not show it")
    found = diagnosed(an_alarm("thermal_runaway", reasons=reasons), manuals)
    assert found.confidence is Confidence.MEDIUM
    assert "vibration does not show it" in found.would_change
    other = diagnosed(an_alarm("thermal_runaway", reasons=("less strong: bearing_failure, since …",)), manuals)
    assert other.confidence is Confidence.MEDIUM
    assert diagnosed(an_alarm(UNCLASSIFIED), manuals).confidence is Confidence.LOW


def test_a_fault_that_no_manual_speaks_of_cites_none() -> None:
    passage = Passage("pump.md", "Pumps", "1", "Seal", "…", score=0.3)
    assert by_rules(an_alarm("coating_wear"), None, (passage,), (), {}, 1.0).sections == ()
    assert by_rules(an_alarm("coating_wear"), None, (), (), {}, 1.0).sections == ()


def readings(recording: Recording) -> Iterator[Reading]:
    columns = {name: values.tolist() for name, values in recording.values.items()}
    for place, at in enumerate(recording.at.tolist()):
        present = {name: values[place] for name, values in columns.items() if values[place] == values[place]}
        if recording.arrived[place] and present:
            yield Reading(recording.device_id, at, present, at)


def alarms_of(scenario: Scenario) -> Iterator[tuple[str, Alarm]]:
    """Yield each fault of a scenario with the last alarm of its device in its time, as it was when it was raised."""
    data = generate(scenario)
    hit = {fault.device_id for fault in data.faults}
    for recording in data.recordings:
        if recording.device_id not in hit:
            continue
        device = Device(DEVICES[recording.device_id])
        events = [event for one in readings(recording) for event in device.record(one)[1]]
        for fault in data.faults:
            if fault.device_id == recording.device_id:
                within = (scenario.start + fault.start_s, scenario.start + fault.end_s)
                mine = [one for one in events if within[0] <= one.at <= within[1]]
                typed = [one.alarm for one in mine if one.change in (Change.RAISED, Change.RETYPED)]
                assert typed, (fault.kind, fault.device_id)
                yield fault.kind, typed[-1]


@pytest.mark.long
@pytest.mark.parametrize("variant", ["plain", "noise_x2", "missing_values_5pct", "autocorrelated", "load_steps"])
def test_on_the_reference_day_and_hard_ones_fault_and_section_are_right(manuals: ManualSearch, variant: str) -> None:
    scenario = Scenario(seed=11, interval_s=10.0)
    for kind, alarm in alarms_of(scenario if variant == "plain" else VARIANTS[variant](scenario)):
        found = diagnosed(alarm, manuals)
        assert found.fault == kind
        assert found.sections[0].section == f"{kind.replace('_', ' ').capitalize()} > First response"
        assert {cited.sensor for cited in found.readings} <= set(alarm.sensors)


def test_what_only_waits_for_a_decision_is_normal_again_or_is_known_needs_no_diagnosis() -> None:
    leak, silent, waits = (an_alarm(fault, f"pump-{fault}") for fault in ("pressure_leak", SENSOR_SILENT, ENDED))
    alarms = [replace(one, alarm_id=one.device_id) for one in (waits, silent, leak)]
    assert to_diagnose(alarms) == alarms[1:]
    assert to_diagnose(alarms, {alarms[1].alarm_id}) == alarms[2:]
    assert to_diagnose([replace(alarms[2], state=AlarmState.NORMAL), alarms[0]]) == []
