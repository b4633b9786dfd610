import pytest

from aegisflow.domain.commands.interlocks import Recovery, RecoveryWatch, illegal_move, interlocks
from aegisflow.domain.commands.model import MOVES, CommandName, DeviceView, Mode
from tests.support.command_bench import ADA, NOW, REDUCE, RESTART, SERVICE, SET, STOP, command, view


def against(name: CommandName, device: DeviceView, at: float = NOW, judged: str = "v1") -> tuple[str, ...]:
    return interlocks(command(name, ADA), device, judged=judged, send_by=NOW + 30.0, at=at)


def test_nothing_keeps_a_healthy_device_from_what_its_mode_allows() -> None:
    for name, moves in MOVES.items():
        for mode in moves:
            assert against(name, view(mode=mode)) == ()


def test_an_expired_command_is_not_executed_not_even_a_shutdown() -> None:
    for name in (REDUCE, STOP):
        assert against(name, view(), NOW + 29.9) == ()
        assert against(name, view(), NOW + 30.0) == ("the command has expired",)


def test_a_decision_does_not_outlive_the_device_it_was_made_for() -> None:
    for name in (REDUCE, STOP):
        (why,) = against(name, view(version="v2"))
        assert "changed since the decision" in why


@pytest.mark.parametrize("name", CommandName)
@pytest.mark.parametrize("mode", Mode)
def test_what_is_not_in_the_table_is_illegal(name: CommandName, mode: Mode) -> None:
    assert bool(illegal_move(command(name), view(mode=mode))) is (mode not in MOVES[name])
    assert bool(against(name, view(mode=mode))) is (mode not in MOVES[name])


@pytest.mark.parametrize(("pct", "legal"), [(20.0, False), (40.0, False), (40.5, True), (80.0, True)])
def test_a_reduction_must_take_more_load_than_is_taken(pct: float, legal: bool) -> None:
    reduced = view(mode=Mode.REDUCED_LOAD, reduction_pct=40.0)
    assert (illegal_move(command(REDUCE, reduction_pct=pct), reduced) == "") is legal


@pytest.mark.parametrize("name", [REDUCE, SET, SERVICE])
def test_a_silent_or_busy_device_takes_only_a_shutdown(name: CommandName) -> None:
    assert against(name, view(silent=True)) == ("the device is silent",)
    assert against(name, view(open_command="cmd-x")) == ("cmd-x is still under way",)
    assert against(STOP, view(silent=True, open_command="cmd-x")) == ()


@pytest.mark.parametrize(("name", "mode"), [(RESTART, Mode.SHUTDOWN), (CommandName.END_MAINTENANCE, Mode.MAINTENANCE)])
def test_a_machine_that_has_not_recovered_does_not_start(name: CommandName, mode: Mode) -> None:
    assert against(name, view(mode=mode, unrecovered=("too hot", "too loud"))) == ("too hot", "too loud")
    assert against(REDUCE, view(unrecovered=("too hot",))) == ()


# --- recovery -----------------------------------------------------------------------------------


def watch(gap_s: float = 60.0) -> RecoveryWatch:
    return RecoveryWatch({"temperature": Recovery(None, 80.0, 600.0)}, gap_s)


def shown(watched: RecoveryWatch, start: float, end: float, value: float = 70.0, mode: Mode = Mode.SHUTDOWN) -> None:
    at = start
    while at <= end:
        watched.observe(at, {"temperature": value}, mode)
        at += 30.0


def test_a_sensor_must_hold_its_limit_for_its_time() -> None:
    watched = watch()
    assert watched.missing(0.0) == ("temperature must be at most 80 for 10 min, so far 0.0 min",)
    shown(watched, 0.0, 570.0)
    assert watched.missing(570.0) == ("temperature must be at most 80 for 10 min, so far 9.5 min",)
    watched.observe(600.0, {"temperature": 80.0}, Mode.SHUTDOWN)
    assert watched.missing(600.0) == ()


def test_one_value_outside_begins_the_time_anew() -> None:
    watched = watch()
    shown(watched, 0.0, 590.0)
    watched.observe(600.0, {"temperature": 80.1}, Mode.SHUTDOWN)
    shown(watched, 630.0, 1200.0)
    assert watched.missing(1200.0)
    watched.observe(1230.0, {"temperature": 70.0}, Mode.SHUTDOWN)
    assert watched.missing(1230.0) == ()


def test_time_that_nobody_watched_proves_nothing() -> None:
    watched = watch()
    shown(watched, 0.0, 300.0)
    shown(watched, 361.0, 900.0)  # 61 s without a value
    assert watched.missing(900.0)
    shown(watched, 930.0, 990.0)
    assert watched.missing(990.0) == ()
    assert watched.missing(1052.0)  # silent since


def test_values_of_a_running_machine_do_not_count() -> None:
    watched = watch()
    shown(watched, 0.0, 900.0, mode=Mode.NORMAL)
    shown(watched, 0.0, 900.0, mode=Mode.REDUCED_LOAD)
    assert watched.missing(900.0)


def test_a_stop_begins_anew() -> None:
    watched = watch()
    shown(watched, 0.0, 900.0)
    watched.restart()
    watched.observe(930.0, {"temperature": 70.0}, Mode.SHUTDOWN)
    assert watched.missing(930.0)


def test_a_sensor_without_a_value_neither_holds_nor_breaks() -> None:
    watched = watch()
    shown(watched, 0.0, 570.0)
    watched.observe(590.0, {"vibration": 9.0}, Mode.SHUTDOWN)
    watched.observe(610.0, {"temperature": 75.0}, Mode.SHUTDOWN)
    assert watched.missing(610.0) == ()


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (Recovery(None, 80.0, 1.0), "at most 80"),
        (Recovery(2.0, None, 1.0), "at least 2"),
        (Recovery(2.0, 3.0, 1.0), "within 2 to 3"),
    ],
)
def test_a_recovery_says_what_it_wants(limit: Recovery, words: str) -> None:
    assert str(limit) == words


@pytest.mark.parametrize(("value", "inside"), [(27.9, False), (28.0, True), (35.0, True), (35.1, False)])
def test_both_bounds_count(value: float, inside: bool) -> None:
    watched = RecoveryWatch({"pressure": Recovery(28.0, 35.0, 10.0)}, 60.0)
    watched.observe(0.0, {"pressure": value}, Mode.SHUTDOWN)
    watched.observe(10.0, {"pressure": value}, Mode.SHUTDOWN)
    assert (watched.missing(10.0) == ()) is inside
