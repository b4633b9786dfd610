"""Who is known by which token, in this process: people from ``plant.yaml``, agents from the store."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.credentials import AgentAccess, Credential, OperatorSpec, Quota, Standing, why_not
from aegisflow.domain.people import ProvedPerson, SignInSpec
from aegisflow.domain.rights import TOOLS, Right
from aegisflow.errors import NotAllowedError

__all__ = ["Identities", "Presented"]

_MINUTE_S, _HOUR_S = 60.0, 3600.0
MAX_VISITORS = 1_000
"""People that the sign-in service has proved who are remembered by name; the one who came longest ago makes room."""


@dataclass(frozen=True, slots=True)
class Presented:
    """What an agent shows of itself with a call, as its transport knows it."""

    token_sha256: str = ""
    """Of the token that it sends; empty where it sends none."""
    is_shared: bool = False
    """Whether that is the token which all agents share, and which names nobody."""
    user: str = ""
    """The user of this machine that it runs as, where it is a process beside this one."""


class Identities:
    """Knows people and agents by what they show. Safe from any thread.

    Args:
        operators: name of each person to their token.
        access: what holds for all agents.
        sign_in: the service that proves people who have no token; None for none.
        wall: the wall clock, UTC epoch seconds, by which tokens expire.
        monotonic: in seconds, by which quotas are counted.
    """

    def __init__(
        self,
        operators: Mapping[str, OperatorSpec] | None = None,
        access: AgentAccess | None = None,
        sign_in: SignInSpec | None = None,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._operators = dict(operators or {})
        self._access = access or AgentAccess()
        self._sign_in = sign_in
        self._visitors: OrderedDict[str, ProvedPerson] = OrderedDict()
        self._wall = wall
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: dict[str, Credential] = {}
        self._quotas: dict[tuple[str, Right], Quota] = {}

    # --- what is known ------------------------------------------------------------------------

    def replace(
        self, operators: Mapping[str, OperatorSpec], access: AgentAccess, sign_in: SignInSpec | None = None
    ) -> None:
        """Take over what a changed ``plant.yaml`` says."""
        with self._lock:
            self._operators, self._access, self._sign_in = dict(operators), access, sign_in

    @property
    def sign_in(self) -> SignInSpec | None:
        """The service that proves people who have no token; None for none."""
        return self._sign_in

    def keep(self, credentials: Iterable[Credential]) -> None:
        """Take over what the store has; each takes the place of the one with its token."""
        with self._lock:
            self._known |= {one.token_sha256: one for one in credentials}

    def is_known(self, token_sha256: str) -> bool:
        """Return whether a token was ever kept, or is a person's."""
        people = [spec.token_sha256 for spec in dict(self._operators).values()]
        return token_sha256 in self._known or token_sha256 in people

    def credentials(self) -> tuple[Credential, ...]:
        """Return the tokens of agents, by name, the newest of each last."""
        with self._lock:
            agents = [one for one in self._known.values() if one.kind is CallerKind.AGENT]
        return tuple(sorted(agents, key=lambda one: (one.name, one.made_at)))

    def agent_named(self, name: str) -> Credential | None:
        """Return the token of an agent: the one that is active, else the newest; None where it never had one."""
        own = [one for one in self.credentials() if one.name == name]
        active = [one for one in own if one.standing(self._wall()) is Standing.ACTIVE]
        return next(reversed(active or own), None)

    def operators(self) -> dict[str, tuple[OperatorSpec, Standing]]:
        """Return the people whom ``plant.yaml`` names, and whether their tokens open anything."""
        return {name: (spec, self._standing(spec)) for name, spec in dict(self._operators).items()}

    def visitors(self) -> dict[str, tuple[OperatorSpec, Standing]]:
        """Return the people whom the sign-in service has proved since the start, by name, as if they had a token."""
        with self._lock:
            known = list(self._visitors.values())
        found = {}
        for person in known:
            grants = person.grants(self._sign_in)
            if grants:
                first, *more = grants
                spec = OperatorSpec(person.key, first.role, lines=first.lines, also=tuple(more))
                found[person.shown] = spec, self._standing(spec)
        return found

    def welcome(self, person: ProvedPerson) -> Caller | None:
        """Take in somebody whom the sign-in service has just proved; None for one who may not come in."""
        by = self.person(person)
        if by is not None:
            with self._lock:
                self._visitors[person.key] = person
                self._visitors.move_to_end(person.key)
                while len(self._visitors) > MAX_VISITORS:
                    self._visitors.popitem(last=False)
        return by

    def is_revoked(self, key: str) -> bool:
        """Return whether the token, or the person, with this hash was revoked."""
        known = self._known.get(key)
        return known is not None and known.revoked_at is not None

    def _standing(self, spec: OperatorSpec) -> Standing:
        if self.is_revoked(spec.token_sha256):
            return Standing.REVOKED
        expired = spec.expires_at is not None and self._wall() >= spec.expires_at
        return Standing.EXPIRED if expired else Standing.ACTIVE

    # --- who is it? ---------------------------------------------------------------------------

    def operator(self, token_sha256: str) -> Caller | None:
        """Return the person whose token has this hash; None for nobody's, and for one that has ended."""
        # A lookup takes no longer for a hash that is nearly right; and a hash tells nothing about a token like it.
        for name, spec in dict(self._operators).items():
            if spec.token_sha256 == token_sha256 and self._standing(spec) is Standing.ACTIVE:
                known = self._known.get(token_sha256)
                if known is not None and known.kind is CallerKind.AGENT:
                    return None  # it is an agent's as well, which could then approve what it proposes
                return Caller(name, CallerKind.OPERATOR, authenticated=True, role=spec.role, lines=spec.lines)
        return None

    def person(self, shown: str | ProvedPerson) -> Caller | None:
        """Return whom a session is of, with what they may now: by a token's hash, or proved by the sign-in service.

        None for one who may not come in, or not any more. A proved name is never taken for one in ``plant.yaml``.
        """
        if isinstance(shown, str):
            return self.operator(shown)
        grants = shown.grants(self._sign_in)
        if not grants or self.is_revoked(shown.key):
            return None
        first, *more = grants
        return Caller(shown.shown, CallerKind.OPERATOR, True, first.role, first.lines, tuple(more))

    def named(self, name: str) -> Caller | None:
        """Return the person of a name, with what they may do now; None for one who may not come in (any more)."""
        spec = dict(self._operators).get(name)
        return None if spec is None else self.operator(spec.token_sha256)

    def agent(self, shown: Presented, calls_itself: str = "") -> tuple[Caller, Credential | None]:
        """Return the agent that shows this, with its own token where it has one.

        Args:
            shown: what its transport knows of it.
            calls_itself: the name by which it introduces itself, which proves nothing.

        Raises:
            NotAllowedError: it is nobody who may come in.
        """
        given = self._access.users.get(shown.user, "") if not shown.token_sha256 else ""
        if given:
            own = self.agent_named(given)
        elif shown.token_sha256 and not shown.is_shared:
            own = self._known.get(shown.token_sha256)
            if own is None or own.kind is not CallerKind.AGENT:
                raise NotAllowedError("call tools", "this agent", "its token is unknown; aegisflow agent add makes one")
        # Whoever has the token that all share may come in unless that is forbidden; whoever shows nothing, only
        # where nobody needs a token.
        elif self._access.anonymous is not False if shown.is_shared else self.admits_anonymous:
            return Caller.self_named(calls_itself), None
        else:
            why = "agents need a token of their own here; aegisflow agent add NAME makes one"
            raise NotAllowedError("call tools", "this agent", why)
        if own is not None and own.ended(self._wall()):
            raise NotAllowedError("call tools", own.name, f"its token {own.ended(self._wall())}")
        name = given if own is None else own.name
        if name in self._operators:
            raise NotAllowedError("call tools", name, "it is the name of an operator; this agent needs another one")
        return Caller(name, CallerKind.AGENT, authenticated=True), own

    @property
    def admits_anonymous(self) -> bool:
        """Whether agents need no token of their own."""
        if self._access.anonymous is not None:
            return self._access.anonymous
        return not self._access.users and not any(one.kind is CallerKind.AGENT for one in list(self._known.values()))

    # --- what may it do? ----------------------------------------------------------------------

    def admit(self, tool: str, shown: Presented, calls_itself: str = "") -> Caller:
        """Return the agent that calls a tool, and count the call.

        Raises:
            NotAllowedError: it may not call this tool, or not so often.
        """
        caller, own = self.agent(shown, calls_itself)
        why = why_not(tool, self._access, own) or self._too_often(tool, own)
        if why:
            raise NotAllowedError(f"call {tool}", caller.name, why)
        return caller

    def check(self, tool: str, shown: Presented) -> None:
        """Make sure that an agent may read what a tool tells, without a call that counts.

        Raises:
            NotAllowedError: it may not.
        """
        caller, own = self.agent(shown)
        why = why_not(tool, self._access, own)
        if why:
            raise NotAllowedError(f"read what {tool} tells", caller.name, why)

    def tools_of(self, shown: Presented) -> frozenset[str]:
        """Return the tools that an agent may call; those of anybody where it is not known."""
        try:
            _, own = self.agent(shown)
        except NotAllowedError:
            own = None  # the call itself is told why; a list of tools is no secret
        return frozenset(tool for tool in TOOLS if not why_not(tool, self._access, own))

    def _too_often(self, tool: str, own: Credential | None) -> str:
        if own is None:
            return ""
        limits = [(Right.ASK, own.calls_per_min, _MINUTE_S, "calls a minute")]
        if TOOLS[tool] is Right.PROPOSE:
            limits.insert(0, (Right.PROPOSE, own.proposals_per_hour, _HOUR_S, "proposals an hour"))
        for right, count, within_s, what in limits:
            if count is None:
                continue
            with self._lock:
                quota = self._quotas.get((own.token_sha256, right))
                if quota is None or quota.count != count:
                    quota = self._quotas[own.token_sha256, right] = Quota(count, within_s)
                wait_s = quota.take(self._monotonic())
            if wait_s:
                return f"its quota is {count} {what}; the next is free in {wait_s:.0f} s"
        return ""

    def notes(self) -> tuple[str, ...]:
        """Return what people should know of who may come in."""
        if self.admits_anonymous:
            return (
                "agents need no token of their own here, and what they call themselves is their own word; "
                "aegisflow agent add NAME makes a token",
            )
        return ()
