"""Notifications leave: over MQTT, over a webhook, and over restarts and breaks."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from aegisflow.bus.fake import FakeBus
from aegisflow.domain.alarms.escalation import Notification
from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.commands.model import CommandName, Stage
from aegisflow.notifications.sinks import TopicSink, WebhookSink
from simulator.faults import Fault
from simulator.machines import Temper
from tests.support.commanding import ADA, Commanded, several
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
    assert later["to"] in ("maintenance supervisor", "department manager")
    assert "nobody has acknowledged" in later["text"]


def test_a_command_whose_effect_is_not_seen_calls_people(make) -> None:
    plant = make(tempers={"pump-01": Temper.PRETENDS})
    sent = plant.propose("pump-01", CommandName.REDUCE_LOAD, ADA, reduction_pct=50.0)
    plant.live_until(lambda: plant.stage(sent) is Stage.UNVERIFIED, 400)
    plant.bus.wait_until(lambda: any(one["subject"] == sent.command.command_id for one in notices(plant)))


def test_what_cannot_be_published_waits_for_the_link_and_is_bounded() -> None:
    bus = FakeBus()
    bus.start(lambda message: None, lambda state: None)
    sink = TopicSink(bus, "aegisflow/notifications")
    bus.break_link()
    for _ in range(600):
        sink.send(NOTICE)
    assert (len(bus.published), sink.dropped) == (0, 100)
    bus.restore_link()
    sink.retry()
    assert len(bus.published) == 500


class Answers(BaseHTTPRequestHandler):
    codes: list[int]
    got: list[dict]

    def do_POST(self) -> None:
        self.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.codes.pop(0) if self.codes else 200)
        self.end_headers()

    def log_message(self, *arguments: object) -> None: ...


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    handler = type("Handler", (Answers,), {"codes": [], "got": []})
    with HTTPServer(("127.0.0.1", 0), handler) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def test_a_webhook_gets_json_and_is_tried_again(server: HTTPServer) -> None:
    handler = server.RequestHandlerClass
    handler.codes += [500, 503]  # type: ignore[attr-defined]
    sink = WebhookSink(f"http://127.0.0.1:{server.server_port}/", pauses_s=(0.01, 0.01))
    sink.send(NOTICE)
    eventually(lambda: len(handler.got) == 3)  # type: ignore[attr-defined]
    assert handler.got[2]["to"] == "plant manager"  # type: ignore[attr-defined]
    sink.close()
    assert sink.dropped == 0


def test_a_webhook_that_nobody_answers_is_given_up_and_counted() -> None:
    sink = WebhookSink("http://127.0.0.1:9/", pauses_s=(0.0, 0.0))
    sink.send(NOTICE)
    eventually(lambda: sink.dropped == 1)
    sink.close()
    wrong = WebhookSink("file:///etc/passwd", pauses_s=())
    wrong.send(NOTICE)
    eventually(lambda: wrong.dropped == 1)
    wrong.close()
