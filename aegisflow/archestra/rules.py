"""What Archestra's proxy may pass on of the agents' calls: derived from the plant's policy, never more than it allows.

The proxy sees the arguments of a call and nothing else: no severity, no mode, no caller. So it passes on what the
policy lets an agent propose *whatever the severity*, each time after a person's word, and refuses the rest::

    plant.yaml, over every severity and every agent        proxy
    ─────────────────────────────────────────────────      ─────────────────────────────────────────────
    denied once                                            refused
    asks once                                              a person first; then the plant judges, and asks
    always allowed                                         a person first: in some modes the plant denies it

What is passed on is listed by its exact arguments and all else is refused, so another spelling of a value
(``Emergency_Shutdown``, ``050``, the number 50) is refused as well, as the plant refuses it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.callers import Caller, CallerKind, is_reserved
from aegisflow.domain.commands.model import FOR_OPERATORS, MOVES, Command, CommandName, DeviceView, Mode
from aegisflow.domain.commands.policy import Decision, PlantView, decide
from aegisflow.domain.commands.policy_spec import PolicySpec, Verdict
from aegisflow.domain.credentials import AgentAccess, why_not
from aegisflow.domain.equipment import DeviceSpec, PlantSpec

__all__ = [
    "ACT_TOOL",
    "MANUAL_TOOL",
    "REDUCTIONS",
    "TOOLS",
    "Passing",
    "ProxyPolicy",
    "ProxyRefusal",
    "ToolTreatment",
    "proxy_policy",
]

ACT_TOOL = "execute_device_command"
MANUAL_TOOL = "query_device_manual"
REDUCTIONS = tuple(str(pct) for pct in range(20, 81, 5))
"""What the tool takes as ``reduction_pct``: these texts and no others."""

_MAX_MATCHES = 300
"""Above so many, rules that hold for some devices only are not written out; such commands are refused."""
_SEVERITIES = (None, *Severity)
_MANY = 1_000_000
_OPEN = AgentAccess()


class Passing(StrEnum):
    """What the proxy does with a call; each is stricter than the one before."""

    FREE = "free"
    PERSON = "person"
    """A person is asked before it is passed on."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ToolTreatment:
    """How the proxy treats one tool, unless a rule about its arguments says otherwise."""

    name: str
    passing: Passing
    taints: bool
    """Whether its answers carry words of others, so that whoever read them counts as misled until a person looks."""
    why: str


TOOLS = (
    ToolTreatment("get_sensor_stream", Passing.FREE, False, "figures, and names from plant.yaml"),
    ToolTreatment("get_device_status", Passing.FREE, True, "shows what machines answered to commands"),
    ToolTreatment("get_active_anomalies", Passing.FREE, True, "shows notes and words of past reports"),
    ToolTreatment("get_anomaly_history", Passing.FREE, True, "shows notes"),
    ToolTreatment(MANUAL_TOOL, Passing.FREE, True, "manuals of the plant's own are anybody's words"),
    ToolTreatment("get_incident_reports", Passing.FREE, True, "shows the words of reports"),
    ToolTreatment(ACT_TOOL, Passing.REFUSED, False, "what no rule below passes on is refused"),
    ToolTreatment(
        "acknowledge_anomaly", Passing.PERSON, False, "the plant denies it for high and critical, unseen here"
    ),
    ToolTreatment("log_incident_report", Passing.FREE, False, "stored as unreviewed; no machine is touched"),
)

Match = Mapping[str, str]
"""Argument to the exact text that it must have; all must hold."""


@dataclass(frozen=True, slots=True)
class ProxyRefusal:
    """Arguments that are refused, and why, in words for the agent."""

    match: Match
    reason: str


@dataclass(frozen=True, slots=True)
class ProxyPolicy:
    """What the proxy does with ``execute_device_command``; what no match covers is refused."""

    asks: tuple[Match, ...]
    """Calls that are passed on once a person agrees; no call fits two of them."""
    refusals: tuple[ProxyRefusal, ...]
    """Calls that are refused with a reason of their own; none of them fits one of ``asks``."""
    tools: tuple[ToolTreatment, ...] = TOOLS
    """How each tool that agents may call is treated."""
    notes: tuple[str, ...] = ()
    """Where the proxy is stricter than the plant, and why."""


def proxy_policy(
    plant: PlantSpec, blocked: tuple[str, ...] = (), agent: str = "", access: AgentAccess = _OPEN
) -> ProxyPolicy:
    """Return what the proxy in front of a plant may pass on.

    Args:
        plant: the plant with its policy.
        blocked: commands that are refused in any case.
        agent: name of the agent whose token the proxy's installation has; empty: any agent, so the strictest counts.
        access: which tools are closed to all agents.
    """
    # A tool that is closed to all agents is not listed either, so Archestra has none of that name.
    tools = tuple(tool for tool in TOOLS if not why_not(tool.name, access, None))
    if all(tool.name != ACT_TOOL for tool in tools):
        return ProxyPolicy((), (), tools)
    judge = _Judge(plant, agent)
    asks: list[Match] = []
    refusals: list[ProxyRefusal] = []
    notes: list[str] = []
    for command, amount in _calls():
        match = {"command": command.value} | ({"reduction_pct": amount} if amount else {})
        if command.value in blocked:
            refusals.append(ProxyRefusal({"command": command.value}, _blocked(command)))
            continue
        open_to, denial = judge.devices(command, amount)
        if len(open_to) == len(plant.devices) and open_to:
            asks.append(match)
        elif not open_to:
            refusals.append(
                ProxyRefusal(match, f"{' '.join(match.values())} is refused by the plant's policy: {denial}")
            )
        elif len(asks) + len(open_to) <= _MAX_MATCHES:
            asks += [match | {"device_id": device_id} for device_id in open_to]
        else:
            notes.append(
                f"{' '.join(match.values())}: the policy allows it for {len(open_to)} of many devices; refused"
            )
    return ProxyPolicy(tuple(asks), tuple(_folded(refusals)), tools, (*notes, *judge.notes))


