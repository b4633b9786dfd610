"""Notifications leave: over MQTT, over a webhook, and over restarts and breaks."""

import dataclasses
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegisflow.actors.messages.common import Tick
from aegisflow.actors.messages.notifier import AlarmsCommitted, OpenAlarmsRecalled, ReadNotifierProblems
from aegisflow.actors.messages.store import RecallOpenAlarms
from aegisflow.actors.notifier import Notifier
from aegisflow.actors.runtime.actor import ThreadedActor
from aegisflow.actors.runtime.directory import Directory
from aegisflow.bus.embedded import free_port
from aegisflow.bus.fake import FakeBus
from aegisflow.config import Configuration
from aegisflow.config.escalation import NotificationSettings
from aegisflow.domain.alarms.escalation import Escalated, EscalationSpec, Notification
from aegisflow.domain.alarms.links import AlarmLink, LinkSigner
from aegisflow.domain.alarms.model import Alarm, AlarmEvent, AlarmState, Change, Severity
from aegisflow.domain.commands.model import CommandName, Stage
from aegisflow.domain.equipment import DeviceSpec, FaultResponse, PlantSpec
from aegisflow.notifications.sinks import AT_ONCE, Finished, TopicSink, WebhookSink, help_from, no_help, with_links
from aegisflow.telemetry.metrics import Metrics
from simulator.faults import Fault
from simulator.machines import Temper
from tests.support.commanding import ADA, T0, Commanded, several
from tests.support.hook import Hook, running_hook
from tests.support.waiting import eventually

NOTICE = Notification("plant manager", "pump-01", "cmd-1", Severity.HIGH, "look", 0.0, 900.0, 0)


def notices(plant: Commanded) -> list[dict]:
    return [json.loads(one.payload) for one in plant.bus.published if one.topic == "aegisflow/notifications"]


@pytest.fixture
def make(tmp_path: Path) -> Iterator:
    with several(tmp_path) as start:
        yield start


def test_an_order_that_an_agent_may_not_carry_out_calls_people_at_once(make) -> None:
    plant = make()
    asked = plant.propose("pump-01", CommandName.EMERGENCY_SHUTDOWN)
    assert asked.stage is Stage.AWAITING_APPROVAL
    plant.bus.wait_until(lambda: len(notices(plant)) >= 2)
    assert [one["to"] for one in notices(plant)] == ["plant manager and safety officer", "department manager"]
    assert {one["subject"] for one in notices(plant)} == {asked.command.command_id}
    assert "must decide" in notices(plant)[0]["text"]


def test_an_alarm_that_nobody_acknowledges_goes_to_the_next_level(make) -> None:
    plant = make(faults=(Fault("pressure_leak", "pump-02", 500.0),))
    plant.live_until(lambda: any(one["device_id"] == "pump-02" for one in notices(plant)))
    first = notices(plant)[0]
    assert first["to"] in ("plant manager", "plant manager and safety officer")
    plant.live_until(lambda: any(one["level"] == 1 for one in notices(plant)))
    later = next(one for one in notices(plant) if one["level"] == 1)
    escalated = plant.plant.escalation(later["subject"])
    # All of them, in the order in which they were told: it became critical in between, which began anew.
    before = notices(plant)[: notices(plant).index(later) + 1]
    assert [one.to for one in escalated.told] == [one["to"] for one in before]
    assert escalated.next_to == later["to"]  # the last level is told again and again
    assert escalated.next_at is not None
    assert escalated.next_at > escalated.told[-1].at
    plant.plant.acknowledge(later["subject"], ADA, "on my way")
    eventually(lambda: plant.plant.escalation(later["subject"]) == Escalated())
    assert later["to"] in ("maintenance supervisor", "department manager")
    assert "nobody has acknowledged" in later["text"]


def test_a_command_whose_effect_is_not_seen_calls_people(make) -> None:
    plant = make(tempers={"pump-01": Temper.PRETENDS})
    sent = plant.propose("pump-01", CommandName.REDUCE_LOAD, ADA, reduction_pct=50.0)
    plant.live_until(lambda: plant.stage(sent) is Stage.UNVERIFIED, 400)
    plant.bus.wait_until(lambda: any(one["subject"] == sent.command.command_id for one in notices(plant)))


