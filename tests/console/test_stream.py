import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from markupsafe import Markup

from aegisflow.console import feed
from aegisflow.console.feed import Feed
from aegisflow.console.pages import PAGES
from aegisflow.console.sessions import Session
from aegisflow.console.snapshot import read_snapshot
from aegisflow.console.stream import Differences, changes_of, event
from aegisflow.console.visit import Content, Item, LivePart, Page, Visit
from aegisflow.domain.alarms.model import Alarm, AlarmState
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.commands.model import CommandName
from aegisflow.domain.views import Answer
from aegisflow.errors import UnavailableError, UnknownNameError
from aegisflow.plant.commits import CommitNews
from aegisflow.plant.protocol import Plant
from tests.support.console_client import Browser
from tests.support.memory_plant import MemoryPlant, a_new_incident, an_alarm


def part(*texts: str) -> LivePart:
    return LivePart("box", tuple(Item(f"item-{text[0]}", Markup(text)) for text in texts))


def test_an_item_that_changed_is_sent_alone_and_one_that_did_not_is_not_sent() -> None:
    shown = Differences()
    (first,) = shown.to([part("a1", "b1")])
    assert 'hx-target="#box"' in first
    assert shown.to([part("a1", "b1")]) == []
    (second,) = shown.to([part("a1", "b2")])
    assert 'hx-target="#item-b"' in second
    assert "a1" not in second


def test_where_items_come_go_or_move_their_container_is_sent_in_order() -> None:
    shown = Differences()
    shown.to([part("a1", "b1")])
    for wanted in (("b1", "a1"), ("b1",), ("b1", "c1", "a1"), ()):
        (piece,) = shown.to([part(*wanted)])
        assert f'<hx-partial hx-target="#box" hx-swap="innerMorph">{"".join(wanted)}</hx-partial>' == piece


def test_no_text_breaks_out_of_an_event() -> None:
    assert (
        event("one\ntwo\r\nthree\rfour\u2028five") == b"data: one\ndata: two\ndata: three\ndata: four\ndata: five\n\n"
    )
    assert event("", "signed-out") == b"event: signed-out\ndata: \n\n"


async def first(events: AsyncIterator[bytes], holds) -> str:
    async for one in events:
        if holds(one.decode()):
            return one.decode()
    raise AssertionError("the stream ended")


def events_of(plant: MemoryPlant, parts, signed_in=lambda: True) -> AsyncIterator[bytes]:
    return changes_of(Feed(lambda: plant), parts, signed_in)


def rows(snapshot) -> list[LivePart]:
    return [LivePart("rows", tuple(Item(row.alarm_id, Markup(f"{row.alarm_id} {row.state}")) for row in snapshot.rows))]


def test_a_page_is_told_of_a_new_alarm_and_of_an_acknowledgement(plant: MemoryPlant) -> None:
    async def walk() -> None:
        events = events_of(plant, rows)
        assert "pump-01@00001" in await first(events, lambda text: "hx-partial" in text)
        plant.alarms.append(an_alarm(4, "pump-01"))
        assert "pump-01@00004" in await first(events, lambda text: "hx-partial" in text)
        plant.alarms[0] = replace(plant.alarms[0], state=AlarmState.ACKNOWLEDGED)
        told = await first(events, lambda text: "hx-partial" in text)
        assert "pump-01@00001 acknowledged" in told
        assert "pump-01@00004" not in told  # only what differs is sent

    asyncio.run(asyncio.wait_for(walk(), 60))


class Counting(MemoryPlant):
    """Counts how often it is read."""

    asked = 0

    def active_alarms(self, device_ids: tuple[str, ...] = ()) -> Answer[tuple[Alarm, ...]]:
        self.asked += 1
        return super().active_alarms(device_ids)


def test_one_reading_of_the_plant_serves_all_who_look() -> None:
    plant = Counting()
    source = Feed(lambda: plant)

    async def walk() -> None:
        streams = [changes_of(source, rows, lambda: True) for _ in range(8)]
        await asyncio.gather(*(first(one, lambda text: "hx-partial" in text) for one in streams))
        before = plant.asked
        await asyncio.gather(*(first(one, lambda text: "beat" in text) for one in streams))
        await asyncio.gather(*(first(one, lambda text: "beat" in text) for one in streams))
        assert plant.asked - before <= 2

    asyncio.run(asyncio.wait_for(walk(), 60))


