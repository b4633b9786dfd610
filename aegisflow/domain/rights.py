"""Who may do what and where: rights, the roles that have them, and the right that each tool of agents needs.

::

    viewer ──► operator ──► approver ──► admin      each may all that stands left of it
    agent                                           asks, notes and proposes; nothing of the above

Every route of the operators' API names its right in ``aegisflow.api.endpoints``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum

__all__ = ["RIGHTS", "TOOLS", "Extent", "Grant", "Right", "Role", "rights_table", "roles_with"]


class Right(StrEnum):
    """One thing that somebody may do; its text goes on after "may"."""

    SEE = "look at alarms, commands, reports and figures"
    HANDLE_ALARMS = "acknowledge, shelve and take alarms out of service, and say what is normal"
    REPORT = "write and review incident reports"
    COMMAND = "give machines commands, and state the mode they are in"
    STOP_AGENTS = "stop the commands of agents"
    RELOAD = "have the plant file read again"
    APPROVE = "approve and reject commands, let agents propose again, and agree to an opened policy"
    ADMINISTER = "make and revoke tokens"
    ASK = "ask, by the tools that read"
    NOTE = "acknowledge the less serious alarms and log reports, by tools"
    PROPOSE = "propose commands, by a tool"


class Role(StrEnum):
    """What a person or an agent is to AegisFlow."""

    NONE = "none"
    """Whoever shows no token, or one that is unknown, has expired or is revoked."""
    AGENT = "agent"
    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"

    @classmethod
    def _missing_(cls, value: object) -> "Role":
        # What a newer store says and this version has no word for grants nothing.
        return cls.NONE


_VIEWER = frozenset({Right.SEE})
_OPERATOR = _VIEWER | {Right.HANDLE_ALARMS, Right.REPORT, Right.COMMAND, Right.STOP_AGENTS, Right.RELOAD}
_APPROVER = _OPERATOR | {Right.APPROVE}

RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.NONE: frozenset(),
    Role.AGENT: frozenset({Right.ASK, Right.NOTE, Right.PROPOSE}),
    Role.VIEWER: _VIEWER,
    Role.OPERATOR: _OPERATOR,
    Role.APPROVER: _APPROVER,
    Role.ADMIN: _APPROVER | {Right.ADMINISTER},
}
"""Role to all that it may; what stands nowhere, nobody may."""

TOOLS: Mapping[str, Right] = {
    "get_sensor_stream": Right.ASK,
    "get_device_status": Right.ASK,
    "get_active_anomalies": Right.ASK,
    "get_anomaly_history": Right.ASK,
    "query_device_manual": Right.ASK,
    "get_incident_reports": Right.ASK,
    "execute_device_command": Right.PROPOSE,
    "acknowledge_anomaly": Right.NOTE,
    "log_incident_report": Right.NOTE,
}
"""Tool of agents to the right that it needs; a read-only agent has but ``ASK``."""


class Extent(Enum):
    """Where somebody does a thing, if it is not on a machine of one line."""

    ANYWHERE = "anywhere"
    """What touches no machine, such as looking and writing a note, or may only make it safer: stopping the agents."""
    WHOLE_PLANT = "the whole plant"
    """What touches every line at once; whoever acts on some lines alone may not."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A role, and where it holds."""

    role: Role
    lines: tuple[str, ...] | None = None
    """The only lines on whose machines it acts; None for all that there are and will be."""

    def gives(self, right: Right, on: str | Extent) -> bool:
        """Return whether it gives a right on a line, anywhere, or on the whole plant."""
        reaches = self.lines is None or on is Extent.ANYWHERE or on in self.lines
        return right in RIGHTS[self.role] and reaches

    def __str__(self) -> str:
        return str(self.role) if self.lines is None else f"{self.role} of {', '.join(self.lines) or 'no line'}"


def roles_with(right: Right) -> tuple[Role, ...]:
    """Return the roles that have a right, the least one first."""
    return tuple(role for role in Role if right in RIGHTS[role])


def rights_table() -> str:
    """Return who may do what as a table in Markdown, for the documents."""
    roles = [role for role in Role if role is not Role.NONE]
    lines = [f"| may | {' | '.join(roles)} |", f"|---|{'---|' * len(roles)}"]
    for right in Right:
        marks = " | ".join("yes" if right in RIGHTS[role] else "" for role in roles)
        lines.append(f"| {right} | {marks} |")
    return "\n".join(line.replace("|  |", "| |").replace("|  |", "| |") for line in lines)
