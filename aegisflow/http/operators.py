"""The way in for people: HTTP routes under /operator/, each behind a token of the person's own."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from aegisflow.api.text import clean
from aegisflow.domain.callers import Caller
from aegisflow.domain.commands.model import AgentWrites, CommandName, CommandReceipt, CommandView
from aegisflow.domain.times import format_instant
from aegisflow.errors import (
    AegisFlowError,
    BadValueError,
    ConflictError,
    NotAllowedError,
    UnknownNameError,
)
from aegisflow.http.alarms import AlarmRoutes
from aegisflow.http.fields import said, whole
from aegisflow.http.guards import OPERATOR_PREFIX, WITHIN_S, HostGuard, OperatorTokens
from aegisflow.http.incidents import IncidentRoutes
from aegisflow.plant.protocol import Plant

MAX_BODY_BYTES = 20_000
MAX_COMMANDS = 200
WORDS_BYTES = 1_000
"""Of what somebody wrote."""

log = structlog.get_logger(__name__)

Call = Callable[[Request, Mapping[str, Any], Caller], object]


def operator_routes(plant: Callable[[], Plant], operators: OperatorTokens) -> list[BaseRoute]:
    """Return the routes; ``plant`` is called for each request."""
    desk, alarms, incidents = _CommandRoutes(plant), AlarmRoutes(plant), IncidentRoutes(plant)

    def route(path: str, method: str, call: Call) -> Route:
        return Route(OPERATOR_PREFIX + path, _answering(call, operators), methods=[method])

    return [
        route("approvals", "GET", desk.approvals),
        route("commands/{id}/approve", "POST", desk.approve),
        route("commands/{id}/reject", "POST", desk.reject),
        route("commands", "POST", desk.request),
        route("commands", "GET", desk.commands),
        route("agents", "GET", desk.agents),
        route("agents/stop", "POST", desk.stop),
        route("agents/resume", "POST", desk.resume),
        route("alarms/{id}/acknowledge", "POST", desk.acknowledge),
        route("alarms", "GET", alarms.list),
        route("alarms/{id}/shelve", "POST", alarms.shelve),
        route("alarms/{id}/unshelve", "POST", alarms.unshelve),
        route("alarms/{id}/out-of-service", "POST", alarms.take_out),
        route("alarms/{id}/in-service", "POST", alarms.put_back),
        route("figures", "GET", alarms.figures),
        route("incidents", "GET", incidents.list),
        route("incidents", "POST", incidents.write),
        route("incidents/{id}", "GET", incidents.show),
        route("incidents/{id}/review", "POST", incidents.review),
    ]


def build_operator_app(plant: Callable[[], Plant], operators: OperatorTokens) -> Starlette:
    """Return an application with nothing but the operators' routes."""
    return Starlette(routes=operator_routes(plant, operators), middleware=[Middleware(HostGuard)])


def _answering(call: Call, operators: OperatorTokens) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        barred = operators.barred()
        caller = operators.who(request.headers.get("authorization", ""))
        if caller is None and barred:
            return _error("too many wrong tokens; wait a minute", 429, {"Retry-After": str(int(WITHIN_S))})
        if caller is None:
            return _error("an operator's token is needed", 401, {"WWW-Authenticate": "Bearer"})
        try:
            body = await _body(request)
            return JSONResponse(await run_in_threadpool(call, request, body, caller))
        except AegisFlowError as error:
            return _error(str(error), _status(error))

    return answer


async def _body(request: Request) -> Mapping[str, Any]:
    if request.method == "GET":
        return {}
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BODY_BYTES:
            raise BadValueError("body", f"more than {MAX_BODY_BYTES} bytes", "a shorter one")
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadValueError("body", raw[:100].decode(errors="replace"), "a JSON object") from error
    if not isinstance(body, dict):
        raise BadValueError("body", body, "a JSON object")
    return body


def _status(error: AegisFlowError) -> int:
    statuses = {BadValueError: 400, NotAllowedError: 403, UnknownNameError: 404, ConflictError: 409}
    return next((status for kind, status in statuses.items() if isinstance(error, kind)), 503)


