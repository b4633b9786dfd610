"""The command policy of a plant as configured: who may do what, and within which limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from aegisflow.domain.callers import CallerKind
from aegisflow.domain.commands.model import CommandName

__all__ = ["NO_ALARM", "PolicyRule", "PolicySpec", "Rate", "Verdict"]

NO_ALARM = "none"
"""Stands in a rule's severities for a device without an active alarm."""


class Verdict(StrEnum):
    """What policy says about a command."""

    ALLOW = "allow"
    ASK = "ask"
    """An operator decides."""
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """One rule of the policy.

    Every field narrows what the rule applies to; an empty one does not. Of all rules that apply to a command,
    the strictest verdict counts.
    """

    name: str
    verdict: Verdict
    callers: tuple[str, ...] = ()
    """Kinds of caller (``agent``, ``operator``), or names of operators and of agents that prove theirs by a token."""
    commands: tuple[CommandName, ...] = ()
    devices: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    """Severities of the device's worst active alarm; ``none`` for a device without one."""
    up_to_pct: float | None = None
    """The rule applies to ``reduce_load`` by at most this, in per cent of full load."""
    above_pct: float | None = None
    """The rule applies to ``reduce_load`` by more than this, in per cent of full load."""
    approvals: int = 1
    """How many operators must approve, where the verdict is ``ask``."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``count`` commands within ``within_s`` seconds."""

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
    """The command policy of a plant. Whatever no rule allows is denied."""

    rules: tuple[PolicyRule, ...] = DEFAULT_RULES
    agents_may_propose: bool = True
    """The kill switch in the configuration; operators have another one at run time."""
    approvals_to_open: int = 1
    """How many operators must agree to a reload that lets happen what this policy does not."""
    approve_within_s: float = 900.0
    """Seconds that a command waits for approval before it expires."""
    send_within_s: float = 30.0
    """Seconds after the dispatch within which the machine must begin; the command expires then."""
    answer_within_s: float = 10.0
    """Seconds that a machine has to answer when it is asked what became of a command."""
    device_rate: Rate = Rate(4, 3600.0)
    """How many commands of agents may go to one device."""
    plant_rate: Rate = Rate(12, 3600.0)
    """How many commands of agents may go to the whole plant."""
    device_proposals: Rate = Rate(12, 3600.0)
    """How many proposals one agent may make for one device; agents that prove no name count as one."""
    plant_proposals: Rate = Rate(60, 3600.0)
    """How many proposals one agent may make for the whole plant."""
    line_reduction_pct: float = 150.0
    """Per cent of a device's load that agents may take from a line in all; a device that stops counts 100."""
    keep_running: Mapping[str, int] = field(default_factory=dict)
    """Kind of device to how many of that kind must keep running."""
    doubtful: tuple[str, ...] = ("sensor_drift", "sensor_stuck", "sensor_silent", "unclassified")
    """Fault types that leave open what is wrong: agents monitor such a device, and do not act on it."""
