import random
import sys
from statistics import fmean, stdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.domain.windows import RollingWindow

VALUES = st.floats(-1e9, 1e9).map(lambda value: round(value, 9))


@given(st.lists(VALUES, min_size=2, max_size=200), st.integers(2, 70))
def test_mean_and_spread_are_those_of_the_newest_values(values: list[float], capacity: int) -> None:
    window = RollingWindow(capacity)
    for index, value in enumerate(values, 1):
        window.push(value)
        held = values[max(0, index - capacity) : index]
        assert list(window.values()) == held
        assert window.mean == pytest.approx(fmean(held), rel=1e-9, abs=1e-9 * max(map(abs, held)))
        if index > 1:
            # A float knows its values to one part in 2**53, so no spread is known better than that.
            resolution = 1e-15 * max(map(abs, held))
            assert window.spread == pytest.approx(stdev(held), rel=1e-6, abs=resolution)


@given(st.lists(st.sampled_from([0.0, 1e-3, 1.0, 7.5, 1e6, 1e12, -1e12]), min_size=2, max_size=200))
def test_values_of_very_different_size_leave_no_trace_behind(values: list[float]) -> None:
    window = RollingWindow(10)
    for index, value in enumerate(values, 1):
        window.push(value)
        held = values[max(0, index - 10) : index]
        if index > 1:
            assert window.spread == pytest.approx(stdev(held), rel=1e-6)


@given(st.lists(VALUES, max_size=200), st.lists(VALUES, max_size=200), st.integers(2, 70))
def test_a_batch_gives_what_single_pushes_give(before: list[float], batch: list[float], capacity: int) -> None:
    one_by_one, at_once = RollingWindow(capacity, before), RollingWindow(capacity, before)
    for value in batch:
        one_by_one.push(value)
    at_once.extend(batch)
    assert at_once.values() == one_by_one.values()
    largest = max(map(abs, at_once.values()), default=0.0)
    assert (at_once.mean is None, at_once.spread is None) == (one_by_one.mean is None, one_by_one.spread is None)
    if at_once.mean is None or at_once.spread is None:
        return
    assert at_once.mean == pytest.approx(one_by_one.mean, rel=1e-9, abs=1e-9 * largest)
    assert at_once.spread == pytest.approx(one_by_one.spread, rel=1e-6, abs=1e-15 * largest)


def test_a_batch_may_come_from_an_iterator_or_from_numpy() -> None:
    values = [float(value) for value in range(100)]
    window = RollingWindow(60)
    window.extend(iter(values))
    assert list(window.values()) == values[-60:]
    window.extend(np.asarray(values[:70]))
    assert list(window.values()) == values[10:70]
    window.extend(np.asarray([1.5, 2.5]))
    assert list(window.values()) == [*values[12:70], 1.5, 2.5]


@given(VALUES, st.integers(2, 70), st.lists(VALUES, max_size=150))
def test_equal_values_have_a_spread_of_exactly_zero(value: float, capacity: int, before: list[float]) -> None:
    window = RollingWindow(capacity, before)
    for _ in range(capacity):
        window.push(value)
    assert window.spread == 0.0
    assert window.mean == value


def test_a_small_spread_at_a_great_level_is_kept() -> None:
    rng = random.Random(3)
    values = [1e12 + rng.gauss(0, 1e-3) for _ in range(500)]
    window = RollingWindow(60)
    for index, value in enumerate(values, 1):
        window.push(value)
        if index >= 60:
            assert window.spread == pytest.approx(stdev(values[index - 60 : index]), rel=1e-9)


def test_an_outlier_is_forgotten_when_it_leaves() -> None:
    rng = random.Random(4)
    values = [rng.gauss(20, 1e-3) for _ in range(30)] + [1e12] + [rng.gauss(20, 1e-3) for _ in range(60)]
    window = RollingWindow(60, values[:40])
    for value in values[40:]:
        window.push(value)
    assert window.spread == pytest.approx(stdev(values[-60:]), rel=1e-9)


def test_a_million_pushes_do_not_drift() -> None:
    values = np.cumsum(np.random.default_rng(5).normal(0, 1, 1_000_037)) + 1e4
    window = RollingWindow(60)
    push = window.push
    for value in values.tolist():
        push(value)
    assert window.mean == pytest.approx(values[-60:].mean(), rel=1e-12)
    assert window.spread == pytest.approx(values[-60:].std(ddof=1), rel=1e-10)


def test_a_window_that_is_not_full_knows_what_it_can() -> None:
    window = RollingWindow(60)
    assert (window.mean, window.variance, window.spread) == (None, None, None)
    window.push(4.0)
    assert (window.mean, window.variance, window.spread) == (4.0, None, None)
    window.push(6.0)
    assert (window.mean, window.variance) == (5.0, 2.0)


@pytest.mark.parametrize("capacity", [2, 30, 100])
def test_another_capacity_keeps_the_newest_values(capacity: int) -> None:
    values = [float(value % 17) for value in range(75)]
    resized = RollingWindow(60, values).resized(capacity)
    assert list(resized.values()) == values[-60:][-capacity:]
    assert resized.spread == pytest.approx(stdev(values[-60:][-capacity:]))


def test_a_window_of_sixty_takes_less_than_a_kibibyte() -> None:
    window = RollingWindow(60, [random.random() for _ in range(90)])
    found = [getattr(window, name) for name in dir(window) if not name.startswith("__")]
    parts = [one for one in found if not callable(one)]
    assert sys.getsizeof(window) + sum(map(sys.getsizeof, parts)) < 1024


def test_a_window_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        RollingWindow(1)