def test_a_session_that_ended_is_told_and_the_stream_ends(plant: MemoryPlant) -> None:
    answers = iter([True, False])

    async def walk() -> None:
        told = [one async for one in events_of(plant, rows, lambda: next(answers))]
        assert told[-1] == event("", "signed-out")

    asyncio.run(asyncio.wait_for(walk(), 60))


@pytest.mark.parametrize(
    ("error", "name"),
    [(UnknownNameError("device", "pump-09", ("pump-01",)), "gone"), (UnavailableError("the store", "full"), "gone")],
)
def test_a_subject_that_is_no_more_is_told(plant: MemoryPlant, error, name: str) -> None:
    def parts(snapshot):
        raise error

    async def walk() -> None:
        told = [one async for one in events_of(plant, parts)]
        assert told == [event(str(error), name)]

    asyncio.run(asyncio.wait_for(walk(), 60))


def test_a_plant_that_does_not_answer_is_told_as_trouble() -> None:
    def away():
        raise UnavailableError("the plant", "it is starting")

    async def walk() -> None:
        events = changes_of(Feed(away), rows, lambda: True)
        assert "it is starting" in await first(events, lambda text: "trouble" in text)

    asyncio.run(asyncio.wait_for(walk(), 60))


def test_a_stream_of_nobody_says_so_at_once(app) -> None:
    answer = Browser(app).client.get("/stream?of=/")
    assert answer.text == event("", "signed-out").decode()


def test_a_stream_of_no_page_is_refused(operator: Browser) -> None:
    for of in (
        "/nowhere",
        "/alarms/x/acknowledge",
        "https://elsewhere.example/",
        "//elsewhere.example/",
        "/static/console.js",
    ):
        assert operator.client.get("/stream", params={"of": of}).status_code == 404


def test_what_people_are_told_of_is_on_the_page_before_it_is_time_to_read_the_plant_again(
    plant: MemoryPlant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "EVERY_S", 3_600.0)

    async def walk() -> None:
        events = events_of(plant, rows)
        await first(events, lambda text: "hx-partial" in text)
        plant.alarms.append(an_alarm(4, "pump-01"))
        plant.commits.note(CommitNews(alarms=True))
        assert "pump-01@00004" in await first(events, lambda text: "hx-partial" in text)

    asyncio.run(asyncio.wait_for(walk(), 60))


ASKED = {name for name in vars(Plant) if not name.startswith("_")} - {"inventory", "now"}
LIVE = {"alarm_life", "commands", "escalation", "journal"}
"""What is asked of the plant beside its picture for what an open page is sent: an alarm's events and who is told of it,
commands, and of the journal who decided about these."""


class Telling(MemoryPlant):
    """Remembers what it is asked."""

    def __init__(self) -> None:
        self.asked: set[str] = set()
        super().__init__()

    def __getattribute__(self, name: str) -> object:
        if name in ASKED:
            self.asked.add(name)
        return super().__getattribute__(name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_an_open_page_asks_the_plant_for_nothing_that_it_is_not_sent(page: Page) -> None:
    plant = Telling()
    plant.alarms = [an_alarm(1, "pump-01")]
    named = {"id": "pump-01@00001" if page.path.startswith("/alarms/") else "pump-01", "name": "pump.md"}
    if page.path == "/incidents/{id}":
        plant.log_incident(a_new_incident())
        named = {"id": "1"}
    if page.path.startswith("/commands/"):
        asked = plant.request_command("pump-01", CommandName.RESTART, {}, Caller.self_named("agent"), "why")
        named = {"id": asked.command.command_id}
    query = {"text": "leak"} if page.path == "/manuals" else {}
    who = Caller("operator", CallerKind.OPERATOR, True)
    visit = Visit(plant, read_snapshot(plant), who, Session("", "", 0.0, 0.0), page.path, query, named)
    plant.asked.clear()
    shown = page.show(visit)
    if isinstance(shown, Content):
        # The way back has no part that is live: what it shows is of the moment in which it was asked for.
        assert plant.asked <= LIVE | ({"command", "device_status"} if page.path.startswith("/commands/") else set())
        shown.context()
