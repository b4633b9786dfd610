from dataclasses import replace
from typing import Any

import pytest

from aegisflow.domain.commands.model import CommandName, Mode
from aegisflow.domain.commands.verification import expect
from aegisflow.domain.equipment import DeviceSpec, Limits, ParameterSpec
from tests.support.command_bench import REDUCE, RESTART, SERVICE, SET, STOP, command, powered, view

SPEC = powered("pump-01")


def normal(low: float) -> DeviceSpec:
    power = replace(SPEC.sensors["power"], normal=Limits(low, 30.0))
    return replace(SPEC, sensors={**SPEC.sensors, "power": power})


def test_a_reduction_must_move_the_power_by_half_of_its_share() -> None:
    expected = expect(command(REDUCE, reduction_pct=40.0), view(), SPEC)
    assert expected is not None
    assert (expected.sensor, expected.low, expected.high) == ("power", None, pytest.approx(16.0))
    assert expected.readings == 3
    assert expected.full_load == 20.0


def test_a_further_reduction_is_measured_from_what_is_left() -> None:
    reduced = view(mode=Mode.REDUCED_LOAD, reduction_pct=20.0, means={"power": 16.0}, full_load=20.0)
    expected = expect(command(REDUCE, reduction_pct=60.0), reduced, SPEC)
    assert expected is not None
    assert expected.high == pytest.approx(12.0)  # half of the load goes, a quarter of the power must
    assert expected.full_load == 20.0


def test_noise_asks_for_more_readings_and_too_much_of_it_hides_everything() -> None:
    readings = [
        expected and expected.readings
        for spread in (0.5, 2.0, 6.0, 6.9)
        if (expected := expect(command(REDUCE, reduction_pct=40.0), view(spreads={"power": spread}), SPEC)) or True
    ]
    assert readings == [3, 4, 28, None]


def test_what_was_never_measured_cannot_be_proved() -> None:
    assert expect(command(REDUCE), view(means={}), SPEC) is None
    assert expect(command(REDUCE), view(), replace(SPEC, load=None)) is None
    assert expect(command(STOP), view(mode=Mode.UNKNOWN), SPEC) is None
    assert expect(command(RESTART), view(mode=Mode.SHUTDOWN, means={"power": 0.1}), SPEC) is None


@pytest.mark.parametrize("name", [STOP, SERVICE])
def test_a_stopped_machine_takes_next_to_nothing(name: CommandName) -> None:
    expected = expect(command(name), view(), SPEC)
    assert expected is not None
    assert (expected.low, expected.high) == (None, pytest.approx(3.0))
    assert expected.full_load == 20.0
    known = expect(command(name), view(means={"power": 9.0}), normal(18.0))
    assert known is not None
    assert known.high == pytest.approx(2.7)


@pytest.mark.parametrize("name", [RESTART, CommandName.END_MAINTENANCE])
def test_a_running_machine_takes_most_of_its_power(name: CommandName) -> None:
    expected = expect(command(name), view(mode=Mode.SHUTDOWN, means={"power": 0.1}), normal(18.0))
    assert expected is not None
    assert (expected.low, expected.high) == (pytest.approx(13.5), None)


def test_restored_load_comes_back_half_of_the_way_at_least() -> None:
    reduced = view(mode=Mode.REDUCED_LOAD, reduction_pct=40.0, means={"power": 14.0}, full_load=20.0)
    expected = expect(command(CommandName.RESTORE_LOAD), reduced, SPEC)
    assert expected is not None
    assert (expected.low, expected.high) == (pytest.approx(17.0), None)
    for unknown in (replace(reduced, full_load=None), replace(reduced, full_load=14.0)):
        assert expect(command(CommandName.RESTORE_LOAD), unknown, SPEC) is None


def setpoint(**changes: Any) -> DeviceSpec:
    speed = ParameterSpec("speed", "kW", Limits(0.0, 50.0), sensor="power")
    return replace(SPEC, parameters={"speed": replace(speed, **changes)})


