"""All that must hold of an export, as one list of what does not; mutants of an export are held against it too."""

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, get_args

from aegisflow.archestra.placement import Placement
from aegisflow.config import Configuration
from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import MOVES, Command, CommandName, DeviceView, Mode
from aegisflow.domain.commands.policy import PlantView, decide
from aegisflow.domain.commands.policy_spec import Verdict
from aegisflow.domain.credentials import why_not
from aegisflow.domain.equipment import PlantSpec
from aegisflow.mcp.tools.commands import CommandChoice, ReductionPct
from tests.support.command_bench import view
from tests.support.nine_tools import NINE
from tests.support.proxies import AppaSession, Call, ClassicPolicies, Outcome, named_tool, trace_mismatches
from tests.support.terraform import Module, complaints, read_module

WORDS_OF_OTHERS = {
    "get_device_status",
    "get_active_anomalies",
    "get_anomaly_history",
    "query_device_manual",
    "get_incident_reports",
}
"""Tools whose answers carry notes, reports, manuals of others or the words of machines."""
ACT = "execute_device_command"
COMMANDS: tuple[Any, ...] = (
    *(name.value for name in CommandName),
    "Emergency_Shutdown", "RESTART", " restart", "restart ", "emergency-shutdown", "reduce_load\n", "", 1, None,
)  # fmt: skip
AMOUNTS: tuple[Any, ...] = (
    *get_args(ReductionPct),
    "050", "5e1", "50.0", "+50", " 50", "50 ", "5０", "20;80", "100", "0", "", "*", 20, 50, 50.0, True, None, ["50"],
)  # fmt: skip
ABSENT = object()


def calls(plant: PlantSpec) -> Iterator[Call]:
    """Yield every command with every amount and none, in every spelling, on some devices and on none."""
    devices = (*list(plant.devices)[:2], "PUMP-01", ABSENT)
    for command in (*COMMANDS, ABSENT):
        legal = command in get_args(CommandChoice)
        amounts = (*AMOUNTS, ABSENT) if command == "reduce_load" else ("50", 50, ABSENT)
        for amount, device in product(amounts, devices if legal else devices[:1]):
            given = {"command": command, "reduction_pct": amount, "device_id": device}
            yield {name: value for name, value in given.items() if value is not ABSENT}


