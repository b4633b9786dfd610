import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.domain.interval import FIRST, Interval


def learned(gaps: list[float], known: Interval | None = None, start: float = 1_790_000_000.0) -> Interval:
    interval = known or Interval()
    at = start
    interval.note(at)
    for gap in gaps:
        at += gap
        interval.note(at)
    return interval


@pytest.mark.parametrize("gap", [0.02, 1.0, 5.0, 60.0, 900.0])
def test_a_clockwork_is_known_after_a_few_readings(gap: float) -> None:
    interval = learned([gap] * FIRST)
    assert interval.median_s == pytest.approx(gap, rel=1e-4)
    assert interval.regularity == 1.0


def test_a_night_without_a_connection_changes_nothing() -> None:
    interval = learned([5.0] * 50 + [40_000.0] + [5.0] * 50)
    assert interval.median_s == pytest.approx(5.0, rel=0.03)


def test_another_interval_is_learned_within_some_twenty_readings() -> None:
    interval = learned([5.0] * 50 + [60.0] * (2 * FIRST + 1))
    assert interval.median_s == pytest.approx(60.0, rel=0.03)
    assert learned([60.0] * 50 + [5.0] * (2 * FIRST + 1)).median_s == pytest.approx(5.0, rel=0.03)


def test_a_burst_after_an_outage_is_soon_forgotten() -> None:
    interval = learned([5.0] * 50 + [0.001] * 5 + [5.0] * 50)
    assert interval.median_s == pytest.approx(5.0, rel=0.03)


def test_who_reports_by_exception_is_irregular() -> None:
    chance = random.Random(7)
    interval = learned([chance.expovariate(1 / 300) for _ in range(500)])
    assert interval.regularity < 0.5
    assert learned([5.0 + chance.uniform(-0.5, 0.5) for _ in range(500)]).regularity > 0.95


@given(st.lists(st.floats(1e-3, 1e5), min_size=FIRST, max_size=60))
def test_the_median_never_leaves_what_was_seen(gaps: list[float]) -> None:
    median_s = learned(gaps).median_s
    assert median_s is not None
    assert min(gaps) * 0.97 <= median_s <= max(gaps) * 1.03


def test_a_reading_that_is_not_newer_says_nothing_about_the_interval() -> None:
    interval = learned([5.0] * 20)
    before = interval.median_s
    interval.note(1_790_000_000.0)
    assert interval.median_s == before
