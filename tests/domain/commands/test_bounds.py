"""How far a command may move something, and what leads back from it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.domain.callers import Caller
from aegisflow.domain.commands.authorizer import CommandAuthorizer
from aegisflow.domain.commands.bounds import HOUR_S, LOAD, Bound, beyond, bounds_of, way_back
from aegisflow.domain.commands.model import Command, CommandName, CommandRecord, DeviceView, Mode, Stage, WayBack
from aegisflow.domain.commands.policy import PlantView, decide, options
from aegisflow.domain.commands.policy_spec import PolicyRule, PolicySpec, Verdict
from aegisflow.domain.commands.state_machine import CommandStateMachine
from aegisflow.domain.commands.transition import end
from aegisflow.domain.equipment import DeviceSpec, Limits, LoadSpec, ParameterSpec
from tests.support.command_bench import (
    ADA,
    AGENT,
    BEN,
    NOW,
    REDUCE,
    RESTART,
    SERVICE,
    SET,
    STOP,
    command,
    make_authorizer,
    powered,
    store,
    view,
)

OPEN = (PolicyRule("everything", Verdict.ALLOW),)
SPEED = ParameterSpec("speed", "rpm", Limits(0.0, 100.0), "temperature", False, 2.0, 4.0)
CAP = ParameterSpec("cap", "kW", Limits(5.0, 25.0), "power", True, 5.0)


def machine(**changes: Any) -> DeviceSpec:
    wanted: dict[str, Any] = {
        "parameters": {"speed": SPEED, "cap": CAP},
        "load": LoadSpec("power", (), 30.0, 50.0),
    } | changes
    return replace(powered("pump-01"), **wanted)


def at(speed: float, **changes: Any) -> DeviceView:
    """Return the device with its speed there, without noise."""
    means, recent = {"power": 20.0, "temperature": speed}, {"temperature": (speed,) * 12}
    return view(means=means, recent=recent, spreads={"temperature": 0.5, "power": 0.5}, **changes)


def to_speed(value: float, by: Caller = AGENT, when: float = NOW) -> Command:
    return command(SET, by, "pump-01", when, name="speed", value=value)


def against(what: Command, device: DeviceView, *held: float) -> list[str]:
    return list(beyond(what, device, bounds_of(machine()), {"speed": held, LOAD: held}))


def bounded() -> CommandAuthorizer:
    made = make_authorizer(rules=OPEN)
    plant = made.commands.plant
    made.commands.replace_plant(replace(plant, devices={**plant.devices, "pump-01": machine()}))
    return made


def finish(authorizer: CommandAuthorizer, record: CommandRecord, stage: Stage, when: float) -> CommandRecord:
    acknowledged = store(authorizer, end(record, Stage.ACKNOWLEDGED, when, ("the machine says: done",)))
    return store(authorizer, end(acknowledged, stage, when, ("readings",)))


# --- how far ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "fits"), [(52.0, True), (48.0, True), (52.1, False), (47.9, False), (50.0, True)])
def test_one_command_moves_a_set_point_no_further_than_its_bound_from_what_readings_show(
    value: float, fits: bool
) -> None:
    assert (against(to_speed(value), at(50.0)) == []) is fits
    made = bounded().propose(to_speed(value), at(50.0), NOW).after
    assert made.stage is (Stage.DISPATCHED if fits else Stage.DENIED)


@pytest.mark.parametrize("by", [AGENT, ADA])
def test_the_bounds_belong_to_the_machine_and_hold_for_everybody(by: Caller) -> None:
    made = bounded().propose(to_speed(60.0, by), at(50.0), NOW).after
    assert made.stage is Stage.DENIED
    assert made.receipt.reasons == (
        "speed from 50 to 60 rpm is a change of 10 rpm at once, and 2 is the limit",
        "speed was 50 rpm within the last hour, 60 is 10 from that, and 4 in an hour is the limit",
    )


@pytest.mark.parametrize("changes", [{"stale": ("temperature",)}, {"silent": True}, {"means": {"power": 20.0}}])
def test_where_nobody_knows_what_it_is_now_nothing_is_moved(changes: dict[str, Any]) -> None:
    (why,) = against(to_speed(50.5), replace(at(50.0), **changes))
    assert why == "temperature has no value of now, so nobody knows how far speed would move"


@pytest.mark.parametrize(("now", "wanted", "fits"), [(0, 30, True), (0, 30.5, False), (25, 55, True), (25, 56, False)])
def test_load_is_taken_away_no_further_than_its_bound_at_once(now: float, wanted: float, fits: bool) -> None:
    mode = Mode.REDUCED_LOAD if now else Mode.NORMAL
    assert (against(command(REDUCE, reduction_pct=wanted), view(mode=mode, reduction_pct=now)) == []) is fits


def test_noise_forgives_a_little_and_unrest_no_more_than_a_tenth_of_the_bound() -> None:
    restless = replace(at(50.0), recent={"temperature": (30.0, 70.0) * 6})
    assert against(to_speed(52.2), restless) == []
    assert against(to_speed(52.21), restless) != []
    quiet = replace(at(50.0), recent={"temperature": (49.9, 50.1) * 6})
    assert against(to_speed(52.08), quiet) == []
    assert against(to_speed(52.1), quiet) != []


def test_a_stop_a_start_and_what_brings_the_load_back_are_bounded_by_nothing() -> None:
    reduced = view(mode=Mode.REDUCED_LOAD, reduction_pct=80.0)
    for name in (STOP, SERVICE, RESTART, CommandName.RESTORE_LOAD, CommandName.END_MAINTENANCE):
        assert against(command(name, ADA), reduced) == []


def test_what_has_no_bound_is_moved_as_before() -> None:
    free = {"speed": replace(SPEED, max_change=None, max_change_per_hour=None)}
    bounds = bounds_of(machine(parameters=free, load=LoadSpec("power")))
    silent = at(50.0, silent=True)
    assert list(beyond(to_speed(100.0), silent, bounds, {"speed": (0.0,)})) == []
    assert list(beyond(command(REDUCE, reduction_pct=80.0), silent, bounds, {})) == []


def test_what_it_is_now_counts_within_the_hour_as_what_it_was_before_a_command() -> None:
    bounds = bounds_of(machine(parameters={"speed": replace(SPEED, max_change=None)}))
    (why,) = beyond(to_speed(55.0), at(60.0), bounds, {"speed": (54.0,)})
    assert why.startswith("speed was 60 rpm within the last hour, 55 is 5 from that")
    assert list(beyond(to_speed(56.0), at(60.0), bounds, {"speed": (54.0,)})) == []


@given(st.lists(st.tuples(st.floats(0, 1500), st.floats(40, 60)), max_size=12))
def test_however_it_is_moved_no_two_values_of_an_hour_lie_further_apart_than_its_bound(
    steps: list[tuple[float, float]],
) -> None:
    authorizer, now, speed = bounded(), NOW, 50.0
    was: list[tuple[float, float]] = []
    """Until when it was what, for each value that it had."""
    for wait_s, wanted in steps:
        now += 60.0 + wait_s
        record = store(authorizer, authorizer.propose(to_speed(wanted, ADA, now), at(speed), now))
        if record.stage is Stage.DISPATCHED:
            assert abs(wanted - speed) <= 2.0 + 1e-6
            was.append((now, speed))
            assert all(abs(wanted - value) <= 4.0 + 1e-6 for until, value in was if until > now - HOUR_S)
            finish(authorizer, record, Stage.VERIFIED, now + 1.0)
            speed = wanted
            back = authorizer.propose(to_speed(was[-1][1], ADA, now + 2.0), at(speed), now + 2.0)
            assert back.after.stage is Stage.DISPATCHED, back.after.receipt.reasons


def test_what_a_command_left_counts_for_an_hour_whatever_became_of_it() -> None:
    authorizer = bounded()
    first = store(authorizer, authorizer.propose(to_speed(52.0), at(50.0), NOW))
    store(authorizer, end(first, Stage.OUTCOME_UNKNOWN, NOW + 60, ("no answer",)))
    late = NOW + HOUR_S
    within = authorizer.propose(to_speed(55.0, ADA, late), at(53.0), late).after
    assert within.stage is Stage.DENIED
    later = late + 31.0  # the machine had 30 s to begin
    assert authorizer.propose(to_speed(55.0, ADA, later), at(53.0), later).after.stage is Stage.DISPATCHED


def test_a_guard_that_restarts_knows_what_was_moved_within_the_hour() -> None:
    before = bounded()
    first = store(before, before.propose(to_speed(52.0), at(50.0), NOW))
    done = finish(before, first, Stage.VERIFIED, NOW + 60)
    after = bounded()
    assert after.propose(to_speed(55.0, ADA), at(53.5), NOW + 90).after.stage is Stage.DISPATCHED
    after.commands.recall((), (), (done,))
    assert after.propose(to_speed(55.0, ADA), at(53.5), NOW + 90).after.stage is Stage.DENIED
    assert after.commands.last_set("pump-01", "speed") == 52.0


# --- when it is judged --------------------------------------------------------------------------


def test_it_is_judged_again_against_the_value_of_the_approval() -> None:
    authorizer = make_authorizer(rules=(PolicyRule("people", Verdict.ASK),))
    plant = authorizer.commands.plant
    authorizer.commands.replace_plant(replace(plant, devices={**plant.devices, "pump-01": machine()}))
    asked = store(authorizer, authorizer.propose(to_speed(51.5), at(50.0), NOW))
    assert str(asked.receipt.change) == "speed from 50 to 51.5 rpm"
    late = authorizer.approve(asked.command.command_id, asked.digest, BEN, at(49.0), NOW + 10)
    assert late.after.stage is Stage.EXPIRED
    assert any("2.5 rpm at once" in reason for reason in late.after.receipt.reasons)
    sent = authorizer.approve(asked.command.command_id, asked.digest, BEN, at(50.5), NOW + 10).after
    assert sent.stage is Stage.DISPATCHED
    assert str(sent.receipt.change) == "speed from 50.5 to 51.5 rpm"


def test_it_is_judged_once_more_at_the_machine_before_anything_is_published() -> None:
    authorizer = bounded()
    record = store(authorizer, authorizer.propose(to_speed(51.5), at(50.0), NOW))
    for speed, publishes in ((49.0, False), (50.5, True)):
        state = CommandStateMachine(machine())
        state.mode = Mode.NORMAL
        begun = state.begin(record, at(speed), NOW + 1)
        assert begun.publish is publishes
        assert [one.stage for one in begun.ended] == ([] if publishes else [Stage.FAILED])


def test_agents_are_told_how_far_they_may_reduce() -> None:
    plant = PlantView(bounds=bounds_of(machine()))
    told = options(view(), plant, PolicySpec(rules=OPEN), command(RESTART))
    reductions = [(one.up_to_pct, one.verdict) for one in told if one.command is REDUCE]
    assert reductions == [(30.0, "allow"), (80.0, "deny")]
    assert decide(command(REDUCE, reduction_pct=50.0), view(), plant, PolicySpec(rules=OPEN)).verdict is Verdict.DENY


# --- the way back -------------------------------------------------------------------------------


def back(what: Command, device: DeviceView, last_set: float | None = None) -> WayBack:
    return way_back(what, device, machine(), last_set)


REDUCED = {"mode": Mode.REDUCED_LOAD, "reduction_pct": 40.0}
WAYS = [
    (command(REDUCE), {}, CommandName.RESTORE_LOAD, {}, False),
    (command(REDUCE, reduction_pct=60.0), REDUCED, CommandName.RESTORE_LOAD, {}, True),
    (command(CommandName.RESTORE_LOAD), REDUCED, REDUCE, {"reduction_pct": 40.0}, False),
    (command(CommandName.RESTORE_LOAD), {**REDUCED, "reduction_pct": 10.0}, None, {}, True),
    (command(SERVICE), {}, CommandName.END_MAINTENANCE, {}, False),
    (command(CommandName.END_MAINTENANCE), {"mode": Mode.MAINTENANCE}, SERVICE, {}, False),
    (command(STOP), {}, RESTART, {}, False),
    (command(STOP), {"mode": Mode.MAINTENANCE}, None, {}, True),
    (command(RESTART), {"mode": Mode.SHUTDOWN}, None, {}, True),
]


@pytest.mark.parametrize(("what", "changes", "wanted", "parameters", "noted"), WAYS)
def test_each_command_has_its_way_back_or_says_why_not(
    what: Command, changes: dict[str, Any], wanted: CommandName | None, parameters: dict[str, Any], noted: bool
) -> None:
    found = back(what, view(**changes))
    assert (found.command, found.parameters, bool(found.note)) == (wanted, parameters, noted)
    assert found.mode is changes.get("mode", Mode.NORMAL)


def test_a_set_point_goes_back_to_what_was_set_as_far_as_readings_agree_and_else_to_what_they_show() -> None:
    def value(device: DeviceView, last_set: float | None) -> object:
        return back(to_speed(51.0), device, last_set).parameters.get("value")

    assert value(at(50.1234), 50.0) == 50.0
    assert value(at(60.0), 50.0) == 60.0
    assert value(at(50.1234), None) == 50.12
    assert value(at(50.0, stale=("temperature",)), 49.0) == 49.0
    unknown = back(to_speed(51.0), at(50.0, stale=("temperature",)))
    assert (unknown.command, unknown.note) == (None, "what speed was before is not known")


def test_what_a_cap_was_is_not_what_the_machine_draws_below_it() -> None:
    lower = command(SET, name="cap", value=18.0)
    assert back(lower, at(50.0)).command is None
    assert back(lower, at(50.0), 22.0).parameters == {"name": "cap", "value": 22.0}


def test_no_way_back_leads_beyond_the_limits() -> None:
    found = back(to_speed(99.0), at(104.0))
    assert found.command is None
    assert "104" in found.note
    assert "100" in found.note


def test_the_way_back_is_kept_with_the_command_once_it_is_sent() -> None:
    authorizer = bounded()
    denied = authorizer.propose(to_speed(60.0), at(50.0), NOW).after
    assert denied.receipt.way_back is None
    record = store(authorizer, authorizer.propose(to_speed(52.0), at(50.0), NOW))
    done = finish(authorizer, record, Stage.VERIFIED, NOW + 60)
    assert done.receipt.way_back == WayBack(SET, {"name": "speed", "value": 50.0}, "", Mode.NORMAL)


def test_what_can_be_moved_on_a_device_is_its_load_and_its_set_points() -> None:
    assert bounds_of(machine()) == {
        LOAD: Bound("%", "", False, 30.0, 50.0),
        "speed": Bound("rpm", "temperature", False, 2.0, 4.0),
        "cap": Bound("kW", "power", True, 5.0, None),
    }
    assert bounds_of(replace(machine(), load=None))[LOAD] == Bound("%")
