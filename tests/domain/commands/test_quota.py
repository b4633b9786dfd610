"""What agents propose is bounded, whatever they call themselves, and people hear of a first shutdown (V9)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import AgentWrites, Command, CommandName
from aegisflow.domain.commands.policy_spec import PolicySpec, Rate
from aegisflow.domain.commands.quota import FOLD_S, ProposalQuota
from tests.support.command_bench import ADA, AGENT, NOW, REDUCE, RESTART, STOP, command, make_authorizer, store, view

POLICY = PolicySpec(device_proposals=Rate(3, 600.0), plant_proposals=Rate(5, 600.0))
DEVICES = ("pump-01", "pump-02", "motor-01")
AGENTS = (
    Caller("gpt", CallerKind.AGENT, authenticated=True),
    Caller("claude", CallerKind.AGENT, authenticated=True),
    Caller.self_named("a"),
    Caller.self_named("b"),
    Caller("c", CallerKind.UNKNOWN),
)


@given(
    calls=st.lists(
        st.tuples(
            st.sampled_from((*AGENTS, ADA)),
            st.sampled_from(DEVICES),
            st.sampled_from((REDUCE, RESTART, STOP)),
            st.floats(0.0, 200.0),
        ),
        max_size=60,
    )
)
def test_v9_within_a_quotas_time_no_agent_proposes_more_but_for_the_first_shutdown_of_each_device(
    calls: list[tuple[Caller, str, CommandName, float]],
) -> None:
    quota, at, taken = ProposalQuota(), NOW, list[tuple[str, Command, float]]()
    for by, device_id, name, later in calls:
        at += later
        made = command(name, by, device_id, at)
        who = by.name if by.authenticated else by.kind
        stops = [
            one for _, one, then in taken if one.command is STOP and one.device_id == device_id and then > at - 600.0
        ]
        admitted = not quota.take(made, POLICY, at)
        if by.is_operator:
            assert admitted
            continue
        mine = [one for whose, one, then in taken if whose == who and then > at - 600.0]
        of_device = sum(one.device_id == device_id for one in mine)
        assert admitted == ((name is STOP and not stops) or (of_device < 3 and len(mine) < 5))
        if admitted:
            taken.append((who, made, at))


def test_v9_a_quota_that_is_used_up_keeps_no_first_shutdown_from_people() -> None:
    quota = ProposalQuota()
    assert [bool(quota.take(command(RESTART), POLICY, NOW)) for _ in range(4)] == [False] * 3 + [True]
    assert not quota.take(command(STOP), POLICY, NOW)
    assert quota.take(command(STOP), POLICY, NOW)  # the second is one too many


def test_v9_a_new_name_gives_no_new_quota() -> None:
    quota = ProposalQuota()
    refused = [bool(quota.take(command(RESTART, Caller.self_named(f"agent {n}")), POLICY, NOW)) for n in range(10)]
    assert refused == [False] * 3 + [True] * 7
    assert "its 3 proposals for pump-01 in 10 min" in quota.take(command(RESTART), POLICY, NOW)
    assert not quota.take(command(RESTART, AGENTS[0]), POLICY, NOW)
    assert not quota.take(command(RESTART), POLICY, NOW + 600.0)


def test_v9_that_a_quota_is_used_up_is_news_once() -> None:
    quota, one = ProposalQuota(), command(RESTART)
    assert [quota.is_news(one, POLICY, NOW + at) for at in (0.0, 1.0, 599.0, 600.0, 601.0)] == [
        True,
        False,
        False,
        True,
        False,
    ]


def test_v9_the_repetition_of_a_denied_proposal_is_told_as_that_one() -> None:
    authorizer = make_authorizer()
    first = command(RESTART)
    assert authorizer.folded(first, view(), NOW) is None
    authorizer.quota.note(store(authorizer, authorizer.propose(first, view(), NOW)), NOW)
    for count in (1, 2, 3):
        told = authorizer.folded(command(RESTART), view(), NOW + count)
        assert told is not None
        assert told.command.command_id == first.command_id
        assert f"proposed {count} more times since" in told.reasons[-1]
    for other in (
        command(RESTART, AGENTS[0]),
        command(RESTART, AGENT, "pump-02"),
        command(CommandName.ENABLE_MAINTENANCE_MODE),
    ):
        assert authorizer.folded(other, view(other.device_id), NOW + 5.0) is None
    assert authorizer.folded(command(RESTART), view(), NOW + FOLD_S) is None


def test_v9_a_repetition_that_is_not_denied_any_more_is_judged_by_itself() -> None:
    authorizer = make_authorizer()
    switched_off = command(STOP)
    authorizer.commands.agents = AgentWrites(allowed=False, by="ada", reason="storm")
    authorizer.quota.note(store(authorizer, authorizer.propose(switched_off, view(), NOW)), NOW)
    assert authorizer.folded(command(STOP), view(), NOW + 1.0) is not None
    authorizer.commands.agents = AgentWrites()
    assert authorizer.folded(command(STOP), view(), NOW + 2.0) is None


@pytest.mark.parametrize("parameters", [{"reduction_pct": 20.0}, {"reduction_pct": 25.0}])
def test_v9_a_proposal_with_other_parameters_is_another(parameters: dict[str, float]) -> None:
    authorizer = make_authorizer(agents_may_propose=False)
    first = command(REDUCE, reduction_pct=20.0)
    authorizer.quota.note(store(authorizer, authorizer.propose(first, view(), NOW)), NOW)
    again = authorizer.folded(command(REDUCE, **parameters), view(), NOW + 1.0)
    assert (again is not None) == (parameters == first.parameters)
