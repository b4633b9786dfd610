import itertools
import re

import pytest

from aegisflow.api.endpoints import ENDPOINTS
from aegisflow.domain.callers import Caller, CallerKind, require_operator
from aegisflow.domain.rights import RIGHTS, TOOLS, Extent, Right, Role, rights_table, roles_with
from aegisflow.errors import NotAllowedError
from tests.support.places import ROOT


def test_each_role_of_people_may_all_that_a_lesser_one_may_and_more():
    people = [RIGHTS[role] for role in (Role.NONE, Role.VIEWER, Role.OPERATOR, Role.APPROVER, Role.ADMIN)]
    for less, more in itertools.pairwise(people):
        assert less < more


def test_nobody_is_an_agent_and_a_person_and_every_right_is_somebodys():
    agent = RIGHTS[Role.AGENT]
    assert not any(agent & RIGHTS[role] for role in Role if role is not Role.AGENT)
    assert all(roles_with(right) for right in Right)
    assert set(TOOLS.values()) <= agent
    assert not any(endpoint.right in agent for endpoint in ENDPOINTS)


def test_a_role_that_this_version_has_no_word_for_grants_nothing():
    assert Role("owner") is Role.NONE
    assert RIGHTS[Role("owner")] == frozenset()


@pytest.mark.parametrize("kind", [CallerKind.AGENT, CallerKind.SYSTEM, CallerKind.UNKNOWN])
def test_a_role_makes_no_operator_of_whoever_is_none(kind: CallerKind):
    by = Caller("anna", kind, authenticated=True, role=Role.ADMIN)
    for right in RIGHTS[Role.ADMIN]:
        assert not by.may(right)
        with pytest.raises(NotAllowedError, match="only an operator can"):
            require_operator(by, right, "do it", on=Extent.ANYWHERE)


def test_an_operator_of_a_lesser_role_is_told_which_one_it_needs():
    with pytest.raises(NotAllowedError, match="needs the role approver, and theirs is viewer"):
        require_operator(Caller("vera", CallerKind.OPERATOR, role=Role.VIEWER), Right.APPROVE, "approve", on="line-1")


def test_the_documents_have_the_table_of_rights():
    text = (ROOT / "docs" / "operators.md").read_text("utf-8")
    assert re.sub(" +", " ", rights_table()) in re.sub(" +", " ", text)
