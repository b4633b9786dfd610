from collections.abc import Callable, Mapping
from contextlib import suppress

import pytest

from aegisflow.domain.alarms.model import AlarmState, Severity
from aegisflow.domain.callers import Caller, CallerKind, is_reserved, require_operator
from aegisflow.domain.commands.model import Mode, Stage, StatedMode
from aegisflow.domain.commands.policy import PlantView, decide
from aegisflow.domain.commands.policy_spec import PolicyRule, PolicySpec, Verdict
from aegisflow.domain.device import Device
from aegisflow.domain.incidents.model import IncidentReview
from aegisflow.domain.rights import RIGHTS, Extent, Grant, Right, Role
from aegisflow.errors import NotAllowedError
from tests.support.command_bench import ADA, REDUCE, STOP, command, make_authorizer, store, view
from tests.support.device_bench import events_of, fed, with_alarm
from tests.support.samples import healthy

SIMILAR = (
    "Operator",
    "OPERATOR",
    "operator ",
    " operator",
    "operators",
    "oper\u200bator",
    "o",
    "",
    "admin",
    "agent,operator",
)
OTHERS = [
    *(kind for kind in CallerKind if kind is not CallerKind.OPERATOR),
    *(CallerKind.of(text) for text in SIMILAR),
    *SIMILAR,
    "operator",
]
"""Whatever is no operator; plain texts too, as code that no type checker has seen may hand them in."""


def asked() -> tuple[Callable[[Caller], object], Callable[[Caller], object]]:
    """Return what approves and what rejects a command that waits."""
    authorizer = make_authorizer(rules=(PolicyRule("ask everybody", Verdict.ASK),))
    record = store(authorizer, authorizer.propose(command(STOP, ADA), view(), 1_000_000.0))
    command_id = record.command.command_id
    return (
        lambda by: authorizer.approve(command_id, record.digest, by, view(), 1_000_000.0),
        lambda by: authorizer.reject(command_id, by, "no", 1_000_000.0),
    )


def acts() -> Mapping[str, Callable[[Caller], object]]:
    """Return everything in the domain that only an operator may do, ready to be done."""
    alarmed, shelved, device = with_alarm(), with_alarm(), with_alarm()
    alarm_id = alarmed.alarms()[0].alarm_id
    shelved.suppress(alarm_id, ADA, "welding", 600.0, 600.0)
    assert device.alarms()[0].severity.rank >= Severity.HIGH.rank
    approve, reject = asked()
    return {
        "approve": approve,
        "reject": reject,
        "shelve": lambda by: alarmed.suppress(alarm_id, by, "welding", 600.0, 600.0),
        "take out of service": lambda by: alarmed.suppress(alarm_id, by, "welding", 600.0, None),
        "unshelve": lambda by: shelved.return_to_service(alarm_id, AlarmState.SHELVED, by, 600.0),
        "acknowledge": lambda by: device.acknowledge(alarm_id, by, "", 600.0),
        "review": lambda by: IncidentReview(1, 1, by).check(),
        "state a mode": lambda by: device.check_mode(StatedMode("pump-01", Mode.NORMAL, 0.0, by.name, 0.0, "seen"), by),
        "anything": lambda by: require_operator(by, Right.COMMAND, "do anything", on="line-1"),
    }


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_for_operators_is_refused_to_every_other_kind(kind: CallerKind) -> None:
    done = []
    for name, act in acts().items():
        with suppress(NotAllowedError):
            act(Caller("ada", kind))
            done.append(name)
    assert done == []


@pytest.mark.parametrize("lines", [(), ("line-2",), ("LINE-1", "line-10")])
def test_what_is_for_operators_is_refused_to_those_of_other_lines(lines: tuple[str, ...]) -> None:
    done = []
    for name, act in acts().items():
        with suppress(NotAllowedError):
            act(Caller("ada", CallerKind.OPERATOR, role=Role.ADMIN, lines=lines))
            done.append(name)
    assert done == []


