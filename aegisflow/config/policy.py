"""The part of ``plant.yaml`` that says who may command what."""

from collections.abc import Collection
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from aegisflow.config.fields import EMPTY, Measured, Name, Seconds, Section, Text, Wording, Words
from aegisflow.config.mistakes import KeyPath, Mistakes, closest, one_of
from aegisflow.domain.callers import CallerKind, is_reserved
from aegisflow.domain.commands.model import FOR_OPERATORS, CommandName
from aegisflow.domain.commands.policy_spec import NO_ALARM, PolicyRule, PolicySpec, Rate, Verdict
from aegisflow.domain.equipment import PlantSpec

_POLICY = PolicySpec()
_COMMANDS = tuple(name.value for name in CommandName)
_CALLERS = (CallerKind.AGENT.value, CallerKind.OPERATOR.value)
_SEVERITIES = (NO_ALARM, "low", "medium", "high", "critical")
Percent = Annotated[float, Field(ge=0, le=100, strict=False), Wording("per cent of full load, 0 to 100")]


class RulePart(Section):
    """One rule; every key narrows it, and the strictest rule that fits counts: deny, then ask, then allow."""

    name: Text = Field(examples=["mild reduction"])
    """How the rule is called where it decides, in answers and in the audit."""
    decision: Annotated[Literal["allow", "ask", "deny"], Wording("allow, ask (an operator decides) or deny")] = Field(
        examples=["ask"]
    )
    """What becomes of a command that fits."""
    callers: Words = Field(default=(), examples=[["agent"]])
    """agent, operator, or names of operators and of agents with a token. No self-given name counts."""
    commands: Words = Field(default=(), examples=[["reduce_load"]])
    """Commands that it is about; left out, all."""
    devices: Words = Field(default=(), examples=[["pump-01"]])
    """Devices that it is about; left out, all."""
    lines: Words = Field(default=(), examples=[["line-1"]])
    """Lines that it is about; left out, all."""
    kinds: Words = Field(default=(), examples=[["pump"]])
    """Kinds that it is about; left out, all."""
    severities: Words = Field(default=(), examples=[["none", "high"]])
    """Of the worst active alarm of the device; none for a device without an alarm."""
    up_to_pct: Percent | None = Field(default=None, examples=[30])
    """Of reduce_load: up to this reduction."""
    above_pct: Percent | None = Field(default=None, examples=[30])
    """Of reduce_load: above this reduction."""
    approvals: Annotated[int, Measured("operators")] = Field(default=1, ge=1, le=5)
    """How many operators must agree, where it asks."""


class RatePart(Section):
    """How many are allowed, and in what time."""

    count: Annotated[int, Measured("commands or proposals")] = Field(ge=0, le=100_000, examples=[4])
    """The most that are allowed."""
    within_s: Seconds = Field(gt=0, le=7 * 86_400, examples=["1h"])
    """The time in which they are counted."""


class PolicyPart(Section):
    """Who may command what. What no rule allows is denied."""

    agents_may_propose: bool = _POLICY.agents_may_propose
    """false stops every command of an agent at once."""
    approvals_to_open: Annotated[int, Measured("approvers")] = Field(default=_POLICY.approvals_to_open, ge=1, le=5)
    """How many approvers must agree to a reload that opens this policy."""
    approve_within_s: Seconds = Field(default=_POLICY.approve_within_s, gt=0, le=7 * 86_400)
    """A proposal that nobody approves within this expires."""
    send_within_s: Seconds = Field(default=_POLICY.send_within_s, ge=1, le=3600)
    """The machine must begin within this; it refuses what comes later."""
    answer_within_s: Seconds = Field(default=_POLICY.answer_within_s, gt=0, le=600)
    """A machine that is asked what became of a command must answer within this."""
    device_rate: RatePart = RatePart(count=_POLICY.device_rate.count, within_s=_POLICY.device_rate.within_s)
    """Commands of agents to one device."""
    plant_rate: RatePart = RatePart(count=_POLICY.plant_rate.count, within_s=_POLICY.plant_rate.within_s)
    """Commands of agents to all devices."""
    device_proposals: RatePart = RatePart(
        count=_POLICY.device_proposals.count, within_s=_POLICY.device_proposals.within_s
    )
    """Proposals of one agent for one device, whatever becomes of them; agents that prove no name count as one."""
    plant_proposals: RatePart = RatePart(count=_POLICY.plant_proposals.count, within_s=_POLICY.plant_proposals.within_s)
    """Proposals of one agent for all devices."""
    line_reduction_pct: float = Field(default=_POLICY.line_reduction_pct, ge=0, le=1e6, strict=False)
    """Sum of the load that agents may have taken from the devices of a line; a stopped device counts 100."""
    keep_running: Annotated[dict[Name, int], EMPTY] = Field(default_factory=dict, examples=[{"pump": 1}])
    """Kind to how many of its devices must stay running."""
    doubtful: Words = _POLICY.doubtful
    """Types of alarm that leave open what is wrong: agents monitor and do not act."""
    rules: list[RulePart] | None = None
    """Left out: the rules that AegisFlow ships with."""


