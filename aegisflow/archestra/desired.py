"""What Archestra should have of a plant, in the words of its HTTP API: the same as the Terraform module says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aegisflow.api.instructions import operations_engineer
from aegisflow.archestra.placement import Placement, broker_of
from aegisflow.archestra.rules import ACT_TOOL, MANUAL_TOOL, Match, Passing, ProxyPolicy
from aegisflow.archestra.terraform import SUGGESTED_PROMPTS
from aegisflow.config.configuration import Configuration

__all__ = ["LABEL", "MARK", "VARIABLES", "Desired", "Secrets", "ToolPolicy", "desired"]

LABEL = {"key": "managed-by", "value": "aegisflow"}
"""What carries it is ours; nothing else is ever changed."""
MARK = "[aegisflow]"
"""Ends the words of a policy that is ours: policies have no labels."""

_SECRET_VARIABLES = ("AEGISFLOW_STORE_URL", "ANTHROPIC_API_KEY")
VARIABLES = (*_SECRET_VARIABLES, "ANTHROPIC_BASE_URL", "MQTT_BROKER_HOST", "MQTT_BROKER_PORT", "SPEED_MULTIPLIER")
"""What the image is told by its environment."""

_ACTIONS = {
    Passing.FREE: "allow_when_context_is_untrusted",
    Passing.PERSON: "require_approval",
    Passing.REFUSED: "block_always",
}


@dataclass(frozen=True, slots=True)
class Secrets:
    """What stands in no file, and comes from the environment of whoever applies it."""

    token: str = ""
    """Bearer token of AegisFlow for agents, where it runs elsewhere."""
    model: str = ""
    """Model of the agent; empty: Archestra's default, and no limit on costs, which needs to name one."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of the image that differ from place to place; a key or a store's address is told as a secret."""


@dataclass(frozen=True, slots=True)
class ToolPolicy:
    """One policy of a tool; without conditions it is the tool's default."""

    tool: str
    """Without the server's name."""
    conditions: tuple[tuple[str, str], ...]
    """Key and the text that it must equal."""
    action: str
    words: str
    """Why, with the mark at its end."""

    def body(self, tool_id: str, words: str) -> dict[str, Any]:
        """Return it as the API takes it; ``words`` is the name of the field that says why."""
        conditions = [{"key": key, "operator": "equal", "value": value} for key, value in self.conditions]
        return {"toolId": tool_id, "conditions": conditions, "action": self.action, words: self.words}


@dataclass(frozen=True, slots=True)
class Desired:
    """All that Archestra should have."""

    name: str
    item: Mapping[str, Any]
    """The registry item."""
    installation: Mapping[str, Any]
    """Without the id of the item."""
    agents: tuple[Mapping[str, Any], ...]
    """The agent and the gateway."""
    tools: tuple[str, ...]
    invocation: tuple[ToolPolicy, ...]
    results: tuple[ToolPolicy, ...]
    limits: tuple[Mapping[str, Any], ...]
    """Without the id of the agent."""


def desired(
    configuration: Configuration, placement: Placement, policy: ProxyPolicy, secrets: Secrets | None = None
) -> Desired:
    """Return what Archestra should have of a plant."""
    secrets = secrets or Secrets()
    plant = configuration.plant
    installation: dict[str, Any] = {"name": placement.name, "scope": "org"}
    if placement.remote:
        installation["accessToken"] = secrets.token
    labels = [LABEL, {"key": "plant", "value": plant.name}]
    agent: dict[str, Any] = {
        "name": placement.name,
        "agentType": "agent",
        "scope": "org",
        "description": f"Operations engineer of {plant.name}",
        "systemPrompt": operations_engineer(plant, refused=configuration.archestra.blocked),
        "suggestedPrompts": [{"summaryTitle": title, "prompt": prompt} for title, prompt in SUGGESTED_PROMPTS],
        "labels": labels,
    }
    if secrets.model:
        agent["llmModel"] = secrets.model
    gateway = {
        "name": placement.name,
        "agentType": "mcp_gateway",
        "scope": "org",
        "description": f"AegisFlow's tools of {plant.name} for MCP clients",
        "toolExposureMode": "full",
        "labels": labels,
    }
    return Desired(
        name=placement.name,
        item=_item(configuration, placement, labels, secrets),
        installation=installation,
        agents=(agent, gateway),
        tools=tuple(tool.name for tool in policy.tools),
        invocation=tuple(_invocation(policy)),
        results=tuple(_results(policy)),
        limits=tuple(_limits(configuration, placement, policy, secrets)),
    )


def _item(
    configuration: Configuration, placement: Placement, labels: list[dict[str, str]], secrets: Secrets
) -> dict[str, Any]:
    item: dict[str, Any] = {
        "name": placement.name,
        "description": f"AegisFlow: alarms, evidence, manuals and guarded commands of {configuration.plant.name}",
        "scope": "org",
        "labels": labels,
    }
    if placement.remote:
        return item | {"serverType": "remote", "serverUrl": placement.remote, "requiresAuth": True}
    host, port = broker_of(configuration)
    values = {"MQTT_BROKER_HOST": host, "MQTT_BROKER_PORT": str(port), **secrets.environment}
    environment = [
        {
            "key": key,
            "type": "secret" if key in _SECRET_VARIABLES else "plain_text",
            "value": value,
            "promptOnInstallation": False,
        }
        for key, value in values.items()
    ]
    local = {"dockerImage": placement.image, "transportType": "stdio", "environment": environment}
    return item | {"serverType": "local", "localConfig": local}


def _invocation(policy: ProxyPolicy) -> list[ToolPolicy]:
    agreed = f"A person agrees first; then the plant judges it again. {MARK}"
    found = [ToolPolicy(ACT_TOOL, _conditions(match), "require_approval", agreed) for match in policy.asks]
    found += [
        ToolPolicy(ACT_TOOL, _conditions(one.match), "block_always", f"{one.reason} {MARK}") for one in policy.refusals
    ]
    return found + [ToolPolicy(tool.name, (), _ACTIONS[tool.passing], f"{tool.why} {MARK}") for tool in policy.tools]


def _results(policy: ProxyPolicy) -> list[ToolPolicy]:
    found = [
        ToolPolicy(tool.name, (), "mark_as_untrusted" if tool.taints else "mark_as_trusted", f"{tool.why} {MARK}")
        for tool in policy.tools
    ]
    shipped = f"Every passage is of a manual that comes with AegisFlow {MARK}"
    own = ToolPolicy(MANUAL_TOOL, (("passages[*].origin", "shipped"),), "mark_as_trusted", shipped)
    return [own, *found] if any(tool.name == MANUAL_TOOL for tool in policy.tools) else found


def _conditions(match: Match) -> tuple[tuple[str, str], ...]:
    return tuple(match.items())


def _limits(
    configuration: Configuration, placement: Placement, policy: ProxyPolicy, secrets: Secrets
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if secrets.model:
        found.append({"limitType": "token_cost", "limitValue": 5_000_000, "model": [secrets.model]})
    rate = max(1, configuration.plant.policy.plant_rate.count)
    counts = {ACT_TOOL: rate, "acknowledge_anomaly": 100, "log_incident_report": 50}
    listed = {tool.name for tool in policy.tools}
    found += [
        {"limitType": "tool_calls", "limitValue": count, "mcpServerName": placement.name, "toolName": tool}
        for tool, count in counts.items()
        if tool in listed
    ]
    return found
