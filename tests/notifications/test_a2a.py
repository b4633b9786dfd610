"""A serious alarm wakes an agent over A2A 1.0: at least once, and with a key against doubles."""

import http.server
import json
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from aegisflow.actors.messages.notifier import AlarmsCommitted
from aegisflow.actors.notifier import Notifier
from aegisflow.actors.runtime.directory import Directory
from aegisflow.app import build_sinks
from aegisflow.bus.fake import FakeBus
from aegisflow.config import Configuration
from aegisflow.config.escalation import AgentPart, NotificationSettings
from aegisflow.domain.alarms.escalation import EscalationSpec, Notification
from aegisflow.domain.alarms.model import AlarmEvent, Change, Severity
from aegisflow.notifications.a2a import AgentSink, message_for
from aegisflow.telemetry.metrics import Metrics
from tests.support.memory_plant import an_alarm
from tests.support.places import PLANT_FILE
from tests.support.waiting import eventually

ALARM = Notification(
    "plant manager", "pump-01", "pump-01@1", Severity.CRITICAL, "it boils", 0.0, 300.0, 0, cause="thermal_runaway"
)


class Agent:
    """A2A on this machine: answers what it is told to."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: list[Callable[[str], bytes]] = []
        self.asked: list[dict] = []
        self.headers: list[dict[str, str]] = []


def task(state: str) -> Callable[[str], bytes]:
    return lambda key: json.dumps(
        {"jsonrpc": "2.0", "id": key, "result": {"task": {"id": "t1", "status": {"state": state}}}}
    ).encode()


def error(code: int, text: str) -> Callable[[str], bytes]:
    return lambda key: json.dumps({"jsonrpc": "2.0", "id": key, "error": {"code": code, "message": text}}).encode()


@pytest.fixture
def agent() -> Iterator[Agent]:
    played = Agent()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            played.asked.append(asked)
            played.headers.append({name.lower(): value for name, value in self.headers.items()})
            answer = played.answers[min(len(played.asked), len(played.answers)) - 1](asked["id"])
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        played.url = f"http://127.0.0.1:{server.server_port}/v2/a2a/a1"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield played
        server.shutdown()
        thread.join()


@pytest.fixture
def send(agent: Agent) -> Iterator[Callable[[Notification], str]]:
    """Deliver a notification, and return why it was not taken."""
    sink = AgentSink(agent.url, "platform token")
    ended = queue.SimpleQueue[str]()

    def deliver(notification: Notification) -> str:
        sink.deliver(notification, lambda why, wait_s=0.0: ended.put(why))
        return ended.get(timeout=60)

    yield deliver
    sink.close()


@pytest.mark.parametrize("state", ["TASK_STATE_SUBMITTED", "TASK_STATE_COMPLETED", "TASK_STATE_INPUT_REQUIRED"])
def test_a_serious_alarm_is_sent_as_a_message_with_the_platforms_token(agent: Agent, send, state: str) -> None:
    agent.answers = [task(state)]
    assert send(ALARM) == ""
    (asked,), (headers,) = agent.asked, agent.headers
    assert (asked["jsonrpc"], asked["method"]) == ("2.0", "SendMessage")
    message = asked["params"]["message"]
    assert message["role"] == "ROLE_USER"
    assert "pump-01@1" in message["parts"][0]["text"]
    assert message["metadata"]["aegisflow"]["severity"] == "critical"
    assert headers["authorization"] == "Bearer platform token"
    assert headers["a2a-version"] == "1.0"


def test_an_agent_that_answers_with_a_message_instead_of_a_task_has_taken_it(agent: Agent, send) -> None:
    said = {"message": {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "on it"}]}}
    agent.answers = [lambda key: json.dumps({"jsonrpc": "2.0", "id": key, "result": said}).encode()]
    assert send(ALARM) == ""


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (error(-32001, "agent is paused"), "it refused the message: agent is paused (-32001)"),
        (task("TASK_STATE_FAILED"), "its turn ended with TASK_STATE_FAILED"),
        (task("TASK_STATE_REJECTED"), "its turn ended with TASK_STATE_REJECTED"),
        (lambda key: b"<html>", "something else than JSON"),
        (lambda key: b"[]", "no JSON-RPC"),
        (lambda key: b"{}", "no result"),
        (lambda key: b'{"jsonrpc": "2.0", "id": "of another", "result": {}}', "no result for this message"),
        (lambda key: b'{"error": "plain"}', "it refused the message: plain"),
    ],
)
def test_an_error_that_comes_with_200_is_no_delivery_and_what_is_sent_again_has_the_same_key(
    agent: Agent, send, answer, why: str
) -> None:
    agent.answers = [answer, task("TASK_STATE_WORKING")]
    assert why in send(ALARM)
    assert send(ALARM) == ""
    first, second = (asked["params"]["message"]["messageId"] for asked in agent.asked)
    assert first == second


def test_the_agent_is_woken_once_for_an_alarm_and_again_when_it_gets_worse(agent: Agent, send) -> None:
    agent.answers = [task("TASK_STATE_WORKING")]
    told = [replace(ALARM, severity=Severity.HIGH), replace(ALARM, severity=Severity.HIGH, level=1), ALARM]
    not_its_business = [replace(ALARM, severity=Severity.MEDIUM), replace(ALARM, cause="", page="x")]
    assert {send(one) for one in (*told, *not_its_business)} == {""}
    keys = [asked["id"] for asked in agent.asked]
    assert len(keys) == len(set(keys)) == 2
    assert keys[1] == message_for(ALARM)["id"]


def test_an_agent_that_was_away_is_told_by_the_retries_that_people_have(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.answers = [error(-32603, "starting"), task("TASK_STATE_WORKING")]
    settings = NotificationSettings(log=False, topic="", agent=AgentPart(url=agent.url, token_env="TOKEN_OF_A2A"))
    monkeypatch.setenv("TOKEN_OF_A2A", "its token")
    configuration = Configuration(PLANT_FILE, None, notifications=settings)  # type: ignore[arg-type]
    sinks = build_sinks(configuration, FakeBus())
    directory = Directory()
    notifier = Notifier.start("notifier", directory, EscalationSpec(), sinks, lambda: 0.0, lambda: 0.0, Metrics())
    directory.register("notifier", notifier)
    alarm = an_alarm(1, severity=Severity.CRITICAL)
    directory.tell("notifier", AlarmsCommitted((AlarmEvent(Change.RAISED, 0.0, alarm),)))
    eventually(lambda: len(agent.asked) == 2, 60)
    assert len({asked["id"] for asked in agent.asked}) == 1
    assert agent.headers[0]["authorization"] == "Bearer its token"
    notifier.stop(timeout=10)
    for sink in sinks:
        sink.close()