def build_policy(part: PolicyPart, plant: PlantSpec, mistakes: Mistakes) -> PolicySpec:
    """Return the policy; what a rule names must exist."""
    named = _Named(
        commands=_COMMANDS,
        severities=_SEVERITIES,
        devices=plant.devices,
        lines=plant.lines,
        kinds={spec.kind for spec in plant.devices.values()},
    )
    for kind in part.keep_running:
        _check_known(("policy", "keep_running", kind), (kind,), named.kinds, mistakes)
    rules = _POLICY.rules
    if part.rules is not None:
        at = ("policy", "rules")
        rules = tuple(_rule((*at, number), rule, named, mistakes) for number, rule in enumerate(part.rules))
    return PolicySpec(
        rules=rules,
        agents_may_propose=part.agents_may_propose,
        approvals_to_open=part.approvals_to_open,
        approve_within_s=part.approve_within_s,
        send_within_s=part.send_within_s,
        answer_within_s=part.answer_within_s,
        device_rate=Rate(part.device_rate.count, part.device_rate.within_s),
        plant_rate=Rate(part.plant_rate.count, part.plant_rate.within_s),
        device_proposals=Rate(part.device_proposals.count, part.device_proposals.within_s),
        plant_proposals=Rate(part.plant_proposals.count, part.plant_proposals.within_s),
        line_reduction_pct=part.line_reduction_pct,
        keep_running=dict(part.keep_running),
        doubtful=part.doubtful,
    )


class _Named(NamedTuple):
    """What a rule may name."""

    commands: Collection[str]
    severities: Collection[str]
    devices: Collection[str]
    lines: Collection[str]
    kinds: Collection[str]


def _rule(at: KeyPath, part: RulePart, named: _Named, mistakes: Mistakes) -> PolicyRule:
    _check_known((*at, "commands"), part.commands, named.commands, mistakes)
    _check_known((*at, "severities"), part.severities, named.severities, mistakes)
    _check_known((*at, "devices"), part.devices, named.devices, mistakes)
    _check_known((*at, "lines"), part.lines, named.lines, mistakes)
    _check_known((*at, "kinds"), part.kinds, named.kinds, mistakes)
    for name in part.callers:
        if is_reserved(name) and name not in _CALLERS:
            expected = "agent, operator, or the name of somebody who proves it by a token"
            mistakes.add((*at, "callers"), name, expected + closest(name, list(_CALLERS)))
    opens = part.decision != "deny" and CallerKind.AGENT in part.callers
    for name in part.commands:
        if opens and name in FOR_OPERATORS:
            mistakes.add((*at, "commands"), name, "a command that agents can propose; this one is for operators only")
    return PolicyRule(
        name=part.name,
        verdict=Verdict(part.decision),
        callers=part.callers,
        commands=tuple(CommandName(name) for name in part.commands if name in _COMMANDS),
        devices=part.devices,
        lines=part.lines,
        kinds=part.kinds,
        severities=part.severities,
        up_to_pct=part.up_to_pct,
        above_pct=part.above_pct,
        approvals=part.approvals,
    )


def _check_known(at: KeyPath, names: tuple[str, ...], known: Collection[str], mistakes: Mistakes) -> None:
    for name in names:
        if name not in known:
            choices = sorted(known)
            mistakes.add(at, name, one_of(choices) + closest(name, choices))
