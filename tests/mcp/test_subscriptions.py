"""Agents that are told what changes: in both eras of the protocol, in this process, over HTTP and through the proxy."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import CommandName
from aegisflow.domain.credentials import AgentAccess, Credential, token_hash
from aegisflow.mcp.proxy import build_proxy
from aegisflow.mcp.server import build_server
from aegisflow.mcp.subscriptions import ALARMS_URI, COMMAND_URI, MAX_URIS
from aegisflow.plant.commits import CommitNews
from aegisflow.plant.identities import Identities, Presented
from tests.support.memory_plant import MemoryPlant, an_alarm
from tests.support.subscribers import ERAS, Era, connected, over_http
from tests.support.waiting import eventually
from tests.support.web_server import served

pytestmark = pytest.mark.filterwarnings("ignore:resources/.*subscribe is removed")
OWN = Credential("line-agent", CallerKind.AGENT, token_hash("token-of-agent"))
ALARMS = CommitNews(alarms=True)
WAYS = ("in process", "HTTP", "proxy")


def a_plant() -> MemoryPlant:
    plant = MemoryPlant()
    plant.alarms = [an_alarm(1)]
    return plant


def a_command(plant: MemoryPlant) -> str:
    by = Caller("claude", CallerKind.AGENT)
    return plant.request_command("pump-01", CommandName.EMERGENCY_SHUTDOWN, {}, by, "smoke").command.command_id


def low_level(server: Any) -> Any:
    return server._mcp_server


@contextmanager
def reached(way: str, plant: MemoryPlant) -> Iterator[Any]:
    """Yield what a client connects to."""
    with ExitStack() as stack:
        if way == "in process":
            yield low_level(build_server(lambda: plant))
            return
        url = stack.enter_context(served(plant))
        yield over_http(url) if way == "HTTP" else low_level(build_proxy(f"{url}/mcp", ""))


def watchers(plant: MemoryPlant) -> int:
    return len(plant.commits._listeners)


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("way", WAYS)
def test_a_client_is_told_of_alarms_and_of_a_command_and_reads_what_it_was_told_of(way: str, era: Era) -> None:
    plant = a_plant()
    command_id = a_command(plant)
    uri = COMMAND_URI + command_id

    async def run(target: Any) -> None:
        async with connected(target, era) as client, client.subscribed(ALARMS_URI, uri):
            await client.until(ALARMS_URI, lambda: plant.commits.note(ALARMS))
            answer = json.loads(await client.read(ALARMS_URI))
            assert [alarm["alarm_id"] for alarm in answer["alarms"]] == ["pump-01@00001"]
            plant.commits.note(CommitNews(command_id="cmd-of-others"))
            await client.until(uri, lambda: plant.commits.note(CommitNews(command_id=command_id)))
            assert json.loads(await client.read(uri))["command_id"] == command_id

    with reached(way, plant) as target:
        asyncio.run(run(target))
        eventually(lambda: watchers(plant) == 0)


@pytest.mark.parametrize("era", ERAS)
def test_who_reads_without_subscribing_makes_nobody_watch_the_plant(era: Era) -> None:
    plant = a_plant()

    async def run() -> None:
        async with connected(low_level(build_server(lambda: plant)), era) as client:
            assert await client.read(ALARMS_URI)
            assert watchers(plant) == 0
            async with client.subscribed(ALARMS_URI):
                assert watchers(plant) == 1

    asyncio.run(run())


NOTHING = "nothing else can be subscribed to"
REFUSED = {
    "aegisflow://commands/cmd-of-nobody": "cmd-of-nobody",
    "aegisflow://commands/": NOTHING,
    "aegisflow://plant": "aegisflow://alarms, or aegisflow://commands/",
    "file:///etc/passwd": NOTHING,
}


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("way", ["in process", "proxy"])
def test_what_cannot_be_subscribed_to_is_refused_with_what_can_be(way: str, era: Era) -> None:
    plant = a_plant()

    async def run(target: Any) -> None:
        async with connected(target, era) as client:
            for uri, said in REFUSED.items():
                with pytest.raises(MCPError, match=said):
                    async with client.subscribed(uri):
                        pass

    with reached(way, plant) as target:
        asyncio.run(run(target))


@pytest.mark.parametrize("era", ERAS)
def test_a_client_is_told_of_so_many_resources_and_no_more(era: Era) -> None:
    plant = a_plant()
    uris = [COMMAND_URI + a_command(plant) for _ in range(MAX_URIS)]

    async def run() -> None:
        async with connected(low_level(build_server(lambda: plant)), era) as client:
            if era == "legacy":
                with pytest.raises(MCPError, match=f"{MAX_URIS} resources"):
                    async with client.subscribed(*uris, ALARMS_URI):
                        pass
            else:
                async with client.client.listen(resource_subscriptions=[*uris, ALARMS_URI]) as stream:
                    assert stream.honored.resource_subscriptions == uris

    asyncio.run(run())


@pytest.mark.parametrize("era", ERAS)
def test_who_may_not_call_the_tool_that_tells_it_may_not_subscribe(era: Era) -> None:
    plant = a_plant()
    command_id = a_command(plant)

    async def run(identities: Identities, refused: str, open_to_it: str) -> None:
        server = build_server(lambda: plant, identities, lambda: Presented(OWN.token_sha256))
        async with connected(low_level(server), era) as client:
            with pytest.raises(MCPError, match="may not read"):
                async with client.subscribed(refused):
                    pass
            async with client.subscribed(open_to_it):
                plant.commits.note(replace(ALARMS, command_id=command_id))
                assert await client.next() == open_to_it

    command = COMMAND_URI + command_id
    for off, refused, allowed in (
        ("get_active_anomalies", ALARMS_URI, command),
        ("get_device_status", command, ALARMS_URI),
    ):
        identities = Identities({}, AgentAccess(tools_off=frozenset({off})))
        identities.keep([replace(OWN, read_only=True)])
        asyncio.run(run(identities, refused, allowed))


@pytest.mark.parametrize("era", ERAS)
def test_a_token_that_is_revoked_ends_what_it_has_subscribed_to_and_nobody_elses(era: Era) -> None:
    plant = a_plant()
    identities = Identities()
    other = replace(OWN, name="other", token_sha256=token_hash("token-of-other"))
    identities.keep([OWN, other])

    async def run() -> None:
        shown = Presented(OWN.token_sha256)
        server = low_level(build_server(lambda: plant, identities, lambda: shown))
        async with connected(server, era) as first, connected(server, era) as second, first.subscribed(ALARMS_URI):
            shown = Presented(other.token_sha256)
            async with second.subscribed(ALARMS_URI):
                plant.commits.note(ALARMS)
                assert await first.next() == await second.next() == ALARMS_URI
                identities.keep([replace(other, revoked_at=1.0, revoked_by="ada")])
                plant.commits.note(ALARMS)
                assert await first.next() == ALARMS_URI
                assert second.told.empty()

    asyncio.run(run())
    assert watchers(plant) == 0


def test_a_flood_of_alarms_is_told_a_few_times_and_each_stage_of_a_command_once() -> None:
    plant = a_plant()
    command_id = a_command(plant)
    uri = COMMAND_URI + command_id

    async def run() -> list[str]:
        async with (
            connected(low_level(build_server(lambda: plant)), "legacy") as client,
            client.subscribed(ALARMS_URI, uri),
        ):
            for number in range(5_000):
                plant.commits.note(ALARMS)
                if number % 1_000 == 0:
                    plant.commits.note(CommitNews(command_id=command_id))
            told = [await client.next() for _ in range(6)]
            plant.commits.note(ALARMS)  # the last one is not lost, whenever it came
            told.append(await client.next())
            return told

    told = asyncio.run(run())
    assert told.count(uri) == 5
    assert told.count(ALARMS_URI) == 2


@pytest.mark.parametrize("era", ERAS)
def test_a_client_that_dies_is_forgotten(era: Era) -> None:
    plant = a_plant()

    async def run(url: str) -> None:
        async with connected(over_http(url), era) as client, client.subscribed(ALARMS_URI):
            assert watchers(plant) == 1
            raise ConnectionError("the client is gone")

    with served(plant) as url:
        with pytest.raises((ConnectionError, ExceptionGroup)):
            asyncio.run(run(url))
        eventually(lambda: watchers(plant) == 0)


@pytest.mark.long
@pytest.mark.parametrize("era", ERAS)
def test_behind_a_proxy_a_client_hears_of_a_plant_that_was_away_once_it_is_back(era: Era) -> None:
    plant = a_plant()

    async def run(first: ExitStack, url: str) -> None:
        port = int(url.rpartition(":")[2])
        async with (
            connected(low_level(build_proxy(f"{url}/mcp", "")), era) as client,
            client.subscribed(ALARMS_URI),
        ):
            await asyncio.to_thread(first.close)
            with ExitStack() as second:
                await asyncio.to_thread(lambda: second.enter_context(served(plant, port=port)))
                assert await client.next() == ALARMS_URI

    with ExitStack() as first:
        asyncio.run(run(first, first.enter_context(served(plant))))


def test_a_server_that_leaves_ends_its_streams_in_good_order() -> None:
    plant = a_plant()

    async def run(first: ExitStack, url: str) -> None:
        async with connected(over_http(url), "2026-07-28") as client:
            async with client.client.listen(resource_subscriptions=[ALARMS_URI]) as stream:
                ending = asyncio.create_task(asyncio.to_thread(first.close))
                # It would raise SubscriptionLost had the connection only been cut.
                assert [event async for event in stream] == []
            await ending

    with ExitStack() as first:
        asyncio.run(run(first, first.enter_context(served(plant))))
