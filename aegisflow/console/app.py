"""The routes of the page for operators: who may see and do what, and what a browser is told along the way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from urllib.parse import parse_qsl, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from aegisflow.console import answers
from aegisflow.console.answers import HEADERS
from aegisflow.console.door import Door
from aegisflow.console.feed import FRESH_S, Feed
from aegisflow.console.forms import Form, Kept, is_ours
from aegisflow.console.frame import frame_parts
from aegisflow.console.linked import LinkPages
from aegisflow.console.pages import ACTS, PAGES, TABS
from aegisflow.console.render import STATIC, render
from aegisflow.console.sessions import Session, Sessions
from aegisflow.console.snapshot import Snapshot
from aegisflow.console.stream import SIGNED_OUT, changes_of, event
from aegisflow.console.visit import Act, Download, LivePart, OverError, Page, Visit
from aegisflow.domain.callers import Caller
from aegisflow.errors import AegisFlowError
from aegisflow.http.guards import OperatorTokens
from aegisflow.http.operators import status_of
from aegisflow.plant.protocol import PlantSource

__all__ = ["Console", "console_routes"]

STREAM = "/stream"


def console_routes(
    plant: PlantSource, operators: OperatorTokens, sessions: Sessions | None = None, fresh_s: float = FRESH_S
) -> list[BaseRoute]:
    """Return the routes of the page.

    Args:
        plant: called for each request.
        operators: knows people by their tokens.
        sessions: who is signed in; left out, nobody yet.
        fresh_s: a page that is loaded is content with a picture of the plant that is no older.
    """
    return Console(plant, operators, sessions or Sessions(), Feed(plant, fresh_s)).routes()


class Console:
    """Answers browsers of people."""

    def __init__(self, plant: PlantSource, operators: OperatorTokens, sessions: Sessions, feed: Feed) -> None:
        self._plant = plant
        self._operators = operators
        self._sessions = sessions
        self._feed = feed
        self._door = Door(plant, operators, sessions, self._act_at)
        self._page_routes = [(Route(page.path, _nothing, methods=["GET"]), page) for page in PAGES]
        self._act_routes = [(Route(act.path, _nothing, methods=["POST"]), act) for act in ACTS]

    def routes(self) -> list[BaseRoute]:
        """Return the routes, to stand beside those of the operators' API."""
        return [
            Mount("/static", _Files(directory=STATIC)),
            *self._door.routes(),
            Route(STREAM, self._stream, methods=["GET"]),
            *LinkPages(self._plant, self._operators.failures).routes(),
            *(Route(page.path, self._showing(page), methods=["GET"]) for page in PAGES),
            *(Route(act.path, self._doing(act), methods=["POST"]) for act in ACTS),
        ]

    # --- pages --------------------------------------------------------------------------------

    def _showing(self, page: Page) -> Callable[[HttpRequest], Awaitable[Response]]:
        async def show(request: HttpRequest) -> Response:
            known = self._door.who(request)
            if known is None:
                goal = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return self._door.page(goal, status=401)
            return await run_in_threadpool(self._show, page, request, *known)

        return show

    def _show(self, page: Page, request: HttpRequest, session: Session, who: Caller) -> Response:
        if not who.may(page.right):
            return answers.trouble(answers.refused(who, page.right), 403)
        try:
            visit = self._visit(request, session, who)
            shown = page.show(visit)
            if isinstance(shown, Download):
                saved = {"Content-Disposition": f'attachment; filename="{shown.filename}"'} if shown.filename else {}
                return Response(shown.body, 200, {**HEADERS, **saved}, shown.media_type)
            of_page = shown.context()
        except AegisFlowError as error:
            return answers.trouble(str(error), status_of(error))
        frame = frame_parts(visit)
        context = {
            **visit.context(),
            **of_page,
            "title": shown.title,
            "tabs": TABS,
            "parts": {part.container: part for part in (*frame, *shown.parts)},
            "said": self._sessions.take_said(session),
            "stream": f"{STREAM}?of={answers.address(request)}",
        }
        return HTMLResponse(render(shown.template, context), 200, HEADERS)

    def _visit(self, request: HttpRequest, session: Session, who: Caller, form: Form | None = None) -> Visit:
        return Visit(
            self._plant(),
            self._feed.read(),
            who,
            session,
            request.url.path,
            dict(request.query_params),
            dict(request.path_params),
            form or Form(),
        )

    # --- acts ---------------------------------------------------------------------------------

    def _doing(self, act: Act) -> Callable[[HttpRequest], Awaitable[Response]]:
        async def do(request: HttpRequest) -> Response:
            form = await answers.sent_form(request)
            if isinstance(form, Response):
                return form
            kept, known = Kept(request.url.path, form.kept()), self._door.who(request)
            if known is None:
                return self._door.page("/", kept, "Your session has ended. Sign in again; your text is kept.", 401)
            session, who = known
            if not is_ours(form, session.csrf):
                # A form of an earlier session, in a tab that stayed open, looks like one that somebody forged.
                why = "This form is of an earlier session. Nothing has been done."
                return answers.again(session, kept, why, 403, act)
            if not who.may(act.right):
                return answers.again(session, kept, answers.refused(who, act.right), 403, act)
            return await run_in_threadpool(self._do, act, request, session, who, form)

        return do

    def _do(self, act: Act, request: HttpRequest, session: Session, who: Caller, form: Form) -> Response:
        kept = Kept(request.url.path, form.kept())
        try:
            visit = self._visit(request, session, who, form)
        except AegisFlowError as error:  # nothing can be done, or shown, while the plant is not there
            return answers.again(session, kept, str(error), status_of(error), act)
        try:
            said, back = act.do(visit), act.back(visit)
        except OverError as error:
            self._feed.expire()
            return answers.trouble(str(error), status_of(error), act.back(visit))
        except AegisFlowError as error:
            self._feed.expire()
            return answers.again(session, kept, str(error), status_of(error), act)
        self._feed.expire()
        self._sessions.say(session, said)
        return RedirectResponse(back, 303, HEADERS)

    # --- the stream ---------------------------------------------------------------------------

    async def _stream(self, request: HttpRequest) -> Response:
        known = self._door.who(request)
        of = request.query_params.get("of", "/")
        (page, named, query), path = self._page_at(of if answers.local_path(of) == of else ""), urlsplit(of).path
        if known is None:
            return _events(_signed_out())
        if page is None or not known[1].may(page.right):
            return answers.plain("there is no such page", 404)
        session, who = known
        key = request.cookies.get(answers.cookie_name(request), "")

        def parts(snapshot: Snapshot) -> tuple[LivePart, ...]:
            # Asked again each time: a changed plant.yaml changes at once what somebody may.
            _, by = self._door.known(key) or (session, who)
            visit = Visit(self._plant(), snapshot, by, session, path, query, named)
            shown = page.show(visit)
            return (*frame_parts(visit), *(() if isinstance(shown, Download) else shown.parts))

        def is_signed_in() -> bool:
            return self._door.known(key) is not None

        return _events(changes_of(self._feed, parts, is_signed_in))

    def _page_at(self, address: str) -> tuple[Page | None, Mapping[str, str], Mapping[str, str]]:
        parts = urlsplit(address)
        scope: Scope = {"type": "http", "method": "GET", "path": parts.path, "root_path": ""}
        for route, page in self._page_routes:
            match, found = route.matches(scope)
            if match is Match.FULL:
                return page, found["path_params"], dict(parse_qsl(parts.query))
        return None, {}, {}

    def _act_at(self, path: str) -> Act | None:
        scope: Scope = {"type": "http", "method": "POST", "path": path, "root_path": ""}
        return next((act for route, act in self._act_routes if route.matches(scope)[0] is Match.FULL), None)


class _Files(StaticFiles):
    """Our own files, which browsers may keep for as long as their address stays the same."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a file, with the headers that all of ours have."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = "public, max-age=31536000, immutable" if scope.get("query_string") else "no-cache"
                more = {**HEADERS, "Cache-Control": kept}
                headers = [(name.lower().encode(), value.encode()) for name, value in more.items()]
                message = {**message, "headers": [*message["headers"], *headers]}
            await send(message)

        await super().__call__(scope, receive, with_headers)


def _events(events: AsyncIterator[bytes]) -> Response:
    # A proxy that gathers what it passes on would have a page think that the stream is lost.
    return _Events(events, 200, {**HEADERS, "X-Accel-Buffering": "no"}, "text/event-stream")


async def _signed_out() -> AsyncIterator[bytes]:
    yield event("", SIGNED_OUT)


class _Events(StreamingResponse):
    """A stream that has no end of its own, and so ends in good order when the server does."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the page is left or the server stops, which cancels what still runs."""
        try:
            await super().__call__(scope, receive, send)
        except asyncio.CancelledError:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _nothing(_: HttpRequest) -> Response:
    return Response(status_code=404)
