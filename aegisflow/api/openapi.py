"""The operators' API as an OpenAPI 3.1 document, made from its endpoints."""

import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from aegisflow import __version__
from aegisflow.api.endpoints import PREFIX, Endpoint
from aegisflow.api.schemas.base import Nothing, Refusal, Request, Shape

__all__ = ["openapi_document"]

_REFUSALS: Mapping[str, tuple[str, str]] = {
    "400": ("BadRequest", "A field is missing or cannot be used."),
    "401": ("NoToken", "The token is nobody's."),
    "403": ("NotAllowed", "This person may not do it, such as approve a command of their own."),
    "404": ("Unknown", "A name is none of those that there are."),
    "409": ("Conflict", "It is no longer what was shown."),
    "429": ("TooManyGuesses", "Too many wrong tokens came within a minute."),
    "503": ("Unavailable", "A part of the plant did not answer in time."),
}
_ABOUT = (
    "What people can ask of a running AegisFlow. Times are ISO 8601 in UTC. Fields called words_not_facts are "
    "somebody's words. AegisFlow is not a safety instrumented system and claims no SIL."
)


def openapi_document(endpoints: Iterable[Endpoint[Any, Any, Any]]) -> dict[str, Any]:
    """Return the document that describes these endpoints."""
    known = list(endpoints)
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Refusal, "serialization")]
    wanted += [(one.answer, "serialization") for one in known]
    wanted += [(one.body, "validation") for one in known if one.body is not Nothing]
    references, schemas = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    for model in _all_below(Shape, Request):
        if model.__name__ in schemas["$defs"]:
            _tidy(model, schemas["$defs"][model.__name__])
    paths: dict[str, dict[str, Any]] = {}
    for one in known:
        operation = {
            "operationId": one.name,
            "summary": one.summary,
            "tags": [one.noun],
            "parameters": _parameters(one),
            "responses": {
                "200": _json("What was asked for.", references[one.answer, "serialization"]),
                **{status: {"$ref": f"#/components/responses/{name}"} for status, (name, _) in _REFUSALS.items()},
            },
        }
        if one.method == "POST":
            body = {"type": "object"} if one.body is Nothing else references[one.body, "validation"]
            operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
        paths.setdefault(PREFIX + one.path, {})[one.method.lower()] = operation
    refusal = references[Refusal, "serialization"]
    return {
        "openapi": "3.1.0",
        "info": {"title": "AegisFlow for operators", "version": __version__, "description": _ABOUT},
        "security": [{"operator": []}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "responses": {name: _json(about, refusal) for name, about in _REFUSALS.values()},
            "securitySchemes": {
                "operator": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A person's own token; aegisflow operator NAME makes one.",
                }
            },
        },
    }


def _json(about: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": about, "content": {"application/json": {"schema": schema}}}


def _parameters(endpoint: Endpoint[Any, Any, Any]) -> list[dict[str, Any]]:
    """Return what path and query say; none of it is more than a text or a number, so it refers to nothing."""
    schema = endpoint.which.model_json_schema()
    _tidy(endpoint.which, schema)
    required = schema.get("required", ())
    return [
        {
            "name": name,
            "in": "path" if f"{{{name}}}" in endpoint.path else "query",
            "required": name in required,
            **({"description": about} if (about := known.pop("description", None)) else {}),
            "schema": next((kind for kind in known.pop("anyOf", ()) if kind != {"type": "null"}), {}) | known,
        }
        for name, known in schema.get("properties", {}).items()
    ]


def _all_below(*models: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in models:
        yield model
        yield from _all_below(*model.__subclasses__())


def _tidy(model: type[BaseModel], schema: dict[str, Any]) -> None:
    """Put the docstrings under the fields of a model into its schema, and take out what says nothing.

    Pydantic could see to the docstrings by itself, but it would read the sources of all models at every import.
    """
    for field in schema.get("properties", {}).values():
        field.pop("title", None)  # the name of the field once more
        if field.get("default", ...) is None:
            del field["default"]  # it may be left out, which "required" says already
    for owner in reversed(model.__mro__):
        if not owner.__module__.startswith("aegisflow."):
            continue
        try:
            (parsed,) = ast.parse(inspect.getsource(owner)).body
        except OSError:  # AegisFlow was installed without its sources
            continue
        for node, text in pairwise(parsed.body if isinstance(parsed, ast.ClassDef) else ()):
            if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
                continue
            if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                schema["properties"][node.target.id]["description"] = text.value.value
