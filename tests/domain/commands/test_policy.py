from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import AgentWrites, Command, CommandName, DeviceView, Mode
from aegisflow.domain.commands.policy import Decision, PlantView, decide, options, taken_pct
from aegisflow.domain.commands.policy_spec import NO_ALARM, PolicyRule, PolicySpec, Verdict
from tests.support.command_bench import ADA, AGENT, REDUCE, RESTART, SERVICE, SET, STOP, command, view

ALLOW, ASK, DENY = Verdict.ALLOW, Verdict.ASK, Verdict.DENY
MILD = view(severity=Severity.LOW)
OPEN = PolicySpec(rules=(PolicyRule("everything", ALLOW),))


def judge(
    what: Command, device: DeviceView | None = None, plant: PlantView | None = None, policy: PolicySpec | None = None
) -> Decision:
    return decide(what, device or MILD, plant or PlantView(), policy or PolicySpec())


def spec(*rules: PolicyRule, **more: Any) -> PolicySpec:
    return PolicySpec(rules=rules, **more)


# --- the rules that come with it ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("severity", "pct", "verdict"),
    [
        (Severity.LOW, 20.0, ALLOW),
        (Severity.LOW, 30.0, ALLOW),
        (Severity.LOW, 30.5, ASK),
        (Severity.MEDIUM, 30.0, ALLOW),
        (Severity.MEDIUM, 80.0, ASK),
        (Severity.HIGH, 20.0, ASK),
        (Severity.CRITICAL, 20.0, ASK),
        (Severity.CRITICAL, 80.0, ASK),
        (None, 20.0, ASK),
        (None, 80.0, ASK),
    ],
)
def test_an_agent_alone_may_only_reduce_a_little_on_a_mild_alarm(
    severity: Severity | None, pct: float, verdict: Verdict
) -> None:
    decision = judge(command(REDUCE, reduction_pct=pct), view(severity=severity))
    assert decision.verdict is verdict
    assert decision.approvals == (1 if verdict is ASK else 0)
    assert all(reason.startswith("rule “") for reason in decision.reasons)


@pytest.mark.parametrize("severity", [None, *Severity])
@pytest.mark.parametrize("name", [SET, SERVICE, STOP])
def test_people_decide_about_interventions(name: CommandName, severity: Severity | None) -> None:
    assert judge(command(name), view(severity=severity)).verdict is ASK


def test_a_restart_is_not_for_agents() -> None:
    stopped = view(mode=Mode.SHUTDOWN)
    assert judge(command(RESTART), stopped).reasons == ("rule “restart belongs to people”: deny",)
    assert judge(command(RESTART, ADA), stopped).verdict is ALLOW


@pytest.mark.parametrize("name", [CommandName.RESTORE_LOAD, CommandName.END_MAINTENANCE])
def test_no_rule_opens_the_commands_of_operators_to_others(name: CommandName) -> None:
    mode = Mode.REDUCED_LOAD if name is CommandName.RESTORE_LOAD else Mode.MAINTENANCE
    there = view(mode=mode)
    denied = judge(command(name), there, policy=OPEN)
    assert denied == Decision(DENY, (f"{name} is for operators only",))
    assert judge(command(name, Caller("cron", CallerKind.SYSTEM)), there, policy=OPEN).verdict is DENY
    assert judge(command(name, ADA), there).verdict is ALLOW


# --- how rules meet -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdicts", "wins"),
    [
        ((ALLOW, DENY), DENY),
        ((DENY, ALLOW), DENY),
        ((ALLOW, ASK), ASK),
        ((ASK, ALLOW), ASK),
        ((ASK, DENY, ALLOW), DENY),
        ((ALLOW,), ALLOW),
    ],
)
def test_the_strictest_rule_counts_and_says_so(verdicts: tuple[Verdict, ...], wins: Verdict) -> None:
    policy = spec(*(PolicyRule(f"says {verdict}", verdict) for verdict in verdicts))
    decision = judge(command(), policy=policy)
    assert decision.verdict is wins
    assert decision.reasons == (f"rule “says {wins}”: {wins}",)