def _calls() -> Iterator[tuple[CommandName, str]]:
    """Yield every command that an agent can propose, with every amount where it takes one."""
    for command in CommandName:
        if command in FOR_OPERATORS:
            continue
        for amount in REDUCTIONS if command is CommandName.REDUCE_LOAD else ("",):
            yield command, amount


def _blocked(command: CommandName) -> str:
    return (
        f"{command} is refused here. Use a milder command such as reduce_load, or tell the operator, who can give it."
    )


def _folded(refusals: list[ProxyRefusal]) -> Iterator[ProxyRefusal]:
    """Yield each refusal once; one of all amounts of a command is one refusal of the command."""
    amounts = [one for one in refusals if "reduction_pct" in one.match]
    whole = len(amounts) == len(REDUCTIONS) and len({one.reason.partition(": ")[2] for one in amounts}) == 1
    seen: list[Match] = []
    for one in refusals:
        if whole and "reduction_pct" in one.match:
            reason = f"{CommandName.REDUCE_LOAD} is refused by the plant's policy: {one.reason.partition(': ')[2]}"
            one = ProxyRefusal({"command": CommandName.REDUCE_LOAD.value}, reason)
        if one.match not in seen:
            seen.append(one.match)
            yield one


class _Judge:
    """Asks the policy about a call in every case that the proxy cannot tell apart."""

    def __init__(self, plant: PlantSpec, agent: str) -> None:
        self._plant = plant
        self._callers = _agents(plant.policy, agent)
        self._named = {name for rule in plant.policy.rules for name in rule.devices}
        self.notes: list[str] = []

    def devices(self, command: CommandName, amount: str) -> tuple[list[str], str]:
        """Return the devices for which a call may be passed on, and why not for (one of) the others."""
        known: dict[tuple[str, str, str], str] = {}
        open_to, denial = [], "there is no device"
        for device_id, device in self._plant.devices.items():
            # Rules tell devices apart by line, kind and name: one of 10,000 stands for many.
            alike = (device.line, device.kind, device_id if device_id in self._named else "")
            if alike not in known:
                known[alike] = self._denial(command, amount, device)
            if known[alike]:
                denial = known[alike]
            else:
                open_to.append(device_id)
        return open_to, denial

    def _denial(self, command: CommandName, amount: str, device: DeviceSpec) -> str:
        """Return why the policy denies a call in some case; empty if it never does."""
        denials: dict[str, list[str]] = {}
        cases = 0
        for caller in self._callers:
            for severity in _SEVERITIES:
                cases += 1
                decision = _decision(self._plant.policy, command, amount, device, severity, caller)
                if decision.verdict is Verdict.DENY:
                    denials.setdefault("; ".join(decision.reasons), []).append(severity or "none")
        if not denials:
            return ""
        reason, severities = next(iter(denials.items()))
        if sum(map(len, denials.values())) == cases:
            return reason
        note = (
            f"{command}{f' {amount}' if amount else ''} on {device.device_id} is denied at severity "
            f"{', '.join(dict.fromkeys(severities))}, and the proxy does not see it: refused at any severity"
        )
        if note not in self.notes:
            self.notes.append(note)
        return f"{reason} (severity {', '.join(dict.fromkeys(severities))})"


def _decision(
    policy: PolicySpec, command: CommandName, amount: str, device: DeviceSpec, severity: Severity | None, by: Caller
) -> Decision:
    """Ask the policy with all well but the alarm: what else the plant's state forbids, it forbids behind the proxy."""
    parameters: dict[str, str | float] = {"reduction_pct": float(amount)} if amount else {}
    modes = MOVES[command]
    view = DeviceView(
        device_id=device.device_id,
        line=device.line,
        kind=device.kind,
        mode=Mode.NORMAL if Mode.NORMAL in modes else next(iter(modes)),
        reduction_pct=0.0,
        silent=False,
        stale=(),
        severity=severity,
        fault_types=(),
        open_command="",
        means={},
        spreads={},
        recent={},
        full_load=None,
        unrecovered=(),
        version="",
    )
    proposal = Command("", device.device_id, command, parameters, by, "", 0.0)
    return decide(proposal, view, PlantView(others_running=_MANY), policy)


def _agents(policy: PolicySpec, agent: str) -> tuple[Caller, ...]:
    """Return the agents that may stand behind a call: the named one, or one of each that the rules tell apart."""
    if agent:
        return (Caller(agent, CallerKind.AGENT, authenticated=True),)
    named = dict.fromkeys(name for rule in policy.rules for name in rule.callers if not is_reserved(name))
    return (
        Caller.self_named("an agent"),
        *(Caller(name, CallerKind.AGENT, authenticated=True) for name in named),
    )
