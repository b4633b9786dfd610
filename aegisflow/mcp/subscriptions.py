"""Agents that are told when an alarm or a command has changed, instead of asking again and again.

::

    historian, guard ──► Commits ──► ResourceUpdates ──► each Subscription ──► its client
    (their threads)                  (the event loop)    what is due           notifications/resources/updated

Nothing is listened for while nobody subscribes. Clients up to 2025-11-25 send ``resources/subscribe``, those of
2026-07-28 one ``subscriptions/listen`` whose answer is the stream. What is sent says only that a resource has changed;
the client reads it, as whoever it is then.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from contextvars import Context
from typing import Any, Protocol, TypeVar

import anyio
import structlog
from anyio.to_thread import run_sync
from fastmcp import FastMCP
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    EmptyResult,
    ResourceUpdatedNotification,
    ResourceUpdatedNotificationParams,
    SubscribeRequestParams,
    SubscriptionFilter,
    SubscriptionsAcknowledgedNotification,
    SubscriptionsAcknowledgedNotificationParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    UnsubscribeRequestParams,
)

from aegisflow.api.text import clean
from aegisflow.errors import AegisFlowError, BadValueError
from aegisflow.mcp.gate import Gate
from aegisflow.plant.commits import CommitNews
from aegisflow.plant.protocol import PlantSource

__all__ = [
    "ALARMS_URI",
    "COMMAND_URI",
    "MAX_SUBSCRIBERS",
    "MAX_URIS",
    "ResourceUpdates",
    "Subscriptions",
    "add_subscriptions",
    "tell_of",
]

log = structlog.get_logger(__name__)

ALARMS_URI = "aegisflow://alarms"
COMMAND_URI = "aegisflow://commands/"
"""Before a command's id."""
MAX_URIS = 32
"""That one client is told of."""
MAX_SUBSCRIBERS = 256
"""Clients that are told of something at a time."""
ALARMS_EVERY_S = 0.25
"""Between two updates of the alarms: in a flood they change with every commit, and nobody reads as fast."""
_MAX_DUE = 16
"""Updates of one command that a client has not taken yet, which is more than a command has stages."""
_MAX_CHANGED = 1_000
_STATE = "aegisflow.subscription"
_WHAT_CAN_BE = f"{ALARMS_URI}, or {COMMAND_URI} and a command's id"

MayRead = Callable[[], bool]
"""Whether whoever subscribed may still read the resource."""
Tell = Callable[[str], Awaitable[None]]
"""Sends a client that a resource has changed."""
Request = ServerRequestContext[Any, Any]


class Subscription:
    """What one client is told of, and what of it has not been sent yet. Belongs to the event loop.

    An update of the alarms that is due already is not due twice. Those of a command are each sent, so that a client
    counts its stages even where it is slower than the machine.
    """

    def __init__(self) -> None:
        self.uris: dict[str, MayRead] = {}
        self._due: deque[str] = deque()
        self._changed = asyncio.Event()

    def note(self, uri: str) -> None:
        """Have the client told that ``uri`` has changed, unless it may not read that any more."""
        may_read = self.uris.get(uri)
        if may_read is None:
            return
        if not may_read():
            del self.uris[uri]
        elif self._due.count(uri) < (1 if uri == ALARMS_URI else _MAX_DUE):
            self._due.append(uri)
        self._changed.set()

    def forget(self, uri: str) -> None:
        """Tell the client of ``uri`` no more."""
        self.uris.pop(uri, None)
        self._changed.set()

    async def next(self) -> str | None:
        """Return what has changed next; None once the client may not be told of anything any more."""
        while not self._due:
            if not self.uris:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._due.popleft()


