"""The figures of EEMUA 191, on alarms whose figures are plain to see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.domain.alarms.kpis import AlarmTrace, alarm_kpis
from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.times import Period

HOUR = 3600.0
DAY = Period(0.0, 24 * HOUR)


def trace(
    at: float, name: str = "pump-01", severity: Severity = Severity.LOW, cleared_at: float | None = None
) -> AlarmTrace:
    return AlarmTrace(name, "pressure_leak", severity, at, at + 60 if cleared_at is None else cleared_at)


def test_the_average_is_per_ten_minutes_and_operator() -> None:
    alarms = [trace(600.0 * number) for number in range(144)]
    assert alarm_kpis(alarms, DAY).average == 1.0
    assert alarm_kpis(alarms, DAY, operators=2).average == 0.5
    assert alarm_kpis(alarms, DAY).peak == 1
    assert alarm_kpis(alarms, DAY).verdict == "very likely to be acceptable"
    assert alarm_kpis(alarms * 3, DAY).verdict == "more than an operator can look into"


def test_a_flood_begins_above_ten_alarms_in_ten_minutes_and_ends_below_five() -> None:
    times = [HOUR + 30 * number for number in range(11)] + [2 * HOUR]
    (flood,) = alarm_kpis([trace(at) for at in times], DAY).floods
    assert (flood.start, flood.end, flood.alarms) == (HOUR, 2 * HOUR, 11)
    assert alarm_kpis([trace(at) for at in times[1:]], DAY).floods == ()
    assert alarm_kpis([trace(at) for at in times], DAY, operators=2).floods == ()


def test_a_flood_that_nothing_follows_ends_ten_minutes_after_its_last_alarm() -> None:
    figures = alarm_kpis([trace(HOUR + number) for number in range(20)], DAY)
    (flood,) = figures.floods
    assert (flood.alarms, flood.end) == (20, HOUR + 19 + 600)
    assert figures.flood_share == pytest.approx(619 / (24 * HOUR))


def test_three_times_within_a_minute_is_chattering() -> None:
    assert alarm_kpis([trace(0.0), trace(30.0), trace(60.0)], DAY).chattering == ("pump-01 pressure_leak",)
    assert alarm_kpis([trace(0.0), trace(30.0), trace(61.0)], DAY).chattering == ()
    assert alarm_kpis([trace(0.0), trace(30.0), trace(40.0, "pump-02")], DAY).chattering == ()


def test_an_alarm_active_for_more_than_a_day_is_stale_wherever_it_was_raised() -> None:
    old = AlarmTrace("motor-01", "sensor_drift", Severity.MEDIUM, -HOUR, None)
    figures = alarm_kpis([old, trace(HOUR)], DAY)
    assert (figures.stale, figures.alarms) == (("motor-01 sensor_drift",), 1)
    assert alarm_kpis([old._replace(cleared_at=23 * HOUR)], DAY).stale == ()


def test_the_ten_most_frequent_and_the_split_of_severities() -> None:
    alarms = [trace(60.0 * number, f"pump-{number % 20:02d}") for number in range(40)]
    alarms += [trace(9_000.0 + number * 100, "pump-07", Severity.CRITICAL) for number in range(10)]
    figures = alarm_kpis(alarms, DAY)
    assert len(figures.top) == 10
    assert next(iter(figures.top.items())) == ("pump-07 pressure_leak", 12)
    assert figures.top_share == pytest.approx(30 / 50)
    assert figures.by_severity == {"low": 0.8, "medium": 0.0, "high": 0.0, "critical": 0.2}


def test_a_quiet_period_has_figures_too() -> None:
    figures = alarm_kpis([], DAY)
    assert (figures.average, figures.peak, figures.floods, figures.top, figures.top_share) == (0.0, 0.0, (), {}, 0.0)
    assert len(figures.lines()) == 6


@given(st.lists(st.floats(0, 24 * HOUR - 1), max_size=60), st.integers(1, 3))
def test_floods_do_not_overlap_and_hold_no_more_alarms_than_there_are(times: list[float], operators: int) -> None:
    figures = alarm_kpis([trace(at) for at in times], DAY, operators)
    for before, after in zip(figures.floods, figures.floods[1:], strict=False):
        assert before.end <= after.end
    assert sum(flood.alarms for flood in figures.floods) <= len(times)
    assert 0 <= figures.flood_share <= 1.01


class Counted(AlarmTrace):
    """An alarm that counts how often any of them is asked for its name."""

    __slots__ = ()
    asked = 0

    @property
    def name(self) -> str:
        Counted.asked += 1
        return super().name


def test_thousands_of_names_cost_no_more_for_each_alarm_than_one() -> None:
    Counted.asked = 0
    alarms = [Counted(f"device-{index}", "leak", Severity.LOW, float(index), None) for index in range(3_000)]
    figures = alarm_kpis(alarms, Period(0.0, 3_000.0))
    assert figures.alarms == 3_000
    assert Counted.asked <= 3 * len(alarms)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 300)), max_size=40))
def test_who_chatters_is_what_each_name_alone_says(raised: list[tuple[str, float]]) -> None:
    alarms = [AlarmTrace(name, "leak", Severity.LOW, at, None) for name, at in raised]
    alone = {
        name
        for name in "abc"
        if alarm_kpis([alarm for alarm in alarms if alarm.device_id == name], Period(0.0, 301.0)).chattering
    }
    assert {name.split()[0] for name in alarm_kpis(alarms, Period(0.0, 301.0)).chattering} == alone
