"""Brings an Archestra to what it should have of a plant: one walk, which first only tells and then does.

Every step looks at what is there, so the walk may end anywhere and be begun anew. What carries our label is ours.
Everything else belongs to people: it is never changed, and named where it stands in the way.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aegisflow.archestra.api import ArchestraApi
from aegisflow.archestra.desired import LABEL, MARK, Desired, ToolPolicy
from aegisflow.errors import ConflictError, UnavailableError

__all__ = ["PlanStep", "reconcile"]

_POLICIES = "/api/autonomy-policies/tool-invocation"
_RESULTS = "/api/trusted-data-policies"
_LIMITS = "/api/limits"
_POLLS = 60
_SECRET = ("accessToken",)
_Key = tuple[str, tuple[tuple[str, str, str], ...]]
"""Tool and conditions: what tells policies apart."""


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One thing that differs."""

    act: str
    """``create``, ``update``, ``delete`` or ``assign``; ``keep`` for what is a person's and left as it is."""
    what: str

    def __str__(self) -> str:
        return f"{self.act:<6} {self.what}"


def reconcile(
    api: ArchestraApi, wanted: Desired, *, apply: bool, restrict: bool = False, pause: Callable[[], None]
) -> Iterator[PlanStep]:
    """Yield what differs, each before it is changed.

    Args:
        api: the Archestra.
        wanted: what it should have.
        apply: whether to change anything; without, the same is only told.
        restrict: whether the organisation may be made restrictive, which holds for all its tools.
        pause: waits a while between two looks for the tools of a server that is just starting.

    Raises:
        ConflictError: something of the same name is not ours; nothing was changed.
        UnavailableError: Archestra refused or did not answer; what was told before has been done.
    """
    yield from _Reconciliation(api, wanted, apply, restrict, pause).run()