class Expected:
    """What the plant does with each call, worked out once for all exports that are held against it."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        blocked = configuration.archestra.blocked
        self.listed = {name for name in NINE if not why_not(name, configuration.agents, None)}
        self.most = [
            (
                call,
                Outcome.REFUSED
                if call.get("command") in blocked or ACT not in self.listed
                else strictest(configuration, call),
            )
            for call in calls(configuration.plant)
        ]


def problems(files: Mapping[str, str], expected: Expected, placement: Placement) -> list[str]:
    """Return what is wrong with an export."""
    module = read_module(files)
    policy = files["openappa/appa.toml"]
    traces = {name: text for name, text in files.items() if name.endswith(".appa")}
    found = [*complaints(module), *_coverage(module, placement, expected.listed), *trace_mismatches(policy, traces)]
    if not traces:
        found.append("there are no traces")
    found += _permissive(module, policy, expected, placement)
    found += _taint(module, policy, placement, expected.listed)
    return found


def _coverage(module: Module, placement: Placement, listed: set[str]) -> Iterator[str]:
    names = {placement.tool(name) for name in listed}
    for kind in ("tool_invocation_policy_default", "trusted_data_policy_default"):
        found = Counter(named_tool(one) for body in module.of_type(kind) for one in body["tool_ids"])
        if found != Counter(names):
            yield f"{kind}: not one for each tool: {found}"
    for owner in ("agent", "mcp_gateway"):
        (batch,) = (one for one in module.of_type("agent_tool_batch") if f"archestra_{owner}." in one["agent_id"])
        if {named_tool(one) for one in batch["tool_ids"]} != names:
            yield f"{owner}: has not the nine tools"
    for kind in ("tool_invocation_policy", "trusted_data_policy"):
        yield from (
            f"{kind}: for no tool of ours" for one in module.of_type(kind) if named_tool(one["tool_id"]) not in names
        )
    if module.one("mcp_server_installation").get("scope") != "org":
        yield "an installation for each person is a plant for each person"
    if module.one("mcp_gateway").get("tool_exposure_mode") != "full":
        yield "the gateway hides tools"
    if not {"token_cost", *(["tool_calls"] if ACT in listed else [])} <= {
        one["limit_type"] for one in module.of_type("limit")
    }:
        yield "no limit on costs or on calls"


def plant_outcomes(configuration: Configuration, call: Call) -> Iterator[tuple[Outcome, bool]]:
    """Yield what the plant does with a call for every severity, mode and agent, and whether the mode allows it."""
    plant, agent = configuration.plant, configuration.archestra.agent
    command, amount = call.get("command"), call.get("reduction_pct")
    device = plant.devices.get(str(call.get("device_id", "")))
    known = isinstance(command, str) and command in get_args(CommandChoice)
    if command != "reduce_load":
        amount = None  # the tool refuses it beside another command; no proxy can ask for an argument to be absent
    elif not (isinstance(amount, str) and amount in get_args(ReductionPct)):
        known = False
    if not known:
        yield Outcome.REFUSED, True  # the tool refuses it: shown with the tool itself in tests/mcp
        return
    if device is None:  # as if the server took it for one of its devices, whichever
        for name in plant.devices:
            yield from plant_outcomes(configuration, {**call, "device_id": name})
        return
    for severity, mode, by in product((None, *Severity), Mode, _agents(plant, agent)):
        seen = view(
            device.device_id, line=device.line, kind=device.kind, severity=severity, mode=mode, reduction_pct=0.0
        )
        yield _plant_outcome(plant, str(command), amount, seen, by), mode in MOVES[CommandName(str(command))]


_OUTCOMES = {Verdict.DENY: Outcome.REFUSED, Verdict.ASK: Outcome.PERSON, Verdict.ALLOW: Outcome.FREE}


def _plant_outcome(plant: PlantSpec, command: str, amount: Any, seen: DeviceView, by: Caller) -> Outcome:
    parameters: dict[str, str | float] = {} if amount is None else {"reduction_pct": float(amount)}
    asked = Command("c", seen.device_id, CommandName(command), parameters, by, "", 0.0)
    return _OUTCOMES[decide(asked, seen, PlantView(others_running=1_000), plant.policy).verdict]


def _agents(plant: PlantSpec, agent: str) -> list[Caller]:
    if agent:
        return [Caller(agent, CallerKind.AGENT, authenticated=True)]
    named = {name for rule in plant.policy.rules for name in rule.callers} - {"agent", "operator"}
    return [Caller.self_named("x"), *(Caller(name, CallerKind.AGENT, authenticated=True) for name in sorted(named))]


def strictest(configuration: Configuration, call: Call) -> Outcome:
    """Return the most that a proxy may do which sees the arguments alone."""
    outcomes = list(plant_outcomes(configuration, call))
    possible = min(outcome for outcome, legal in outcomes if legal)
    # Where the machine's mode forbids it, the plant refuses behind the proxy; without a person nothing gets so far.
    return min(possible, Outcome.PERSON)


def _permissive(module: Module, policy: str, expected: Expected, placement: Placement) -> Iterator[str]:
    classic, parsed = ClassicPolicies.of(module), tomllib.loads(policy)
    if ACT not in expected.listed:
        if any(call.get("command") for call, _ in expected.most if AppaSession(parsed).call(_appa(placement), call)[0]):
            yield "a tool that no agent may call is let through"
        return
    for call, most in expected.most:
        got = {
            "classic": classic.call(placement.tool(ACT), call),
            "classic, untrusted": classic.call(placement.tool(ACT), call, trusted=False),
            "OpenAPPA": AppaSession(parsed).call(_appa(placement), call)[0],
        }
        yield from (
            f"{name} lets pass {call}: {one.name}, the plant {most.name}" for name, one in got.items() if one > most
        )
        if len(set(got.values())) > 1:
            yield f"the formats differ about {call}: {got}"


def _appa(placement: Placement) -> str:
    return f"mcp/{placement.name}/{ACT}"


def _taint(module: Module, policy: str, placement: Placement, listed: set[str]) -> Iterator[str]:
    classic, parsed = ClassicPolicies.of(module), tomllib.loads(policy)
    command = {"device_id": "pump-01", "command": "reduce_load", "reduction_pct": "20"}
    for tool in sorted(listed - {ACT}):
        tainted = not classic.trusts(placement.tool(tool), {"as_of": "2026-11-30T06:00:00Z"})
        session = AppaSession(parsed)
        session.call(f"mcp/{placement.name}/{tool}", {})
        if tainted != (tool in WORDS_OF_OTHERS) or (session.trust == 0) != (tool in WORDS_OF_OTHERS):
            yield f"{tool}: taints {tainted} in the one format and {session.trust == 0} in the other"
        if session.call(_appa(placement), command)[0] is Outcome.FREE:
            yield f"{tool}: a command after it needs nobody"
    for origins in (
        ()
        if "query_device_manual" not in listed
        else (["shipped", "shipped"], ["shipped", "added by the plant"], ["added by the plant"], [])
    ):
        answer = {"passages": [{"origin": origin, "text": "shipped"} for origin in origins]}
        if classic.trusts(placement.tool("query_device_manual"), answer) != (set(origins) == {"shipped"}):
            yield f"query_device_manual: trust in passages of {origins} is wrong"
    if "acknowledge_anomaly" in listed and classic.call(placement.tool("acknowledge_anomaly"), {}) is Outcome.FREE:
        yield "acknowledge_anomaly: the plant refuses some, the proxy lets all pass"
