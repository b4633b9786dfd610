"""JSON schemas in few bytes: agents read them with every conversation."""

from typing import Any

from aegisflow.mcp.schemas import ToolAnswer

_NOISE = ("title", "default", "additionalProperties")
"""Left out where they are only what pydantic adds by itself."""

_KEPT_BY_THE_SERVER = ("pattern", "default", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems")
"""What few calls ever meet, and a refusal names when one does; in the schema it would cost every conversation."""


def schema_of(answer: type[ToolAnswer]) -> dict[str, Any]:
    """Return the JSON schema of an answer: a field without a value is absent, never null.

    Which fields are required is said of the answer itself only; for its parts it would take 3 KB. Nor need a part
    say that it is an object, since it has properties.
    """
    schema = answer.model_json_schema()
    for part in schema.get("$defs", {}).values():
        part.pop("required", None)
        part.pop("type", None)
    return _trimmed(schema)  # type: ignore[no-any-return]


def plain_arguments(schema: dict[str, Any]) -> dict[str, Any]:
    """Return an input schema whose optional arguments are plainly typed instead of ``anyOf`` with null.

    A proxy's rules and a model both read ``{"enum": [...]}`` better; null is accepted all the same. That there are no
    other arguments goes without saying: the server refuses them.
    """
    properties = {name: _trimmed(argument) for name, argument in schema.get("properties", {}).items()}
    items = [argument["items"] for argument in properties.values() if "items" in argument]
    for argument in (*properties.values(), *items):
        for key in _KEPT_BY_THE_SERVER:
            argument.pop(key, None)
    kept = {key: value for key, value in schema.items() if key != "additionalProperties"}
    return kept | {"properties": properties}


def _trimmed(node: Any, names_are_free: bool = False) -> Any:
    if isinstance(node, list):
        return [_trimmed(item) for item in node]
    if not isinstance(node, dict):
        return node
    if names_are_free:
        return {name: _trimmed(item) for name, item in node.items()}
    kept = {
        key: _trimmed(value, names_are_free=key in ("properties", "$defs"))
        for key, value in node.items()
        if key not in _NOISE or _says_something(key, value)
    }
    if "properties" in kept:
        kept.pop("description", None)  # the docstring of the class, for people
    if isinstance(kept.get("items"), dict) and {"type": "null"} in node["items"].get("anyOf", []):
        kept["items"] = {**kept["items"], "type": [kept["items"]["type"], "null"]}  # a place in a list cannot be absent
    kinds = [kind for kind in kept.pop("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) == 1:
        kept = kinds[0] | kept
    elif kinds:
        kept["anyOf"] = kinds
    return kept


def _says_something(key: str, value: object) -> bool:
    if key == "default":
        return value not in (None, {}, [])
    return key == "additionalProperties" and isinstance(value, dict)
