"""Making and revoking tokens while the plant runs: committed first, then in force."""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from aegisflow.domain.callers import Caller, CallerKind, is_reserved, require_operator
from aegisflow.domain.credentials import Credential, OperatorSpec, Standing
from aegisflow.domain.rights import TOOLS, Extent, Right
from aegisflow.domain.times import format_instant
from aegisflow.domain.views import AuditEntry
from aegisflow.errors import BadValueError, ConflictError, UnknownNameError
from aegisflow.plant.identities import Identities

__all__ = ["TokenOffice"]

_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_HASH = re.compile("[0-9a-f]{64}")
Store = Callable[[Credential, AuditEntry], Credential]


class TokenOffice:
    """Makes and revokes tokens, one at a time. Safe from any thread.

    Args:
        identities: who is known.
        store: commits what is kept of a token with its row of the audit, and raises where it cannot.
        now: the plant's clock, UTC epoch seconds, by which the audit tells when.
        wall: the wall clock, UTC epoch seconds, by which tokens begin and end.
    """

    def __init__(
        self,
        identities: Identities,
        store: Store,
        now: Callable[[], float],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._identities = identities
        self._store = store
        self._now = now
        self._wall = wall
        self._one_at_a_time = threading.Lock()

    def agents(self) -> tuple[tuple[Credential, Standing], ...]:
        """Return the tokens of agents by name, those that have ended included."""
        at = self._wall()
        return tuple((one, one.standing(at)) for one in self._identities.credentials())

    def operators(self) -> dict[str, tuple[OperatorSpec, Standing]]:
        """Return the people of ``plant.yaml`` and those who have signed in, and whether that opens anything."""
        return self._identities.operators() | self._identities.visitors()

    def add_agent(self, wanted: Credential, by: Caller) -> Credential:
        """Keep a new token of an agent, which opens from the moment this returns.

        Raises:
            NotAllowedError: the caller may not make tokens.
            BadValueError: name, hash, tools or end cannot be used.
            ConflictError: the name is taken by another agent or by a person, or the token is known.
            StoreError: it is not stored, and opens nothing.
        """
        require_operator(by, Right.ADMINISTER, "make an agent's token", on=Extent.WHOLE_PLANT)
        _check(wanted, self._wall())
        with self._one_at_a_time:
            own = self._identities.agent_named(wanted.name)
            if own is not None and own.standing(self._wall()) is Standing.ACTIVE:
                raise ConflictError(f"{wanted.name} has a token already; revoke that first, or take another name")
            people = self._identities.operators()
            if wanted.name in people:
                raise ConflictError(f"{wanted.name} is the name of an operator; an agent needs another one")
            if self._identities.is_known(wanted.token_sha256):
                raise ConflictError("this token is known already; make a new one")
            made = replace(wanted, kind=CallerKind.AGENT, made_at=self._wall(), made_by=by.name)
            return self._keep(made, "agent_added", by, _limits(made))

    def revoke_agent(self, name: str, by: Caller, reason: str) -> Credential:
        """End the token of an agent at once, and over restarts.

        Raises:
            NotAllowedError: the caller may not revoke tokens.
            UnknownNameError: no agent of this name has an active token.
            StoreError: it is not stored, and still opens.
        """
        require_operator(by, Right.ADMINISTER, "revoke an agent's token", on=Extent.WHOLE_PLANT)
        with self._one_at_a_time:
            own = self._identities.agent_named(name)
            if own is None or own.standing(self._wall()) is Standing.REVOKED:
                active = [one.name for one, standing in self.agents() if standing is Standing.ACTIVE]
                raise UnknownNameError("agent with a token", name, active)
            ended = replace(own, revoked_at=self._wall(), revoked_by=by.name, reason=reason)
            return self._keep(ended, "agent_revoked", by, {"reason": reason})

    def revoke_operator(self, name: str, by: Caller, reason: str) -> Credential:
        """End the token of a person that ``plant.yaml`` still names, at once and over restarts.

        Raises:
            NotAllowedError: the caller may not revoke tokens.
            UnknownNameError: the file names nobody like that with an active token.
            StoreError: it is not stored, and still opens.
        """
        require_operator(by, Right.ADMINISTER, "revoke an operator's token", on=Extent.WHOLE_PLANT)
        with self._one_at_a_time:
            people = self.operators()
            if name not in people or people[name][1] is Standing.REVOKED:
                active = [other for other, (_, standing) in people.items() if standing is Standing.ACTIVE]
                raise UnknownNameError("operator with a token", name, active)
            spec, at = people[name][0], self._wall()
            ended = Credential(
                name,
                CallerKind.OPERATOR,
                spec.token_sha256,
                made_at=at,
                made_by=by.name,
                expires_at=spec.expires_at,
                revoked_at=at,
                revoked_by=by.name,
                reason=reason,
            )
            return self._keep(ended, "operator_revoked", by, {"reason": reason})

    def _keep(self, credential: Credential, act: str, by: Caller, detail: dict[str, object]) -> Credential:
        # The hash tells two tokens of one name apart, and nobody finds a token by it.
        told = {"credential": credential.token_sha256, **detail}
        # In this order: a token that opened before it was stored would be unknown after a restart, and a revoked
        # one would open again.
        kept = self._store(credential, AuditEntry(self._now(), by.name, act, credential.name, told))
        self._identities.keep((kept,))
        return kept


def _check(wanted: Credential, at: float) -> None:
    if not _NAME.fullmatch(wanted.name) or is_reserved(wanted.name):
        expected = "up to 64 letters, digits and _ . -, beginning with a letter or digit, and no kind of caller"
        raise BadValueError("name", wanted.name, expected)
    if not _HASH.fullmatch(wanted.token_sha256):
        raise BadValueError("token_sha256", wanted.token_sha256, "the SHA-256 of a token as 64 digits 0-9 and a-f")
    for tool in wanted.tools:
        if tool not in TOOLS:
            raise UnknownNameError("tool", tool, list(TOOLS))
    if wanted.expires_at is not None and wanted.expires_at <= at:
        raise BadValueError("expires_at", format_instant(wanted.expires_at), "an instant that is yet to come")


def _limits(made: Credential) -> dict[str, object]:
    return {
        "tools": list(made.tools),
        "read_only": made.read_only,
        "calls_per_min": made.calls_per_min,
        "proposals_per_hour": made.proposals_per_hour,
        "expires_at": None if made.expires_at is None else format_instant(made.expires_at),
    }