class _Reconciliation:
    def __init__(
        self, api: ArchestraApi, wanted: Desired, apply: bool, restrict: bool, pause: Callable[[], None]
    ) -> None:
        self._api = api
        self._wanted = wanted
        self._apply = apply
        self._restrict = restrict
        self._pause = pause

    def run(self) -> Iterator[PlanStep]:
        """Walk from the registry to the limits; nothing is changed before all names are known to be free or ours."""
        wanted, find = self._wanted, self._api.find
        item = self._ours("registry item", find("/api/internal_mcp_catalog"), {"name": wanted.name})
        existing = find("/api/agents")
        agents = [
            (body, self._ours(_kind(body), existing, {"name": wanted.name, "agentType": body["agentType"]}))
            for body in wanted.agents
        ]
        yield from self._organisation()
        made = _Made(item)
        yield from self._ensure("registry item", "/api/internal_mcp_catalog", wanted.item, made)
        server = _Made(self._installation(made.id))
        installation = {**wanted.installation, "catalogId": made.id}
        yield from self._ensure("installation", "/api/mcp_server", installation, server, fixed=True)
        tools = self._tools(server.id)
        # Policies before anybody gets the tools: a walk that ends in the middle leaves no agent with open tools.
        yield from self._policies("tool policy", _POLICIES, "reason", wanted.invocation, tools)
        yield from self._policies("trust of results", _RESULTS, "description", wanted.results, tools)
        owners = []
        for body, found in agents:
            owner = _Made(found)
            yield from self._ensure(_kind(body), "/api/agents", body, owner)
            yield from self._assign(_kind(body), owner, server.id, tools)
            owners.append(owner.id)
        yield from self._limits(owners[0])

    def _organisation(self) -> Iterator[PlanStep]:
        try:
            if self._api.get("/api/organization").get("globalToolPolicy") == "restrictive":
                return
        except (UnavailableError, AttributeError):
            yield PlanStep("keep", "nobody told whether the organisation is restrictive; else no tool policy holds")
            return
        if not self._restrict:
            yield PlanStep("keep", "the organisation is permissive, so no tool policy holds; --restrict changes that")
            return
        yield PlanStep("update", "organisation: tool policies hold (globalToolPolicy restrictive), for all its tools")
        if self._apply:
            self._api.send("PATCH", "/api/organization/security-settings", {"globalToolPolicy": "restrictive"})

    def _ours(
        self, kind: str, existing: Sequence[Mapping[str, Any]], key: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """Return what has this name, if it is ours."""
        named = [one for one in existing if all(one.get(name) == value for name, value in key.items())]
        mine = [one for one in named if _labelled(one)]
        if named and not mine:
            raise ConflictError(
                f"there is a {kind} {self._wanted.name} that is not AegisFlow's (no label {LABEL['key']}); nothing was "
                "changed. Choose another --name"
            )
        return mine[0] if mine else None

    def _installation(self, item_id: str | None) -> Mapping[str, Any] | None:
        """Return the installation of our item for the whole organisation; a person's own is theirs."""
        if item_id is None:
            return None
        installed = self._api.find("/api/mcp_server")
        mine = [one for one in installed if one.get("catalogId") == item_id and one.get("scope") == "org"]
        return mine[0] if mine else None

    def _ensure(
        self, kind: str, path: str, body: Mapping[str, Any], made: "_Made", *, fixed: bool = False
    ) -> Iterator[PlanStep]:
        """Create something, or bring it back to what it should be; ``fixed`` for what cannot be changed once made."""
        name = body["name"]
        if made.found is None:
            yield PlanStep("create", f"{kind} {name}")
            if self._apply:
                made.found = self._api.send("POST", path, body)
            return
        differing = [] if fixed else [key for key, value in body.items() if _differs(made.found, key, value)]
        if differing:
            yield PlanStep("update", f"{kind} {name}: {', '.join(differing)}")
            if self._apply:
                changed = {key: _merged(made.found[key], body[key], key) for key in differing}
                self._api.send("PUT", f"{path}/{made.id}", changed)

    def _tools(self, server_id: str | None) -> Mapping[str, str]:
        """Return the tools of the server by their bare names; empty where it is not there yet."""
        names = {f"{self._wanted.name}__{tool}": tool for tool in self._wanted.tools}
        missing = set(names)
        for _ in range(_POLLS):
            if server_id is None:
                return {}
            found = self._api.find(f"/api/mcp_server/{server_id}/tools")
            tools = {names[str(one["name"])]: str(one["id"]) for one in found if one.get("name") in names}
            missing = set(names.values()) - set(tools)
            if not missing or not self._apply:
                return tools
            self._pause()
        raise UnavailableError(self._wanted.name, f"Archestra has not found its tools {', '.join(sorted(missing))}")

    def _assign(self, kind: str, owner: "_Made", server: str | None, tools: Mapping[str, str]) -> Iterator[PlanStep]:
        there = self._assigned(owner)
        for tool in self._wanted.tools:
            if tools.get(tool) in there:
                continue
            yield PlanStep("assign", f"{tool} to the {kind} {self._wanted.name}")
            if self._apply:
                self._api.send("POST", f"/api/agents/{owner.id}/tools/{tools[tool]}", {"mcpServerId": server})

    def _assigned(self, owner: "_Made") -> set[str]:
        if owner.found is None:
            return set()
        listed = owner.found.get("tools")
        if not isinstance(listed, list):
            listed = self._api.find(f"/api/agents/{owner.id}/tools")
        return {str(one["id"]) for one in listed}

    def _policies(
        self, kind: str, path: str, words: str, wanted: Sequence[ToolPolicy], tools: Mapping[str, str]
    ) -> Iterator[PlanStep]:
        """Bring our policies of our tools to what they should be, and leave those of people as they are.

        What refuses is written first, then what is no longer wanted goes, and what opens something is written last: a
        walk that ends in the middle leaves the proxy stricter and never laxer.
        """
        there = self._policies_there(path, tools)
        refusing = [one for one in wanted if one.action == "block_always"]
        opening = [one for one in wanted if one.action != "block_always"]
        for policy in refusing:
            yield from self._policy(kind, path, words, policy, there.pop(_key(policy), []), tools)
        surplus = {key: found for key, found in there.items() if key not in {_key(one) for one in opening}}
        for (tool, conditions), found in surplus.items():
            for one in found:
                shown = ", ".join(f"{key} {operator} {value}" for key, operator, value in conditions) or "default"
                mine = MARK in str(one.get(words) or "")
                yield PlanStep("delete" if mine else "keep", f"{kind} of {tool} ({shown}): {one['action']}")
                if mine and self._apply:
                    self._api.send("DELETE", f"{path}/{one['id']}")
        for policy in opening:
            yield from self._policy(kind, path, words, policy, there.get(_key(policy), []), tools)

    def _policy(
        self,
        kind: str,
        path: str,
        words: str,
        policy: ToolPolicy,
        found: Sequence[Mapping[str, Any]],
        tools: Mapping[str, str],
    ) -> Iterator[PlanStep]:
        told = f"{kind} of {policy.tool}{_shown(policy)}"
        body = policy.body(tools.get(policy.tool, ""), words)
        theirs = [one for one in found if MARK not in str(one.get(words) or "")]
        if theirs:
            if theirs[0]["action"] != policy.action:
                yield PlanStep("keep", f"{told}: a person's {theirs[0]['action']} (plant.yaml: {policy.action})")
        elif not found:
            yield PlanStep("create", f"{told}: {policy.action}")
            if self._apply:
                self._api.send("POST", path, body)
        elif found[0]["action"] != policy.action or found[0].get(words) != policy.words:
            yield PlanStep("update", f"{told}: {found[0]['action']} to {policy.action}")
            if self._apply:
                self._api.send("PUT", f"{path}/{found[0]['id']}", body)

    def _policies_there(self, path: str, tools: Mapping[str, str]) -> dict["_Key", list[Mapping[str, Any]]]:
        names = {tool_id: tool for tool, tool_id in tools.items()}
        there: dict[_Key, list[Mapping[str, Any]]] = {}
        for one in self._api.find(path) if tools else []:
            if one.get("toolId") in names:
                conditions = tuple((c["key"], c["operator"], c["value"]) for c in one["conditions"])
                there.setdefault((names[one["toolId"]], conditions), []).append(one)
        return there

    def _limits(self, agent: str | None) -> Iterator[PlanStep]:
        """Set limits that are missing. They carry no label, so one that is there is taken for a person's word."""
        existing = [] if agent is None else [one for one in self._api.find(_LIMITS) if one.get("entityId") == agent]
        for limit in self._wanted.limits:
            same = [one for one in existing if all(one.get(k) == v for k, v in limit.items() if k != "limitValue")]
            told = f"limit of {limit.get('toolName') or limit['limitType']}"
            if not same:
                yield PlanStep("create", f"{told}: {limit['limitValue']}")
                if self._apply:
                    self._api.send("POST", _LIMITS, {**limit, "entityType": "agent", "entityId": agent})
            elif same[0]["limitValue"] != limit["limitValue"]:
                yield PlanStep("keep", f"{told}: {same[0]['limitValue']} (otherwise {limit['limitValue']})")


class _Made:
    """Something that is there, or will be."""

    def __init__(self, found: Mapping[str, Any] | None) -> None:
        self.found = found

    @property
    def id(self) -> str | None:
        """Its id; None as long as it is not there."""
        return None if self.found is None else str(self.found["id"])


def _kind(body: Mapping[str, Any]) -> str:
    return "gateway" if body["agentType"] == "mcp_gateway" else "agent"


def _labelled(one: Mapping[str, Any]) -> bool:
    return any(all(label.get(key) == value for key, value in LABEL.items()) for label in one.get("labels") or [])


def _differs(found: Mapping[str, Any], key: str, value: Any) -> bool:
    """Whether what is there says something else; what it does not tell, such as a secret, is taken for right."""
    if key in _SECRET or key not in found:
        return False
    return not _holds(found[key], value)


def _holds(there: Any, value: Any) -> bool:
    """Whether what is there has all of a value; it may have more of its own."""
    if isinstance(value, Mapping):
        known = {key: one for key, one in value.items() if not (key == "value" and value.get("type") == "secret")}
        return isinstance(there, Mapping) and all(key in there and _holds(there[key], v) for key, v in known.items())
    if isinstance(value, list):
        return isinstance(there, list) and all(any(_holds(one, item) for one in there) for item in value)
    return bool(there == value)


_NAMES = {"labels": "key", "suggestedPrompts": "summaryTitle"}
"""Lists that people may add to, and what tells their entries apart."""


def _merged(there: Any, own: Any, key: str) -> Any:
    """Return what we want of a field, with what people added to it."""
    name = _NAMES.get(key)
    if name is None or not isinstance(there, list):
        return own
    mine = {one[name] for one in own}
    return [*own, *({k: one[k] for k in own[0]} for one in there if one.get(name) not in mine)]


def _key(policy: ToolPolicy) -> "_Key":
    return policy.tool, tuple((name, "equal", value) for name, value in policy.conditions)


def _shown(policy: ToolPolicy) -> str:
    return f" ({', '.join(value for _, value in policy.conditions)})" if policy.conditions else ""
