"""Subscriptions of a client of this process to what a plant elsewhere tells of."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

import structlog
from mcp.client.subscriptions import ResourceUpdated, Subscription
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    EmptyResult,
    SubscribeRequestParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    UnsubscribeRequestParams,
)

from aegisflow.api.text import clean
from aegisflow.mcp.subscriptions import MAX_URIS, Request, SessionTasks, Tell, check_room, session_of, tell_of

__all__ = ["ForwardedSubscriptions", "Listening"]

log = structlog.get_logger(__name__)

AGAIN_S = 1.0
"""How often a plant that has gone away is asked again for what its client has subscribed to."""

Listening = Callable[[Sequence[str]], AbstractAsyncContextManager[Subscription]]
"""Listens to resources of the plant while the block runs."""


class _ForwardedClient(SessionTasks):
    """What a client up to 2025-11-25 has subscribed to."""

    def __init__(self) -> None:
        super().__init__()
        self.streams: dict[str, asyncio.Task[None]] = {}


class ForwardedSubscriptions:
    """Subscribes at the plant to what its client subscribes to, and again whenever the plant has been away.

    Args:
        listening: how the client of the running request listens there.
        again_s: after how many seconds a plant that is away is tried again.
    """

    def __init__(self, listening: Callable[[], Listening], again_s: float = AGAIN_S) -> None:
        self._listening = listening
        self._again_s = again_s

    async def subscribe(self, context: Request, params: SubscribeRequestParams) -> EmptyResult:
        """Have the client told of one more resource; what the plant says against it goes to the client."""
        session = session_of(context, _ForwardedClient)
        check_room(params.uri, session.streams)
        if params.uri in session.streams:
            return EmptyResult()
        accepted: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        follow = self._follow(self._listening(), [params.uri], context.session.send_resource_updated, accepted)
        stream = session.streams[params.uri] = session.start(follow)
        stream.add_done_callback(lambda _: session.streams.pop(params.uri, None))
        await accepted
        return EmptyResult()

    async def unsubscribe(self, context: Request, params: UnsubscribeRequestParams) -> EmptyResult:
        """Have the client told of one resource less."""
        stream = session_of(context, _ForwardedClient).streams.get(params.uri)
        if stream is not None:
            stream.cancel()
        return EmptyResult()

    async def listen(self, context: Request, params: SubscriptionsListenRequestParams) -> SubscriptionsListenResult:
        """Tell the client of what the plant tells of, until the client leaves."""
        asked = list(dict.fromkeys(params.notifications.resource_subscriptions or ()))[:MAX_URIS]
        accepted: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        changed: asyncio.Queue[str | None] = asyncio.Queue()
        due: set[str] = set()

        async def note(uri: str) -> None:
            if uri not in due:
                due.add(uri)
                changed.put_nowait(uri)

        async def pass_on(tell: Tell) -> None:
            while (uri := await changed.get()) is not None:
                due.discard(uri)
                await tell(uri)

        tasks = SessionTasks()
        stream = tasks.start(self._follow(self._listening(), asked, note, accepted))
        stream.add_done_callback(lambda _: changed.put_nowait(None))
        try:
            return await tell_of(context, await accepted, pass_on)
        finally:
            tasks.end()

    async def _follow(
        self, listening: Listening, uris: list[str], tell: Tell, accepted: "asyncio.Future[list[str]]"
    ) -> None:
        """Tell of what changes until the plant refuses it; ``accepted`` gets what it agrees to, or why it refuses."""
        while True:
            try:
                async with listening(uris) as there:
                    honoured = list(there.honored.resource_subscriptions or ())
                    if accepted.done():  # whatever happened while the plant was away, nobody has told of it
                        for uri in honoured:
                            await tell(uri)
                    else:
                        accepted.set_result(honoured)
                    async for event in there:
                        if isinstance(event, ResourceUpdated):
                            await tell(event.uri)
                # It leaves, or this client may not read any more: then it says so when it is asked again.
            except Exception as error:  # noqa: BLE001 - the client library raises what its transport raises
                if not accepted.done():
                    accepted.set_exception(_told(error))
                    return
                if isinstance(error, MCPError):  # it was asked, and refuses by now
                    log.warning("subscription_refused", reason=clean(str(error), 200))
                    return
                log.info("subscription_lost", reason=clean(str(error), 200))
            await asyncio.sleep(self._again_s)


def _told(error: Exception) -> MCPError:
    if isinstance(error, MCPError):
        return error
    return MCPError(INTERNAL_ERROR, f"the plant cannot be asked: {clean(str(error), 300)}")