def test_a_setpoint_is_followed_or_kept_below() -> None:
    wanted = command(SET, name="speed", value=30.0)
    followed = expect(wanted, view(), setpoint())
    assert followed is not None
    assert (followed.low, followed.high) == (25.0, 35.0)
    kept = expect(wanted, view(), setpoint(is_cap=True))
    assert kept is not None
    assert (kept.low, kept.high) == (None, 30.5)


def test_a_setpoint_that_nothing_shows_cannot_be_proved() -> None:
    wanted = command(SET, name="speed", value=30.0)
    assert expect(wanted, view(), setpoint(sensor="")) is None
    assert expect(wanted, view(), SPEC) is None
    assert expect(wanted, view(means={}), setpoint()) is None
    assert expect(command(SET, name="speed", value=20.0), view(), setpoint()) is None  # it is there already


@pytest.mark.parametrize("name", CommandName)
def test_the_state_before_never_meets_what_is_expected(name: CommandName) -> None:
    """Or a command that did nothing would be verified."""
    before = {
        RESTART: view(mode=Mode.SHUTDOWN, means={"power": 0.1}),
        CommandName.END_MAINTENANCE: view(mode=Mode.MAINTENANCE, means={"power": 0.1}),
        CommandName.RESTORE_LOAD: view(
            mode=Mode.REDUCED_LOAD, reduction_pct=40.0, means={"power": 14.0}, full_load=20.0
        ),
    }.get(name, view())
    amounts: dict[CommandName, dict[str, Any]] = {
        REDUCE: {"reduction_pct": 20.0},
        SET: {"name": "speed", "value": 30.0},
    }
    spec = replace(setpoint(), sensors=normal(18.0).sensors)
    expected = expect(command(name, **amounts.get(name, {})), before, spec)
    assert expected is not None
    low = float("-inf") if expected.low is None else expected.low
    high = float("inf") if expected.high is None else expected.high
    assert not low <= before.means["power"] <= high


@pytest.mark.parametrize("drawn", [20.0, 22.0, 22.5])
def test_v7_a_cap_above_what_the_machine_draws_shows_no_change(drawn: float) -> None:
    wanted = command(SET, name="speed", value=22.0)
    expected = expect(wanted, view(recent={"power": (30.0,) * 9 + (drawn,) * 3}), setpoint(is_cap=True))
    assert expected is not None
    assert (expected.before, expected.shows_change) == (drawn, False)


def test_v7_what_counts_as_before_is_as_many_readings_as_must_show_it_after() -> None:
    noisy = view(spreads={"power": 2.0}, recent={"power": (99.0,) * 5 + (20.0,) * 4})
    expected = expect(command(REDUCE, reduction_pct=40.0), noisy, SPEC)
    assert expected is not None
    assert (expected.readings, expected.before, expected.shows_change) == (4, 20.0, True)
    few = expect(command(REDUCE, reduction_pct=40.0), view(recent={"power": (20.0, 20.0)}), SPEC)
    assert few is not None
    assert (few.before, few.shows_change) == (None, False)


def test_v7_a_load_that_was_just_taken_away_can_be_restored_and_proved() -> None:
    """The noise of a change of load asks for many readings; those from before it must not count as before."""
    reduced = view(
        mode=Mode.REDUCED_LOAD,
        means={"power": 14.0},
        spreads={"power": 2.0},
        recent={"power": (14.0,) * 12},
        full_load=20.0,
    )
    expected = expect(command(CommandName.RESTORE_LOAD), reduced, SPEC)
    assert expected is not None
    assert (expected.readings > 3, expected.before, expected.shows_change) == (True, 14.0, True)


@pytest.mark.parametrize("recent", [(20.0,) * 9 + (0.1,) * 3, (0.1,) * 12])
def test_v7_a_machine_that_stands_already_is_not_stopped_by_a_command(recent: tuple[float, ...]) -> None:
    expected = expect(command(STOP), view(recent={"power": recent}), normal(18.0))
    assert expected is not None
    assert not expected.shows_change
