"""The way in for people: HTTP routes under /operator/, each behind a token of the person's own."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from aegisflow.api import endpoints as ends
from aegisflow.api.endpoints import ENDPOINTS, PREFIX, Endpoint, OpenApiDocument
from aegisflow.api.fields import parse
from aegisflow.api.openapi import openapi_document
from aegisflow.api.schemas.base import Nothing, Refusal, Request, Shape
from aegisflow.config import HttpSettings
from aegisflow.domain.callers import Caller, why_not
from aegisflow.domain.rights import Extent
from aegisflow.errors import AegisFlowError, BadValueError, ConflictError, NotAllowedError, UnknownNameError
from aegisflow.http.alarms import AlarmRoutes
from aegisflow.http.commands import CommandRoutes
from aegisflow.http.failures import WITHIN_S, address_of
from aegisflow.http.guards import OperatorTokens, outer_guards
from aegisflow.http.handover import HandoverRoutes
from aegisflow.http.health import health_routes
from aegisflow.http.incidents import IncidentRoutes
from aegisflow.http.learning import LearningRoutes
from aegisflow.http.levels import LevelRoutes
from aegisflow.http.plant import PlantRoutes
from aegisflow.http.tokens import TokenRoutes
from aegisflow.plant.protocol import PlantSource

__all__ = ["build_operator_app", "instance_route", "operator_routes", "status_of"]

MAX_BODY_BYTES = 20_000

W = TypeVar("W", bound=Request)
B = TypeVar("B", bound=Request)
A = TypeVar("A", bound=Shape)


def operator_routes(plant: PlantSource, operators: OperatorTokens) -> list[BaseRoute]:
    """Return the routes; ``plant`` is called for each request."""
    commands, alarms, incidents = CommandRoutes(plant), AlarmRoutes(plant), IncidentRoutes(plant)
    tokens, levels, handover = TokenRoutes(plant), LevelRoutes(plant), HandoverRoutes(plant)
    whole, learning = PlantRoutes(plant), LearningRoutes(plant)

    def route(endpoint: Endpoint[W, B, A], handle: Callable[[W, B, Caller], A]) -> Route:
        return Route(PREFIX + endpoint.path, _answering(endpoint, handle, operators), methods=[endpoint.method])

    return [
        route(ends.OPENAPI, _describe),
        route(ends.SHOW_STATUS, whole.status),
        route(ends.SHOW_DEVICE, whole.device),
        route(ends.SHOW_TREND, whole.trend),
        route(ends.LIST_APPROVALS, commands.approvals),
        route(ends.APPROVE, commands.approve),
        route(ends.REJECT, commands.reject),
        route(ends.GIVE_COMMAND, commands.give),
        route(ends.LIST_COMMANDS, commands.list),
        route(ends.SHOW_COMMAND, commands.show),
        route(ends.SHOW_WAY_BACK, commands.way_back),
        route(ends.GO_BACK, commands.go_back),
        route(ends.STATE_MODE, commands.state_mode),
        route(ends.SHOW_AGENTS, commands.agents),
        route(ends.STOP_AGENTS, commands.stop),
        route(ends.RESUME_AGENTS, commands.resume),
        route(ends.LIST_AGENT_TOKENS, tokens.agents),
        route(ends.ADD_AGENT_TOKEN, tokens.add),
        route(ends.REVOKE_AGENT_TOKEN, tokens.revoke),
        route(ends.LIST_OPERATORS, tokens.operators),
        route(ends.REVOKE_OPERATOR, tokens.revoke_operator),
        route(ends.LIST_ALARMS, alarms.list),
        route(ends.SHOW_ALARM, alarms.show),
        route(ends.ACKNOWLEDGE, alarms.acknowledge),
        route(ends.SHELVE, alarms.shelve),
        route(ends.UNSHELVE, alarms.unshelve),
        route(ends.TAKE_OUT_OF_SERVICE, alarms.take_out),
        route(ends.RETURN_TO_SERVICE, alarms.put_back),
        route(ends.ACCEPT_ALARM, levels.accept_alarm),
        route(ends.LIST_LEVELS, levels.list),
        route(ends.ACCEPT_LEVELS, levels.accept),
        route(ends.RESTORE_LEVELS, levels.restore),
        route(ends.LIST_LEARNING, learning.list),
        route(ends.LEARN_DEVICE, learning.decide),
        route(ends.SHOW_FIGURES, alarms.figures),
        route(ends.LIST_REFUSED, alarms.refused),
        route(ends.RELOAD, whole.reload),
        route(ends.SHOW_HANDOVER, handover.show),
        route(ends.HAND_OVER, handover.leave),
        route(ends.TAKE_OVER, handover.take),
        route(ends.LIST_INCIDENTS, incidents.list),
        route(ends.WRITE_INCIDENT, incidents.write),
        route(ends.SHOW_INCIDENT, incidents.show),
        route(ends.REVIEW_INCIDENT, incidents.review),
    ]


def instance_route(instance: str) -> BaseRoute:
    """Return the route at which a client learns who listens, before it sends a token."""

    async def who(_: HttpRequest) -> Response:
        return JSONResponse({"instance": instance})

    return Route("/instance", who)


def build_operator_app(
    plant: PlantSource,
    operators: OperatorTokens,
    instance: str = "",
    pages: Sequence[BaseRoute] = (),
    settings: HttpSettings | None = None,
) -> Starlette:
    """Return an application with nothing but health, the operators' routes, who it is, and the pages that people see.

    Args:
        plant: called for each request.
        operators: who may come in.
        instance: by which a client knows this process from any other that listens here later.
        pages: what people see in a browser.
        settings: by which names it is reached, and which proxies are believed; left out, any and none.
    """
    routes = [*health_routes(plant, operators), instance_route(instance), *operator_routes(plant, operators), *pages]
    return Starlette(routes=routes, middleware=outer_guards(settings or HttpSettings()))


def _describe(which: Nothing, body: Nothing, by: Caller) -> OpenApiDocument:
    """Return what this API is.

    It asks for a token like every other route here: there is one rule to know and to test, no stranger learns which
    version runs, and whoever writes a client has a token to try it with.
    """
    return _document()


@cache
def _document() -> OpenApiDocument:
    return OpenApiDocument(**openapi_document(ENDPOINTS))


def _answering(
    endpoint: Endpoint[W, B, A], handle: Callable[[W, B, Caller], A], operators: OperatorTokens
) -> Callable[[HttpRequest], Awaitable[Response]]:
    async def answer(request: HttpRequest) -> Response:
        address = address_of(request.scope)
        barred = operators.failures.barred(address)
        caller = operators.who(request.headers.get("authorization", ""), address, "api")
        if caller is None and barred:
            await operators.failures.hold(address)
            return _refuse("too many wrong tokens; wait a minute", 429, {"Retry-After": str(int(WITHIN_S))})
        if caller is None:
            return _refuse("an operator's token is needed", 401, {"WWW-Authenticate": "Bearer"})
        if not caller.may(endpoint.right):
            return _refuse(f"{caller.name} may not: {why_not(caller, endpoint.right, Extent.ANYWHERE)}", 403)
        try:
            which = parse(endpoint.which, {**request.query_params, **request.path_params})
            body = parse(endpoint.body, await _body(request))
            return _send(await run_in_threadpool(handle, which, body, caller))
        except AegisFlowError as error:
            return _refuse(str(error), status_of(error))

    return answer


async def _body(request: HttpRequest) -> Mapping[str, Any]:
    if request.method != "POST":
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


def status_of(error: AegisFlowError) -> int:
    """Return the HTTP status that says best what went wrong."""
    statuses = {BadValueError: 400, NotAllowedError: 403, UnknownNameError: 404, ConflictError: 409}
    return next((status for kind, status in statuses.items() if isinstance(error, kind)), 503)


def _send(answer: Shape, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(answer.model_dump_json(), status, headers, "application/json")


def _refuse(text: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    return _send(Refusal(error=text), status, headers)
