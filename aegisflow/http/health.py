"""``/healthz`` and ``/readyz``: whether the plant is watched, told to any probe, and why not, told to our own people.

A probe of a container, of a load balancer or of a proxy asks without a token and under a name that nobody has written
down. It is told yes or no, by the status as well, and nothing besides. Reasons, counts and addresses are for whoever
shows a token that opens anything here, or asks on this very machine.
"""

import hmac
import time
from collections.abc import Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from aegisflow.api.schemas.health import HealthReport
from aegisflow.domain.credentials import token_hash
from aegisflow.errors import AegisFlowError, NotAllowedError
from aegisflow.http.failures import address_of, is_of_this_machine
from aegisflow.http.guards import STRANGE_HOST, OperatorTokens, bearer_hash
from aegisflow.plant.identities import Presented
from aegisflow.plant.protocol import PlantSource

__all__ = ["health_routes"]


def health_routes(plant: PlantSource, operators: OperatorTokens, token: str = "") -> list[BaseRoute]:
    """Return the routes.

    Args:
        plant: called for each request, and may still be starting.
        operators: knows people and agents by their tokens.
        token: the secret that all agents share; empty for none.
    """
    shared = token_hash(token) if token else ""

    async def healthz(request: Request) -> Response:
        try:
            health, now = await run_in_threadpool(lambda: (plant().health(), plant().now()))
        except AegisFlowError as error:
            more = {"reasons": [str(error)]} if _may_know(request, operators, shared) else {}
            return JSONResponse({"ok": False, **more}, 503)
        status = 200 if health.ok else 503
        if not _may_know(request, operators, shared):
            return JSONResponse({"ok": health.ok}, status)
        report = HealthReport.of(health, time.time(), now)
        return Response(report.model_dump_json(exclude_unset=True), status, media_type="application/json")

    return [Route("/healthz", healthz), Route("/readyz", _ready(plant))]


def _ready(plant: PlantSource) -> Callable[[Request], Awaitable[Response]]:
    async def readyz(_: Request) -> Response:
        try:
            ready = await run_in_threadpool(lambda: plant().health().is_ready)
        except AegisFlowError:
            ready = False
        return JSONResponse({"ready": ready}, 200 if ready else 503)

    return readyz


def _may_know(request: Request, operators: OperatorTokens, shared: str) -> bool:
    """Return whether somebody may know more than yes or no."""
    given = bearer_hash(request.headers.get("authorization", ""))
    if not given:
        return is_of_this_machine(request.scope) and STRANGE_HOST not in request.scope
    if operators.identities.operator(given) is not None or (shared and hmac.compare_digest(given, shared)):
        return True
    try:
        operators.identities.agent(Presented(given))
    except NotAllowedError:
        operators.failures.failed(address_of(request.scope), "health")
        return False
    return True