class ResourceUpdates:
    """Takes what the plant commits from its threads to the subscriptions in the event loop.

    Args:
        plant: whose commits these are; it is watched only while there are subscriptions.
        every_s: between two updates of the alarms, in seconds.
    """

    def __init__(self, plant: PlantSource, every_s: float = ALARMS_EVERY_S) -> None:
        self._plant = plant
        self._every_s = every_s
        self._open: dict[Subscription, None] = {}
        self._lock = threading.Lock()
        self._alarms_changed = False
        self._commands_changed: deque[str] = deque(maxlen=_MAX_CHANGED)
        self._alarms_at = float("-inf")
        self._end_watch: Callable[[], None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __contains__(self, subscription: Subscription) -> bool:
        return subscription in self._open

    def __len__(self) -> int:
        return len(self._open)

    def open(self) -> Subscription:
        """Return a subscription to nothing yet; ``close`` ends it.

        Raises:
            MCPError: there are as many as there may be.
        """
        if len(self._open) >= MAX_SUBSCRIBERS:
            raise MCPError(INTERNAL_ERROR, f"{MAX_SUBSCRIBERS} clients have subscribed, which is as many as may")
        if not self._open:
            self._loop = asyncio.get_running_loop()
            self._end_watch = self._plant().watch(self._committed)
        subscription = Subscription()
        self._open[subscription] = None
        return subscription

    def close(self, subscription: Subscription) -> None:
        """Forget a subscription; also one that is forgotten already."""
        self._open.pop(subscription, None)
        if not self._open and self._end_watch is not None:
            self._end_watch()
            self._end_watch = None

    def end(self) -> None:
        """Tell nobody of anything any more: a client that listens is told that its stream has ended."""
        for subscription in tuple(self._open):
            for uri in tuple(subscription.uris):
                subscription.forget(uri)

    def _committed(self, news: CommitNews) -> None:
        """Take in what happened; called in the plant's threads."""
        loop = self._loop
        with self._lock:
            is_first = not self._alarms_changed and not self._commands_changed
            self._alarms_changed |= news.alarms
            if news.command_id:
                self._commands_changed.append(news.command_id)
        if is_first and loop is not None:
            try:
                loop.call_soon_threadsafe(self._hand_out)
            except RuntimeError:  # the loop has ended without its clients' leave
                log.debug("update_after_the_end")

    def _hand_out(self) -> None:
        with self._lock:
            alarms, self._alarms_changed = self._alarms_changed, False
            commands = tuple(self._commands_changed)
            self._commands_changed.clear()
        for command_id in commands:
            self._note(COMMAND_URI + command_id)
        if alarms:
            self._hand_out_alarms()

    def _hand_out_alarms(self) -> None:
        """Tell of the alarms now, or once the last time is long enough ago."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now < self._alarms_at:  # that has been seen to already
            return
        wait_s = self._alarms_at + self._every_s - now
        if wait_s > 0.0:
            self._alarms_at = now + wait_s
            loop.call_at(self._alarms_at, self._note, ALARMS_URI)
        else:
            self._alarms_at = now
            self._note(ALARMS_URI)

    def _note(self, uri: str) -> None:
        for subscription in tuple(self._open):
            subscription.note(uri)


class Subscriptions:
    """Answers ``resources/subscribe``, ``resources/unsubscribe`` and ``subscriptions/listen``."""

    def __init__(self, plant: PlantSource, gate: Gate, updates: ResourceUpdates) -> None:
        self._plant = plant
        self._gate = gate
        self._updates = updates

    async def subscribe(self, context: Request, params: SubscribeRequestParams) -> EmptyResult:
        """Have a client of a session told of one more resource."""
        may_read = await self._admit(params.uri)
        session = session_of(context, _SubscribedClient)
        subscription = session.subscription
        if subscription is None or subscription not in self._updates:
            subscription = session.subscription = self._updates.open()
            session.start(self._tell(subscription, context.session.send_resource_updated))
        check_room(params.uri, subscription.uris)
        subscription.uris[params.uri] = may_read
        return EmptyResult()

    async def unsubscribe(self, context: Request, params: UnsubscribeRequestParams) -> EmptyResult:
        """Have a client of a session told of one resource less."""
        subscription = session_of(context, _SubscribedClient).subscription
        if subscription is not None:
            subscription.forget(params.uri)
        return EmptyResult()

    async def listen(self, context: Request, params: SubscriptionsListenRequestParams) -> SubscriptionsListenResult:
        """Tell a client of what it asks for and may read, until it leaves."""
        asked = list(dict.fromkeys(params.notifications.resource_subscriptions or ()))
        may_read: dict[str, MayRead] = {}
        refusal: MCPError | None = None
        for uri in asked[:MAX_URIS]:
            try:
                may_read[uri] = await self._admit(uri)
            except MCPError as error:
                refusal = error
        if refusal is not None and not may_read:
            raise refusal
        if not may_read:  # of tools and prompts nothing is told
            return await tell_of(context, [], _nothing)
        subscription = self._updates.open()
        subscription.uris = may_read
        try:
            return await tell_of(context, list(may_read), lambda tell: self._tell(subscription, tell))
        finally:
            self._updates.close(subscription)

    async def _tell(self, subscription: Subscription, tell: Tell) -> None:
        """Send what changes until the client has left, or may not be told of anything any more."""
        try:
            while (uri := await subscription.next()) is not None:
                await tell(uri)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            log.debug("subscriber_left")
        finally:
            self._updates.close(subscription)

    async def _admit(self, uri: str) -> MayRead:
        try:
            return await run_sync(self._check, uri)
        except AegisFlowError as error:
            raise MCPError(INVALID_PARAMS, clean(str(error), 1_000)) from error

    def _check(self, uri: str) -> MayRead:
        if uri == ALARMS_URI:
            return self._gate.hold("get_active_anomalies")
        command_id = uri.removeprefix(COMMAND_URI)
        if command_id == uri or not command_id:
            raise BadValueError("uri", clean(uri, 200), f"{_WHAT_CAN_BE}; nothing else can be subscribed to")
        may_read = self._gate.hold("get_device_status")
        self._plant().command(command_id)
        return may_read


class SessionTasks:
    """The tasks that tell one client, for as long as its session lasts."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begin ``work``; in no request's name, for it goes on when that is answered."""
        task = asyncio.get_running_loop().create_task(work, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def end(self) -> None:
        """End all of them."""
        for task in tuple(self._tasks):
            task.cancel()


class _SubscribedClient(SessionTasks):
    """A client up to 2025-11-25, which may subscribe and unsubscribe as long as its session lasts."""

    subscription: Subscription | None = None


S = TypeVar("S", bound=SessionTasks)


def session_of(context: Request, kind: type[S]) -> S:
    """Return what is kept for the client of a request; it ends with its session."""
    connection = context.session._connection  # the SDK has no other name for it; FastMCP takes it, too
    kept: S | None = connection.state.get(_STATE)
    if kept is None:
        kept = connection.state[_STATE] = kind()
        connection.exit_stack.callback(kept.end)
    return kept


def check_room(uri: str, taken: Collection[str]) -> None:
    """Make sure that a client may be told of one more.

    Raises:
        MCPError: it is told of as many as it may.
    """
    if uri not in taken and len(taken) >= MAX_URIS:
        raise MCPError(INVALID_PARAMS, f"{MAX_URIS} resources are as many as one client may subscribe to")


async def tell_of(
    context: Request, uris: list[str], until_done: Callable[[Tell], Awaitable[None]]
) -> SubscriptionsListenResult:
    """Answer ``subscriptions/listen``: say what of it is honoured, and send what changes until that is done."""
    meta: Mapping[str, Any] = {SUBSCRIPTION_ID_META_KEY: context.request_id}

    async def tell(uri: str) -> None:
        params = ResourceUpdatedNotificationParams(uri=uri, _meta=dict(meta))
        await context.session.send_notification(ResourceUpdatedNotification(params=params), context.request_id)

    honoured = SubscriptionFilter(resource_subscriptions=uris or None)
    told = SubscriptionsAcknowledgedNotificationParams(notifications=honoured, _meta=dict(meta))
    await context.session.send_notification(SubscriptionsAcknowledgedNotification(params=told), context.request_id)
    await until_done(tell)
    return SubscriptionsListenResult(_meta=dict(meta))


async def _nothing(tell: Tell) -> None:
    """Tell of nothing."""


class Subscribing(Protocol):
    """Answers the three requests about subscriptions."""

    async def subscribe(self, context: Request, params: SubscribeRequestParams) -> EmptyResult:
        """Tell a client of a session of one more resource."""

    async def unsubscribe(self, context: Request, params: UnsubscribeRequestParams) -> EmptyResult:
        """Tell it of one resource less."""

    async def listen(self, context: Request, params: SubscriptionsListenRequestParams) -> SubscriptionsListenResult:
        """Tell a client of resources for as long as the request lasts."""


def add_subscriptions(server: FastMCP, to: Subscribing) -> None:
    """Have ``to`` answer what ``server`` is asked about subscriptions; FastMCP itself knows nothing of them."""
    low_level = server._mcp_server
    low_level.add_request_handler("resources/subscribe", SubscribeRequestParams, to.subscribe)
    low_level.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, to.unsubscribe)
    low_level.add_request_handler("subscriptions/listen", SubscriptionsListenRequestParams, to.listen)