@pytest.mark.parametrize("policy", [spec(), spec(PolicyRule("of others", ALLOW, callers=("gpt",)))])
def test_silence_means_deny(policy: PolicySpec) -> None:
    assert judge(command(), policy=policy) == Decision(
        DENY, ("no rule of the policy allows it, and silence means deny",)
    )
    assert judge(command(REDUCE, ADA), policy=policy).verdict is DENY


def test_the_most_approvals_that_any_rule_asks_for_are_needed() -> None:
    policy = spec(PolicyRule("one", ASK), PolicyRule("two", ASK, approvals=2), PolicyRule("all", ALLOW, approvals=9))
    assert judge(command(), policy=policy).approvals == 2


@pytest.mark.parametrize(
    ("narrowed", "fits"),
    [
        ({"callers": ("agent",)}, True),
        ({"callers": ("claude",)}, False),
        ({"callers": ("operator", "gpt")}, False),
        ({"commands": (REDUCE,)}, True),
        ({"commands": (STOP,)}, False),
        ({"devices": ("pump-01",)}, True),
        ({"devices": ("pump-02",)}, False),
        ({"lines": ("line-1",)}, True),
        ({"lines": ("line-2",)}, False),
        ({"kinds": ("pump",)}, True),
        ({"kinds": ("motor",)}, False),
        ({"severities": ("low",)}, True),
        ({"severities": ("none", "high")}, False),
        ({"up_to_pct": 25.0}, True),
        ({"up_to_pct": 24.0}, False),
        ({"above_pct": 24.0}, True),
        ({"above_pct": 25.0}, False),
    ],
)
def test_every_field_of_a_rule_narrows_it(narrowed: dict[str, Any], fits: bool) -> None:
    policy = spec(PolicyRule("narrow", ALLOW, **narrowed))
    assert (judge(command(), policy=policy).verdict is ALLOW) is fits


def test_an_amount_in_a_rule_fits_reductions_only() -> None:
    for rule in (PolicyRule("amounts", ALLOW, up_to_pct=30.0), PolicyRule("amounts", ALLOW, above_pct=-1.0)):
        assert judge(command(SET), policy=spec(rule)).verdict is DENY


# --- what holds for everybody -------------------------------------------------------------------


@pytest.mark.parametrize("by", [AGENT, ADA])
def test_a_device_that_does_not_answer_gets_nothing(by: Caller) -> None:
    denied = decide(command(STOP, by), None, PlantView(), OPEN)
    assert denied.verdict is DENY
    assert "does not answer" in denied.reasons[0]


@pytest.mark.parametrize("by", [AGENT, ADA])
def test_an_illegal_move_is_denied_whoever_asks(by: Caller) -> None:
    denied = judge(command(REDUCE, by), view(mode=Mode.MAINTENANCE), policy=OPEN)
    assert denied.reasons == ("reduce_load is possible in normal, reduced_load, and the device is in maintenance",)


@pytest.mark.parametrize("by", [AGENT, ADA])
def test_one_command_at_a_time_but_a_shutdown_overtakes(by: Caller) -> None:
    busy = view(open_command="cmd-x", severity=Severity.LOW)
    assert "cmd-x is still under way" in judge(command(REDUCE, by), busy, policy=OPEN).reasons[0]
    assert judge(command(STOP, by), busy, policy=OPEN).verdict is not DENY


# --- what holds for agents ----------------------------------------------------------------------

LIMITS = PolicySpec(rules=(PolicyRule("everything", ALLOW),), keep_running={"pump": 1})


