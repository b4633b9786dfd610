"""Whether a command may be executed: a pure function that gives its reasons.

Deny beats ask, ask beats allow, and silence means deny. The rules in ``plant.yaml`` say who may do what;
the limits beside them hold for everything that an agent proposes. Interlocks are not policy: the device
keeps those itself (``domain.commands.interlocks``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.callers import why_not
from aegisflow.domain.commands.bounds import Bound, beyond
from aegisflow.domain.commands.interlocks import illegal_move, too_late
from aegisflow.domain.commands.model import (
    FOR_OPERATORS,
    STOPS,
    AgentWrites,
    Command,
    CommandName,
    CommandOption,
    DeviceView,
    Mode,
)
from aegisflow.domain.commands.policy_spec import NO_ALARM, PolicyRule, PolicySpec, Verdict
from aegisflow.domain.rights import Right

__all__ = ["Decision", "PlantView", "decide", "options"]

_STRICTEST = (Verdict.DENY, Verdict.ASK, Verdict.ALLOW)
_FOR_PEOPLE = (CommandName.EMERGENCY_SHUTDOWN, CommandName.RESTART)
"""No rule lets an agent execute these without a person."""


@dataclass(frozen=True, slots=True)
class PlantView:
    """What policy must know about the rest of the plant."""

    agents: AgentWrites = field(default_factory=AgentWrites)
    device_commands: int = 0
    """How many commands of agents were dispatched to this device within the time of ``device_rate``."""
    plant_commands: int = 0
    """How many commands of agents were dispatched to any device within the time of ``plant_rate``."""
    line_reduction_pct: float = 0.0
    """Load that is taken, or about to be taken, from the other devices of its line; a stopped one counts 100."""
    others_running: int = 0
    """How many other devices of its kind are running."""
    bounds: Mapping[str, Bound] = field(default_factory=dict)
    """What can be moved on the device, to how far."""
    held: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """What can be moved, to what it was before each command of the last hour that moved it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What policy says about a command, and why."""

    verdict: Verdict
    reasons: tuple[str, ...]
    approvals: int = 0
    """How many operators must approve it; 0 unless the verdict is ``ask``."""


def decide(command: Command, device: DeviceView | None, plant: PlantView, policy: PolicySpec) -> Decision:
    """Judge a command on the plant as it is now.

    Args:
        command: the proposal; it is judged by the rights of ``proposed_by``.
        device: the device as it is now; None if it does not answer.
        plant: the rest of the plant.
        policy: rules and limits of ``plant.yaml``.
    """
    if device is None:
        return Decision(Verdict.DENY, ("the device does not answer, so nobody knows what the command would meet",))
    is_agent = not command.proposed_by.is_operator
    against = [*_always(command, device), *beyond(command, device, plant.bounds, plant.held)]
    against += _against_agent(command, device, plant, policy) if is_agent else ()
    if against:
        return Decision(Verdict.DENY, tuple(against))
    by_rules = [_by_rules(command, device, severity, policy) for severity in _severities(device)]
    return min(by_rules, key=lambda made: (_STRICTEST.index(made.verdict), -made.approvals))


def _severities(device: DeviceView) -> tuple[Severity | None, ...]:
    """Return the severities that rules must be asked about; the strictest answer holds.

    The device is taken both as people are told of it and as it is, so that setting an alarm aside never widens what
    is allowed.
    """
    told, aside = device.severity, device.set_aside_severity
    return (told,) if aside is None or (told is not None and told.rank >= aside.rank) else (told, aside)


def _by_rules(command: Command, device: DeviceView, severity: Severity | None, policy: PolicySpec) -> Decision:
    fitting = [rule for rule in policy.rules if _fits(rule, command, device, severity)]
    if not fitting:
        return Decision(Verdict.DENY, ("no rule of the policy allows it, and silence means deny",))
    verdict = next(verdict for verdict in _STRICTEST if any(rule.verdict is verdict for rule in fitting))
    reasons = tuple(f"rule “{rule.name}”: {verdict}" for rule in fitting if rule.verdict is verdict)
    if verdict is Verdict.ALLOW and not command.proposed_by.is_operator and command.command in _FOR_PEOPLE:
        return Decision(Verdict.ASK, (*reasons, f"a person decides about {command.command}, whatever the rules say"), 1)
    if verdict is not Verdict.ASK:
        return Decision(verdict, reasons)
    return Decision(verdict, reasons, max(rule.approvals for rule in fitting if rule.verdict is Verdict.ASK))


def options(device: DeviceView, plant: PlantView, policy: PolicySpec, probe: Command) -> tuple[CommandOption, ...]:
    """Return what policy would say now about each command that an agent can propose.

    Args:
        device: the device as it is now.
        plant: the rest of the plant.
        policy: rules and limits of ``plant.yaml``.
        probe: a command to this device by the caller whose rights count; which command it is does not matter.
    """
    found = []
    for name in CommandName:
        if name in FOR_OPERATORS:
            continue
        # From the least to the most that a load can be reduced by. Neighbours with the same verdict become one
        # option.
        steps = (20.0, 30.0, 50.0, 80.0) if name is CommandName.REDUCE_LOAD else (None,)
        of_command: list[CommandOption] = []
        for step in steps:
            parameters: dict[str, str | float] = {} if step is None else {"reduction_pct": step}
            made = decide(_like(probe, name, parameters), device, plant, policy)
            if of_command and of_command[-1].verdict == made.verdict:
                of_command[-1] = CommandOption(name, of_command[-1].verdict, of_command[-1].reasons, step)
            else:
                of_command.append(CommandOption(name, made.verdict.value, made.reasons, step))
        found += of_command
    return tuple(found)


def _like(probe: Command, name: CommandName, parameters: dict[str, str | float]) -> Command:
    return Command(probe.command_id, probe.device_id, name, parameters, probe.proposed_by, "", probe.proposed_at)


def _always(command: Command, device: DeviceView) -> Iterable[str]:
    """Yield the objections that hold whoever proposed the command."""
    if not command.proposed_by.may_propose:
        yield "only operators and agents may propose commands"
    elif command.proposed_by.is_operator and not command.proposed_by.may(Right.COMMAND, device.line):
        yield f"{command.proposed_by.name} may not: {why_not(command.proposed_by, Right.COMMAND, device.line)}"
    if device.watched_only:
        yield "the machine is only watched (commands: none in plant.yaml), so it takes none from AegisFlow"
    elif device.writing is not None:
        why = device.writing.objection(command.command_id, command.command, command.parameters)
        if why := why or too_late(command, device):
            yield why
    move = illegal_move(command, device)
    if move:
        yield move
    if command.command in FOR_OPERATORS and not command.proposed_by.is_operator:
        yield f"{command.command} is for operators only"
    if device.open_command and command.command is not CommandName.EMERGENCY_SHUTDOWN:
        yield f"{device.open_command} is still under way on this device; one command at a time"


def _against_agent(command: Command, device: DeviceView, plant: PlantView, policy: PolicySpec) -> Iterable[str]:
    """Yield the objections that hold for what an agent proposes."""
    if not policy.agents_may_propose:
        yield "commands of agents are switched off in plant.yaml"
    if not plant.agents.allowed:
        yield f"{plant.agents.by} has stopped all commands of agents: {plant.agents.reason}"
    if command.command is CommandName.EMERGENCY_SHUTDOWN:
        return  # a person decides about it in any case, and must be asked whatever the limits below say
    if plant.device_commands >= policy.device_rate.count:
        yield _too_many("this device", plant.device_commands, policy.device_rate.within_s)
    if plant.plant_commands >= policy.plant_rate.count:
        yield _too_many("the plant", plant.plant_commands, policy.plant_rate.within_s)
    doubtful = [name for name in (*device.fault_types, *device.set_aside_types) if name in policy.doubtful]
    if doubtful:
        aside = "" if doubtful[0] in device.fault_types else " (set aside by an operator, and its cause lasts)"
        yield f"the alarm is {doubtful[0]}{aside}: what is wrong is not clear, so monitor and do not act"
    if device.silent or device.stale:
        what = "the device is silent" if device.silent else f"no recent value of {', '.join(device.stale)}"
        yield f"{what}: monitor and do not act"
    yield from _against_load(command, device, plant, policy)


def _against_load(command: Command, device: DeviceView, plant: PlantView, policy: PolicySpec) -> Iterable[str]:
    stops, taken = command.command in STOPS, command.taken_pct
    if taken and plant.line_reduction_pct + taken > policy.line_reduction_pct:
        yield (
            f"{device.line} would lose {plant.line_reduction_pct + taken:g} % of a device's load in all, "
            f"and {policy.line_reduction_pct:g} % is the limit"
        )
    least = policy.keep_running.get(device.kind, 0)
    if stops and plant.others_running < least:
        yield f"only {plant.others_running} other devices of kind {device.kind} are running, and {least} must be"


def _too_many(what: str, count: int, within_s: float) -> str:
    return f"{count} commands of agents went to {what} within {within_s / 60:g} min; that is the limit"


def _fits(rule: PolicyRule, command: Command, device: DeviceView, severity: Severity | None) -> bool:
    by, reduction = command.proposed_by, command.reduction_pct
    is_reduction = command.command is CommandName.REDUCE_LOAD
    return (
        (not rule.callers or by.is_one_of(rule.callers))
        and (not rule.commands or command.command in rule.commands)
        and (not rule.devices or device.device_id in rule.devices)
        and (not rule.lines or device.line in rule.lines)
        and (not rule.kinds or device.kind in rule.kinds)
        and (not rule.severities or (NO_ALARM if severity is None else severity.value) in rule.severities)
        and (rule.up_to_pct is None or (is_reduction and reduction <= rule.up_to_pct))
        and (rule.above_pct is None or (is_reduction and reduction > rule.above_pct))
    )


def taken_pct(mode: Mode, reduction_pct: float) -> float:
    """Return how much of a device's load is gone, in per cent; one that is not known to run counts as stopped."""
    return reduction_pct if mode.is_running else 100.0
