"""Agents that ask the same within a second get one answer, and never one that would be another for them."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.tools.base import ToolResult

from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.credentials import Credential
from aegisflow.mcp.gate import Gate
from aegisflow.mcp.shared import SharedAnswers
from aegisflow.mcp.tools import add_tools
from aegisflow.plant.commits import CommitNews
from aegisflow.plant.identities import Identities, Presented
from tests.support.memory_plant import NOW, MemoryPlant, an_alarm

ONE = Caller.self_named("one")


class Asked:
    """Shared answers with clocks that tests turn; each answer that is worked out has a number of its own."""

    def __init__(self) -> None:
        self.now, self.plant = 50.0, TurnedPlant()
        self.shared = SharedAnswers(lambda: self.plant, lambda: self.now)
        self._numbers = count()

    def make(self) -> ToolResult:
        return ToolResult(structured_content={"number": next(self._numbers)})

    def __call__(self, question: object = "status", make: Callable[[], ToolResult] | None = None) -> int:
        content = self.shared.answer(ONE, question, make or self.make).structured_content
        assert content is not None
        return int(content["number"])


class TurnedPlant(MemoryPlant):
    at = NOW

    def now(self) -> float:
        return self.at


@pytest.fixture
def asked() -> Asked:
    return Asked()


def test_the_same_question_is_answered_once_within_a_second(asked: Asked) -> None:
    assert [asked(), asked(), asked("another"), asked()] == [0, 0, 1, 0]
    asked.now += 0.99
    assert asked() == 0
    asked.now += 0.01
    assert [asked(), asked()] == [2, 2]


def test_no_answer_is_older_than_a_second_of_the_plants_clock(asked: Asked) -> None:
    assert asked() == 0
    asked.plant.at += 1.0
    assert asked() == 1
    asked.plant.at -= 3.0
    assert asked() == 2


def test_what_happens_to_an_alarm_or_a_command_is_told_at_once(asked: Asked) -> None:
    assert asked() == 0
    asked.plant.commits.note(CommitNews(alarms=True))
    assert asked() == 1


def test_what_was_being_worked_out_while_something_changed_is_not_kept(asked: Asked) -> None:
    def overtaken() -> ToolResult:
        asked.shared.forget()
        return asked.make()

    assert asked(make=overtaken) == 0
    assert [asked(), asked()] == [1, 1]


def test_what_is_kept_is_bounded(asked: Asked) -> None:
    for number in range(1_000):
        asked(number)
    assert asked(999) == 999
    assert asked(0) == 1_000


class Server:
    """A server whose answers stay fresh, and who calls it."""

    def __init__(self) -> None:
        self.plant, self.shown = MemoryPlant(), Presented("token of one")
        self.plant.alarms.append(an_alarm(1))
        known = Identities()
        known.keep(
            Credential(name, CallerKind.AGENT, f"token of {name}", revoked_at=at, revoked_by="root" if at else "")
            for name, at in (("one", None), ("other", None), ("gone", 1.0))
        )
        self._server = FastMCP("test")
        shared = SharedAnswers(lambda: self.plant, lambda: 50.0)
        add_tools(self._server, lambda: self.plant, Gate(lambda: self.plant, known, lambda: self.shown), shared)

    def __call__(self, name: str, tool: str, **arguments: object) -> dict[str, Any]:
        """Return what an agent of this name is told."""
        self.shown = Presented(f"token of {name}")

        async def run() -> dict[str, Any]:
            async with Client(self._server) as client:
                found: dict[str, Any] = (await client.call_tool(tool, arguments)).structured_content
                return found

        return asyncio.run(run())


def test_the_plants_status_is_shared_until_an_agent_acts() -> None:
    agent = Server()
    first = agent("one", "get_device_status")
    agent.plant.silent_names["motor-01"] = "it is at lunch"
    assert agent("other", "get_device_status") == first
    report = dict.fromkeys(("title", "root_cause", "actions_taken", "outcome"), "a bearing")
    agent("one", "log_incident_report", device_id="pump-01", fault_type="bearing_failure", severity="high", **report)
    assert "it is at lunch" in str(agent("other", "get_device_status"))


def test_what_was_made_for_one_agent_is_told_to_no_other() -> None:
    agent = Server()
    first = agent("one", "get_device_status", device_id="pump-01")
    agent.plant.alarms.clear()
    assert agent("one", "get_device_status", device_id="pump-01") == first
    assert agent("other", "get_device_status", device_id="pump-01") != first


def test_whoever_may_not_ask_gets_nothing_of_what_others_were_told() -> None:
    agent = Server()
    agent("one", "get_device_status")
    with pytest.raises(ToolError, match="was revoked by root"):
        agent("gone", "get_device_status")
