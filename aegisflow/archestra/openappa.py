"""The same policy for OpenAPPA, and traces that say what it decides.

Written for policy format v2 of OpenAPPA 0.30. Contracts are tried in order and the first that fits counts, so
what is passed on stands before the contract that refuses the rest.
"""

import json
from collections.abc import Iterable, Iterator, Mapping

from aegisflow.archestra.placement import Placement
from aegisflow.archestra.rules import ACT_TOOL, REDUCTIONS, Match, Passing, ProxyPolicy
from aegisflow.domain.equipment import PlantSpec

__all__ = ["OPENAPPA_VERSION", "appa_policy", "appa_traces"]

OPENAPPA_VERSION = "0.30.0"
AUTHORITY = "plant-operator"
_TRUSTED, _SUSPICIOUS = "trusted", "suspicious"
_EFFECT = "plant.command"

_HEADING = f"""\
# Written by `aegisflow archestra export` from plant.yaml; written anew, it is overwritten.
# For OpenAPPA {OPENAPPA_VERSION}.
#
# What this format cannot say is refused, or put before a person:
# - severity, mode and caller are no arguments of a call; the plant's own guard knows them and judges behind this;
# - amounts are compared as texts, so each one that is allowed is listed;
# - a missing argument fits no selector, so the last contract of a tool is its strictest.
# Who has read words of others (trust: suspicious) needs a person's word for each command.
"""
_REFUSED = '{ attention = ["blocked"] }'  # nobody can lift the mark
_PERSON = f'{{ attention = ["{AUTHORITY}"] }}'
_PERSON_TRUSTED = f'{{ trust = "{_TRUSTED}", attention = ["{AUTHORITY}"] }}'


def appa_policy(placement: Placement, policy: ProxyPolicy) -> str:
    """Return ``appa.toml``."""
    notes = "".join(f"# Stricter than plant.yaml: {note}\n" for note in policy.notes)
    parts = [_HEADING + notes, f'[policy]\nversion = 2\ntrust_chain = ["{_SUSPICIOUS}", "{_TRUSTED}"]\n']
    parts += [_contract(*contract) for contract in _contracts(placement, policy)]
    parts.append(
        f'[[policy.authority]]\nname = "{AUTHORITY}"\n'
        'hint = "A person on shift who may decide about this machine; the plant judges the command again."\n'
        f'permits = {{ attention = ["{AUTHORITY}"], trust_below = "{_TRUSTED}" }}\n'
    )
    parts.append("[externals]\ntimeout_ms = 2000\nmax_body_bytes = 65536\n")
    parts.append(f'[externals.authorities.{AUTHORITY}]\nbuiltin = "hitl"\n')
    return "\n".join(parts)


def _contracts(placement: Placement, policy: ProxyPolicy) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Yield comment, name with selector, and keys of each contract, in order."""
    for tool in policy.tools:
        name = _canonical(placement, tool.name)
        if tool.name == ACT_TOOL:
            for match in policy.asks:
                yield "", name + _selector(match), {"requires": _PERSON_TRUSTED, "effects": f'["{_EFFECT}"]'}
            for refusal in policy.refusals:
                yield refusal.reason, name + _selector(refusal.match), {"requires": _REFUSED}
        keys: dict[str, str] = {}
        if tool.taints:
            keys["delta"] = f'{{ trust = "{_SUSPICIOUS}" }}'
        if tool.passing is not Passing.FREE:
            keys["requires"] = _REFUSED if tool.passing is Passing.REFUSED else _PERSON
        yield tool.why, name, keys


def _contract(comment: str, name: str, keys: Mapping[str, str]) -> str:
    lines = [f"# {comment}"] if comment else []
    lines += ["[[policy.tool]]", f"name = {_toml_text(name)}"]
    lines += [f"{key} = {value}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


def _canonical(placement: Placement, tool: str) -> str:
    return f"mcp/{placement.name}/{tool}"


def _selector(match: Match) -> str:
    return "(" + ",".join(f"{key}:{_literal(value)}" for key, value in match.items()) + ")"


def _literal(value: str) -> str:
    """Return a pattern that only this text fits."""
    return "".join(f"\\{char}" if char in "\\*)," else char for char in value)


def _toml_text(text: str) -> str:
    # A JSON string is a TOML basic string but for DEL, which TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def appa_traces(placement: Placement, policy: ProxyPolicy, plant: PlantSpec) -> dict[str, str]:
    """Return the traces: file name to content. Each file is one conversation."""
    device = next(iter(plant.devices), "pump-01")
    calls: dict[str, list[tuple[str, Mapping[str, object], str]]] = {
        "reads": [
            (tool.name, _arguments(tool.name, device), "allow") for tool in policy.tools if tool.passing is Passing.FREE
        ],
        "acknowledging": [
            (tool.name, _arguments(tool.name, device), f"authority {AUTHORITY}")
            for tool in policy.tools
            if tool.passing is Passing.PERSON
        ],
        "passed_on_after_a_person": [
            (ACT_TOOL, _call(match, device), f"authority {AUTHORITY}") for match in policy.asks
        ],
        "refused": [(ACT_TOOL, _call(refusal.match, device), "deny") for refusal in policy.refusals],
        "other_spellings": [(ACT_TOOL, _call(match, device), "deny") for match in _misspelt()],
        "after_words_of_others": [
            step
            for tool in policy.tools
            if tool.taints
            for step in (
                (tool.name, _arguments(tool.name, device), "allow"),
                *((ACT_TOOL, _call(match, device), f"authority {AUTHORITY}") for match in policy.asks[:1]),
            )
        ],
    }
    return {f"{name}.appa": _trace(placement, steps) for name, steps in calls.items() if steps}


def _misspelt() -> Iterator[Mapping[str, object]]:
    """Yield arguments that are near to legal ones and mean nothing to the plant."""
    for command in (
        "Emergency_Shutdown",
        "RESTART",
        " restart",
        "emergency-shutdown",
        "restore_load",
        "end_maintenance",
    ):
        yield {"command": command}
    for amount in ("050", "5e1", "50.0", "+50", " 50", "100", "", 50, 50.5, True, None):
        yield {"command": "reduce_load", "reduction_pct": amount}
    yield {"command": "reduce_load"}
    yield {"command": "Reduce_Load", "reduction_pct": REDUCTIONS[0]}
    yield {"command": 7}
    yield {}


def _call(match: Mapping[str, object], device: str) -> Mapping[str, object]:
    return {"device_id": device, **match, "justification": "vibration 5.3 mm/s, z 8.1; manual section 4.2"}


def _arguments(tool: str, device: str) -> Mapping[str, object]:
    return {
        "get_sensor_stream": {"device_id": device},
        "query_device_manual": {"query": "bearing"},
        "acknowledge_anomaly": {"alarm_id": f"{device}/1", "note": "seen; watching"},
        "log_incident_report": {"device_id": device, "fault_type": "bearing_failure", "title": "Bearing"},
    }.get(tool, {})


def _trace(placement: Placement, steps: Iterable[tuple[str, Mapping[str, object], str]]) -> str:
    parts = ["# Written by `aegisflow archestra export`; appa replay --config appa.toml traces\n"]
    for tool, arguments, expected in steps:
        name = _canonical(placement, tool)
        body = "".join(f"  {key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in arguments.items())
        parts.append(f"{name} {{\n{body}}}\nexpect {expected}\n" if body else f"{name} {{}}\nexpect {expected}\n")
    return "\n".join(parts)