def _error(text: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": text}, status, headers)


class _CommandRoutes:
    """One method per route: parse, one call of the plant, shape."""

    def __init__(self, plant: Callable[[], Plant]) -> None:
        self._plant = plant

    def approvals(self, request: Request, body: Mapping[str, Any], by: Caller) -> object:
        answer = self._plant().approvals()
        return {
            "as_of": format_instant(answer.as_of),
            "approvals": [describe_view(view) for view in answer.value],
            "unavailable": dict(answer.unavailable),
        }

    def approve(self, request: Request, body: Mapping[str, Any], by: Caller) -> object:
        return describe_receipt(self._plant().approve(request.path_params["id"], _text(body, "digest"), by))

    def reject(self, request: Request, body: Mapping[str, Any], by: Caller) -> object:
        return describe_receipt(self._plant().reject(request.path_params["id"], by, _text(body, "reason")))

    def request(self, request: Request, body: Mapping[str, Any], by: Caller) -> object:
        name = _text(body, "command")
        if name not in list(CommandName):
            raise UnknownNameError("command", name, [command.value for command in CommandName])
        device, why = _text(body, "device_id"), _text(body, "justification")
        return describe_receipt(self._plant().request_command(device, CommandName(name), _parameters(body), by, why))

    def commands(self, request: Request, body: Mapping[str, Any], by: Caller) -> object:
        limit = whole(request.query_params.get("limit", "50"), "limit", MAX_COMMANDS)
        answer = self._plant().commands(request.query_params.get("device_id"), limit)
        return {"commands": [describe_receipt(receipt) for receipt in answer.value.commands]}

    def agents(self, request: Request, body: Mapping[str, Any], by: Caller) -> object:
        return _describe_writes(self._plant().agent_writes())

    def stop(self, request: Request, body: Mapping[str, Any], by: Caller) -> object:
        return _describe_writes(self._plant().stop_agents(by, _text(body, "reason")))

    def resume(self, request: Request, body: Mapping[str, Any], by: Caller) -> object:
        return _describe_writes(self._plant().resume_agents(by, _text(body, "reason")))

    def acknowledge(self, request: Request, body: Mapping[str, Any], by: Caller) -> object:
        alarm = self._plant().acknowledge(request.path_params["id"], by, _text(body, "note"))
        return {"alarm_id": alarm.alarm_id, "state": alarm.state.value, "acknowledged_by": alarm.acknowledged_by}


def describe_view(view: CommandView) -> dict[str, object]:
    """Return what a person judges by: facts first, then the policy, last the proposer's words."""
    return {
        "facts": list(view.facts),
        "digest": view.digest,
        "approved_by": list(view.approved_by),
        "approvals_needed": view.approvals_needed,
        **describe_receipt(view.receipt),
    }


def describe_receipt(receipt: CommandReceipt) -> dict[str, object]:
    """Return a receipt as JSON; the proposer's words come last and say whose they are."""
    command = receipt.command
    return {
        "command_id": command.command_id,
        "device_id": command.device_id,
        "command": command.command.value,
        "parameters": dict(command.parameters),
        "stage": receipt.stage.value,
        "proposed_at": format_instant(command.proposed_at),
        "expires_at": None if receipt.expires_at is None else format_instant(receipt.expires_at),
        "policy": list(receipt.reasons),
        "next_step": receipt.next_step,
        "words_not_facts": {
            "of": f"{command.proposed_by.kind} {clean(command.proposed_by.name, 100)}",
            "text": clean(command.justification, WORDS_BYTES),
        },
    }


def _describe_writes(writes: AgentWrites) -> dict[str, object]:
    at = None if writes.at is None else format_instant(writes.at)
    return {"allowed": writes.allowed, "by": writes.by, "at": at, "reason": clean(writes.reason, WORDS_BYTES)}


def _text(body: Mapping[str, Any], name: str) -> str:
    return said(body.get(name), name, WORDS_BYTES)


def _parameters(body: Mapping[str, Any]) -> dict[str, str | float]:
    given = body.get("parameters", {})
    if not isinstance(given, dict):
        raise BadValueError("parameters", given, "a JSON object")
    for name, value in given.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not isinstance(value, str) and not (number and abs(value) <= 1e15 and math.isfinite(value)):
            raise BadValueError(f"parameters.{name}", value, "a text or a number")
    return given
