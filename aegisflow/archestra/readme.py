"""The page for the person who applies the export."""

from aegisflow.archestra.openappa import AUTHORITY, OPENAPPA_VERSION
from aegisflow.archestra.placement import Placement
from aegisflow.archestra.rules import ACT_TOOL, Passing, ProxyPolicy
from aegisflow.archestra.terraform import PROVIDER_VERSION
from aegisflow.config.configuration import Configuration

__all__ = ["readme"]

_PAGE = """\
# {name} in Archestra

Written by `aegisflow archestra export` from the plant.yaml of {plant}. Change plant.yaml and write it anew;
`aegisflow archestra export DIR --check` says whether this folder still fits. What is yours goes into files of your own.

## Apply
Terraform provider archestra-ai/archestra {provider}. {where}

```console
$ export ARCHESTRA_BASE_URL=http://localhost:9000 ARCHESTRA_API_KEY=arch_…
$ export TF_VAR_llm_api_key=… TF_VAR_llm_model=…{token}
$ terraform init
$ terraform apply
```

No secret stands in these files. `variables.tf` lists what else can be set; Terraform's state holds the secrets, so
keep it where only you can read it.

For OpenAPPA ({openappa}), which has no Terraform resource: load `openappa/appa.toml` under Guardrails → Policy, or by
the repository that Archestra syncs, with `openappa/traces/` as its validations. `appa replay --config appa.toml traces`
tries it. Clients outside of Archestra's chat must send `X-Appa-Session-ID`, or they pass unchecked.

## What the proxy does
| call | proxy |
|---|---|
{calls}

Everything else of `execute_device_command` is refused: other commands, other amounts, another spelling, a number
instead of a text, a missing argument. What is passed on is only *proposed*: the plant's guard judges it again with
severity, mode and limits, and an operator of the plant decides.{notes}

## What it is not
- The proxy is never more permissive than the plant, and often stricter: it sees the arguments of a call and no more.
- `require_approval` holds back agents that Archestra runs: in chat it asks, elsewhere it waits or refuses. A client
  that uses the proxy for the model alone gets the call passed on. The authority is the plant's guard, behind every
  call.
- Who has read words of others (notes, reports, manuals that are not AegisFlow's, answers of machines) counts as
  untrusted; each command after that needs a person. {authority} decides in OpenAPPA.
- Archestra heeds policies only in a *restrictive* organisation; `organization.tf` makes it one, for all its tools.
- Limits count per interval of the organisation (`limit_cleanup_interval`); the request that crosses one still runs.
- AegisFlow is not a safety instrumented system and claims no SIL. The hard-wired trip stays in the PLC.
"""

_WORDS = {Passing.FREE: "passed on", Passing.PERSON: "a person first", Passing.REFUSED: "refused"}


def readme(configuration: Configuration, placement: Placement, policy: ProxyPolicy) -> str:
    """Return the README of an export."""
    notes = "".join(f"\n- {note}" for note in policy.notes[:20])
    return _PAGE.format(
        name=placement.name,
        plant=configuration.plant.name,
        provider=PROVIDER_VERSION,
        openappa=OPENAPPA_VERSION,
        authority=f"`{AUTHORITY}`",
        where=_where(placement),
        token=" TF_VAR_aegisflow_token=…" if placement.remote else "",
        calls="\n".join(_calls(policy)),
        notes=f"\n\nStricter than plant.yaml:\n{notes}" if notes else "",
    )


def _where(placement: Placement) -> str:
    if placement.remote:
        return f"AegisFlow runs by itself (`aegisflow serve`) at {placement.remote}."
    return f"Archestra runs the image `{placement.image}` itself, on stdio, with the plant inside."


def _calls(policy: ProxyPolicy) -> list[str]:
    """Return rows of the table; amounts of one command share a row."""
    rows = [f"| `{tool.name}` | {_WORDS[tool.passing]} |" for tool in policy.tools if tool.name != ACT_TOOL]
    for matches, word in (
        (policy.asks, "a person first"),
        ([refusal.match for refusal in policy.refusals], "refused"),
    ):
        amounts: dict[tuple[str, bool], list[str]] = {}
        for match in matches:
            key = (match["command"], "device_id" in match)
            amounts.setdefault(key, []).append(match.get("reduction_pct", ""))
        for (command, some), found in amounts.items():
            shown = ", ".join(dict.fromkeys(filter(None, found)))
            where = " on some devices" if some else ""
            rows.append(f"| `{command}`{f' {shown} %' if shown else ''}{where} | {word} |")
    return rows
