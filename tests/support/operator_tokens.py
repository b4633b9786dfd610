"""Who calls the operators' interface in tests, as headers, and what the plant file knows of them."""

from collections.abc import Mapping

from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.credentials import OperatorSpec, token_hash
from aegisflow.domain.rights import Role
from aegisflow.plant.identities import Identities

ANNA, BEN = {"Authorization": "Bearer token-of-anna"}, {"Authorization": "Bearer token-of-ben"}
ANNA_HERSELF = Caller("anna", CallerKind.OPERATOR, True, Role.ADMIN)
BEN_HIMSELF = Caller("ben", CallerKind.OPERATOR, True, Role.APPROVER)
AGENTS = {"Authorization": "Bearer token-of-agents"}
HASHES = {"anna": token_hash("token-of-anna"), "ben": token_hash("token-of-ben")}


def known(hashes: Mapping[str, str] = HASHES) -> Identities:
    """Return who is known where a plant file names these people: anna as an administrator, the others as approvers."""
    roles = {"anna": Role.ADMIN}
    return Identities({name: OperatorSpec(digest, roles.get(name, Role.APPROVER)) for name, digest in hashes.items()})