@pytest.mark.parametrize(
    ("device", "plant", "words"),
    [
        (
            {},
            {"agents": AgentWrites(False, "ada", 0.0, "too many")},
            "ada has stopped all commands of agents: too many",
        ),
        ({}, {"device_commands": 4}, "4 commands of agents went to this device within 60 min"),
        ({}, {"plant_commands": 12}, "12 commands of agents went to the plant within 60 min"),
        ({"fault_types": ("bearing", "sensor_drift")}, {}, "the alarm is sensor_drift"),
        ({"fault_types": ("unclassified",)}, {}, "the alarm is unclassified"),
        ({"silent": True}, {}, "the device is silent"),
        ({"stale": ("power",)}, {}, "no recent value of power"),
        ({}, {"line_reduction_pct": 125.5}, "line-1 would lose 150.5 % of a device's load in all"),
    ],
)
def test_limits_of_agents_do_not_bind_operators(device: dict[str, Any], plant: dict[str, Any], words: str) -> None:
    # one other pump is running, as the policy wants it
    there, rest = view(severity=Severity.LOW, **device), PlantView(**{"others_running": 1, **plant})
    denied = judge(command(), there, rest, LIMITS)
    assert denied.verdict is DENY
    assert len(denied.reasons) == 1
    assert words in denied.reasons[0]
    assert judge(command(REDUCE, Caller("cron", CallerKind.SYSTEM)), there, rest, LIMITS).verdict is DENY
    assert judge(command(REDUCE, ADA), there, rest, LIMITS).verdict is ALLOW


def test_just_below_every_limit_it_is_allowed() -> None:
    rest = PlantView(device_commands=3, plant_commands=11, line_reduction_pct=125.0, others_running=1)
    assert judge(command(), plant=rest, policy=LIMITS).verdict is ALLOW


def test_the_switch_in_the_file_stops_agents() -> None:
    policy = PolicySpec(rules=(PolicyRule("everything", ALLOW),), agents_may_propose=False)
    assert judge(command(), policy=policy).reasons == ("commands of agents are switched off in plant.yaml",)
    assert judge(command(REDUCE, ADA), policy=policy).verdict is ALLOW


def test_a_stop_counts_as_all_of_the_load_and_leaves_siblings_running() -> None:
    lost = judge(command(SERVICE), plant=PlantView(line_reduction_pct=51.0, others_running=1), policy=LIMITS)
    assert "line-1 would lose 151 %" in lost.reasons[0]
    last = judge(command(SERVICE), plant=PlantView(others_running=0), policy=LIMITS)
    assert last.reasons == ("only 0 other devices of kind pump are running, and 1 must be",)
    assert (
        judge(command(SERVICE), plant=PlantView(line_reduction_pct=50.0, others_running=1), policy=LIMITS).verdict
        is ALLOW
    )
    assert judge(command(REDUCE), plant=PlantView(others_running=0), policy=LIMITS).verdict is ALLOW


def test_limits_do_not_keep_a_shutdown_from_the_person_who_decides_but_the_kill_switch_does() -> None:
    bad = view(silent=True, stale=("power",), fault_types=("unclassified",))
    rest = PlantView(device_commands=99, plant_commands=99, line_reduction_pct=500.0)
    assert judge(command(STOP), bad, rest, PolicySpec(keep_running={"pump": 3})).verdict is ASK
    off = PlantView(agents=AgentWrites(False, "ada", 0.0, "audit"))
    assert judge(command(STOP), bad, off).verdict is DENY


def test_every_objection_is_told() -> None:
    there = view(silent=True, fault_types=("sensor_stuck",), mode=Mode.SHUTDOWN)
    assert len(judge(command(), there, PlantView(device_commands=4, plant_commands=12)).reasons) == 5


# --- what would be said -------------------------------------------------------------------------


def test_options_tell_what_policy_would_say_to_every_command_of_agents() -> None:
    told = options(MILD, PlantView(), PolicySpec(), command())
    assert [(one.command, one.verdict, one.up_to_pct) for one in told] == [
        (REDUCE, "allow", 30.0),
        (REDUCE, "ask", 80.0),
        (SET, "ask", None),
        (SERVICE, "ask", None),
        (STOP, "ask", None),
        (RESTART, "deny", None),
    ]


