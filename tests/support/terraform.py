"""A Terraform module as python-hcl2 reads it, held against what is known of Archestra's provider."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import hcl2

from tests.support.places import ROOT

SCHEMA: dict[str, Any] = json.loads((ROOT / "tests/archestra/data/provider-schema.json").read_text(encoding="utf-8"))
_REFERENCE = re.compile(r"\b(var|archestra_\w+)\.(\w+)(?:\.(\w+))?")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))|\$\$\{|%%\{")
_PLAIN = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


class Expression(str):
    """Something that Terraform works out, such as ``var.image``."""

    __slots__ = ()


@dataclass(frozen=True)
class Module:
    """All blocks of the files of a module."""

    resources: Mapping[tuple[str, str], Mapping[str, Any]]
    """Type and name to attributes."""
    variables: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, Mapping[str, Any]]
    terraform: Mapping[str, Any]

    def of_type(self, kind: str) -> list[Mapping[str, Any]]:
        return [body for (type_, _), body in self.resources.items() if type_ == f"archestra_{kind}"]

    def one(self, kind: str) -> Mapping[str, Any]:
        (found,) = self.of_type(kind)
        return found


def read_module(files: Mapping[str, str]) -> Module:
    resources: dict[tuple[str, str], Mapping[str, Any]] = {}
    variables: dict[str, Mapping[str, Any]] = {}
    outputs: dict[str, Mapping[str, Any]] = {}
    terraform: dict[str, Any] = {}
    for name, text in files.items():
        if not name.endswith(".tf"):
            continue
        parsed = _parsed(text)
        assert set(parsed) <= {"resource", "variable", "output", "terraform"}, name
        for block in parsed.get("resource", []):
            ((kind, named),) = block.items()
            ((label, body),) = named.items()
            assert (kind, label) not in resources
            resources[kind, label] = body
        for blocks, found in ((parsed.get("variable", []), variables), (parsed.get("output", []), outputs)):
            for block in blocks:
                ((label, body),) = block.items()
                assert label not in found
                found[label] = body
        for block in parsed.get("terraform", []):
            terraform |= block
    return Module(resources, variables, outputs, terraform)


@lru_cache(maxsize=100)  # a mutant differs in one file
def _parsed(text: str) -> Any:
    return meaning(hcl2.loads(text))


def meaning(value: Any) -> Any:
    """Return what hcl2 read with texts as they are meant, expressions marked, and nothing of its own."""
    if isinstance(value, dict):
        return {
            meaning(key): meaning(inner) for key, inner in value.items() if key not in ("__is_block__", "__comments__")
        }
    if isinstance(value, list):
        return [meaning(inner) for inner in value]
    if not isinstance(value, str):
        return value
    if value.startswith('"') and value.endswith('"'):
        return _ESCAPE.sub(_unescaped, value[1:-1])
    return Expression(value.removeprefix("${").removesuffix("}")) if value.startswith("${") else value


def _unescaped(match: re.Match[str]) -> str:
    if match.group(0) in ("$${", "%%{"):
        return match.group(0)[1:]
    code = match.group(1) or match.group(2)
    return chr(int(code, 16)) if code else _PLAIN[match.group(3)]


def complaints(module: Module) -> list[str]:
    """Return whatever the provider would not take, and whatever refers to nothing."""
    found: list[str] = []
    for (kind, name), body in module.resources.items():
        schema = SCHEMA["resources"].get(kind)
        if schema is None:
            found.append(f"{kind}.{name}: no such resource")
            continue
        found += _attributes(f"{kind}.{name}", body, schema["attributes"], module)
    found += _across(module)
    for place, text in _expressions(
        {**{".".join(key): body for key, body in module.resources.items()}, **module.outputs}
    ):
        found += [f"{place}: {problem}" for problem in _dangling(text, module)]
    return found


def _attributes(place: str, body: Mapping[str, Any], known: Mapping[str, Any], module: Module) -> Iterator[str]:
    for name, spec in known.items():
        if spec["mode"] == "required" and name not in body:
            yield f"{place}: {name} is required"
    for name, value in body.items():
        spec = known.get(name)
        if spec is None or spec["mode"] == "read_only":
            yield f"{place}: there is no attribute {name} to set"
            continue
        yield from _value(f"{place}.{name}", value, spec, module)


def _value(place: str, value: Any, spec: Mapping[str, Any], module: Module) -> Iterator[str]:
    kind = spec["type"]
    many, _, inner = kind.partition("<")
    if many in ("list", "set") or kind in ("object_list", "object_set"):
        if not isinstance(value, list):
            yield f"{place}: {value!r} is no list"
            return
        if len(value) < spec.get("min_items", 0):
            yield f"{place}: needs {spec['min_items']}"
        if many == "set" and len(set(value)) < len(value):
            yield f"{place}: twice the same"
        for number, item in enumerate(value):
            if inner:
                yield from _value(f"{place}[{number}]", item, {"type": inner.rstrip(">")}, module)
            else:
                yield from _attributes(f"{place}[{number}]", item, spec["attributes"], module)
        return
    if kind in ("object", "block"):
        yield from _attributes(place, value, spec["attributes"], module)
        return
    if isinstance(value, Expression):
        of = re.fullmatch(r"var\.(\w+)", value)
        if of and of.group(1) in module.variables:
            variable = module.variables[of.group(1)]
            if variable["type"] != kind:
                yield f"{place}: {value} is a {variable['type']}, not a {kind}"
            if spec.get("sensitive") and not variable.get("sensitive"):
                yield f"{place}: {value} is not marked as sensitive"
            if "default" in variable:
                yield from _plain(place, variable["default"], spec)
        return
    if spec.get("sensitive"):
        yield f"{place}: a secret stands in the file"
    yield from _plain(place, value, spec)


def _plain(place: str, value: Any, spec: Mapping[str, Any]) -> Iterator[str]:
    types: dict[str, tuple[type, ...]] = {"string": (str,), "boolean": (bool,), "number": (int, float)}
    if not isinstance(value, types[spec["type"]]) or (spec["type"] == "number" and isinstance(value, bool)):
        yield f"{place}: {value!r} is no {spec['type']}"
    if "one_of" in spec and value not in spec["one_of"]:
        yield f"{place}: {value!r} is none of {spec['one_of']}"
    if spec.get("int_bound") == "AtLeast 1" and value < 1:
        yield f"{place}: {value} is less than 1"


def _across(module: Module) -> Iterator[str]:
    """The rules across attributes, as the provider's documentation has them."""
    for item in module.of_type("mcp_registry_catalog_item"):
        if ("local_config" in item) == ("remote_config" in item):
            yield "catalog item: exactly one of local_config and remote_config"
        if "local_config" in item and not {"command", "docker_image"} & set(item["local_config"]):
            yield "catalog item: neither command nor docker_image"
    for limit in module.of_type("limit"):
        needs = {"token_cost": {"model"}, "tool_calls": {"mcp_server_name", "tool_name"}}.get(
            limit["limit_type"], {"mcp_server_name"}
        )
        if set(limit) & {"model", "mcp_server_name", "tool_name"} != needs:
            yield f"limit {limit['limit_type']}: needs {sorted(needs)} and no other"
    for kind in ("mcp_server_installation", "agent", "mcp_gateway", "llm_provider_api_key"):
        for body in module.of_type(kind):
            if body.get("scope") == "team" or "team_id" in body or "teams" in body:
                yield f"{kind}: is for a team"


def _expressions(body: Any, place: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(body, Mapping):
        for name, value in body.items():
            yield from _expressions(value, f"{place}.{name}" if place else str(name))
    elif isinstance(body, list):
        for value in body:
            yield from _expressions(value, place)
    elif isinstance(body, Expression):
        yield place, body


def _dangling(text: str, module: Module) -> Iterator[str]:
    if text.startswith("file("):
        return
    found = list(_REFERENCE.finditer(text))
    if not found:
        yield f"{text} is no reference"
    for match in found:
        scope, name, attribute = match.groups()
        if scope == "var":
            if name not in module.variables:
                yield f"there is no variable {name}"
        elif (scope, name) not in module.resources:
            yield f"there is no {scope}.{name}"
        elif attribute not in SCHEMA["resources"][scope]["attributes"]:
            yield f"{scope} has no {attribute}"
