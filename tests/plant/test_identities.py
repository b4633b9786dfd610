"""Who is known, and for how long: from both sides of every end."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.credentials import AgentAccess, Credential, OperatorSpec, Quota, Standing, token_hash, why_not
from aegisflow.domain.rights import TOOLS, Right, Role
from aegisflow.domain.views import AuditEntry
from aegisflow.errors import AegisFlowError, BadValueError, ConflictError, NotAllowedError, StoreError, UnknownNameError
from aegisflow.plant.identities import Identities, Presented
from aegisflow.plant.tokens import TokenOffice

ADMIN = Caller("root", CallerKind.OPERATOR, True, Role.ADMIN)
A, B = token_hash("token-a"), token_hash("token-b")


class Desk:
    """An office whose clocks are turned by hand, and what it has stored."""

    def __init__(self, access: AgentAccess | None = None, **people: OperatorSpec) -> None:
        self.at = 1000.0
        self.steady = 0.0
        self.rows: list[AuditEntry] = []
        self.failure = ""
        self.identities = Identities(people, access, wall=lambda: self.at, monotonic=lambda: self.steady)
        self.office = TokenOffice(self.identities, self.store, lambda: 7.0, lambda: self.at)

    def store(self, credential: Credential, entry: AuditEntry) -> Credential:
        if self.failure:
            raise StoreError(self.failure)
        self.rows.append(entry)
        return credential

    def add(self, name: str = "line agent", digest: str = A, by: Caller = ADMIN, **limits: object) -> Credential:
        wanted = Credential(name.replace(" ", "-"), CallerKind.AGENT, digest)
        return self.office.add_agent(replace(wanted, **limits), by)  # type: ignore[arg-type]

    def opens(self, digest: str = A, tool: str = "get_device_status") -> bool:
        try:
            return self.identities.admit(tool, Presented(digest)).authenticated
        except NotAllowedError:
            return False


def test_an_agents_token_opens_from_its_making_until_it_is_revoked():
    desk = Desk()
    assert not desk.opens()
    desk.add()
    assert desk.identities.admit("get_device_status", Presented(A), "operator") == Caller(
        "line-agent", CallerKind.AGENT, authenticated=True
    )
    desk.office.revoke_agent("line-agent", ADMIN, "left")
    assert not desk.opens()
    assert [(row.actor, row.act, row.subject) for row in desk.rows] == [
        ("root", "agent_added", "line-agent"),
        ("root", "agent_revoked", "line-agent"),
    ]
    with pytest.raises(NotAllowedError, match="was revoked by root"):
        desk.identities.admit("get_device_status", Presented(A))


def test_a_token_ends_at_its_instant_and_not_before():
    desk = Desk(anna=OperatorSpec(B, Role.ADMIN, expires_at=2000.0))
    desk.add(expires_at=2000.0)
    desk.at = 1999.9
    assert desk.opens()
    assert desk.identities.operator(B) == Caller("anna", CallerKind.OPERATOR, True, Role.ADMIN)
    desk.at = 2000.0
    assert not desk.opens()
    assert desk.identities.operator(B) is None
    assert desk.identities.operators()["anna"][1] is Standing.EXPIRED


def test_a_persons_token_is_revoked_whatever_the_file_still_says():
    desk = Desk(anna=OperatorSpec(B))
    assert desk.identities.operator(B) is not None
    kept = desk.office.revoke_operator("anna", ADMIN, "lost")
    desk.identities.replace({"anna": OperatorSpec(B)}, AgentAccess())
    assert desk.identities.operator(B) is None
    later = Identities({"anna": OperatorSpec(B)})
    later.keep((kept,))
    assert later.operator(B) is None
    later.replace({"anna": OperatorSpec(A)}, AgentAccess())
    assert later.operator(A) is not None


def test_a_person_who_is_no_longer_in_the_file_is_nobody():
    identities = Identities({"anna": OperatorSpec(B)})
    identities.replace({}, AgentAccess())
    assert identities.operator(B) is None


def test_what_is_not_stored_opens_nothing_and_what_cannot_be_revoked_still_opens():
    desk = Desk()
    desk.failure = "disk full"
    with pytest.raises(StoreError):
        desk.add()
    assert not desk.opens()
    desk.failure = ""
    desk.add()
    desk.failure = "disk full"
    with pytest.raises(StoreError):
        desk.office.revoke_agent("line-agent", ADMIN, "left")
    assert desk.opens()


@pytest.mark.parametrize("role", [None, *(role for role in Role if role is not Role.ADMIN)])
def test_only_an_administrator_makes_and_revokes_tokens(role: Role | None):
    desk = Desk(anna=OperatorSpec(B))
    desk.add()
    by = Caller("eve", CallerKind.OPERATOR, True, role)
    for act in (
        lambda: desk.add("other", B, by),
        lambda: desk.office.revoke_agent("line-agent", by, "why"),
        lambda: desk.office.revoke_operator("anna", by, "why"),
    ):
        with pytest.raises(NotAllowedError, match="needs the role admin"):
            act()
    assert len(desk.rows) == 1


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        (Credential("operator", CallerKind.AGENT, B), BadValueError),
        (Credential("line-agent", CallerKind.AGENT, B), ConflictError),
        (Credential("anna", CallerKind.AGENT, B), ConflictError),
        (Credential("other", CallerKind.AGENT, A), ConflictError),
        (Credential("other", CallerKind.AGENT, token_hash("of anna")), ConflictError),
        (Credential("other", CallerKind.AGENT, "secret"), BadValueError),
        (Credential("other", CallerKind.AGENT, B, tools=("rm",)), UnknownNameError),
        (Credential("other", CallerKind.AGENT, B, expires_at=1000.0), BadValueError),
    ],
)
def test_a_token_that_would_name_two_or_nobody_is_not_made(wanted: Credential, error: type[AegisFlowError]):
    desk = Desk(anna=OperatorSpec(token_hash("of anna")))
    desk.add()
    with pytest.raises(error):
        desk.office.add_agent(wanted, ADMIN)
    assert len(desk.rows) == 1


def test_after_a_revocation_the_name_may_have_a_new_token_and_the_old_one_stays_shut():
    desk = Desk()
    desk.add()
    desk.office.revoke_agent("line-agent", ADMIN, "rotated")
    desk.add(digest=B)
    assert (desk.opens(A), desk.opens(B)) == (False, True)
    assert [standing for _, standing in desk.office.agents()] == [Standing.REVOKED, Standing.ACTIVE]


def test_who_needs_no_token_needs_one_once_the_first_is_made_unless_the_file_says_so():
    for anonymous, before, after in ((None, True, False), (True, True, True), (False, False, False)):
        desk = Desk(AgentAccess(anonymous=anonymous))
        seen = []
        for _ in range(2):
            try:
                seen.append(desk.identities.admit("get_device_status", Presented(), "x").name == "calls itself “x”")
            except NotAllowedError:
                seen.append(False)
            if not desk.rows:
                desk.add()
        assert seen == [before, after]


def test_the_shared_token_names_nobody_and_ends_where_the_file_wants_tokens_of_their_own():
    desk = Desk()
    desk.add()
    shown = Presented(B, is_shared=True)
    assert not desk.identities.admit("get_device_status", shown, "line-agent").authenticated
    desk.identities.replace({}, AgentAccess(anonymous=False))
    with pytest.raises(NotAllowedError, match="need a token of their own"):
        desk.identities.admit("get_device_status", shown)


def test_the_user_of_a_process_stands_for_the_agent_that_the_file_names_and_its_limits_hold():
    desk = Desk(AgentAccess(users={"svc": "line-agent"}))
    assert desk.identities.admit("get_device_status", Presented(user="svc"), "x") == Caller(
        "line-agent", CallerKind.AGENT, True
    )
    with pytest.raises(NotAllowedError, match="need a token"):
        desk.identities.admit("get_device_status", Presented(user="other"))
    desk.add(read_only=True)
    with pytest.raises(NotAllowedError, match="read-only"):
        desk.identities.admit("execute_device_command", Presented(user="svc"))
    desk.office.revoke_agent("line-agent", ADMIN, "left")
    with pytest.raises(NotAllowedError, match="revoked"):
        desk.identities.admit("get_device_status", Presented(user="svc"))
    with pytest.raises(NotAllowedError, match="unknown"):
        desk.identities.admit("get_device_status", Presented(B, user="svc"))


def test_an_agent_whose_name_became_a_persons_is_shut_out():
    desk = Desk()
    desk.add()
    desk.identities.replace({"line-agent": OperatorSpec(B)}, AgentAccess())
    with pytest.raises(NotAllowedError, match="name of an operator"):
        desk.identities.admit("get_device_status", Presented(A))


def test_a_token_that_the_file_gives_a_person_and_the_store_an_agent_opens_nothing_for_people():
    desk = Desk()
    desk.add()
    desk.identities.replace({"anna": OperatorSpec(A, Role.ADMIN)}, AgentAccess())
    assert desk.identities.operator(A) is None


@given(
    tool=st.sampled_from(sorted(TOOLS)),
    plant_reads_only=st.booleans(),
    off=st.sets(st.sampled_from(sorted(TOOLS))),
    own=st.none() | st.tuples(st.booleans(), st.sets(st.sampled_from(sorted(TOOLS)))),
)
def test_a_tool_opens_only_where_nothing_at_all_shuts_it(
    tool: str, plant_reads_only: bool, off: set[str], own: tuple[bool, set[str]] | None
):
    access = AgentAccess(plant_reads_only, frozenset(off))
    credential = None
    reads_only, named = own or (False, set())
    if own is not None:
        credential = Credential("a", CallerKind.AGENT, A, tuple(sorted(named)), reads_only)
    is_open = (
        tool not in off
        and (not named or tool in named)
        and (TOOLS[tool] is Right.ASK or not (plant_reads_only or reads_only))
    )
    assert (not why_not(tool, access, credential)) == is_open
    assert why_not("approve_command", access, credential)


@given(st.lists(st.floats(0.0, 50.0), max_size=60), st.integers(0, 5))
def test_no_quota_is_ever_exceeded_within_its_time(pauses: list[float], count: int):
    quota, at, taken = Quota(count, 60.0), 0.0, []
    for pause_s in pauses:
        at += pause_s
        wait_s = quota.take(at)
        if wait_s == 0:
            taken.append(at)
        else:
            assert 0 < wait_s <= 60
    for start in taken:
        assert len([one for one in taken if start <= one < start + 60.0]) <= count


def test_quotas_are_each_agents_own_and_free_up_with_time():
    desk = Desk()
    desk.add(calls_per_min=2, proposals_per_hour=1)
    desk.add("other", B)
    assert desk.opens(tool="execute_device_command")
    with pytest.raises(NotAllowedError, match="1 proposals an hour"):
        desk.identities.admit("execute_device_command", Presented(A))
    assert desk.opens()
    with pytest.raises(NotAllowedError, match="2 calls a minute"):
        desk.identities.admit("get_device_status", Presented(A))
    assert desk.opens(B)
    desk.steady = 60.0
    assert desk.opens()
    desk.steady = 3600.0
    assert desk.opens(tool="execute_device_command")


def test_health_says_where_agents_need_no_token():
    desk = Desk()
    assert any("need no token" in note for note in desk.identities.notes())
    desk.add()
    assert desk.identities.notes() == ()
