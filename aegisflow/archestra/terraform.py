"""The Terraform module: registry item, installation, agent, gateway, tool policies and limits of a plant.

Written for the provider archestra-ai/archestra 1.5.0. Names that people or other modules refer to are all
``aegisflow``; what they see in Archestra is the placement's name.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from aegisflow.api.instructions import operations_engineer
from aegisflow.archestra.hcl import HclBlock, Reference, Value, identifier, render
from aegisflow.archestra.placement import Placement, broker_of
from aegisflow.archestra.rules import ACT_TOOL, MANUAL_TOOL, Match, Passing, ProxyPolicy
from aegisflow.config.configuration import Configuration

__all__ = ["PROVIDER_VERSION", "SUGGESTED_PROMPTS", "terraform_files"]

PROVIDER_VERSION = "1.5.0"
PROMPT_FILE = "operations_engineer.md"
_HERE = "aegisflow"
_INSTALLATION = f"archestra_mcp_server_installation.{_HERE}"
_ACTIONS: Mapping[Passing, str] = {
    Passing.FREE: "allow_when_context_is_untrusted",
    Passing.PERSON: "require_approval",
    Passing.REFUSED: "block_always",
}
_DEFAULT_NAMES: Mapping[Passing, str] = {
    Passing.FREE: "free",
    Passing.PERSON: "after_a_person",
    Passing.REFUSED: "refused",
}
SUGGESTED_PROMPTS = (
    ("What needs attention?", "Which machines need attention now, why, and since when?"),
    ("Explain the worst alarm", "Take the most severe open alarm and find its cause. Cite manual and section."),
    ("Compare with its neighbours", "Compare the machine with the worst alarm with the others of its kind."),
    ("Has it happened before?", "Has the worst open alarm happened before, and what helped then?"),
    ("What may I do?", "What may be commanded on the machine with the worst alarm now, and who decides?"),
)
"""Title and prompt; what people on shift ask most."""

_HEADING = """\
Written by `aegisflow archestra export` from plant.yaml; written anew, it is overwritten.
Put what is yours into a file of your own beside it. README.md says how to apply this."""


def terraform_files(configuration: Configuration, placement: Placement, policy: ProxyPolicy) -> dict[str, str]:
    """Return the files of the module: name to content."""
    blocked = configuration.archestra.blocked
    return {
        "versions.tf": render([_versions()], _HEADING),
        "variables.tf": render(list(_variables(configuration, placement)), _HEADING),
        "main.tf": render(list(_main(configuration, placement, policy)), _HEADING),
        "policies.tf": render(list(_policies(placement, policy)), _HEADING),
        "organization.tf": render([_organization()], _HEADING),
        "limits.tf": render(list(_limits(placement, policy)), _HEADING),
        "outputs.tf": render(list(_outputs()), _HEADING),
        PROMPT_FILE: operations_engineer(configuration.plant, refused=blocked),
    }


def _versions() -> HclBlock:
    provider: dict[str, Value] = {"source": "archestra-ai/archestra", "version": f"~> {PROVIDER_VERSION}"}
    needed = HclBlock("required_providers", (), {"archestra": provider})
    return HclBlock("terraform", (), {"required_version": ">= 1.5"}, blocks=(needed,))


def _variables(configuration: Configuration, placement: Placement) -> Iterator[HclBlock]:
    yield _variable("llm_api_key", "Key of the provider of the language model.", sensitive=True)
    yield _variable("llm_model", "Model of the agent, as the provider names it; the limit on costs counts it.")
    yield _variable("llm_provider", "Provider of the language model.", "anthropic")
    if placement.remote:
        yield _variable("aegisflow_url", "MCP endpoint of aegisflow serve, as Archestra reaches it.", placement.remote)
        yield _variable("aegisflow_token", "Bearer token of AegisFlow for agents, no operator's.", sensitive=True)
    else:
        host, port = broker_of(configuration)
        yield _variable("image", "Image of AegisFlow.", placement.image)
        yield _variable("mqtt_broker_host", "MQTT broker as the container sees it.", host)
        yield _variable("mqtt_broker_port", "Its port.", str(port))
        store = "sqlite:////app/var/aegisflow.db"
        yield _variable("store_url", "sqlite:/// on a volume, or postgresql://…", store, sensitive=True)
        yield _variable("speed_multiplier", "How fast simulated days are replayed; a plant keeps its own time.", "100")
        yield _variable("anthropic_api_key", "Key for AegisFlow's own diagnoses; empty: none.", "", sensitive=True)
        yield _variable("anthropic_base_url", "Archestra's LLM proxy for them, such as http://…:9000/v1/anthropic.", "")
    yield _variable(
        "token_cost_limit", "Costs of the agent per interval of Archestra, in millionths of a USD.", 5_000_000
    )
    yield _variable("report_limit", "Incident reports of the agent per interval of Archestra.", 50)
    yield _variable("acknowledgement_limit", "Acknowledgements of the agent per interval of Archestra.", 100)
    yield _variable(
        "command_limit",
        "Proposed commands per interval of Archestra; policy.plant_rate of plant.yaml holds in any case.",
        max(1, configuration.plant.policy.plant_rate.count),
    )


def _variable(name: str, description: str, default: str | int | None = None, *, sensitive: bool = False) -> HclBlock:
    kind = Reference("number" if isinstance(default, int) else "string")
    body: dict[str, Value] = {"description": description, "type": kind}
    if default is not None:
        body["default"] = default
    if sensitive:
        body["sensitive"] = True
    return HclBlock("variable", (name,), body)


def _main(configuration: Configuration, placement: Placement, policy: ProxyPolicy) -> Iterator[HclBlock]:
    plant = configuration.plant.name
    yield _catalog_item(configuration, placement)
    installation: dict[str, Value] = {
        "catalog_id": Reference(f"archestra_mcp_registry_catalog_item.{_HERE}.id"),
        "name": placement.name,
        "scope": "org",
    }
    if placement.remote:
        installation["access_token"] = Reference("var.aegisflow_token")
    once = "One installation for the whole organisation: one plant, one detector."
    yield _resource("mcp_server_installation", _HERE, installation, once)
    key: dict[str, Value] = {
        "llm_provider": Reference("var.llm_provider"),
        "name": placement.name,
        "api_key": Reference("var.llm_api_key"),
        "scope": "org",
    }
    yield _resource("llm_provider_api_key", _HERE, key)
    agent: dict[str, Value] = {
        "name": placement.name,
        "description": f"Operations engineer of {plant}",
        "scope": "org",
        "llm_api_key_id": Reference(f"archestra_llm_provider_api_key.{_HERE}.id"),
        "llm_model": Reference("var.llm_model"),
        "system_prompt": Reference(f'file("${{path.module}}/{PROMPT_FILE}")'),
        "suggested_prompts": [{"summary_title": title, "prompt": prompt} for title, prompt in SUGGESTED_PROMPTS],
        "labels": _labels(plant),
    }
    yield _resource("agent", _HERE, agent)
    gateway: dict[str, Value] = {
        "name": placement.name,
        "description": f"AegisFlow's tools of {plant} for MCP clients",
        "scope": "org",
        "tool_exposure_mode": "full",
        "labels": _labels(plant),
    }
    yield _resource("mcp_gateway", _HERE, gateway)
    tools: list[Value] = [_tool_id(placement, tool.name) for tool in policy.tools]
    for owner in ("agent", "mcp_gateway"):
        assigned: dict[str, Value] = {
            "agent_id": Reference(f"archestra_{owner}.{_HERE}.id"),
            "mcp_server_id": Reference(f"{_INSTALLATION}.id"),
            "tool_ids": tools,
        }
        yield _resource("agent_tool_batch", owner, assigned)


def _catalog_item(configuration: Configuration, placement: Placement) -> HclBlock:
    body: dict[str, Value] = {
        "name": placement.name,
        "description": f"AegisFlow: alarms, evidence, manuals and guarded commands of {configuration.plant.name}",
        "scope": "org",
        "labels": _labels(configuration.plant.name),
    }
    if placement.remote:
        body["requires_auth"] = True
        body["auth_description"] = "AEGISFLOW_TOKEN of aegisflow serve, or the agent's own token"
        body["remote_config"] = {"url": Reference("var.aegisflow_url")}
    else:
        body["local_config"] = {
            "docker_image": Reference("var.image"),
            "transport_type": "stdio",
            "environment": [
                _environment("MQTT_BROKER_HOST", "mqtt_broker_host"),
                _environment("MQTT_BROKER_PORT", "mqtt_broker_port", "number"),
                _environment("AEGISFLOW_STORE_URL", "store_url", "secret"),
                _environment("SPEED_MULTIPLIER", "speed_multiplier", "number"),
                _environment("ANTHROPIC_API_KEY", "anthropic_api_key", "secret"),
                _environment("ANTHROPIC_BASE_URL", "anthropic_base_url"),
            ],
        }
    return _resource("mcp_registry_catalog_item", _HERE, body)


def _environment(key: str, variable: str, kind: str = "plain_text") -> Value:
    return {"key": key, "type": kind, "value": Reference(f"var.{variable}")}


def _policies(placement: Placement, policy: ProxyPolicy) -> Iterator[HclBlock]:
    remarks = "\n".join(f"- {note}" for note in policy.notes)
    comment = (
        "What passes after a person's word is listed by exact arguments; the default below refuses the rest.\n"
        "Archestra compares texts exactly: another spelling, a number or a missing argument fits no condition.\n"
        "It does not see severity, mode and caller; where they decide, this is stricter than plant.yaml.\n"
        "require_approval holds back agents that Archestra runs itself; for clients that use its proxy for\n"
        "the model alone the plant's own guard decides, as it does behind every call."
    )
    names: Counter[str] = Counter()
    for match in policy.asks:
        reason = "A person agrees first; then the plant judges it again."
        yield _invocation(placement, match, "require_approval", reason, names, comment)
        comment = ""
    for refusal in policy.refusals:
        yield _invocation(placement, refusal.match, "block_always", refusal.reason, names, comment)
        comment = ""
    if remarks:
        comment = f"Stricter than plant.yaml:\n{remarks}"
    for passing in Passing:
        listed = [tool for tool in policy.tools if tool.passing is passing]
        if not listed:
            continue
        body: dict[str, Value] = {
            "action": _ACTIONS[passing],
            "tool_ids": [_tool_id(placement, tool.name) for tool in listed],
        }
        why = "\n".join(f"{tool.name}: {tool.why}" for tool in listed if passing is not Passing.FREE)
        above = "\n".join(filter(None, (comment, why)))
        yield _resource("tool_invocation_policy_default", _DEFAULT_NAMES[passing], body, above)
        comment = ""
    yield from _trust(placement, policy)


def _trust(placement: Placement, policy: ProxyPolicy) -> Iterator[HclBlock]:
    if any(tool.name == MANUAL_TOOL for tool in policy.tools):
        own: dict[str, Value] = {
            "tool_id": _tool_id(placement, MANUAL_TOOL),
            "description": "Every passage is of a manual that comes with AegisFlow",
            "conditions": [{"key": "passages[*].origin", "operator": "equal", "value": "shipped"}],
            "action": "mark_as_trusted",
        }
        yield _resource("trusted_data_policy", "shipped_manuals", own)
    for taints, name, action in ((True, "words_of_others", "mark_as_untrusted"), (False, "figures", "mark_as_trusted")):
        listed = [tool for tool in policy.tools if tool.taints is taints]
        if not listed:
            continue
        body: dict[str, Value] = {
            "action": action,
            "tool_ids": [_tool_id(placement, tool.name) for tool in listed],
        }
        why = "\n".join(f"{tool.name}: {tool.why}" for tool in listed) if taints else ""
        yield _resource("trusted_data_policy_default", name, body, why)


def _invocation(
    placement: Placement, match: Match, action: str, reason: str, names: Counter[str], comment: str
) -> HclBlock:
    label = identifier("_".join(match.values()))
    names[label] += 1  # ids that differ only in signs would get the same name
    label += f"_{names[label]}" if names[label] > 1 else ""
    body: dict[str, Value] = {
        "tool_id": _tool_id(placement, ACT_TOOL),
        "conditions": [{"key": key, "operator": "equal", "value": value} for key, value in match.items()],
        "action": action,
        "reason": reason,
    }
    return _resource("tool_invocation_policy", label, body, comment)


def _organization() -> HclBlock:
    why = (
        "Archestra heeds tool policies only in a restrictive organisation; a new one is permissive, and then every\n"
        "call passes and every answer counts as trusted. This holds for all tools of the organisation."
    )
    return _resource("organization_settings", _HERE, {"global_tool_policy": "restrictive"}, why)


def _limits(placement: Placement, policy: ProxyPolicy) -> Iterator[HclBlock]:
    agent: dict[str, Value] = {"entity_id": Reference(f"archestra_agent.{_HERE}.id"), "entity_type": "agent"}
    cost: dict[str, Value] = {
        **agent,
        "limit_type": "token_cost",
        "limit_value": Reference("var.token_cost_limit"),
        "model": [Reference("var.llm_model")],
    }
    yield _resource("limit", "token_cost", cost, "Millionths of a USD; the request that crosses the limit still runs.")
    calls = (
        (ACT_TOOL, "command_limit"),
        ("acknowledge_anomaly", "acknowledgement_limit"),
        ("log_incident_report", "report_limit"),
    )
    listed = {tool.name for tool in policy.tools}
    for tool, variable in calls:
        if tool not in listed:
            continue
        body: dict[str, Value] = {
            **agent,
            "limit_type": "tool_calls",
            "limit_value": Reference(f"var.{variable}"),
            "mcp_server_name": placement.name,
            "tool_name": tool,
        }
        yield _resource("limit", tool, body)


def _outputs() -> Iterator[HclBlock]:
    for name, what in (("agent_id", "archestra_agent"), ("gateway_id", "archestra_mcp_gateway")):
        yield HclBlock("output", (name,), {"value": Reference(f"{what}.{_HERE}.id")})
    yield HclBlock("output", ("installation_id",), {"value": Reference(f"{_INSTALLATION}.id")})


def _resource(kind: str, name: str, body: Mapping[str, Value], comment: str = "") -> HclBlock:
    return HclBlock("resource", (f"archestra_{kind}", name), body, comment)


def _labels(plant: str) -> Value:
    return [{"key": "managed-by", "value": "aegisflow"}, {"key": "plant", "value": plant}]


def _tool_id(placement: Placement, tool: str) -> Reference:
    return Reference(f'{_INSTALLATION}.tool_id_by_name["{placement.tool(tool)}"]')