def test_a_notification_says_where_to_look_and_what_to_do() -> None:
    response = FaultResponse("seal", "it runs dry", 900.0, "stop it")
    devices = {"pump-01": DeviceSpec("pump-01", "line-1", "pump", {})}
    plant = PlantSpec("plant", {}, devices, responses={"leak": {"": response}})
    help_for = help_from("https://plant.example/aegis/", lambda: plant)
    alarm = dataclasses.replace(NOTICE, subject="pump-01@2026 a/b", cause="leak")
    told = help_for(alarm)
    assert told["url"] == "https://plant.example/aegis/alarms/pump-01%402026%20a%2Fb"
    assert (told["action"], told["consequence"]) == ("stop it", "it runs dry")
    assert help_for(NOTICE) == {"url": "https://plant.example/aegis/machines/pump-01"}
    asked = dataclasses.replace(NOTICE, page="emergency_shutdown proposed")
    assert help_for(asked) == {"url": "https://plant.example/aegis/approvals"}
    assert help_from("", lambda: plant)(dataclasses.replace(alarm, cause="other", device_id="gone")) == {}


def test_only_the_webhook_of_a_person_gets_a_link_that_acknowledges_and_only_of_an_alarm() -> None:
    signer = LinkSigner(b"k" * 32)
    people = {"plant manager": "anna"}
    help_for = with_links(no_help, "https://plant.example/aegis/", people, signer)
    alarm = dataclasses.replace(NOTICE, subject="pump-01@2026 a/b", cause="leak")
    told = help_for(alarm)
    link = signer.read(str(told["acknowledge_url"]).removeprefix("https://plant.example/aegis/acknowledge/"))
    assert link == AlarmLink("pump-01@2026 a/b", "anna", Severity.HIGH, NOTICE.at)
    assert told["acknowledge_as"] == "anna"
    assert help_for(alarm) == told  # delivered again it is the same one, so that both together acknowledge once
    assert help_for(NOTICE) == {}  # a command is approved by nobody's link
    assert help_for(dataclasses.replace(alarm, to="department manager")) == {}
    assert with_links(no_help, "", people, signer)(alarm) == {}


