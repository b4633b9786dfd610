"""Who may call which tool: every tool, from every kind of agent, on standard input and over HTTP alike."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from fastmcp import Client, FastMCP
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp_types import Implementation

from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.credentials import AgentAccess, Credential, OperatorSpec, token_hash
from aegisflow.domain.rights import TOOLS, Right
from aegisflow.mcp.server import build_server
from aegisflow.mcp.web import shown_over_http
from aegisflow.plant.identities import Identities, Presented
from tests.support.memory_plant import MemoryPlant, an_alarm
from tests.support.web_server import served

OWN = Credential("line-agent", CallerKind.AGENT, token_hash("token-of-agent"))
ALARM = "pump-01@00001"
ARGUMENTS: dict[str, dict[str, Any]] = {
    "get_sensor_stream": {"device_id": "pump-01"},
    "query_device_manual": {"query": "seal"},
    "execute_device_command": {
        "device_id": "pump-01",
        "command": "emergency_shutdown",
        "justification": "it shakes badly, section 3",
    },
    "acknowledge_anomaly": {"alarm_id": ALARM, "note": "seen"},
    "log_incident_report": {
        "device_id": "pump-01",
        "fault_type": "bearing_failure",
        "severity": "high",
        "title": "It shook",
        "root_cause": "a bearing",
        "actions_taken": "none so far",
        "outcome": "it still shakes",
    },
}


def known(access: AgentAccess | None = None, *credentials: Credential, **people: OperatorSpec) -> Identities:
    identities = Identities(people, access)
    identities.keep(credentials)
    return identities


async def called(server: FastMCP | str, token: str = "", tools: Any = TOOLS) -> tuple[set[str], set[str], list[str]]:
    """Return the tools that are listed, those that answered, and what the others said."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    target = StreamableHttpTransport(server, headers=headers) if isinstance(server, str) else server
    answered, refusals = set(), []
    async with Client(target, client_info=Implementation(name="test agent", version="1")) as client:
        listed = {tool.name for tool in await client.list_tools()}
        for tool in tools:
            try:
                await client.call_tool(tool, ARGUMENTS.get(tool, {}))
                answered.add(tool)
            except ToolError as error:
                refusals.append(str(error))
    return listed, answered, refusals


def a_plant() -> MemoryPlant:
    plant = MemoryPlant()
    plant.alarms = [an_alarm(1)]
    return plant


READING = {tool for tool, right in TOOLS.items() if right is Right.ASK}
CASES = {
    "anybody, where nobody has a token": (None, (), "", set(TOOLS)),
    "an agent by its token": (None, (OWN,), "token-of-agent", set(TOOLS)),
    "a read-only agent": (None, (replace(OWN, read_only=True),), "token-of-agent", READING),
    "any agent of a read-only plant": (AgentAccess(read_only=True), (OWN,), "token-of-agent", READING),
    "an agent with two tools": (
        None,
        (replace(OWN, tools=("get_device_status", "execute_device_command")),),
        "token-of-agent",
        {"get_device_status", "execute_device_command"},
    ),
    "any agent where a tool is off": (
        AgentAccess(tools_off=frozenset({"execute_device_command"}), anonymous=True),
        (OWN,),
        "",
        set(TOOLS) - {"execute_device_command"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_in_process_each_agent_is_told_of_the_tools_that_answer_it_and_of_no_others(case: str) -> None:
    access, credentials, token, expected = CASES[case]
    shown = Presented(token_hash(token) if token else "")
    server = build_server(a_plant, known(access, *credentials), lambda: shown)
    listed, answered, refusals = asyncio.run(called(server))
    assert listed == answered == expected
    assert len(refusals) == len(TOOLS) - len(expected)


@pytest.mark.parametrize("case", CASES)
def test_over_http_each_agent_is_told_of_the_tools_that_answer_it_and_of_no_others(case: str) -> None:
    access, credentials, token, expected = CASES[case]
    with served(a_plant(), identities=known(access, *credentials)) as url:
        listed, answered, _ = asyncio.run(called(f"{url}/mcp", token))
    assert listed == answered == expected


@pytest.mark.parametrize(
    ("credential", "said"),
    [
        (replace(OWN, revoked_at=1.0, revoked_by="root"), "was revoked by root"),
        (replace(OWN, expires_at=1.0), "expired at 1970-01-01T00:00:01Z"),
        (replace(OWN, token_sha256=token_hash("another")), "unknown"),
    ],
)
def test_who_shows_a_token_that_opens_nothing_gets_nothing_and_is_told_why(credential: Credential, said: str) -> None:
    server = build_server(a_plant, known(None, credential), lambda: Presented(OWN.token_sha256))
    _, answered, refusals = asyncio.run(called(server))
    assert not answered
    assert all(said in refusal for refusal in refusals)


def test_resources_are_as_open_as_the_tools_that_tell_the_same() -> None:
    access = AgentAccess(tools_off=frozenset({"query_device_manual"}))
    server = build_server(a_plant, known(access))

    async def read() -> None:
        async with Client(server) as client:
            assert await client.read_resource("aegisflow://plant")
            for uri in ("aegisflow://manuals", "aegisflow://manuals/pump.md"):
                with pytest.raises(MCPError, match="switched this tool off"):
                    await client.read_resource(uri)

    asyncio.run(read())


def test_each_call_is_made_by_whoever_sends_it_and_not_by_who_opened_the_connection() -> None:
    plants = [a_plant(), a_plant()]  # one for each, since who acknowledges second changes nothing
    other = replace(OWN, name="other-agent", token_sha256=token_hash("token-of-other"))
    now = [(plants[0], Presented(OWN.token_sha256))]
    server = build_server(lambda: now[0][0], known(None, OWN, other), lambda: now[0][1])

    async def acknowledge() -> None:
        async with Client(server) as client:
            for plant, token in zip(plants, (OWN.token_sha256, other.token_sha256), strict=True):
                now[0] = (plant, Presented(token))
                await client.call_tool("acknowledge_anomaly", {"alarm_id": ALARM, "note": "seen"})

    asyncio.run(acknowledge())
    assert [by for plant in plants for _, by, _ in plant.acknowledged] == [
        Caller(name, CallerKind.AGENT, authenticated=True) for name in ("line-agent", "other-agent")
    ]


def test_over_http_the_plant_sees_the_name_of_the_token_and_not_what_the_client_calls_itself() -> None:
    plant = a_plant()
    with served(plant, identities=known(None, OWN)) as url:
        asyncio.run(called(f"{url}/mcp", "token-of-agent", ["acknowledge_anomaly"]))
    assert plant.acknowledged[0][1] == Caller("line-agent", CallerKind.AGENT, authenticated=True)


def test_the_hints_of_each_tool_are_those_of_the_right_that_it_needs() -> None:
    async def look() -> dict[str, bool]:
        async with Client(build_server(a_plant)) as client:
            return {tool.name: bool(tool.annotations.read_only_hint) for tool in await client.list_tools()}

    assert asyncio.run(look()) == {tool: right is Right.ASK for tool, right in TOOLS.items()}
    assert shown_over_http is not Presented