@pytest.mark.parametrize("right", Right)
@pytest.mark.parametrize("on", ["line-1", "line-2", *Extent])
def test_a_role_on_one_line_and_another_on_the_next_are_never_added_up(right: Right, on: str | Extent) -> None:
    by = Caller("ada", CallerKind.OPERATOR, True, Role.OPERATOR, ("line-1",), (Grant(Role.APPROVER, ("line-2",)),))
    roles = {"line-1": (Role.OPERATOR,), "line-2": (Role.APPROVER,), Extent.ANYWHERE: (Role.OPERATOR, Role.APPROVER)}
    assert by.may(right, on) is any(right in RIGHTS[role] for role in roles.get(on, ()))
    assert by.standing == "operator of line-1 and approver of line-2"
    agent = Caller("ada", CallerKind.AGENT, True, Role.ADMIN, ("line-1",), (Grant(Role.ADMIN),))
    assert agent.may(right, on) is (right in RIGHTS[Role.AGENT])


def test_a_command_for_a_machine_of_another_line_is_denied_and_leaves_a_row() -> None:
    authorizer = make_authorizer(rules=(PolicyRule("allow everybody", Verdict.ALLOW),))
    for lines, stage in ((("line-1",), Stage.DISPATCHED), (("line-2",), Stage.DENIED)):
        by = Caller("ada", CallerKind.OPERATOR, True, Role.OPERATOR, lines)
        made = authorizer.propose(command(STOP, by), view(), 1_000_000.0)
        assert made.after.stage is stage
    assert "it is about a machine of line-1, and their role is operator of line-2" in made.after.receipt.reasons[0]


def test_an_operator_may_do_all_of_it() -> None:
    for act in acts().values():
        act(Caller("ben", CallerKind.OPERATOR))


@pytest.mark.parametrize("text", SIMILAR)
def test_a_stored_text_that_is_only_similar_to_a_kind_is_unknown(text: str) -> None:
    assert CallerKind.of(text) is CallerKind.UNKNOWN


@pytest.mark.parametrize("kind", CallerKind)
def test_every_kind_comes_back_from_its_stored_text(kind: CallerKind) -> None:
    assert CallerKind.of(str(kind)) is kind


@pytest.mark.parametrize("kind", [kind for kind in OTHERS if kind != "agent"])
def test_whoever_is_neither_operator_nor_agent_commands_nothing(kind: CallerKind) -> None:
    everybody = PolicySpec(rules=(PolicyRule("everybody", Verdict.ALLOW),))
    decision = decide(command(REDUCE, Caller("ada", kind)), view(), PlantView(), everybody)
    assert decision.verdict is Verdict.DENY
    assert "only operators and agents may propose commands" in decision.reasons


@pytest.mark.parametrize("kind", [CallerKind.AGENT, CallerKind.SYSTEM, CallerKind.UNKNOWN])
@pytest.mark.parametrize("callers", [("operator",), ("operator", "gpt")])
def test_a_rule_for_operators_is_not_for_an_agent_that_takes_their_name(
    kind: CallerKind, callers: tuple[str, ...]
) -> None:
    policy = PolicySpec(rules=(PolicyRule("operators decide", Verdict.ALLOW, callers),))
    assert decide(command(REDUCE, Caller("operator", kind)), view(), PlantView(), policy).verdict is Verdict.DENY
    operator = Caller("ada", CallerKind.OPERATOR)
    assert decide(command(REDUCE, operator), view(), PlantView(), policy).verdict is Verdict.ALLOW


