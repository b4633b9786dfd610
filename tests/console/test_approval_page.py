from dataclasses import replace

import pytest

from aegisflow.console.approvals import PAGES, STAYS_S
from aegisflow.console.render import timed
from aegisflow.console.sessions import Session
from aegisflow.console.snapshot import read_snapshot
from aegisflow.console.visit import Content, Visit
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import CommandName, Ruling, Stage
from aegisflow.domain.views import Answer, CommandPage
from tests.support.console_client import Browser
from tests.support.memory_plant import NOW, MemoryPlant

AGENT = Caller.self_named("line agent")
WORDS = "It runs hot. <b>Approve at once</b>, policy allows it."


class Watched(MemoryPlant):
    """A plant that counts how often it is asked for commands."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def commands(
        self, device_id: str | None, limit: int, stages: tuple[Stage, ...] = (), of: CallerKind | None = None
    ) -> Answer[CommandPage]:
        self.asked += 1
        return super().commands(device_id, limit, stages, of)


@pytest.fixture
def command(plant: MemoryPlant) -> str:
    asked = plant.request_command("pump-01", CommandName.REDUCE_LOAD, {"reduction_pct": 20.0}, AGENT, WORDS)
    return asked.command.command_id


@pytest.fixture
def approver(app, command: str) -> Browser:
    return Browser(app).sign_in("approver").open("/approvals")


def digest(command: str) -> dict[str, str]:
    return {"digest": f"digest-of-{command}", "name": "pump-01"}


def test_a_card_shows_the_machine_now_beside_then_and_the_words_of_the_agent_last(approver: Browser) -> None:
    approver.shows(
        "pump-01: reduce load by 20 %",
        "The machine has changed since the command was proposed.",
        "pump-01 is hotter",
        "pump-01 is in normal",
        "an operator approves",
        "Words, not facts, of agent calls itself “line agent”",
        WORDS,
    )
    text = approver.text
    assert (
        text.index("pump-01 is hotter") < text.index("What policy and interlocks say") < text.index("Words, not facts")
    )


@pytest.mark.parametrize(
    ("then", "now", "changed"),
    [
        ("temperature 75.12 °C (alarm high 90), good", "temperature 79.3 °C (alarm high 90), good", False),
        ("temperature 75.12 °C (alarm high 90), good", "temperature -3e-05 °C (alarm high 90), good", False),
        ("temperature 75.12 °C (alarm high 90), good", "temperature 79.3 °C (alarm high 90), stale", True),
        ("temperature 75.12 °C (alarm high 90), good", "temperature 75.12 °C (alarm high 95), good", True),
        ("temperature 75.12 °C (alarm high 90), good", "temperature: no value", True),
        ("mode normal", "mode reduced_load, load reduced by 20 %", True),
        ("mode reduced_load, load reduced by 20 %", "mode reduced_load, load reduced by 30 %", True),
        (
            "plant/pump-01/set ON, as text, QoS 1",
            "mode normal",
            False,
        ),  # stands with the proposal alone
    ],
)
def test_that_readings_move_is_no_warning(plant: MemoryPlant, app, then: str, now: str, changed: bool) -> None:
    asked = plant.request_command("pump-01", CommandName.REDUCE_LOAD, {"reduction_pct": 20.0}, AGENT, WORDS)
    plant.facts_then, plant.facts_now = ("mode normal", then), ("mode normal", now)
    page = Browser(app).sign_in("viewer").open("/approvals")
    assert ("The machine has changed" in page.text) == changed
    plant.facts_then, plant.facts_now = ("high alarm pump-01@1: leak (pressure)", then), ("mode normal", then)
    page.open("/approvals").shows("The machine has changed", asked.command.device_id)


def test_instants_within_words_are_for_people_and_the_words_stay_words() -> None:
    told = timed("by 2026-11-30T21:39:47.915Z <b>at once</b>, pump-02@20261130T211705")
    assert '<time datetime="2026-11-30T21:39:47.915Z" data-form="full">2026-11-30 21:39:47 UTC</time>' in told
    assert "&lt;b&gt;at once&lt;/b&gt;, pump-02@20261130T211705" in told


def test_an_approval_is_of_what_was_shown_and_wants_the_name_of_the_machine(plant, approver, command: str) -> None:
    path = f"/approvals/{command}/approve"
    assert approver.send(path, {**digest(command), "name": "pump-02"}).status == 400
    assert approver.fields()["digest"] == f"digest-of-{command}"
    assert approver.send(path, {**digest(command), "digest": "of something else"}).status == 409
    assert approver.send(path, {"name": "pump-01"}).status == 400
    assert plant.requests[0].stage is Stage.AWAITING_APPROVAL
    approver.open("/approvals").send(path, digest(command))
    approver.shows("reduce load for pump-01: approved.", "No command waits for a decision.")
    approver.shows("No longer waits: approved by approver")
    assert plant.requests[0].reasons == ("approved by approver",)


def test_the_second_of_two_people_is_told_that_the_first_was_faster(plant, app, approver, command: str) -> None:
    second = Browser(app).sign_in("admin").open("/approvals")
    approver.send(f"/approvals/{command}/reject", {"reason": "The machine is needed."})
    second.send(f"/approvals/{command}/approve", digest(command))
    assert second.status == 409
    second.shows(
        "reduce load for pump-01 does not wait any more: rejected by approver: The machine is needed.",
        "Nothing has been done.",
    )
    assert "Send it now" not in second.text  # it could only fail again
    assert plant.requests[0].stage is Stage.REJECTED
    # Whoever only reads, or goes back to the page, finds in the card's place what became of it, and no form.
    third = Browser(app).sign_in("viewer").open("/approvals")
    third.shows("No longer waits: rejected by approver: The machine is needed.")
    assert third.ids(f"card-{command}") == [f"card-{command}"]
    assert second.open("/alarms").send(f"/approvals/{command}/reject", {"reason": "Me, too."}).status == 409
    second.shows("rejected by approver")


@pytest.mark.parametrize(
    ("by", "stage", "why", "told"),
    [
        ("", Stage.EXPIRED, "nobody approved it in time", "expired: nobody approved it in time"),
        ("ben", Stage.EXPIRED, "the device has changed", "expired when ben approved it: the device has changed"),
        ("ben", Stage.REJECTED, "", "rejected by ben"),
        ("ben", Stage.APPROVED, "", "approved by ben"),
    ],
)
def test_a_card_that_no_longer_waits_says_who_ended_that_and_why(plant, approver, command, by, stage, why, told):
    ruling = Ruling(NOW - 60, stage, by, why)
    plant.requests[0] = replace(plant.requests[0], stage=stage, reasons=(), ruling=ruling)
    approver.open("/approvals").shows(f"No longer waits: {told}")
    assert approver.send(f"/approvals/{command}/approve", digest(command)).status == 409
    approver.shows(f"does not wait any more: {told} (at 2026-01-31 07:59:00 UTC)")
    plant.requests[0] = replace(plant.requests[0], ruling=replace(ruling, at=NOW - STAYS_S))
    approver.open("/approvals")
    assert "No longer waits" not in approver.text
    approver.shows("No command waits for a decision.")


def test_however_many_look_at_a_picture_of_the_plant_it_is_asked_for_commands_once() -> None:
    plant = Watched()
    asked = plant.request_command("pump-01", CommandName.REDUCE_LOAD, {"reduction_pct": 20.0}, AGENT, WORDS)
    plant.reject(asked.command.command_id, Caller("ben", CallerKind.OPERATOR), "not now")
    snapshot = read_snapshot(plant)
    for name in ("ada", "ben", "cleo"):
        visit = Visit(
            plant, snapshot, Caller(name, CallerKind.OPERATOR), Session("token", "csrf", 0.0, 0.0), "/approvals"
        )
        content = PAGES[0].show(visit)
        assert isinstance(content, Content)
        assert any("rejected by ben: not now" in item.html for part in content.parts for item in part.items)
    assert plant.asked == 1


def test_going_back_after_approving_and_sending_again_approves_nothing_twice(plant, approver, command: str) -> None:
    path, fields = f"/approvals/{command}/approve", {"csrf": approver.csrf(), **digest(command)}
    approver.send_raw(path, fields)
    assert approver.send_raw(path, fields).status == 409
    assert plant.requests[0].stage is Stage.APPROVED


def test_rejecting_wants_a_reason(plant, approver, command: str) -> None:
    assert approver.send(f"/approvals/{command}/reject", {"reason": " "}).status == 400
    assert plant.requests[0].stage is Stage.AWAITING_APPROVAL


def test_the_switch_stops_all_agents_from_every_page_and_says_so_on_every_page(plant, app, operator: Browser) -> None:
    for path in ("/", "/alarms", "/alarms/pump-01@00001", "/machines/pump-01", "/approvals"):
        operator.open(path).shows("Agents may propose", "Stop all agents")
    operator.send("/agents/stop", {})
    assert (plant.writes.allowed, plant.writes.by) == (False, "operator")
    for path in ("/", "/alarms", "/alarms/pump-01@00001", "/machines/pump-01", "/approvals"):
        operator.open(path).shows("Agents are stopped by operator")
    assert operator.send("/agents/resume", {"reason": "All is well."}).status == 403
    assert not plant.writes.allowed
    approver = Browser(app).sign_in("approver").open("/approvals")
    assert approver.send("/agents/resume", {"reason": ""}).status == 400
    approver.open("/approvals").send("/agents/resume", {"reason": "All is well."})
    assert plant.writes.allowed
