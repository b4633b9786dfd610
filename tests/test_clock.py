import pytest

from aegisflow.clock import CONFIRMATIONS, WallClock, build_clock
from aegisflow.config.services import ClockSettings
from aegisflow.errors import PayloadError

STREAM = ClockSettings(source="stream", max_age_s=3600.0, max_ahead_s=60.0)


def test_a_wall_clock_does_not_listen_to_readings() -> None:
    clock = build_clock(ClockSettings(), wall=lambda: 500.0)
    clock.admit(9999.0)
    assert clock.now() == 500.0


def test_a3_what_is_done_to_the_walls_clock_is_told_once_and_moves_no_delay() -> None:
    wall, passed = [500.0], [7.0]
    clock = WallClock(lambda: wall[0], lambda: passed[0])
    before = clock.steady()
    for by_s in (7_200.0, -3_600.0, 365 * 86_400.0):
        wall[0] += by_s + 1.0
        passed[0] += 1.0
        assert (clock.stepped(), clock.stepped()) == (by_s, 0.0)
    assert clock.steady() - before == 3.0
    wall[0] += 1.5
    assert clock.stepped() == 0.0, "that is a clock that is disciplined, not set"


def test_a_stream_clock_shows_the_newest_timestamp() -> None:
    clock = build_clock(STREAM, wall=lambda: 500.0)
    assert (clock.now(), clock.is_set) == (500.0, False)
    for at in (1000.0, 1005.0, 1003.0):
        clock.admit(at)
    clock.catch_up()
    assert (clock.now(), clock.is_set) == (1005.0, True)


def test_time_does_not_pass_for_devices_before_their_readings_come() -> None:
    clock = build_clock(STREAM, wall=lambda: 500.0)
    clock.admit(1000.0)
    assert (clock.now(), clock.is_set, clock.arriving()) == (500.0, False, 1000.0)
    clock.catch_up()
    clock.admit(1050.0)
    assert (clock.now(), clock.arriving()) == (1000.0, 1050.0)
    clock.catch_up()
    assert clock.now() == 1050.0


def test_one_timestamp_far_ahead_moves_nothing() -> None:
    clock = build_clock(STREAM)
    clock.admit(1000.0)
    for _ in range(10):
        with pytest.raises(PayloadError, match="too_new"):
            clock.admit(1e9)
        clock.admit(1000.0)
    assert clock.arriving() == 1000.0


def test_a_gap_in_the_recording_is_passed_once_it_is_confirmed() -> None:
    clock = build_clock(STREAM)
    clock.admit(1000.0)
    for number in range(CONFIRMATIONS - 1):
        with pytest.raises(PayloadError, match="too_new"):
            clock.admit(9000.0 + number)
    clock.admit(9005.0)
    assert clock.arriving() == 9005.0


def test_a_timestamp_far_behind_the_stream_is_refused() -> None:
    clock = build_clock(STREAM)
    clock.admit(100_000.0)
    with pytest.raises(PayloadError, match="too_old"):
        clock.admit(100_000.0 - 3601.0)
