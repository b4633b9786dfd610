"""A stand-in of Archestra's HTTP API, from what is known of it; it is stricter and takes no unknown field."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.nine_tools import NINE

KEY = "arch_test-key"
PAGE = 20

_LABELS = "labels"
_FIELDS: Mapping[str, tuple[set[str], set[str]]] = {
    "/api/internal_mcp_catalog": (
        {"name", "serverType", "scope"},
        {"description", _LABELS, "serverUrl", "requiresAuth", "localConfig"},
    ),
    "/api/mcp_server": ({"name", "catalogId", "scope"}, {"accessToken"}),
    "/api/agents": (
        {"name", "agentType", "scope"},
        {"description", "systemPrompt", "suggestedPrompts", _LABELS, "llmModel", "toolExposureMode"},
    ),
    "/api/autonomy-policies/tool-invocation": ({"toolId", "conditions", "action"}, {"reason"}),
    "/api/trusted-data-policies": ({"toolId", "conditions", "action"}, {"description"}),
    "/api/limits": (
        {"entityType", "entityId", "limitType", "limitValue"},
        {"mcpServerName", "toolName", "model"},
    ),
}
"""Collection to the fields that must be there, and those that may."""
_ONE_OF = {
    "serverType": {"local", "remote"},
    "scope": {"personal", "team", "org"},
    "agentType": {"agent", "mcp_gateway", "llm_proxy"},
    "toolExposureMode": {"full", "search_and_run_only"},
    "limitType": {"token_cost", "tool_calls", "mcp_server_calls"},
    "entityType": {"organization", "team", "agent"},
}
_ACTIONS = {
    "/api/autonomy-policies/tool-invocation": {
        "allow_when_context_is_untrusted", "block_when_context_is_untrusted", "block_always", "require_approval",
    },
    "/api/trusted-data-policies": {"mark_as_trusted", "mark_as_untrusted", "block_always", "sanitize_with_dual_llm"},
}  # fmt: skip


class RefusedRequestError(Exception):
    """What the stand-in refuses, with the status that says so."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class ArchestraStandIn:
    """Everything that an organisation has, in memory."""

    def __init__(self) -> None:
        self.all: dict[str, list[dict[str, Any]]] = {path: [] for path in _FIELDS}
        self.assigned: dict[str, dict[str, str]] = {}
        """Agent to its tools, each with the installation that serves it."""
        self.organization = {"name": "works", "globalToolPolicy": "permissive"}
        self.writes: list[tuple[str, str]] = []
        self.fail_at = 0
        """The write, counted from 1, that is refused with 500; 0 for none."""
        self.tools_after = 0
        """How often somebody looks before the tools of a new server are there."""
        self.url = ""
        self._ids = count(1)
        self._lock = threading.Lock()

    def answer(self, method: str, target: str, body: Any, key: str | None) -> Any:
        parts = urlsplit(target)
        if key != KEY:
            raise RefusedRequestError(401, "Unauthenticated")
        with self._lock:
            if method != "GET":
                self.writes.append((method, parts.path))
                if self.fail_at and len(self.writes) == self.fail_at:
                    raise RefusedRequestError(500, "Internal server error")
                return self._write(method, parts.path, body)
            return self._read(parts.path, {name: int(values[0]) for name, values in parse_qs(parts.query).items()})

    def _read(self, path: str, query: Mapping[str, int]) -> Any:
        if path == "/api/organization":
            return self.organization
        if path == "/api/agents":
            offset, limit = query.get("offset", 0), query.get("limit", PAGE)
            page = self.all[path][offset : offset + limit]
            return {"data": page, "pagination": {"hasNext": offset + limit < len(self.all[path])}}
        if path in self.all:
            return self.all[path]
        _, _, collection, one, what = (*path.split("/"), "", "")[:5]
        if (collection, what) == ("mcp_server", "tools"):
            return self.tools_of(one)
        if (collection, what) == ("agents", "tools"):
            self._find("/api/agents", one)
            return [{"id": tool} for tool in self.assigned.get(one, {})]
        raise RefusedRequestError(404, f"no route {path}")

    def _write(self, method: str, path: str, body: Any) -> Any:
        if (method, path) == ("PATCH", "/api/organization/security-settings"):
            if body != {"globalToolPolicy": "restrictive"}:
                raise RefusedRequestError(400, f"what is {body}?")
            self.organization["globalToolPolicy"] = "restrictive"
            return self.organization
        if method == "POST" and path in self.all:
            self._check(path, body, whole=True)
            return self._create(path, body)
        if method == "POST" and path.startswith("/api/agents/"):
            return self._assign(path, body)
        collection, _, one = path.rpartition("/")
        if collection not in self.all or collection == "/api/mcp_server":
            raise RefusedRequestError(404, f"no route {method} {path}")
        found = self._find(collection, one)
        if method == "DELETE":
            self.all[collection].remove(found)
            return {"success": True}
        if method != "PUT":
            raise RefusedRequestError(405, method)
        self._check(collection, body, whole=False)
        found.update(body)
        return found

    def _create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        conditions = body.get("conditions")
        if conditions == []:  # a tool has one default
            for one in self.all[path]:
                if one["toolId"] == body["toolId"] and one["conditions"] == []:
                    one.update(body)
                    return one
        if path == "/api/internal_mcp_catalog" and any(one["name"] == body["name"] for one in self.all[path]):
            raise RefusedRequestError(409, "the name is taken")
        if path == "/api/mcp_server":
            item = self._find("/api/internal_mcp_catalog", body["catalogId"])
            if item.get("requiresAuth") and not body.get("accessToken"):
                raise RefusedRequestError(400, "a token is required")
        if "toolId" in body and body["toolId"] not in self._tool_ids():
            raise RefusedRequestError(400, "there is no such tool")
        made = {"id": f"id-{next(self._ids)}", **body}
        made.pop("accessToken", None)  # secrets are never told
        for one in made.get("localConfig", {}).get("environment", ()):
            if set(one) != {"key", "type", "value", "promptOnInstallation"}:
                raise RefusedRequestError(400, f"environment: {one}")
            if one["type"] == "secret":
                del one["value"]
        self.all[path].append(made)
        return made

    def _assign(self, path: str, body: Any) -> Any:
        _, _, _, agent, what, tool = path.split("/")
        self._find("/api/agents", agent)
        if what != "tools" or tool not in self._tool_ids() or set(body) != {"mcpServerId"}:
            raise RefusedRequestError(400, f"cannot assign {tool} with {body}")
        self._find("/api/mcp_server", body["mcpServerId"])
        self.assigned.setdefault(agent, {})[tool] = body["mcpServerId"]
        return {"success": True}

    def _check(self, path: str, body: Any, *, whole: bool) -> None:
        needed, optional = _FIELDS[path]
        if not isinstance(body, dict) or not body or set(body) - needed - optional:
            raise RefusedRequestError(400, f"unknown fields {set(body) - needed - optional}")
        if whole and needed - set(body):
            raise RefusedRequestError(400, f"missing {needed - set(body)}")
        for name, values in _ONE_OF.items():
            if name in body and body[name] not in values:
                raise RefusedRequestError(400, f"{name}: {body[name]!r} is none of {values}")
        if "action" in body and body["action"] not in _ACTIONS[path]:
            raise RefusedRequestError(400, f"action: {body['action']}")
        for one in body.get("conditions", ()):
            if set(one) != {"key", "operator", "value"} or not isinstance(one["value"], str):
                raise RefusedRequestError(400, f"condition {one}")
        if path == "/api/limits" and whole:
            needs = {"token_cost": {"model"}, "tool_calls": {"mcpServerName", "toolName"}}[body["limitType"]]
            if set(body) & {"model", "mcpServerName", "toolName"} != needs or body["limitValue"] < 1:
                raise RefusedRequestError(400, "Invalid limit configuration")

    def _find(self, collection: str, one: str) -> dict[str, Any]:
        for found in self.all[collection]:
            if found["id"] == one:
                return found
        raise RefusedRequestError(404, f"no {collection}/{one}")

    def tools_of(self, server: str) -> list[dict[str, str]]:
        item = self._find("/api/internal_mcp_catalog", self._find("/api/mcp_server", server)["catalogId"])
        if self.tools_after > 0:
            self.tools_after -= 1
            return []
        return [{"id": f"{server}-{tool}", "name": f"{item['name']}__{tool}"} for tool in NINE]

    def _tool_ids(self) -> set[str]:
        return {f"{server['id']}-{tool}" for server in self.all["/api/mcp_server"] for tool in NINE}


@contextmanager
def archestra() -> Iterator[ArchestraStandIn]:
    """Serve a stand-in on a free port."""
    standing = ArchestraStandIn()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            try:
                status, answer = 200, standing.answer(self.command, self.path, body, self.headers.get("Authorization"))
            except RefusedRequestError as refused:
                status, answer = refused.status, {"error": {"message": str(refused)}}
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - names of http.server

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    standing.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield standing
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
