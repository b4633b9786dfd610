"""The endpoints of i3X 1.0 under ``/i3x/v1``: what there is, values, history, and subscriptions with sync.

Whoever may use the tools that read may read here, by the same token: agents as at ``/mcp``, and people by theirs. Only
``/info`` answers without one, as the specification wants it. Nothing can be written; what would is answered by 501.
"""

import hmac
import json
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from aegisflow.domain.credentials import token_hash
from aegisflow.domain.times import Period, parse_instant
from aegisflow.errors import AegisFlowError, NotAllowedError
from aegisflow.http.failures import address_of
from aegisflow.http.guards import OperatorTokens, bearer_hash
from aegisflow.http.i3x.space import AddressSpace, Element
from aegisflow.http.i3x.subscriptions import SyncSubscription, SyncSubscriptions
from aegisflow.http.i3x.values import current, history, statuses, with_components
from aegisflow.plant.identities import Presented
from aegisflow.plant.protocol import Plant

SPEC_VERSION = "1.0"
MAX_BODY_BYTES = 1_000_000
MAX_ELEMENTS = 2_000
"""Objects that one request may name."""
_NOW, _PAST = "get_device_status", "get_sensor_stream"
"""The tools that tell agents the same, and whose rights and quotas therefore hold here."""
_TITLES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 501: "Not Implemented"}

Body = dict[str, Any]


