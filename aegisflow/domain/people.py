"""People whom a sign-in service proves (OpenID Connect): who they are, and what they may by what it says of them.

::

    subject at an issuer ──► one person, by whatever name they show          their key tells them apart
    values of a claim    ──► roles, by the table of plant.yaml               no value in it: no way in

Someone's display name may be anything, also that of a colleague, and may change between two approvals. So what stands
in the audit and in approvals is the name with a tag made from the subject behind it, and whoever asks whether two
are the same person asks for the tag.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from aegisflow.domain.callers import Caller
from aegisflow.domain.rights import Grant, Role
from aegisflow.domain.views import AuditEntry

__all__ = ["MAX_NAME_BYTES", "ProvedPerson", "SignInSpec", "person_of", "sign_in_entry"]

_TAG = re.compile(r"‹[0-9a-f]{16}›\Z")
_KEPT_OUT = {ord(char): " " if char in "/%" else None for char in "‹›/%"}
MAX_NAME_BYTES = 60
"""So much of a display name is shown; with its tag it fits where names stand."""
_STRENGTH = tuple(Role)
_SHOWN_OF_HASH = 12


@dataclass(frozen=True, slots=True)
class SignInSpec:
    """The sign-in service, and what its word counts for, as ``plant.yaml`` says."""

    issuer: str
    client_id: str
    page_url: str
    """Where people reach the page, without a slash behind; the service sends them back there and nowhere else."""
    roles: Mapping[str, Grant] = field(default_factory=dict)
    """Value of the claim to what it grants."""
    roles_claim: str = "groups"
    name_claim: str = "name"
    client_secret_env: str = ""
    """Name of the environment variable with the secret; empty for a client that has none."""
    scopes: tuple[str, ...] = ("openid", "profile")
    ca_file: str = ""
    """Certificates to trust instead of the system's; empty for those."""

    @property
    def back_url(self) -> str:
        """Where the service sends people back to."""
        return f"{self.page_url}/sign-in/openid/back"


@dataclass(frozen=True, slots=True)
class ProvedPerson:
    """Somebody whom a sign-in service has proved, and what it said of them then."""

    issuer: str
    client_id: str
    """For whom the service proved it."""
    subject: str
    """Never changes, and is nobody else's at this issuer."""
    name: str
    """What they are called; proves nothing."""
    roles: tuple[str, ...] = ()
    """Values of the claim."""

    @property
    def key(self) -> str:
        """What stands for this person and for no other: the SHA-256 of issuer and subject, in hex."""
        return hashlib.sha256(json.dumps(["openid", self.issuer, self.subject]).encode()).hexdigest()

    @property
    def shown(self) -> str:
        """The name as the audit and approvals have it: ``Anna Muster ‹3f9a2c1b7d40e58a›``."""
        # What could keep a path of the page from naming them goes too, or nobody could revoke who calls themselves so.
        plain = " ".join(self.name.translate(_KEPT_OUT).split())
        return f"{plain or 'somebody'} ‹{self.key[:16]}›"

    def grants(self, spec: SignInSpec | None) -> tuple[Grant, ...]:
        """Return what they may, the strongest role first; nothing where another service, or none, is asked now."""
        if spec is None or (self.issuer, self.client_id) != (spec.issuer, spec.client_id):
            return ()
        found = dict.fromkeys(spec.roles[value] for value in self.roles if value in spec.roles)
        return tuple(sorted(found, key=lambda grant: (_STRENGTH.index(grant.role), grant.lines is None), reverse=True))


def person_of(name: str) -> str:
    """Return what two names of the same person share: the tag of whoever a service has proved, else the name."""
    found = _TAG.search(name)
    return name if found is None else found.group()


def sign_in_entry(at: float, by: Caller, address: str, shown: str | ProvedPerson) -> AuditEntry:
    """Return the row of the audit that says who has come in, from where, and by what.

    A token is told by the beginning of its hash, which tells an old token from the one that took its place.
    """
    came = {"address": address, "role": by.standing}
    if isinstance(shown, str):
        return AuditEntry(at, by.name, "signed_in", "token", {**came, "token_sha256_begins": shown[:_SHOWN_OF_HASH]})
    return AuditEntry(
        at, by.name, "signed_in", shown.issuer, {**came, "subject": shown.subject, "client_id": shown.client_id}
    )