@pytest.mark.parametrize(
    ("mode", "taken"),
    [
        (Mode.NORMAL, 0.0),
        (Mode.REDUCED_LOAD, 40.0),
        (Mode.MAINTENANCE, 100.0),
        (Mode.SHUTDOWN, 100.0),
        (Mode.UNKNOWN, 100.0),
    ],
)
def test_what_is_not_known_to_run_counts_as_stopped(mode: Mode, taken: float) -> None:
    assert taken_pct(mode, 40.0 if mode is Mode.REDUCED_LOAD else 0.0) == taken


@pytest.mark.parametrize(("name", "mode"), [(STOP, Mode.NORMAL), (RESTART, Mode.SHUTDOWN)])
def test_no_rule_lets_an_agent_stop_or_restart_a_machine_alone(name: CommandName, mode: Mode) -> None:
    seen = view(mode=mode, severity=Severity.LOW)
    asked = judge(command(name), seen, policy=OPEN)
    assert (asked.verdict, asked.approvals) == (ASK, 1)
    assert judge(command(name, ADA), seen, policy=OPEN).verdict is ALLOW


# --- alarms that operators set aside ------------------------------------------------------------


def test_h10_an_alarm_that_is_set_aside_is_as_doubtful_as_before() -> None:
    aside = view(set_aside_severity=Severity.MEDIUM, set_aside_types=("unclassified",))
    (reason,) = judge(command(REDUCE), aside).reasons
    assert judge(command(REDUCE), aside).verdict is DENY
    assert reason.startswith("the alarm is unclassified (set aside by an operator, and its cause lasts)")


_severities = st.sampled_from([None, *Severity])
_rules = st.lists(
    st.builds(
        PolicyRule,
        st.just("r"),
        st.sampled_from(Verdict),
        severities=st.sets(st.sampled_from([NO_ALARM, *map(str, Severity)])).map(lambda found: tuple(sorted(found))),
        approvals=st.integers(1, 2),
    ),
    min_size=1,
    max_size=4,
)


@given(_rules, _severities, _severities)
@example([PolicyRule("r", ALLOW, severities=(NO_ALARM,))], None, Severity.HIGH)
@example([PolicyRule("r", ASK, severities=(NO_ALARM,))], None, Severity.LOW)
def test_h10_setting_an_alarm_aside_never_widens_what_is_allowed(
    rules: list[PolicyRule], told: Severity | None, aside: Severity | None
) -> None:
    policy = spec(*rules)
    worst = max((one for one in (told, aside) if one), key=lambda one: one.rank, default=None)
    before = judge(command(REDUCE), view(severity=worst), policy=policy)
    after = judge(command(REDUCE), view(severity=told, set_aside_severity=aside), policy=policy)
    strictest = [DENY, ASK, ALLOW]
    assert strictest.index(after.verdict) <= strictest.index(before.verdict)
    if before.verdict is after.verdict is ASK:
        assert after.approvals >= before.approvals


@pytest.mark.parametrize("who", [AGENT, ADA])
@pytest.mark.parametrize("name", CommandName)
def test_a_machine_that_is_only_watched_takes_no_command_from_anybody_and_says_so(
    name: CommandName, who: Caller
) -> None:
    watched = replace(view(severity=Severity.LOW), watched_only=True)
    decision = judge(replace(command(name), proposed_by=who), watched, policy=OPEN)
    assert decision.verdict is DENY
    assert (
        "the machine is only watched (commands: none in plant.yaml), so it takes none from AegisFlow"
        in decision.reasons
    )


def test_an_agent_is_told_of_each_command_that_the_machine_is_only_watched() -> None:
    watched = replace(view(severity=Severity.LOW), watched_only=True)
    told = options(watched, PlantView(), OPEN, command(REDUCE, reduction_pct=20.0))
    assert told
    assert all(one.verdict == "deny" and any("only watched" in why for why in one.reasons) for one in told)
