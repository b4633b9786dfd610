"""One trace from the reading that raised an alarm to the machine, over restarts and with or without a collector."""

import gzip
import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from aegisflow.cli.trace import trace
from aegisflow.domain.alarms.model import Alarm, AlarmEvent, Change
from aegisflow.domain.commands.model import CommandName, Stage
from aegisflow.domain.commands.policy_spec import Verdict
from aegisflow.domain.tracing import TraceParent, of_alarm, of_command, root_of
from aegisflow.errors import UnknownNameError
from aegisflow.telemetry.tracing import Tracing, open_tracing
from simulator.faults import Fault
from tests.support.commanding import ADA, BEN, Commanded, several
from tests.support.memory_plant import an_alarm
from tests.support.places import ROOT


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Commanded]]:
    with several(tmp_path) as start:
        yield start


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


def traced(plant: Commanded, exporter: InMemorySpanExporter) -> Commanded:
    plant.app.tracing = Tracing(SimpleSpanProcessor(exporter))
    return plant


def named(spans: Sequence[ReadableSpan], name: str) -> ReadableSpan:
    (span,) = [one for one in spans if one.name == name]
    return span


def place(span: ReadableSpan) -> TraceParent:
    return TraceParent(f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}")


def parent(span: ReadableSpan) -> str:
    return "" if span.parent is None else f"{span.parent.span_id:016x}"


def lasted(span: ReadableSpan) -> float:
    """Return the seconds of a span."""
    assert span.start_time is not None
    assert span.end_time is not None
    return (span.end_time - span.start_time) / 1e9


def alarmed(plant: Commanded) -> Alarm:
    plant.live_until(lambda: plant.plant.active_alarms(("pump-02",)).value)
    return plant.plant.active_alarms(("pump-02",)).value[0]


def test_the_whole_walk_is_one_trace_also_over_a_restart_between_approval_and_publish(
    make: Callable[..., Commanded], exporter: InMemorySpanExporter, capsys: pytest.CaptureFixture[str]
) -> None:
    def two_approvals(configuration):
        policy = configuration.plant.policy
        rules = tuple(replace(rule, approvals=2) if rule.verdict is Verdict.ASK else rule for rule in policy.rules)
        return replace(configuration, plant=replace(configuration.plant, policy=replace(policy, rules=rules)))

    faults = (Fault("pressure_leak", "pump-02", 500.0),)
    first = traced(make(faults=faults, change=two_approvals), exporter)
    alarm = alarmed(first)
    asked = first.propose("pump-02", CommandName.REDUCE_LOAD, reduction_pct=50.0)
    assert asked.stage is Stage.AWAITING_APPROVAL
    first.approve(asked, ADA)
    first.app.stop()

    second = traced(Commanded(first.folder, change=two_approvals), exporter)
    second.now = first.now
    second.app.start()
    second.pass_time(60)
    second.approve(asked, BEN)
    second.approve(asked, ADA)  # the machine has moved since, so what was approved before counts anew
    second.live_until(lambda: second.stage(asked).is_final)
    assert second.stage(asked) is Stage.VERIFIED
    command = second.stored(asked).command
    second.app.stop()

    spans = exporter.get_finished_spans()
    trace_id = of_alarm(alarm.alarm_id).trace_id
    walk = [
        "alarm raise",
        "command propose",
        "command approve",
        "command publish",
        "command acknowledge",
        "command verify",
    ]
    found = {name: named([one for one in spans if place(one).trace_id == trace_id], name) for name in walk}
    root, propose = found["alarm raise"], found["command propose"]
    assert parent(root) == ""
    assert parent(propose) == place(root).span_id
    assert str(place(propose)) == command.traceparent
    assert {parent(found[name]) for name in walk[2:]} == {place(propose).span_id}
    for name in walk[2:]:
        (link,) = found[name].links
        assert link.context.trace_id == root.context.trace_id
        assert dict(found[name].attributes or {})["aegisflow.command.id"] == command.command_id
    assert lasted(root) > 0
    assert all(lasted(found[name]) < 1 for name in walk[1:])
    check_wire(second, command.traceparent)

    assert trace(alarm.alarm_id, plant=plant_file(second)) == 0
    told = capsys.readouterr().out
    assert f"trace {trace_id} of {alarm.alarm_id}" in told
    parts = ("reading", "alarm raised", "command proposed", "command approved", "command published", "command verified")
    assert [told.index(part) for part in parts] == sorted(told.index(part) for part in parts)
    assert "diagnosis" in told


def plant_file(plant: Commanded) -> Path:
    """A plant file that names the store of a plant."""
    file = plant.folder / "plant.yaml"
    file.write_text(f"store: {{url: '{plant.configuration.store.url}'}}\nlines: {{}}\n", "utf-8")
    return file


def check_wire(plant: Commanded, traceparent: str) -> None:
    """The trace is in the command's user property and payload, and in the machine's answer."""
    (order,) = [one for one in plant.bus.published if one.topic.endswith("/commands/pump-02") and one.traceparent]
    assert order.traceparent == json.loads(order.payload)["traceparent"] == traceparent


