import pytest

from aegisflow.console.rates import MOST_COLUMNS, RateChart
from aegisflow.domain.alarms.kpis import AlarmTrace, alarm_kpis
from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.times import Period

DAY = 86_400.0


def chart(raised: list[float], length_s: float = DAY, operators: int = 1) -> RateChart:
    traces = [AlarmTrace("pump-01", "leak", Severity.HIGH, at, None) for at in raised]
    return RateChart.of_kpis(alarm_kpis(traces, Period(0.0, length_s), operators))


def test_a_column_stands_where_its_alarms_came_and_reaches_as_high_as_the_limits_say() -> None:
    drawn = chart([43_210.0 + 10 * number for number in range(20)], operators=2)
    (column,) = drawn.columns
    assert (column.rate, column.is_flood, column.at) == (10.0, False, "1970-01-01T12:00:00Z")
    assert column.x == pytest.approx(50.0)
    assert column.y == pytest.approx(drawn.flood_y)
    assert column.height == pytest.approx(10 * (100 - drawn.acceptable_y))
    (flood,) = chart([43_210.0 + 10 * number for number in range(40)]).columns
    assert flood.is_flood
    assert flood.y > 0


@pytest.mark.parametrize(
    ("length_s", "of"), [(3_600.0, ""), (DAY, ""), (7 * DAY, "hour"), (30 * DAY, "six hours"), (360 * DAY, "51 hours")]
)
def test_however_long_the_time_the_worst_ten_minutes_are_seen(length_s: float, of: str) -> None:
    worst = [length_s - 1.0 - number for number in range(7)]
    drawn = chart([5.0, 6.0, *worst], length_s + 1.0)
    assert (drawn.of, [one.rate for one in drawn.columns]) == (of, [2.0, 7.0])
    assert drawn.columns[-1].x + drawn.columns[-1].width == pytest.approx(100.0)
    assert 100 / drawn.columns[0].width <= MOST_COLUMNS
