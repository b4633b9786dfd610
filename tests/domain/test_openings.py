"""What opens a policy: nothing that lets more happen is taken for a tightening, whatever the two policies are."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.interlocks import Recovery
from aegisflow.domain.commands.model import Command, CommandName
from aegisflow.domain.commands.policy import Decision, PlantView, decide
from aegisflow.domain.commands.policy_spec import NO_ALARM, PolicyRule, PolicySpec, Rate, Verdict
from aegisflow.domain.credentials import AgentAccess, OperatorSpec
from aegisflow.domain.equipment import DeviceSpec, Limits, LoadSpec, ParameterSpec
from aegisflow.domain.openings import (
    access_openings,
    device_openings,
    line_diff,
    operator_openings,
    policy_digest,
    policy_lines,
    policy_openings,
)
from aegisflow.domain.rights import Role
from tests.support.command_bench import powered, view

CALLERS = ("agent", "operator", "line-agent", "anna")
COMMANDS = (CommandName.REDUCE_LOAD, CommandName.SET_PARAMETER, CommandName.EMERGENCY_SHUTDOWN)
SEVERITIES = (NO_ALARM, "low", "high")
RULE = PolicyRule("new", Verdict.ALLOW, ("agent",), (CommandName.SET_PARAMETER,))


def some(values: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple)


PCT = st.none() | st.sampled_from((20.0, 30.0, 50.0))
rules = st.builds(
    PolicyRule,
    name=st.just("a rule"),
    verdict=st.sampled_from(Verdict),
    callers=some(CALLERS),
    commands=some(COMMANDS),
    devices=some(("pump-01", "pump-02")),
    severities=some(SEVERITIES),
    up_to_pct=PCT,
    above_pct=PCT,
    approvals=st.integers(1, 2),
)
policies = st.builds(
    PolicySpec,
    rules=st.lists(rules, max_size=3).map(tuple),
    agents_may_propose=st.booleans(),
    device_rate=st.builds(Rate, st.integers(0, 3), st.sampled_from((60.0, 3600.0))),
    doubtful=some(("sensor_drift", "bearing_failure")),
    line_reduction_pct=st.sampled_from((0.0, 25.0, 100.0)),
    keep_running=st.dictionaries(st.just("pump"), st.integers(0, 2)),
)


@st.composite
def changes(draw: st.DrawFn) -> tuple[PolicySpec, PolicySpec]:
    """Return two policies that are near enough to each other for their difference to matter."""
    old = draw(policies)
    kept = [rule for rule in old.rules if draw(st.booleans())]
    added = draw(st.lists(rules | st.sampled_from(old.rules or (RULE,)), max_size=2))
    new = replace(draw(policies), rules=(*kept, *added)) if draw(st.booleans()) else replace(old, rules=(*kept, *added))
    return old, new


def openness(decision: Decision) -> tuple[int, int]:
    order = (Verdict.DENY, Verdict.ASK, Verdict.ALLOW)
    return order.index(decision.verdict), -decision.approvals


@given(
    change=changes(),
    by=st.sampled_from(
        (
            Caller("line-agent", CallerKind.AGENT, True),
            Caller("x", CallerKind.AGENT),
            Caller("anna", CallerKind.OPERATOR, True),
        )
    ),
    name=st.sampled_from(COMMANDS),
    pct=st.sampled_from((20.0, 30.0, 40.0, 80.0)),
    told=st.none() | st.sampled_from((Severity.LOW, Severity.HIGH)),
    aside=st.none() | st.sampled_from((Severity.LOW, Severity.HIGH)),
    sent=st.integers(0, 3),
)
def test_v11_whatever_is_more_open_than_before_is_said_to_open(
    change: tuple[PolicySpec, PolicySpec],
    by: Caller,
    name: CommandName,
    pct: float,
    told: Severity | None,
    aside: Severity | None,
    sent: int,
) -> None:
    old, new = change
    parameters: dict[str, str | float] = {"reduction_pct": pct} if name is CommandName.REDUCE_LOAD else {}
    asked = Command("cmd-1", "pump-01", name, parameters, by, "", 0.0)
    device = replace(view(), severity=told, set_aside_severity=aside, fault_types=("bearing_failure",))
    plant = PlantView(device_commands=sent, others_running=1)
    before, after = (openness(decide(asked, device, plant, policy)) for policy in (old, new))
    if after > before:
        assert policy_openings(old, new)


@given(policies)
def test_the_same_policy_opens_nothing_and_has_one_digest(policy: PolicySpec) -> None:
    again = replace(policy, rules=tuple(replace(rule) for rule in policy.rules))
    assert policy_openings(policy, again) == ()
    assert policy_digest(policy) == policy_digest(again)


@given(policies, policies)
def test_two_policies_have_one_digest_only_where_they_are_the_same(one: PolicySpec, other: PolicySpec) -> None:
    assert (policy_digest(one) == policy_digest(other)) == (policy_lines(one) == policy_lines(other))
    assert (one == other) == (policy_digest(one) == policy_digest(other))


TIGHTER = {
    "a deny more": replace(PolicySpec(), rules=(*PolicySpec().rules, replace(RULE, verdict=Verdict.DENY))),
    "an allow less": replace(PolicySpec(), rules=PolicySpec().rules[1:]),
    "switched off": replace(PolicySpec(), agents_may_propose=False),
    "rarer": replace(PolicySpec(), device_rate=Rate(3, 3600.0)),
    "longer to wait": replace(PolicySpec(), approve_within_s=10_000.0),
    "two are asked": replace(PolicySpec(), rules=tuple(replace(rule, approvals=2) for rule in PolicySpec().rules)),
    "more must agree": replace(PolicySpec(), approvals_to_open=2),
}


@pytest.mark.parametrize("case", TIGHTER)
def test_v11_what_only_tightens_waits_for_nobody_and_its_way_back_does(case: str) -> None:
    assert policy_openings(PolicySpec(), TIGHTER[case]) == ()
    if case != "longer to wait":
        assert policy_openings(TIGHTER[case], PolicySpec()) != ()


@dataclass(frozen=True)
class LaterPolicy(PolicySpec):
    """A policy with a setting that nobody has said anything about yet."""

    another: int = 0


def test_a_setting_that_is_not_known_to_tighten_opens() -> None:
    assert policy_openings(LaterPolicy(), LaterPolicy(another=1)) == ("another: 0 becomes 1",)


def test_the_difference_is_what_people_would_read() -> None:
    added = replace(PolicySpec(), rules=(*PolicySpec().rules, RULE), agents_may_propose=False)
    assert line_diff(policy_lines(PolicySpec()), policy_lines(added)) == (
        "- agents_may_propose: true",
        '+ rule "new": allow callers=["agent"] commands=["set_parameter"]',
        "+ agents_may_propose: false",
    )


def test_people_and_agents_who_may_more_than_before_are_named() -> None:
    one = OperatorSpec("a", Role.OPERATOR, 100.0)
    for new in (
        {"anna": one, "ben": one},
        {"anna": replace(one, role=Role.APPROVER)},
        {"anna": replace(one, token_sha256="b")},
        {"anna": replace(one, expires_at=None)},
        {"anna": replace(one, expires_at=101.0)},
    ):
        assert list(operator_openings({"anna": one}, new))
    for new in ({}, {"anna": one}, {"anna": replace(one, role=Role.VIEWER, expires_at=99.0)}):
        assert not list(operator_openings({"anna": one}, new))


def test_what_agents_may_more_than_before_is_named() -> None:
    shut = AgentAccess(True, frozenset({"log_incident_report"}), False, {})
    for opened in (
        replace(shut, read_only=False),
        replace(shut, tools_off=frozenset()),
        replace(shut, anonymous=None),
        replace(shut, anonymous=True),
        replace(shut, users={"svc": "line-agent"}),
    ):
        assert list(access_openings(shut, opened))
        assert not list(access_openings(opened, shut))
    assert list(access_openings(AgentAccess(), AgentAccess(anonymous=True)))


def test_a_device_that_moves_under_other_rules_or_may_be_set_further_is_named() -> None:
    device = DeviceSpec(
        "pump-01", "line-1", "pump", {}, parameters={"speed": ParameterSpec("speed", "rpm", Limits(1, 5))}
    )
    wider = {"speed": ParameterSpec("speed", "rpm", Limits(1, 6))}
    narrower = {"speed": ParameterSpec("speed", "rpm", Limits(2, 4))}
    for changed in (replace(device, kind="fan"), replace(device, line="line-2"), replace(device, parameters=wider)):
        assert list(device_openings(device, changed))
    assert not list(device_openings(device, replace(device, parameters=narrower, description="x")))
    assert list(device_openings(replace(device, parameters={}), device))


@pytest.mark.parametrize(
    ("step", "in_an_hour", "opens"),
    [(2.0, 4.0, False), (1.0, 4.0, False), (2.0, 3.0, False), (3.0, 4.0, True), (None, 4.0, True), (2.0, None, True)],
)
def test_a_bound_of_change_that_is_wider_or_gone_opens(
    step: float | None, in_an_hour: float | None, opens: bool
) -> None:
    speed = ParameterSpec("speed", "rpm", Limits(1, 5), "power", False, 2.0, 4.0)
    device = replace(powered("pump-01"), parameters={"speed": speed}, load=LoadSpec("power", (), 30.0, 60.0))
    changed = replace(speed, max_change=step, max_change_per_hour=in_an_hour)
    assert bool(list(device_openings(device, replace(device, parameters={"speed": changed})))) is opens
    load = LoadSpec("power", (), step and 15 * step, in_an_hour and 15 * in_an_hour)
    assert bool(list(device_openings(device, replace(device, load=load)))) is opens
    moved = replace(speed, sensor="temperature")
    assert list(device_openings(device, replace(device, parameters={"speed": moved})))
    assert list(device_openings(replace(device, watched_only=True), device))
    assert not list(device_openings(device, replace(device, watched_only=True)))
    assert list(device_openings(replace(device, signed=True), device))
    assert not list(device_openings(device, replace(device, signed=True)))
    bare = replace(device, parameters={"speed": ParameterSpec("speed", "rpm", Limits(1, 5))}, load=None)
    assert not list(device_openings(bare, device))


def test_v11_an_interlock_that_holds_less_opens() -> None:
    device = replace(
        powered("pump-01"),
        recovery={"temperature": Recovery(None, 60.0, 600.0)},
        silent_after_s=60.0,
        load=LoadSpec("power"),
    )
    for changes in (
        {"recovery": {}},
        {"recovery": {"temperature": Recovery(None, 61.0, 600.0)}},
        {"recovery": {"temperature": Recovery(None, 60.0, 599.0)}},
        {"silent_after_s": 61.0},
        {"silent_after_s": None},
        {"load": None},
        {"load": LoadSpec("temperature")},
    ):
        changed = replace(device, **changes)
        assert list(device_openings(device, changed)), changes
        assert not list(device_openings(device, replace(changed, watched_only=True)))
    stricter = {"temperature": Recovery(10.0, 50.0, 900.0), "power": Recovery(None, 1.0, 60.0)}
    assert not list(device_openings(device, replace(device, recovery=stricter, silent_after_s=30.0)))
    assert not list(device_openings(replace(device, load=None), device))
