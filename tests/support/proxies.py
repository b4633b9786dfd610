"""What the two kinds of proxy do with a call: small evaluators of what the export says, after the facts that are known.

Classic tool policies (Archestra): a permissive organisation heeds none. Conditions compare texts exactly, all of a
policy must hold, a missing argument fits none. Of the policies with conditions the order is nobody's promise, so the
most permissive that fits is taken; only if none fits, the one without conditions counts.

OpenAPPA v2: the first contract in the file whose name and selector fit counts; a selector is of text arguments at the
top; labels only fall; an attention mark needs an authority for each call, and ``blocked`` nobody can lift.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from tests.support.terraform import Module

Call = Mapping[str, Any]


class Outcome(IntEnum):
    """What a proxy, or the plant, does with a call; the greater, the more permissive."""

    REFUSED = 0
    PERSON = 1
    FREE = 2


_ACTIONS = {
    "allow_when_context_is_untrusted": (Outcome.FREE, Outcome.FREE),
    "block_when_context_is_untrusted": (Outcome.FREE, Outcome.REFUSED),
    "require_approval": (Outcome.PERSON, Outcome.PERSON),
    "block_always": (Outcome.REFUSED, Outcome.REFUSED),
}
"""Action to what it does in a trusted and in an untrusted context."""
_TOOL = re.compile(r'tool_id_by_name\["([^"]+)"\]')


def named_tool(expression: str) -> str:
    (name,) = _TOOL.findall(expression)
    return str(name)


@dataclass(frozen=True)
class ClassicPolicies:
    """Invocation and trusted-data policies as Archestra evaluates them."""

    restrictive: bool
    invocation: Sequence[tuple[str, Sequence[Mapping[str, str]], str]]
    """Tool, conditions (none: the default) and action."""
    results: Sequence[tuple[str, Sequence[Mapping[str, str]], str]]

    @classmethod
    def of(cls, module: Module) -> "ClassicPolicies":
        settings = module.of_type("organization_settings")
        return cls(
            any(body.get("global_tool_policy") == "restrictive" for body in settings),
            list(_policies(module, "tool_invocation_policy")),
            list(_policies(module, "trusted_data_policy")),
        )

    def call(self, tool: str, arguments: Call, *, trusted: bool = True) -> Outcome:
        if not self.restrictive:
            return Outcome.FREE
        index = 0 if trusted else 1
        mine = [(conditions, action) for name, conditions, action in self.invocation if name == tool]
        fitting = [action for conditions, action in mine if conditions and _fit(conditions, arguments)]
        fitting = fitting or [action for conditions, action in mine if not conditions]
        if not fitting:
            return Outcome.FREE if trusted else Outcome.REFUSED
        return max(_ACTIONS[action][index] for action in fitting)

    def trusts(self, tool: str, answer: Mapping[str, Any]) -> bool:
        """Whether a conversation is still trusted once it has read this answer."""
        if not self.restrictive:
            return True
        mine = [(conditions, action) for name, conditions, action in self.results if name == tool]
        fitting = [action for conditions, action in mine if conditions and _all_values_fit(conditions, answer)]
        fitting = fitting or [action for conditions, action in mine if not conditions]
        return "mark_as_trusted" in fitting


def _policies(module: Module, kind: str) -> Iterator[tuple[str, Sequence[Mapping[str, str]], str]]:
    for body in module.of_type(kind):
        yield named_tool(body["tool_id"]), body["conditions"], body["action"]
    for body in module.of_type(f"{kind}_default"):
        for tool in body["tool_ids"]:
            yield named_tool(tool), (), body["action"]


def _fit(conditions: Sequence[Mapping[str, str]], arguments: Call) -> bool:
    return all(
        one["key"] in arguments and _compares(arguments[one["key"]], one["operator"], one["value"])
        for one in conditions
    )


def _compares(value: Any, operator: str, wanted: str) -> bool:
    if operator == "notEqual":
        return not (isinstance(value, str) and value == wanted)
    if not isinstance(value, str):
        return False
    return {
        "equal": value == wanted,
        "contains": wanted in value,
        "notContains": wanted not in value,
        "startsWith": value.startswith(wanted),
        "endsWith": value.endswith(wanted),
        "regex": operator == "regex" and re.search(wanted, value) is not None,
    }[operator]


def _all_values_fit(conditions: Sequence[Mapping[str, str]], answer: Mapping[str, Any]) -> bool:
    def values(path: str) -> list[Any]:
        if "[*]." not in path:
            return [answer[path]] if path in answer else []
        listed, inner = path.split("[*].")
        items = answer.get(listed)
        return [item[inner] for item in items if inner in item] if isinstance(items, list) else []

    return all(
        values(one["key"]) and all(_compares(value, one["operator"], one["value"]) for value in values(one["key"]))
        for one in conditions
    )


@dataclass
class AppaSession:
    """One conversation under an OpenAPPA policy."""

    policy: Mapping[str, Any]
    trust: int = -1
    effects: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        assert self.policy["policy"]["version"] == 2
        self._ranks = self.policy["policy"].get("trust_chain", ["suspicious", "trusted"])
        self.trust = len(self._ranks) - 1

    def call(self, tool: str, arguments: Call) -> tuple[Outcome, str]:
        """Return what becomes of a call and, where a person is asked, which authority; an allowed one happens."""
        contract = next((one for one in self.policy["policy"]["tool"] if _selects(one["name"], tool, arguments)), None)
        if contract is None:
            return Outcome.REFUSED, ""
        requires = contract.get("requires", {})
        assert set(contract) <= {"name", "requires", "delta", "effects", "tags", "description", "parameters"}
        assert set(requires) <= {"trust", "audience", "effects", "attention"}
        marks = list(requires.get("attention", ()))
        short_of = requires.get("trust") if self.trust < self._rank(requires.get("trust")) else None
        if not marks and short_of is None:
            self._happens(contract)
            return Outcome.FREE, ""
        for authority in self.policy["policy"].get("authority", ()):
            if self._permits(authority["permits"], marks, short_of) and self._is_bound(authority["name"]):
                self._happens(contract)
                return Outcome.PERSON, authority["name"]
        return Outcome.REFUSED, ""

    def _rank(self, trust: str | None) -> int:
        return 0 if trust is None else self._ranks.index(trust)

    def _permits(self, permits: Mapping[str, Any], marks: Sequence[str], short_of: str | None) -> bool:
        lifted = [mark for mark in permits.get("attention", ()) if mark != "blocked"]
        enough = short_of is None or self._rank(permits.get("trust_below")) >= self._rank(short_of)
        wild = "*" in lifted
        return enough and all((mark in lifted or wild) and mark != "blocked" for mark in marks)

    def _is_bound(self, authority: str) -> bool:
        binding = self.policy.get("externals", {}).get("authorities", {}).get(authority, {})
        return len({"url", "command", "builtin"} & set(binding)) == 1 and binding.get("builtin") != "approve"

    def _happens(self, contract: Mapping[str, Any]) -> None:
        self.effects += contract.get("effects", [])
        delta = contract.get("delta", {}).get("trust")
        if delta is not None:
            self.trust = min(self.trust, self._rank(delta))


def appa_session(text: str) -> AppaSession:
    """Return a new conversation under the policy of an ``appa.toml``."""
    return AppaSession(tomllib.loads(text))


def _selects(name: str, tool: str, arguments: Call) -> bool:
    plain, _, selector = name.partition("(")
    if plain != tool:
        return False
    if not selector:
        return True
    assert selector.endswith(")")
    for pair in re.findall(r"(?:[^,\\]|\\.)+", selector[:-1]):
        key, _, pattern = pair.partition(":")
        value = arguments.get(key)
        if not isinstance(value, str) or not re.fullmatch(_regex(pattern), value, re.DOTALL):
            return False
    return True


def _regex(pattern: str) -> str:
    parts = re.findall(r"\\[*),\\]|\*|[^\\*]", pattern)
    assert "".join(parts) == pattern, f"{pattern!r} has an escape that does not exist"
    return "".join(".*" if part == "*" else re.escape(part[-1]) for part in parts)


@dataclass(frozen=True)
class TraceStep:
    """A call of an ``.appa`` file with what is expected of it."""

    tool: str
    arguments: Call
    expected: str


_STEP = re.compile(r"^(\S+) (?:\{\}|\{\n((?:  .+\n)*)\})\nexpect (.+)$", re.MULTILINE)


def read_trace(text: str) -> list[TraceStep]:
    """Return the steps of a trace; every line of it must belong to one, or be a comment."""
    steps = []
    for match in _STEP.finditer(text):
        pairs = [line.strip().partition(": ") for line in (match.group(2) or "").splitlines()]
        assert len({key for key, _, _ in pairs}) == len(pairs)
        assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.:-]*", key) for key, _, _ in pairs)
        steps.append(TraceStep(match.group(1), {key: json.loads(value) for key, _, value in pairs}, match.group(3)))
    rest = [line for line in _STEP.sub("", text).splitlines() if line and not line.startswith("#")]
    assert rest == []
    return steps


def trace_mismatches(policy: str, traces: Mapping[str, str]) -> list[str]:
    """Return where the policy does something else than a trace expects; each file is one conversation."""
    found = []
    for name, text in traces.items():
        session = appa_session(policy)
        for number, step in enumerate(read_trace(text), 1):
            outcome, authority = session.call(step.tool, step.arguments)
            got = {Outcome.FREE: "allow", Outcome.PERSON: f"authority {authority}", Outcome.REFUSED: "deny"}[outcome]
            if got != step.expected:
                found.append(f"{name}, step {number}, {step.arguments}: {got} instead of {step.expected}")
    return found
