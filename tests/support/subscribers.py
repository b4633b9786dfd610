"""Clients that are told what changes: the official SDK, in both eras of the protocol."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import ResourceUpdated
from mcp_types import ResourceUpdatedNotification

Era = Literal["legacy", "2026-07-28"]
ERAS: tuple[Era, ...] = ("legacy", "2026-07-28")
WITHIN_S = 60.0


class Subscriber:
    """One client, and what it has been told so far."""

    def __init__(self, client: Client, era: Era) -> None:
        self.client = client
        self.era = era
        self.told: asyncio.Queue[str] = asyncio.Queue()

    async def next(self, of: str = "") -> str:
        """Return the next resource that is told to have changed; with ``of``, be told of that one whatever else is."""
        told = await asyncio.wait_for(self.told.get(), WITHIN_S)
        while of and told != of:
            told = await asyncio.wait_for(self.told.get(), WITHIN_S)
        return told

    async def until(self, uri: str, cause: Callable[[], object]) -> None:
        """Be told of ``uri``, for which ``cause`` is done.

        More than once if need be: over HTTP, in the older era, what comes before the SDK has opened the session's
        stream is lost, and the SDK does not say when it has.
        """
        while True:
            cause()
            try:
                while await asyncio.wait_for(self.told.get(), 1.0) != uri:
                    pass
            except TimeoutError:
                continue
            return

    async def read(self, uri: str) -> str:
        """Read a resource."""
        (content,) = (await self.client.read_resource(uri, cache_mode="bypass")).contents
        return str(getattr(content, "text", ""))

    @asynccontextmanager
    async def subscribed(self, *uris: str) -> AsyncIterator[None]:
        """Be told of these while the block runs."""
        if self.era == "legacy":
            for uri in uris:
                await self.client.session.subscribe_resource(uri)
            yield
            for uri in uris:
                await self.client.session.unsubscribe_resource(uri)
            return
        async with self.client.listen(resource_subscriptions=uris) as stream:

            async def take() -> None:
                async for event in stream:
                    assert isinstance(event, ResourceUpdated)
                    self.told.put_nowait(event.uri)

            taking = asyncio.create_task(take())
            yield
            taking.cancel()


def over_http(url: str, token: str = "") -> Any:
    """Return how to reach an ``aegisflow serve``."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return streamable_http_client(f"{url}/mcp", http_client=httpx2.AsyncClient(headers=headers, timeout=WITHIN_S))


@asynccontextmanager
async def connected(target: Any, era: Era) -> AsyncIterator[Subscriber]:
    """Connect a client to a server in this process, or to a transport, while the block runs."""

    async def hear(message: object) -> None:
        # In the newer era the SDK shows the handler what it gives to the stream as well.
        if era == "legacy" and isinstance(message, ResourceUpdatedNotification):
            subscriber.told.put_nowait(str(message.params.uri))

    client = Client(target, mode=era, message_handler=hear)
    subscriber = Subscriber(client, era)
    async with client:
        yield subscriber