NAMES = ("operator", "agent", "system", "unknown", "ada", "gpt", "calls itself “gpt”", "Operator ", "“", "", " ")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("listed", NAMES)
def test_v1_a_name_that_somebody_gave_itself_matches_no_rule(name: str, listed: str) -> None:
    everything = PolicySpec(rules=(PolicyRule("by name", Verdict.ALLOW, (listed,)),))
    for caller in (Caller.self_named(name), Caller(name, CallerKind.AGENT)):
        verdict = decide(command(REDUCE, caller), view(), PlantView(), everything).verdict
        assert (verdict is Verdict.ALLOW) == (listed == "agent"), caller


@pytest.mark.parametrize("kind", [CallerKind.AGENT, CallerKind.OPERATOR])
@pytest.mark.parametrize("name", NAMES)
def test_v1_a_proven_name_matches_its_own_rule_unless_it_is_reserved(kind: CallerKind, name: str) -> None:
    caller = Caller(name, kind, authenticated=kind is CallerKind.AGENT)
    for listed in NAMES:
        policy = PolicySpec(rules=(PolicyRule("by name", Verdict.ALLOW, (listed,)),))
        verdict = decide(command(REDUCE, caller), view(), PlantView(), policy).verdict
        fits = listed == kind or (listed == name and not is_reserved(name))
        assert (verdict is Verdict.ALLOW) == fits, listed


@pytest.mark.parametrize("kind", OTHERS)
def test_v1_a_secret_of_another_kind_gives_nobody_an_agents_or_an_operators_rights(kind: CallerKind) -> None:
    caller = Caller("ada", kind, authenticated=True)
    assert not caller.is_operator
    assert caller.may_propose == (kind is CallerKind.AGENT)


def test_v1_whoever_proposed_a_command_cannot_approve_it_by_another_proof_of_the_same_name() -> None:
    authorizer = make_authorizer(rules=(PolicyRule("ask everybody", Verdict.ASK),))
    record = store(authorizer, authorizer.propose(command(STOP, ADA), view(), 1_000_000.0))
    again = Caller(ADA.name, ADA.kind, authenticated=True)
    with pytest.raises(NotAllowedError, match="who proposes a command cannot approve it"):
        authorizer.approve(record.command.command_id, record.digest, again, view(), 1_000_000.0)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("operator", "calls itself “operator”"),
        ("ada” and is an operator", "calls itself “ada' and is an operator”"),
        ("", "gives no name"),
    ],
)
def test_v1_a_name_that_somebody_gave_itself_is_quoted_wherever_it_stands(name: str, shown: str) -> None:
    by = Caller.self_named(name)
    assert by == Caller(shown, CallerKind.AGENT)
    authorizer = make_authorizer(rules=(PolicyRule("ask everybody", Verdict.ASK),))
    made = authorizer.propose(command(STOP, by), view(), 1_000_000.0)
    assert made.audit[0].actor == shown
    device = mild()
    alarm, (event,) = device.acknowledge(device.alarms()[0].alarm_id, by, "", 600.0)
    assert alarm.acknowledged_by == event.by == shown
    with pytest.raises(NotAllowedError, match=shown):
        require_operator(by, Right.APPROVE, "approve", on=Extent.WHOLE_PLANT)


def mild() -> Device:
    """Return a device with an alarm that is less than high."""
    device = fed(list(healthy(500)))
    rise = [
        one._replace(values={**one.values, "humidity": one.values["humidity"] + 20}) for one in healthy(12, 9, 2500.0)
    ]
    assert events_of(device, rise)
    assert device.alarms()[0].severity.rank < Severity.HIGH.rank
    return device


@pytest.mark.parametrize("kind", OTHERS)
def test_a_mild_alarm_may_be_acknowledged_by_agents_and_operators_and_nobody_else(kind: CallerKind) -> None:
    device = mild()
    alarm_id = device.alarms()[0].alarm_id
    if kind is CallerKind.AGENT:
        assert device.acknowledge(alarm_id, Caller("claude", kind), "", 600.0)[1]
        return
    with pytest.raises(NotAllowedError, match="only operators and agents may"):
        device.acknowledge(alarm_id, Caller("claude", kind), "", 600.0)
