"""A sender's clock may be wrong in any way; its readings are placed in the plant's time all the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.domain.sender_clock import AGREEING, LAGGING, ClockChange, SenderClock

NOW = 1_790_000_000.0
HOUR = 3600.0
YEAR = 365 * 86_400.0


def live(clock: SenderClock, offset: float, count: int, start: float = NOW, step: float = 5.0) -> list[float]:
    """Place live readings whose stamps are off by ``offset``; return by how much each was placed off its receipt."""
    return [clock.place(start + n * step + offset, start + n * step) - (start + n * step) for n in range(count)]


def changes(clock: SenderClock, offset: float, count: int, start: float) -> list[ClockChange]:
    clock.untold.clear()
    for n in range(count):
        clock.place(start + 5 * n + offset, start + 5 * n)
    return list(clock.untold)


def test_a_right_clock_is_believed_to_the_last_digit() -> None:
    clock = SenderClock()
    assert [clock.place(NOW + 5 * n - 0.25, NOW + 5 * n) for n in range(50)] == [NOW + 5 * n - 0.25 for n in range(50)]
    assert (clock.offset_s, clock.changes) == (0.0, 0)


def test_one_reading_ahead_of_now_is_placed_where_it_came_and_changes_nothing() -> None:
    clock = SenderClock()
    live(clock, 0.0, 20)
    assert clock.place(NOW + 159.5, NOW + 100) == NOW + 100
    assert live(clock, 0.0, 20, NOW + 105) == [0.0] * 20
    assert clock.changes == 0


@pytest.mark.parametrize("offset", [90.0, HOUR, -HOUR, -5 * HOUR, YEAR, -YEAR])
def test_a_jump_is_recognised_within_a_few_readings_and_told_once(offset: float) -> None:
    clock = SenderClock()
    live(clock, 0.0, 50)
    told = changes(clock, offset, 20, NOW + 1000)
    assert [round(change.after_s) for change in told] == [round(offset)]
    assert live(clock, offset, 5, NOW + 2000) == [0.0] * 5
    back = changes(clock, 0.0, 20, NOW + 3000)
    assert [change.after_s for change in back] == [0.0]


def test_what_was_stamped_next_year_binds_nobody_once_both_clocks_are_right() -> None:
    clock = SenderClock()
    live(clock, 0.0, 5, NOW + YEAR)
    assert clock.place(NOW, NOW) == NOW
    assert clock.changes == 1
    after = SenderClock()
    after.recall(NOW + YEAR, None)
    assert after.place(NOW, NOW) == NOW


def test_a_clock_that_is_behind_from_the_beginning_is_known_after_a_few_readings() -> None:
    clock = SenderClock()
    placed = live(clock, -5 * HOUR, 3 * LAGGING)
    assert placed[: LAGGING - 1] == [-5 * HOUR] * (LAGGING - 1)  # it might be a backlog
    assert placed[LAGGING:] == [0.0] * (2 * LAGGING)
    assert round(clock.offset_s) == -5 * HOUR


def test_a_backlog_in_one_burst_keeps_its_stamps_whatever_the_clock() -> None:
    for offset in (0.0, -5 * HOUR):
        clock = SenderClock()
        live(clock, offset, 50)
        began = NOW + 1000
        arrives = began + 11 * HOUR
        for n in range(2000):
            true = began + 5 * n
            assert clock.place(true + offset, arrives + n * 1e-3) == pytest.approx(true, abs=3)
        assert clock.changes <= 1


def test_late_ones_of_a_burst_keep_their_stamps() -> None:
    clock = SenderClock()
    live(clock, 0.0, 50)
    start = NOW + 1000
    order = [3, 1, 2, 0, 5, 4, 8, 6, 7]
    assert [clock.place(start + n, start + 10) - start for n in order] == order
    assert clock.changes == 0


def test_our_own_clock_set_is_not_the_senders_jump() -> None:
    clock = SenderClock()
    live(clock, 0.0, 50)
    clock.our_clock_moved(2 * HOUR)  # the sender is right, and so behind ours as long as ours is wrong
    assert live(clock, -2 * HOUR, 20, NOW + 1000 + 2 * HOUR) == [0.0] * 20
    assert clock.changes == 0


def test_a_clock_that_stands_still_says_nothing_and_its_readings_are_placed_where_they_came() -> None:
    clock = SenderClock()
    live(clock, 0.0, 50)
    began = NOW + 250.0
    placed = [clock.place(began, began + 5.0 * n) - (began + 5.0 * n) for n in range(100)]
    assert placed[20:] == [0.0] * 80
    assert min(placed) >= -80.0
    assert live(clock, 0.0, 20, began + 1_000.0) == [0.0] * 20
    assert clock.changes == 0


@pytest.mark.parametrize("step", [0.02, 0.1])
def test_a_jump_is_recognised_within_seconds_however_fast_the_sender_reports(step: float) -> None:
    for offset in (HOUR, -5 * HOUR):
        for whole in (False, True):
            clock = SenderClock()
            live(clock, 0.0, 50, step=step)
            start = NOW + 1_000.0
            times = [start + n * step for n in range(int(5.0 / step))]
            stamps = [float(int(time + offset)) if whole else time + offset for time in times]
            placed = [clock.place(stamp, time) for stamp, time in zip(stamps, times, strict=True)]
            assert placed[-1] == pytest.approx(times[-1], abs=1.1)
            assert clock.changes == 1


def test_a_clock_that_is_off_and_shakes_is_known_once_it_has_gone_at_our_pace_for_some_minutes() -> None:
    clock = SenderClock()
    live(clock, 0.0, 50)
    for n in range(400):
        received = NOW + 1_000.0 + n
        placed = clock.place(received - 5 * HOUR + (7 * n) % 17 - 8.0, received)
    assert placed == pytest.approx(received, abs=20.0)
    assert round(clock.offset_s / HOUR) == -5


def test_what_was_known_of_a_clock_is_known_after_a_restart_and_not_told_again() -> None:
    for offset in (-5 * HOUR, HOUR):
        clock = SenderClock()
        live(clock, offset, 50)
        after = SenderClock()
        for n in range(20):
            after.recall(NOW + 5 * n, NOW + 5 * n + offset)
        after.recall(NOW + 100.0, NOW + 100.0 + YEAR)  # one that was wild
        assert live(after, offset, 20, NOW + 200.0) == [0.0] * 20
        assert after.changes == 0
    right = SenderClock()
    right.recall(NOW, None)
    right.recall(NOW + 5.0, NOW + 5.0 + YEAR)
    assert live(right, 0.0, 5, NOW + 10.0) == [0.0] * 5


def test_drift_is_measured_in_parts_per_million() -> None:
    clock = SenderClock()
    for n in range(1000):
        clock.place(NOW + 5 * n * 1.0001, NOW + 5 * n)
    assert clock.drift_ppm == pytest.approx(100, rel=0.05)


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 30.0, 59.5, -59.0, -HOUR, HOUR, -5 * HOUR, YEAR, -YEAR]), st.integers(1, 30)),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from([1.0, 5.0, 60.0, 900.0]),
)
def test_whatever_a_clock_does_a_few_readings_later_everything_is_placed_about_now(
    regimes: list[tuple[float, int]], step: float
) -> None:
    clock = SenderClock()
    received, since = NOW, 0
    for offset, count in regimes:
        for since in range(count):
            placed = clock.place(received + offset, received)
            assert placed <= received + 2.0
            if since >= max(LAGGING, AGREEING):
                assert abs(placed - received) <= 62.0
            received += step
