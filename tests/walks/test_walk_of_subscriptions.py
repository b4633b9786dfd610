"""An agent that never polls: it is told of an alarm, and of each stage that a command comes to."""

import asyncio
import json
from typing import Any

import pytest

from aegisflow.domain.commands.model import CommandName, Stage
from aegisflow.mcp.subscriptions import ALARMS_URI, COMMAND_URI
from simulator.faults import Fault
from tests.support.commanding import Commanded, Make
from tests.support.subscribers import ERAS, Era, Subscriber, connected, over_http
from tests.support.web_server import served

pytestmark = pytest.mark.filterwarnings("ignore:resources/.*subscribe is removed")


@pytest.mark.parametrize("era", ERAS)
def test_a_client_of_the_official_sdk_is_told_of_an_alarm_and_of_each_stage_of_a_command(make: Make, era: Era) -> None:
    plant = make(faults=(Fault("pressure_leak", "pump-01", 500.0),))

    async def run(url: str) -> None:
        async with connected(over_http(url), era) as client:
            await alarmed(client, plant)
            await commanded(client, plant)

    with served(plant.plant, identities=plant.app.identities) as url:
        asyncio.run(run(url))


async def alarmed(client: Subscriber, plant: Commanded) -> None:
    assert json.loads(await client.read(ALARMS_URI))["total"] == 0
    async with client.subscribed(ALARMS_URI):
        await asyncio.to_thread(plant.live_until, lambda: plant.plant.active_alarms().value)
        answer: dict[str, Any] = {}
        while "untrusted_diagnosis" not in answer.get("alarms", [{}])[0]:  # it is diagnosed once it is raised
            assert await client.next() == ALARMS_URI
            answer = json.loads(await client.read(ALARMS_URI))
    assert answer["alarms"][0]["device_id"] == "pump-01"
    called = (await client.client.call_tool("get_active_anomalies", {})).structured_content
    assert called is not None
    assert called["alarms"][0].keys() == answer["alarms"][0].keys()


async def commanded(client: Subscriber, plant: Commanded) -> None:
    asked = await asyncio.to_thread(plant.propose, "pump-02", CommandName.REDUCE_LOAD, reduction_pct=50.0)
    uri = COMMAND_URI + asked.command.command_id
    told = []
    async with client.subscribed(uri):
        told.append(json.loads(await client.read(uri))["stage"])
        await asyncio.to_thread(plant.approve, asked)
        for stage in (Stage.DISPATCHED, Stage.ACKNOWLEDGED, Stage.VERIFIED):
            if stage is not Stage.DISPATCHED:
                await asyncio.to_thread(plant.live_until, lambda: plant.stage(asked) is stage)  # noqa: B023
            await client.next(uri)
            told.append(json.loads(await client.read(uri))["stage"])
    assert told == ["awaiting_approval", "dispatched", "acknowledged", "verified"]
    # Nothing more of the command, whatever else may still be under way.
    assert uri not in [client.told.get_nowait() for _ in range(client.told.qsize())]
