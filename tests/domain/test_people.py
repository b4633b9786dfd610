"""Who is who among people whom a sign-in service proves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.domain.callers import Caller, CallerKind, is_reserved
from aegisflow.domain.commands.model import Stage
from aegisflow.domain.commands.policy_spec import PolicyRule, Verdict
from aegisflow.domain.handover import HANDED_OVER, check_take_over, handovers
from aegisflow.domain.openings import sign_in_openings
from aegisflow.domain.people import ProvedPerson, SignInSpec, person_of
from aegisflow.domain.rights import Grant, Role
from aegisflow.domain.views import AuditEntry
from aegisflow.errors import ConflictError, NotAllowedError
from tests.support.command_bench import ADA, STOP, command, make_authorizer, store, view

ISSUER = "https://login.plant.example"
NOW = 1_000_000.0


def proved(subject: str, name: str = "Anna", issuer: str = ISSUER) -> Caller:
    person = ProvedPerson(issuer, "aegisflow", subject, name)
    return Caller(person.shown, CallerKind.OPERATOR, True, Role.APPROVER)


@given(st.text(min_size=1, max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_a_person_is_the_same_by_whatever_name_and_no_other_by_any(subject: str, name: str, other: str) -> None:
    tag = person_of(proved(subject, name).name)
    assert tag == person_of(proved(subject, other).name)
    for different in (proved(subject + "x", name), proved(subject + "x", tag), proved(subject, name, ISSUER + "/")):
        assert person_of(different.name) != tag
    for plain in ("anna", f"{tag}x", f"calls itself “{tag}”"):
        assert person_of(plain) == plain


def test_issuer_and_subject_cannot_be_shifted_into_each_other() -> None:
    assert person_of(proved("b/c", issuer="a").name) != person_of(proved("c", issuer="a/b").name)


def test_one_subject_is_one_approver_whatever_it_calls_itself_in_between() -> None:
    authorizer = make_authorizer(rules=(PolicyRule("ask two", Verdict.ASK, approvals=2),))
    record = store(authorizer, authorizer.propose(command(STOP), view(), NOW))
    first = authorizer.approve(record.command.command_id, record.digest, proved("1", "Anna"), view(), NOW)
    store(authorizer, first)
    with pytest.raises(NotAllowedError, match="has approved it already"):
        authorizer.approve(record.command.command_id, record.digest, proved("1", "Ben"), view(), NOW)
    second = authorizer.approve(record.command.command_id, record.digest, proved("2", "Anna"), view(), NOW)
    assert second.after.stage is Stage.DISPATCHED
    assert len(set(second.after.approved_by)) == 2


def test_who_proposes_does_not_approve_under_another_name_and_a_name_alone_makes_nobody_the_proposer() -> None:
    authorizer = make_authorizer(rules=(PolicyRule("ask", Verdict.ASK),))
    record = store(authorizer, authorizer.propose(command(STOP, proved("1", "Anna")), view(), NOW))
    with pytest.raises(NotAllowedError, match="who proposes a command cannot approve it"):
        authorizer.approve(record.command.command_id, record.digest, proved("1", "Zoe"), view(), NOW)
    done = authorizer.approve(record.command.command_id, record.digest, proved("2", "Anna"), view(), NOW)
    assert done.after.stage is Stage.DISPATCHED


def test_a_name_of_plant_yaml_that_somebody_shows_is_not_theirs() -> None:
    assert not proved("1", "ada").is_one_of(("ada",))
    assert not proved("1", "ada").is_one_of((proved("1", "ada").name,))  # a rule goes by no name that may change
    assert proved("1", "ada").is_one_of((CallerKind.OPERATOR,))
    assert is_reserved(proved("1", "ada").name)
    authorizer = make_authorizer(rules=(PolicyRule("ask", Verdict.ASK),))
    record = store(authorizer, authorizer.propose(command(STOP, ADA), view(), NOW))
    done = authorizer.approve(record.command.command_id, record.digest, proved("1", "ada"), view(), NOW)
    assert done.after.stage is Stage.DISPATCHED


def test_nobody_takes_a_shift_over_from_themselves_under_another_name() -> None:
    known = handovers([AuditEntry(NOW, proved("1", "Anna").name, HANDED_OVER, "shift", {})])
    with pytest.raises(ConflictError):
        check_take_over(known, NOW, proved("1", "Ben").name)
    check_take_over(known, NOW, proved("2", "Anna").name)


PAGE = "https://plant.example"
SPEC = SignInSpec(ISSUER, "aegisflow", PAGE, {"ops": Grant(Role.OPERATOR, ("line-1",))})


@pytest.mark.parametrize(
    ("old", "new", "opens"),
    [
        (SPEC, None, False),
        (SPEC, SignInSpec(ISSUER, "aegisflow", PAGE, {}), False),
        (
            SPEC,
            SignInSpec(ISSUER, "aegisflow", PAGE, {"ops": Grant(Role.VIEWER, ("line-1",))}),
            False,
        ),
        (SPEC, SignInSpec(ISSUER, "aegisflow", PAGE, {"ops": Grant(Role.OPERATOR)}), True),
        (SPEC, SignInSpec(ISSUER, "aegisflow", PAGE, {**SPEC.roles, "x": Grant(Role.VIEWER)}), True),
        (SPEC, SignInSpec(ISSUER + "/", "aegisflow", PAGE, SPEC.roles), True),
        (SPEC, SignInSpec(ISSUER, "aegisflow", PAGE, SPEC.roles, roles_claim="name"), True),
        (None, SPEC, True),
    ],
)
def test_whatever_lets_somebody_in_or_do_more_is_an_opening(old, new, opens: bool) -> None:
    assert bool(list(sign_in_openings(old, new))) is opens


def test_who_was_proved_for_another_service_or_client_has_no_roles() -> None:
    for issuer, client, granted in ((ISSUER, "aegisflow", 1), (ISSUER + "/", "aegisflow", 0), (ISSUER, "mail", 0)):
        assert len(ProvedPerson(issuer, client, "1", "Anna", ("ops", "other")).grants(SPEC)) == granted
    assert ProvedPerson(ISSUER, "aegisflow", "1", "Anna", ("ops",)).grants(None) == ()