def test_whoever_reads_the_log_or_the_topic_gets_no_link_that_acknowledges(
    make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_hook() as hook:
        monkeypatch.setenv("TEST_WEBHOOK", f"{hook.url}/hook")
        people = {level: "ada" for rule in EscalationSpec().rules.values() for level in rule.levels}
        settings = NotificationSettings(webhook_env="TEST_WEBHOOK", page_url="https://plant.example", people=people)
        plant = make(
            change=lambda configuration: dataclasses.replace(configuration, notifications=settings),
            faults=(Fault("pressure_leak", "pump-02", 500.0),),
        )
        plant.live_until(lambda: bool(notices(plant)) and bool(hook.came))
        assert json.loads(hook.came[0][2])["acknowledge_as"] == "ada"
        assert not any("acknowledge" in one for one in map(json.dumps, notices(plant)))


def into(ended: list[str]) -> Finished:
    """Note why a delivery was not taken."""

    def finished(why: str, wait_s: float = 0.0, /) -> None:
        ended.append(why)

    return finished


def test_what_cannot_be_published_is_said_and_can_be_tried_again() -> None:
    bus = FakeBus()
    bus.start(lambda message: None, lambda state: None)
    sink, ended = TopicSink(bus, "aegisflow/notifications"), []
    bus.break_link()
    sink.deliver(NOTICE, into(ended))
    bus.restore_link()
    sink.deliver(NOTICE, into(ended))
    assert (bool(ended[0]), ended[1], len(bus.published)) == (True, "", 1)


def test_a_webhook_says_how_each_delivery_ended_and_is_asked_for_the_next() -> None:
    ended: list[str] = []
    with running_hook() as hook:
        hook.answers["/hook"] = (500, None)
        sink = WebhookSink(f"{hook.url}/hook")
        sink.deliver(NOTICE, into(ended))
        eventually(lambda: ended == ["it answered 500"])
        del hook.answers["/hook"]
        sink.deliver(NOTICE, into(ended))
        eventually(lambda: ended == ["it answered 500", ""])
        sink.close()
        first, second = (json.loads(body) for _, _, body, _ in hook.came)
    assert first == second
    assert (first["to"], first["id"]) == ("plant manager", "cmd-1/0/1970-01-01T00:00:00Z")


def test_a_webhook_is_told_of_several_at_once() -> None:
    # None is answered before as many others have come; if they came one by one, all would fail.
    together = threading.Barrier(AT_ONCE, timeout=20)
    ended: list[str] = []
    with running_hook() as hook:
        hook.before_answer = together.wait
        sink = WebhookSink(f"{hook.url}/hook")
        for number in range(2 * AT_ONCE):
            sink.deliver(dataclasses.replace(NOTICE, subject=f"cmd-{number}"), into(ended))
        eventually(lambda: len(ended) == 2 * AT_ONCE, 30)
        sink.close()
    assert set(ended) == {""}


def test_a_webhook_that_asks_to_be_left_alone_is_left_alone() -> None:
    waits: list[float] = []

    def finished(why: str, wait_s: float = 0.0, /) -> None:
        waits.append(wait_s)

    with running_hook() as hook:
        hook.answers["/hook"], hook.headers = (503, None), {"Retry-After": "17"}
        sink = WebhookSink(f"{hook.url}/hook")
        sink.deliver(NOTICE, finished)
        eventually(lambda: waits == [17.0])
        sink.close()


def test_a_webhook_without_an_address_fails_and_lives_on() -> None:
    ended: list[str] = []
    sink = WebhookSink("file:///etc/passwd")
    for _ in range(2):
        sink.deliver(NOTICE, into(ended))
    eventually(lambda: len(ended) == 2)
    sink.close()
    assert "must begin with http" in ended[0]


# --- E2 ----------------------------------------------------------------------------------------------


def critical(device_id: str, number: int = 1) -> AlarmsCommitted:
    alarm = Alarm(
        f"{device_id}@{number}",
        device_id,
        "thermal_runaway",
        "thermal_runaway",
        Severity.CRITICAL,
        AlarmState.UNACKNOWLEDGED,
        "limit",
        (),
        raised_at=T0,
        changed_at=T0,
    )
    return AlarmsCommitted((AlarmEvent(Change.RAISED, T0, alarm),))


def told_of(hook: Hook) -> list[tuple[str, str]]:
    return [(json.loads(body)["subject"], json.loads(body)["to"]) for _, _, body, _ in hook.came]


def with_webhook(configuration: Configuration) -> Configuration:
    return dataclasses.replace(configuration, notifications=NotificationSettings(webhook_env="TEST_WEBHOOK"))


def test_e2_what_a_webhook_misses_while_it_is_down_reaches_it_later_and_over_a_restart(
    make, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("TEST_WEBHOOK", f"http://127.0.0.1:{port}/hook")
    plant = make(change=with_webhook, faults=(Fault("pressure_leak", "pump-02", 500.0),))
    asked = plant.propose("pump-01", CommandName.EMERGENCY_SHUTDOWN)
    plant.live_until(lambda: plant.plant.active_alarms().value)
    (alarm,) = plant.plant.active_alarms().value
    eventually(lambda: any(note.startswith("notifications: webhook: ") for note in plant.plant.health().notes))
    (note,) = [note for note in plant.plant.health().notes if note.startswith("notifications: webhook")]
    assert "not delivered" in note
    assert "refused" in note
    assert "hook" not in note.removeprefix("notifications: webhook")  # the address is a secret
    assert plant.plant.health().ok

    plant.app.stop()
    with running_hook(port=port) as hook:
        again = make(change=with_webhook, faults=())
        # Several are under way at a time, so that only their beginning is in order, which is the outbox's to test.
        eventually(lambda: [subject for subject, _ in told_of(hook)].count(asked.command.command_id) == 2)
        eventually(lambda: (alarm.alarm_id, "plant manager") in told_of(hook))
        told = told_of(hook)
        assert len(set(told)) == len(told)

        again.app.stop()
        third = make(change=with_webhook, faults=())
        third.plant.acknowledge(alarm.alarm_id, ADA, "on my way")
        third.app.stop()
        assert told_of(hook) == told  # nobody was told twice


def test_e2_what_is_over_before_the_webhook_returns_is_not_told(make, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("TEST_WEBHOOK", f"http://127.0.0.1:{port}/hook")
    plant = make(change=with_webhook, faults=(Fault("pressure_leak", "pump-02", 500.0),))
    plant.live_until(lambda: plant.plant.active_alarms().value)
    (alarm,) = plant.plant.active_alarms().value
    eventually(lambda: any(note.startswith("notifications: webhook") for note in plant.plant.health().notes))
    plant.plant.acknowledge(alarm.alarm_id, ADA, "on my way")
    eventually(lambda: not any(note.startswith("notifications: webhook") for note in plant.plant.health().notes))
    with running_hook(port=port) as hook:
        asked = plant.propose("pump-01", CommandName.EMERGENCY_SHUTDOWN)
        eventually(lambda: len(told_of(hook)) == 2, 70)
        assert {subject for subject, _ in told_of(hook)} == {asked.command.command_id}


def test_the_store_is_asked_again_which_alarms_wait_when_it_could_not_be_read() -> None:
    questions: list[RecallOpenAlarms] = []

    class Unreadable(ThreadedActor):
        """A store whose open alarms cannot be read twice."""

        def on_receive(self, message: object) -> object:
            if isinstance(message, RecallOpenAlarms):
                questions.append(message)
                readable = len(questions) > 2
                alarms = tuple(event.alarm for event in critical("pump-01").events) if readable else ()
                why = "" if readable else "the server closed the connection"
                self.tell(message.reply_to, OpenAlarmsRecalled(alarms, (), why))
            return ()

    bus = FakeBus()
    bus.start(lambda message: None, lambda state: None)
    directory = Directory()
    store = Unreadable.start("historian", directory)
    directory.register("historian", store)
    sinks = (TopicSink(bus, "told"),)
    notifier = Notifier.start("notifier", directory, EscalationSpec(), sinks, lambda: T0, lambda: T0, Metrics())
    directory.register("notifier", notifier)

    def asked() -> int:
        # What each was told before this it has looked at by then, the answer to the last question as well.
        for name in ("notifier", "historian", "notifier"):
            directory.ask(name, ReadNotifierProblems(), 5.0)
        return len(questions)

    # Its first question may come before it is registered, and is answered to nobody: a tick asks in any case.
    directory.tell("notifier", OpenAlarmsRecalled((), (), "the server closed the connection"))
    for _ in range(3):
        assert not bus.published
        before = asked()
        directory.tell("notifier", Tick(T0))
        eventually(lambda: asked() > before)  # noqa: B023
        if asked() > 2:
            break
    eventually(lambda: len(bus.published) == 1)
    known = asked()
    directory.tell("notifier", Tick(T0))
    assert asked() == known
    notifier.stop(timeout=10)
    store.stop(timeout=10)


def test_e2_a_sink_that_raises_or_never_answers_keeps_no_other_from_being_told() -> None:
    class Broken:
        name = "broken"
        at_once = 1

        def deliver(self, notification: Notification, finished: Finished) -> None:
            raise RuntimeError("a sink with a fault")

        def close(self) -> None: ...

    class Silent(Broken):
        name = "silent"

        def deliver(self, notification: Notification, finished: Finished) -> None: ...

    bus = FakeBus()
    bus.start(lambda message: None, lambda state: None)
    directory = Directory()
    sinks = (Broken(), Silent(), TopicSink(bus, "told"))
    notifier = Notifier.start("notifier", directory, EscalationSpec(), sinks, lambda: T0, lambda: T0, Metrics())
    directory.register("notifier", notifier)
    for number in range(5):
        directory.tell("notifier", critical(f"pump-0{number}"))
    bus.wait_until(lambda: len(bus.published) == 5)
    problems = directory.ask("notifier", ReadNotifierProblems(), 5.0)
    assert any("broken: 5 not delivered" in problem for problem in problems)
    notifier.stop(timeout=10)
