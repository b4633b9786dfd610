"""Evidence and reasons of one alarm, beside each other: dated, and never against each other (H5)."""

from hypothesis import given
from hypothesis import strategies as st

from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.detection import Diagnosis
from aegisflow.domain.detection.fault_types import not_shown
from tests.support.alarm_bench import SENSORS, Bench, finding

BEARING, LEAK = "bearing_failure", "pressure_leak"
TYPES = (BEARING, LEAK)


def take(bench: Bench, shown: dict[str, float], fault_type: str = BEARING) -> Alarm | None:
    """Feed a reading in which sensors have such a z; the diagnosis expects all, and says which do not show it."""
    bench.at += 5.0
    reasons = (f"{fault_type} shows", *(not_shown(name) for name in SENSORS if name not in shown))
    findings = tuple(finding(name, z=z) for name, z in shown.items())
    bench.book.observe(bench.at, Diagnosis(fault_type, findings, reasons) if findings else None, set(SENSORS))
    alarms = bench.book.alarms()
    return alarms[0] if alarms else None


def test_h5_what_speaks_for_an_alarm_by_now_is_no_longer_said_not_to_show_it() -> None:
    bench = Bench()
    for _ in range(3):
        alarm = take(bench, {"vibration": 9.0})
    assert alarm is not None
    assert alarm.reasons == (f"{BEARING} shows", not_shown("temperature"), not_shown("pressure"))
    for _ in range(3):
        alarm = take(bench, {"vibration": 9.0, "temperature": 5.3})
    assert alarm is not None
    assert alarm.sensors == ("vibration", "temperature")
    assert alarm.reasons == (f"{BEARING} shows", not_shown("pressure"))
    assert [(one.sensor, one.at) for one in alarm.evidence] == [
        ("vibration", bench.at - 25),
        ("temperature", bench.at - 10),
    ]


def test_h5_of_a_sensor_whose_evidence_is_of_before_it_is_said_that_it_does_not_show_it_any_more() -> None:
    bench = Bench()
    for _ in range(3):
        take(bench, {"vibration": 9.0, "temperature": 5.3})
    for _ in range(3):
        alarm = take(bench, {"vibration": 20.0})
    assert alarm is not None
    temperature = next(one for one in alarm.evidence if one.sensor == "temperature")
    assert f"{not_shown('temperature')} any more" in alarm.reasons
    assert temperature.at is not None
    assert temperature.at < alarm.changed_at


_readings = st.lists(
    st.tuples(st.dictionaries(st.sampled_from(SENSORS), st.floats(3.5, 40.0), max_size=3), st.sampled_from(TYPES)),
    max_size=60,
)


@given(_readings)
def test_h5_no_reason_contradicts_the_evidence_beside_it_and_all_evidence_has_its_instant(
    readings: list[tuple[dict[str, float], str]],
) -> None:
    bench = Bench()
    fed: dict[tuple[str, float], set[float]] = {}
    for shown, fault_type in readings:
        alarm = take(bench, shown, fault_type)
        for name, z in shown.items():
            fed.setdefault((name, z), set()).add(bench.at)
        for one in () if alarm is None else alarm.evidence:
            assert alarm is not None
            assert not_shown(one.sensor) not in alarm.reasons
            assert one.at in fed[one.sensor, one.z]