def test_the_machine_repeats_the_trace_in_its_answer(make: Callable[..., Commanded]) -> None:
    plant = make()
    heard: list[dict] = []
    publish = plant.line.publish

    def keep(topic: str, payload: bytes | str) -> None:
        heard.append(json.loads(payload))
        publish(topic, payload)

    plant.line.publish = keep  # type: ignore[method-assign]
    sent = plant.propose("pump-01", CommandName.REDUCE_LOAD, ADA, reduction_pct=30.0)
    plant.live_until(lambda: plant.stage(sent) is Stage.VERIFIED)
    answers = [one for one in heard if one.get("command_id") == sent.command.command_id]
    assert {one["traceparent"] for one in answers} == {plant.stored(sent).command.traceparent}


def test_a_command_without_an_alarm_begins_a_trace_of_its_own(
    make: Callable[..., Commanded], exporter: InMemorySpanExporter
) -> None:
    plant = traced(make(), exporter)
    sent = plant.propose("pump-01", CommandName.REDUCE_LOAD, ADA, reduction_pct=30.0)
    plant.live_until(lambda: plant.stage(sent) is Stage.VERIFIED)
    spans = exporter.get_finished_spans()
    assert parent(named(spans, "command propose")) == ""
    assert len({one.context.trace_id for one in spans}) == 1
    assert "command approve" not in {one.name for one in spans}


def test_ids_are_the_same_in_every_process_and_others_for_everything_else() -> None:
    one = of_alarm("pump-01@20260131T080000")
    assert one == of_alarm("pump-01@20260131T080000") == root_of(one.trace_id)
    assert TraceParent.parse(str(one)) == one
    alarms = ("pump-01@2", "pump-01@1")
    assert of_command("cmd-1", alarms, "hot").trace_id == of_alarm("pump-01@2").trace_id
    assert of_command("cmd-1", alarms, "for pump-01@1").trace_id == of_alarm("pump-01@1").trace_id
    places = {of_command(f"cmd-{number}", alarms[: number % 2], "") for number in range(100)}
    assert len({place.span_id for place in places}) == 100
    for text in ("", "00-1-2-01", f"00-{'0' * 32}-{'g' * 16}-01", f"{one}\n"):
        assert TraceParent.parse(text) is None


@contextmanager
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """OTLP over HTTP on this machine."""
    came: list[ExportTraceServiceRequest] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/traces":
                came.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", came
        finally:
            server.shutdown()
            thread.join()


def test_spans_reach_a_collector_over_otlp() -> None:
    with collector() as (url, came):
        tracing = open_tracing(url, everywhere=False)
        alarm = an_alarm(1)
        tracing.alarms_committed((AlarmEvent(Change.RAISED, 0.0, alarm),))
        invoked = tracing.span("invoke_agent diagnosis", {"gen_ai.operation.name": "invoke_agent"}, alarm.alarm_id)
        with invoked, tracing.span("chat m", {}) as chatting:
            chatting.note("gen_ai.usage.input_tokens", 7)
        tracing.close()
    (resource,) = [resource for request in came for resource in request.resource_spans]
    assert {one.key: one.value.string_value for one in resource.resource.attributes}["service.name"] == "aegisflow"
    spans = {span.name: span for scope in resource.scope_spans for span in scope.spans}
    root, agent, chat = (spans[name] for name in ("alarm raise", "invoke_agent diagnosis", "chat m"))
    assert root.trace_id.hex() == agent.trace_id.hex() == of_alarm(alarm.alarm_id).trace_id
    assert (agent.parent_span_id, chat.parent_span_id) == (root.span_id, agent.span_id)
    assert chat.attributes[0].value.int_value == 7


def test_a_collector_that_is_away_holds_up_nobody() -> None:
    tracing = open_tracing("http://127.0.0.1:9", everywhere=False)
    for number in range(5_000):
        tracing.alarms_committed((AlarmEvent(Change.RAISED, 0.0, an_alarm(number)),))


def test_an_alarm_that_never_was_has_no_story(make: Callable[..., Commanded]) -> None:
    plant = make()
    plant.app.stop()
    with pytest.raises(UnknownNameError, match="pump-01@never"):
        trace("pump-01@never", plant=plant_file(plant))


OF_AN_AGENT = """
import asyncio, json
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from aegisflow.telemetry.tracing import Tracing
exporter = InMemorySpanExporter()
Tracing(SimpleSpanProcessor(exporter), everywhere=True)
from fastmcp import Client
from aegisflow.mcp.server import build_server
from tests.support.memory_plant import MemoryPlant, an_alarm
plant = MemoryPlant()
plant.alarms = [an_alarm(1)]
async def run():
    async with Client(build_server(lambda: plant)) as client:
        await client.call_tool("acknowledge_anomaly", {"alarm_id": "pump-01@00001", "note": "seen"})
asyncio.run(run())
for span in exporter.get_finished_spans():
    if span.name == "tools/call acknowledge_anomaly" and span.kind.name == "SERVER":
        print(json.dumps([dict(span.attributes), [f"{link.context.trace_id:032x}" for link in span.links]]))
"""


def test_an_agents_call_carries_what_the_conventions_want_and_is_linked_with_the_alarms_trace() -> None:
    done = subprocess.run([sys.executable, "-c", OF_AN_AGENT], capture_output=True, text=True, timeout=110, cwd=ROOT)
    attributes, links = json.loads(done.stdout.splitlines()[-1])
    assert attributes["gen_ai.operation.name"] == "execute_tool"
    assert attributes["gen_ai.tool.name"] == "acknowledge_anomaly"
    assert attributes["jsonrpc.request.id"].isdigit()
    assert attributes["aegisflow.alarm.id"] == "pump-01@00001"
    assert links == [of_alarm("pump-01@00001").trace_id]
