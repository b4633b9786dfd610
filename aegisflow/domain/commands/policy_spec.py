"""Command policy as configured: who may do what, and within which limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from aegisflow.domain.callers import CallerKind
from aegisflow.domain.commands.model import CommandName

__all__ = ["NO_ALARM", "PolicyRule", "PolicySpec", "Rate", "Verdict"]

NO_ALARM = "none"
"""Among the severities of a rule: the device has no active alarm."""


class Verdict(StrEnum):
    """What policy says to a command."""

    ALLOW = "allow"
    ASK = "ask"
    """An operator decides."""
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """One rule; every field narrows, an empty one does not. The strictest of all rules that fit counts."""

    name: str
    verdict: Verdict
    callers: tuple[str, ...] = ()
    """``agent``, ``operator``; or names of single callers."""
    commands: tuple[CommandName, ...] = ()
    devices: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    """Of the device's worst active alarm; ``none`` for a device without one."""
    up_to_pct: float | None = None
    """reduce_load by at most this."""
    above_pct: float | None = None
    """reduce_load by more than this."""
    approvals: int = 1
    """How many operators must agree, where it asks."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in so long."""

    count: int
    within_s: float


_AGENT, _OPERATOR = (CallerKind.AGENT,), (CallerKind.OPERATOR,)

DEFAULT_RULES = (
    PolicyRule(
        "mild reduction",
        Verdict.ALLOW,
        _AGENT,
        (CommandName.REDUCE_LOAD,),
        severities=("low", "medium"),
        up_to_pct=30.0,
    ),
    PolicyRule(
        "reduction in a serious or unexplained case",
        Verdict.ASK,
        _AGENT,
        (CommandName.REDUCE_LOAD,),
        severities=(NO_ALARM, "high", "critical"),
        up_to_pct=30.0,
    ),
    PolicyRule("strong reduction", Verdict.ASK, _AGENT, (CommandName.REDUCE_LOAD,), above_pct=30.0),
    PolicyRule(
        "interventions",
        Verdict.ASK,
        _AGENT,
        (CommandName.SET_PARAMETER, CommandName.ENABLE_MAINTENANCE_MODE, CommandName.EMERGENCY_SHUTDOWN),
    ),
    PolicyRule("restart belongs to people", Verdict.DENY, _AGENT, (CommandName.RESTART,)),
    PolicyRule("operators decide", Verdict.ALLOW, _OPERATOR),
)


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """The command policy of a plant. What no rule allows is denied."""

    rules: tuple[PolicyRule, ...] = DEFAULT_RULES
    agents_may_propose: bool = True
    """The kill switch of the file; operators have another one at run time."""
    approve_within_s: float = 900.0
    """An approval that takes longer comes too late."""
    send_within_s: float = 30.0
    """The machine must begin within this after the dispatch."""
    answer_within_s: float = 10.0
    """A machine asked what became of a command answers within this."""
    device_rate: Rate = Rate(4, 3600.0)
    """Commands of agents to one device."""
    plant_rate: Rate = Rate(12, 3600.0)
    """Commands of agents to the whole plant."""
    line_reduction_pct: float = 150.0
    """Sum of the load that may be taken from the devices of a line on an agent's proposal; a stop counts 100."""
    keep_running: Mapping[str, int] = field(default_factory=dict)
    """Kind to how many of its devices must stay running."""
    doubtful: tuple[str, ...] = ("sensor_drift", "sensor_stuck", "sensor_silent", "unclassified")
    """Types of alarm that leave open what is wrong: monitor, do not act."""