class _RefusedError(Exception):
    """A request that is answered by an error of its own."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class _Asked(NamedTuple):
    """One request, as its handler sees it."""

    who: str
    query: dict[str, str]
    body: Body


Handler = Callable[[_Asked], Response]


def i3x_app(plant: Plant, operators: OperatorTokens, token: str, version: str) -> Starlette:
    """Return the application that answers under ``/i3x/v1``.

    Args:
        plant: what is read.
        operators: who may read, people and agents, and who has tried to.
        token: the secret that agents share; empty for none.
        version: of this program.
    """
    shared = token_hash(token) if token else ""
    face, identities, failures = _Face(plant), operators.identities, operators.failures

    def who(request: Request, tool: str) -> str:
        given = bearer_hash(request.headers.get("authorization", ""))
        if shared and not given:
            raise _RefusedError(401, "a bearer token is needed")
        shown = Presented(given, bool(shared) and hmac.compare_digest(given, shared))
        person = None if shown.is_shared else identities.operator(given)
        if person is not None:
            return f"person {person.name}"
        try:
            identities.agent(shown)
        except NotAllowedError as error:
            raise _RefusedError(401, str(error)) from error
        try:
            return f"agent {identities.admit(tool, shown).name}"
        except NotAllowedError as error:
            raise _RefusedError(403, str(error)) from error

    def route(path: str, method: str, handler: Handler, tool: str = _NOW) -> Route:
        async def answer(request: Request) -> Response:
            try:
                name = await run_in_threadpool(who, request, tool)
                asked = _Asked(name, dict(request.query_params), await _body(request) if method == "POST" else {})
                return await run_in_threadpool(handler, asked)
            except _RefusedError as refused:
                if refused.status == 401 and request.headers.get("authorization"):
                    address = address_of(request.scope)
                    failures.failed(address, "i3x")
                    await failures.hold(address)
                return _failure(refused.status, str(refused))
            except AegisFlowError as error:
                return _failure(500, str(error))

        return Route(path, answer, methods=[method])

    return Starlette(
        routes=[
            Route("/info", lambda _: _success(_info(version))),
            *(route(path, "GET", handler) for path, handler in face.looks()),
            *(route(path, "POST", handler) for path, handler in face.questions()),
            route("/objects/history", "POST", face.history, _PAST),
            *(route(path, "PUT", _cannot) for path in ("/objects/value", "/objects/history")),
            route("/subscriptions/stream", "POST", _cannot),
        ],
        middleware=[Middleware(GZipMiddleware)],
        exception_handlers={HTTPException: _not_found},
    )


class _Face:
    """What is asked of a plant through i3X."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._subscriptions = SyncSubscriptions(time.monotonic)

    def looks(self) -> Sequence[tuple[str, Handler]]:
        """Return the paths that are got, and what answers."""
        return (
            ("/namespaces", lambda _: _success(self._space().namespaces())),
            ("/objecttypes", lambda asked: _success(_of_namespace(self._space().types.values(), asked))),
            ("/relationshiptypes", lambda asked: _success(_of_namespace(self._space().relationships.values(), asked))),
            ("/objects", self.objects),
        )

    def questions(self) -> Sequence[tuple[str, Handler]]:
        """Return the paths that questions are posted to, and what answers."""
        return (
            ("/objecttypes/query", lambda asked: _bulk(_each(asked.body, self._space().types.get, "object type"))),
            (
                "/relationshiptypes/query",
                lambda asked: _bulk(_each(asked.body, self._space().relationships.get, "relationship type")),
            ),
            ("/objects/list", self.list),
            ("/objects/related", self.related),
            ("/objects/value", self.values),
            ("/subscriptions", self.subscribe),
            ("/subscriptions/list", self.subscriptions),
            ("/subscriptions/delete", self.unsubscribe),
            ("/subscriptions/register", self.register),
            ("/subscriptions/unregister", self.unregister),
            ("/subscriptions/sync", self.sync),
        )

    def _space(self) -> AddressSpace:
        return AddressSpace(self._plant.inventory())

    # --- objects ------------------------------------------------------------------------------

    def objects(self, asked: _Asked) -> Response:
        space, type_id = self._space(), asked.query.get("typeElementId")
        only_roots = asked.query.get("root", "").lower() == "true"
        with_metadata = asked.query.get("includeMetadata", "").lower() == "true"
        found = [one for one in space.elements.values() if type_id in (None, one.type_id)]
        wanted = [one for one in found if one.parent is None or not only_roots]
        return _success([space.shape(one, with_metadata=with_metadata) for one in wanted])

    def list(self, asked: _Asked) -> Response:
        space, with_metadata = self._space(), asked.body.get("includeMetadata") is True
        return _bulk(
            _each_element(asked.body, space, lambda element: space.shape(element, with_metadata=with_metadata))
        )

    def related(self, asked: _Asked) -> Response:
        space, wanted = self._space(), asked.body.get("relationshipType")
        with_metadata = asked.body.get("includeMetadata") is True

        def of(element: Element) -> Sequence[Body]:
            return [
                {"sourceRelationship": name, "object": space.shape(other, with_metadata=with_metadata)}
                for name, other in space.related(element)
                if wanted in (None, name)
            ]

        return _bulk(_each_element(asked.body, space, of))

    def values(self, asked: _Asked) -> Response:
        space, depth, now = self._space(), _depth(asked.body), self._plant.now()
        named = [space.elements[one] for one in _ids(asked.body, "elementIds") if one in space.elements]
        found = statuses(self._plant, named)
        return _bulk(
            _each_element(asked.body, space, lambda element: with_components(space, element, depth, found, now))
        )

    def history(self, asked: _Asked) -> Response:
        space, period = self._space(), _period(asked.body)
        _depth(asked.body)
        thinned: set[str] = set()

        def of(element: Element) -> Body:
            values, is_thinned = history(self._plant, element, period)
            if is_thinned:
                thinned.add(element.element_id)
            return {"isComposition": element.is_composition, "values": values}

        results = _each_element(asked.body, space, of)
        detail = "Values of some objects are means of several; ask for a shorter time to have every value."
        return _bulk(results, detail if thinned else "")

    # --- subscriptions ------------------------------------------------------------------------

    def subscribe(self, asked: _Asked) -> Response:
        owner = _owner(asked)
        made = self._subscriptions.create(owner, str(asked.body.get("displayName") or "")[:200])
        if made is None:
            raise _RefusedError(400, "there are too many subscriptions; delete some, or wait until old ones have ended")
        said = {"clientId": owner[1], "subscriptionId": made.subscription_id, "displayName": made.name}
        return _success(said)

    def subscriptions(self, asked: _Asked) -> Response:
        owner = _owner(asked)

        def of(subscription_id: str) -> Body | None:
            found = self._subscriptions.find(owner, subscription_id)
            return None if found is None else found.shape()

        return _bulk(_each(asked.body, of, "subscription", "subscriptionId"))

    def unsubscribe(self, asked: _Asked) -> Response:
        owner = _owner(asked)
        results: list[Body] = []
        for one in _ids(asked.body, "subscriptionIds"):
            gone = self._subscriptions.delete(owner, one)
            results.append(_item("subscriptionId", one, None, "" if gone else f"Subscription not found: {one}"))
        return _bulk(results)

    def register(self, asked: _Asked) -> Response:
        subscription, space, depth = self._own(asked), self._space(), _depth(asked.body)

        def keep(element: Element) -> None:
            subscription.depths.setdefault(element.element_id, depth)

        with subscription.lock:
            return _bulk(_each_element(asked.body, space, keep))

    def unregister(self, asked: _Asked) -> Response:
        subscription = self._own(asked)
        results: list[Body] = []
        with subscription.lock:
            for one in _ids(asked.body, "elementIds"):
                gone = subscription.forget(one)
                results.append(_item("elementId", one, None, "" if gone else f"Element not registered: {one}"))
        return _bulk(results)

    def sync(self, asked: _Asked) -> Response:
        subscription, last = self._own(asked), asked.body.get("lastSequenceNumber")
        with subscription.lock:
            if isinstance(last, int) and not isinstance(last, bool):
                subscription.acknowledge(last)
            dropped = subscription.add(self._updates(subscription))
            pending = subscription.pending()
        if not dropped:
            return _success(pending)
        detail = "Updates were dropped from the subscription queue; objects/history may still have them."
        return _partial({"success": True, "result": pending}, "Updates dropped due to queue overflow", detail)

    def _updates(self, subscription: SyncSubscription) -> Sequence[Body]:
        """Return what its objects show now, where they have shown anything."""
        space, now = self._space(), self._plant.now()
        wanted: dict[str, Element] = {}
        for element_id, depth in subscription.depths.items():
            element = space.elements.get(element_id)
            if element is not None:
                parts = space.components(element) if depth != 1 else []
                wanted |= {one.element_id: one for one in (element, *parts) if one.device_id}
        found = statuses(self._plant, wanted.values())
        told = [{"elementId": one.element_id, **current(one, found, now)} for one in wanted.values()]
        return [one for one in told if one["quality"] != "GoodNoData"]

    def _own(self, asked: _Asked) -> SyncSubscription:
        owner, wanted = _owner(asked), asked.body.get("subscriptionId")
        if not isinstance(wanted, str):
            raise _RefusedError(400, "subscriptionId is needed")
        found = self._subscriptions.find(owner, wanted)
        if found is None:
            raise _RefusedError(404, f"Subscription not found: {wanted[:100]}")
        return found


