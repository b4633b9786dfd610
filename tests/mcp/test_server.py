import asyncio
import json
import threading

import pytest
from fastmcp import Client
from fastmcp.exceptions import ToolError
from mcp.shared.exceptions import MCPError

from aegisflow.api.instructions import INSTRUCTIONS
from aegisflow.errors import StoreHeldError
from aegisflow.mcp.server import build_server
from aegisflow.mcp.starting import StartingPlant
from tests.support.memory_plant import MemoryPlant
from tests.support.nine_tools import NINE, tokens

READS = {name for name in NINE if name.startswith(("get_", "query_"))}


def test_there_are_nine_tools_and_each_says_what_it_does_to_the_plant(ask):
    tools = {tool.name: tool for tool in ask("list_tools")}
    assert set(tools) == set(NINE)
    assert {name for name, tool in tools.items() if tool.annotations.read_only_hint} == READS
    assert {name for name, tool in tools.items() if tool.annotations.destructive_hint} == {"execute_device_command"}
    assert tools["acknowledge_anomaly"].annotations.idempotent_hint
    assert not tools["log_incident_report"].annotations.idempotent_hint
    assert all(tool.output_schema["properties"]["as_of"] for tool in tools.values())
    assert all("Next: " in tool.description for tool in tools.values())


def test_the_list_of_tools_stays_small(ask):
    listed = ask("list_tools_mcp").model_dump_json(by_alias=True, exclude_none=True)
    assert len(listed.encode()) < 18_500


def test_what_a_model_is_told_before_every_conversation_fits_into_2_500_tokens(ask):
    """Names, descriptions and input schemas of the nine tools, with the server's instructions."""
    tools = [
        {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema}
        for tool in ask("list_tools")
    ]
    text = json.dumps(tools, ensure_ascii=False) + INSTRUCTIONS
    assert tokens(text) <= 2_500
    assert len(text.encode()) / 4 <= 2_500


def test_what_a_proxys_rules_match_are_string_enums_at_the_top(ask):
    (tool,) = [tool for tool in ask("list_tools") if tool.name == "execute_device_command"]
    arguments = tool.input_schema["properties"]
    assert arguments["command"]["enum"][0] == "reduce_load"
    assert arguments["reduction_pct"]["enum"] == [str(pct) for pct in range(20, 81, 5)]
    assert arguments["reduction_pct"]["type"] == "string"
    assert {"device_id", "command", "justification"} == set(tool.input_schema["required"])


def test_the_text_of_an_answer_is_its_structured_content(ask):
    result = ask("call_tool", "get_device_status", {})
    assert json.loads(result.content[0].text) == result.structured_content


def test_the_inventory_can_be_read_whole_and_by_device(ask, plant):
    from dataclasses import replace

    plant.spec.devices["pump-02"] = replace(plant.spec.devices["pump-02"], manual="other.md")
    whole = json.loads(ask("read_resource", "aegisflow://plant")[0].text)
    assert whole["lines"]["line-1"]["devices"] == ["pump-01", "pump-02", "pump-03"]
    assert whole["kinds"]["pump"]["sensors"]["pressure"] == {
        "unit": "PSI",
        "normal": [28, 35],
        "alarm": [22, None],
        "trip": [18, 42],
    }
    assert "sensors" not in whole["devices"]["pump-01"]
    assert whole["devices"]["pump-02"]["manual"] == "other.md"
    one = json.loads(ask("read_resource", "aegisflow://devices/pump-01")[0].text)
    assert one["parameters"]["speed"] == {"unit": "rpm", "limits": [800, 1500]}


def test_the_manuals_can_be_listed_and_read(ask):
    assert json.loads(ask("read_resource", "aegisflow://manuals")[0].text) == [{"name": "pump.md", "title": "Pumps"}]
    assert ask("read_resource", "aegisflow://manuals/pump.md")[0].text == "# Pumps\n"


@pytest.mark.parametrize(
    ("uri", "named"), [("aegisflow://devices/pump-77", "pump-01"), ("aegisflow://manuals/motor.md", "pump.md")]
)
def test_a_resource_that_is_not_there_is_refused_with_those_that_are(ask, uri, named):
    with pytest.raises(MCPError, match=named):
        ask("read_resource", uri)


def test_the_prompt_knows_the_plant_and_takes_a_task(ask):
    (prompt,) = ask("list_prompts")
    assert [argument.name for argument in prompt.arguments] == ["task"]
    text = ask("get_prompt", "operations_engineer", {"task": "pump-02 leaks?"}).messages[0].content.text
    assert "operations engineer of Test works" in text
    assert "- line-1: pump-01, pump-02, pump-03" in text
    assert text.rstrip().endswith("Begin with this: pump-02 leaks?")


def test_a_plant_that_breaks_gives_an_error_and_no_traceback(refusal, plant, monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(plant, "active_alarms", broken)
    said = refusal("get_active_anomalies")
    assert "get_active_anomalies failed inside AegisFlow" in said
    assert "secret" not in said


def test_a_call_waits_for_a_plant_that_is_still_starting():
    starting = StartingPlant(wait_s=20)
    server = build_server(starting)

    async def run() -> int:
        async with Client(server) as client:
            call = asyncio.create_task(client.call_tool("get_device_status"))
            await client.list_tools()  # the server answers meanwhile
            assert not call.done()
            starting.ready(MemoryPlant())
            return (await call).structured_content["total"]

    assert asyncio.run(run()) == 3


def test_a_call_to_a_plant_that_starts_too_slowly_or_not_at_all_says_so():
    async def said(starting: StartingPlant) -> str:
        async with Client(build_server(starting)) as client:
            with pytest.raises(ToolError) as caught:
                await client.call_tool("get_device_status")
            return str(caught.value)

    slow = StartingPlant(wait_s=0.01)
    assert "still starting" in asyncio.run(said(slow))
    failed = StartingPlant()
    threading.Timer(0.05, failed.failed, [StoreHeldError("plant.db", "pid 7")]).start()
    assert "the store plant.db is in use by pid 7" in asyncio.run(said(failed))
