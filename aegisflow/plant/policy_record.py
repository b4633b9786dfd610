"""Which policy was in force when: a row of the audit for each revision, with its digest, its lines and what differs."""

from collections.abc import Callable
from dataclasses import dataclass

from aegisflow.domain.commands.policy_spec import PolicySpec
from aegisflow.domain.openings import line_diff, policy_digest, policy_lines
from aegisflow.domain.views import AuditEntry

__all__ = ["IN_FORCE", "PolicyRecord"]

IN_FORCE = "policy_in_force"
"""The act of these rows."""


@dataclass(slots=True)
class PolicyRecord:
    """The newest policy that the audit tells of; ``note`` has it tell of another one."""

    tell: Callable[[AuditEntry], object]
    """Has a row of the audit stored."""
    now: Callable[[], float]
    revision: int = 0
    """0 before the first one."""
    lines: tuple[str, ...] = ()

    def recall(self, entry: AuditEntry | None) -> None:
        """Take over what the audit told last."""
        if entry is None:
            return
        revision, lines = entry.detail.get("revision"), entry.detail.get("lines")
        self.revision = revision if isinstance(revision, int) else 0
        self.lines = tuple(map(str, lines)) if isinstance(lines, list | tuple) else ()

    def note(self, policy: PolicySpec, by: str) -> None:
        """Have the audit tell which policy is in force, where it is not the one that it told last."""
        lines = policy_lines(policy)
        if lines == self.lines:
            return
        diff = line_diff(self.lines, lines)
        self.revision, self.lines = self.revision + 1, lines
        detail = {
            "revision": self.revision,
            "policy_sha256": policy_digest(policy),
            "diff": list(diff),
            "lines": list(lines),
        }
        self.tell(AuditEntry(self.now(), by, IN_FORCE, "policy", detail))