# --- requests -----------------------------------------------------------------------------------


async def _body(request: Request) -> Body:
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            raise _RefusedError(400, f"a body of at most {MAX_BODY_BYTES} bytes is taken")
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        raise _RefusedError(400, "the body must be a JSON object") from None
    if not isinstance(said, dict):
        raise _RefusedError(400, "the body must be a JSON object")
    return said


def _ids(body: Body, key: str) -> Sequence[str]:
    found = body.get(key)
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found) or len(found) > MAX_ELEMENTS:
        raise _RefusedError(400, f"{key} must be a list of at most {MAX_ELEMENTS} texts")
    return found


def _depth(body: Body) -> int:
    depth = body.get("maxDepth", 1)
    depth = 1 if depth is None else depth
    if not isinstance(depth, int) or isinstance(depth, bool) or depth < 0:
        raise _RefusedError(400, "maxDepth must be a whole number from 0")
    return depth


def _period(body: Body) -> Period:
    try:
        start, end = (parse_instant(str(body[key])) for key in ("startTime", "endTime"))
    except (KeyError, ValueError):
        raise _RefusedError(400, "startTime and endTime must be instants of RFC 3339") from None
    if not start < end:
        raise _RefusedError(400, "startTime must lie before endTime")
    return Period(start, end)


def _owner(asked: _Asked) -> tuple[str, str]:
    client = asked.body.get("clientId")
    if not isinstance(client, str) or not 1 <= len(client) <= 500:
        raise _RefusedError(400, "clientId is needed, a text of at most 500 characters")
    return asked.who, client


def _of_namespace(entries: Any, asked: _Asked) -> Sequence[Body]:
    wanted = asked.query.get("namespaceUri")
    return [entry for entry in entries if wanted in (None, "", entry["namespaceUri"])]


# --- answers ------------------------------------------------------------------------------------


def _info(version: str) -> Body:
    return {
        "specVersion": SPEC_VERSION,
        "serverVersion": version,
        "serverName": "AegisFlow",
        "capabilities": {
            "query": {"history": True},
            "update": {"current": False, "history": False},
            "subscribe": {"stream": False},
        },
    }


def _each(body: Body, find: Callable[[str], Any], noun: str, key: str = "elementId") -> Sequence[Body]:
    """Return an item for each thing that a request names, in its order."""
    results: list[Body] = []
    for one in _ids(body, f"{key}s"):
        found = find(one)
        results.append(_item(key, one, found, "" if found is not None else f"{noun.capitalize()} not found: {one}"))
    return results


def _each_element(body: Body, space: AddressSpace, of: Callable[[Element], Any]) -> Sequence[Body]:
    """Return an item for each object that a request names, in its order."""
    results: list[Body] = []
    for one in _ids(body, "elementIds"):
        element = space.elements.get(one)
        missing = f"Element not found: {one}"
        results.append(_item("elementId", one, *((None, missing) if element is None else (of(element), ""))))
    return results


def _item(key: str, name: str, result: Any, missing: str) -> Body:
    if missing:
        return {"success": False, key: name, "responseDetail": _detail(404, missing)}
    return {"success": True, key: name, "result": result}


def _detail(status: int, text: str, title: str = "") -> Body:
    return {"title": title or _TITLES.get(status, "Error"), "status": status, "detail": text}


def _success(result: Any) -> Response:
    return JSONResponse({"success": True, "result": result})


def _bulk(results: Sequence[Body], partial: str = "") -> Response:
    said = {"success": all(one["success"] for one in results), "results": list(results)}
    return _partial(said, "Partial results returned", partial) if partial else JSONResponse(said)


def _partial(said: Body, title: str, text: str) -> Response:
    return JSONResponse({**said, "responseDetail": _detail(206, text, title)}, 206)


def _failure(status: int, text: str) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse({"success": False, "responseDetail": _detail(status, text)}, status, headers)


def _cannot(_: _Asked) -> Response:
    return _failure(501, "AegisFlow is read through i3X, by sync; it is neither written to nor streamed from")


async def _not_found(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _failure(status, f"{request.method} {request.url.path} is no endpoint of i3X here")
