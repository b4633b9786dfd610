"""A plant of one version on a broker of its own: readings go in, commands come out, agents and operators ask."""

import hashlib
import json
import queue
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from aegisflow.bus.embedded import EmbeddedBroker, free_port, start_embedded_broker
from aegisflow.domain.times import format_instant
from benchmarks.publisher import packet, publish
from benchmarks.same_behaviour.checkout import Checkout
from benchmarks.same_behaviour.transcript import Transcript

OPERATORS = {"anna": "a" * 43, "bert": "b" * 43}
"""People and their tokens."""
_PATIENCE_S = 60.0
_POLL_S = 0.02
_TICK_S = 1.2
_HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "same-behaviour", "version": "1"},
}
Taken = tuple[str, dict[str, Any]]
"""A device, and the command that the plant sent it."""


def plant_text(checkout: Checkout) -> str:
    """Return the shipped plant.yaml of a checkout, on the clock of its readings and with two operators."""
    text = (checkout.root / "config" / "plant.yaml").read_text("utf-8")
    for old, new in (
        ("source: wall", "source: stream"),
        ("model: auto", "model: none"),
        ("folder: ../manuals", f"folder: {checkout.root / 'manuals'}"),
    ):
        if text.count(old) != 1:
            raise SystemExit(f"{checkout.root}/config/plant.yaml: expected {old!r} once")
        text = text.replace(old, new)
    people = [
        f'  {name}: {{token_sha256: "{hashlib.sha256(token.encode()).hexdigest()}"}}'
        for name, token in OPERATORS.items()
    ]
    return "\n".join([text, "operators:", *people, ""])


class Stage:
    """``aegisflow mcp`` of a checkout with its broker; use it in a ``with``.

    Args:
        checkout: whose code runs.
        plant: the text of plant.yaml, as ``plant_text`` returns it.
        folder: holds plant.yaml, the log, and the store ``aegisflow.db`` if there is one already.
        transcript: takes down what is said.
    """

    def __init__(self, checkout: Checkout, plant: str, folder: Path, transcript: Transcript) -> None:
        self.checkout, self.transcript = checkout, transcript
        self._port = free_port()
        self._plant, self._store = folder / "plant.yaml", folder / "aegisflow.db"
        self._plant.write_text(plant.replace("port: 8765", f"port: {self._port}"), "utf-8")
        self._orders: queue.SimpleQueue[Taken] = queue.SimpleQueue()
        self._questions: queue.SimpleQueue[Taken] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._id = 0

    # --- its life -----------------------------------------------------------------------------

    def __enter__(self) -> "Stage":
        self._broker: EmbeddedBroker = start_embedded_broker(kind="mosquitto")
        self._link = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._link.on_message = self._take
        self._link.connect("127.0.0.1", self._broker.port)
        self._link.subscribe("aegisflow/commands/+", qos=1)
        self._link.loop_start()
        self._log = self._plant.with_suffix(".log").open("ab")
        self._process = subprocess.Popen(
            self.checkout.command("mcp", "--plant", str(self._plant)),
            cwd=self.checkout.root,
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        assert self._process.stdout is not None
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()
        self.hello = self.request("initialize", _HELLO)
        self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})
        self._wait(lambda: self.operator("GET", "agents")[0] == 200, "the plant did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            assert self._process.stdin is not None
            with suppress(OSError):
                self._process.stdin.close()
            self._process.wait(_PATIENCE_S)
        finally:
            self._process.kill()
            self._process.wait()
            self._log.close()
            self._link.disconnect()
            self._link.loop_stop()
            self._broker.stop()

    def _environment(self) -> dict[str, str]:
        return self.checkout.environment(
            MQTT_BROKER_HOST="127.0.0.1",
            MQTT_BROKER_PORT=str(self._broker.port),
            AEGISFLOW_STORE_URL=f"sqlite:///{self._store}",
        )

    # --- the machines' side -------------------------------------------------------------------

    def send(self, readings: Sequence[tuple[str, float, Mapping[str, float]]]) -> None:
        """Publish readings, and return once the broker has all of them."""
        stream = []
        for number, (device, at, values) in enumerate(readings):
            content = {"timestamp": format_instant(at), "device_id": device, **values}
            stream.append(packet(f"aegisflow/sensors/{device}", json.dumps(content).encode(), number % 65_535 + 1))
        publish(self._broker.port, stream)

    def acknowledge(self, device: str, command_id: str, at: float, result: str, mode: str, detail: str = "") -> None:
        """Answer a command in the name of a machine."""
        answer = {"command_id": command_id, "result": result, "at": format_instant(at), "detail": detail, "mode": mode}
        self._link.publish(f"aegisflow/acks/{device}", json.dumps(answer), qos=1).wait_for_publish(_PATIENCE_S)

    def order(self) -> Taken:
        """Return the next command that came to a machine."""
        return self._next(self._orders, "command")

    def question(self) -> Taken:
        """Return the next question that came to a machine: what it did, or how it is."""
        return self._next(self._questions, "question")

    def _next(self, from_: "queue.SimpleQueue[Taken]", what: str) -> Taken:
        try:
            return from_.get(timeout=_PATIENCE_S)
        except queue.Empty:
            raise SystemExit(f"{self.checkout.root}: no {what} came to a machine; see {self._log.name}") from None

    def settle(self, devices: list[str], at: float) -> None:
        """Wait until every device has taken its reading of this instant, and the store too."""

        def told() -> bool:
            answer = self._tool("get_device_status", {"limit": 200})["structuredContent"]
            latest = {line["device_id"]: line.get("latest_at") for line in answer["devices"]}
            return answer["as_of"] == format_instant(at) and set(map(latest.get, devices)) == {format_instant(at)}

        def stored() -> bool:
            period = {"start": format_instant(at - 1.0), "end": format_instant(at + 1.0), "points": 0}
            answers = (self._tool("get_sensor_stream", {"device_id": device, **period}) for device in devices)
            return all(answer["structuredContent"]["readings"] >= 1 for answer in answers)

        self._wait(told, f"the devices did not take the readings of {format_instant(at)}")
        self._wait(stored, f"the readings of {format_instant(at)} were not stored")

    def tick(self) -> None:
        """Let the ticker, which goes by the wall's clock, tell everybody what time it is by now."""
        time.sleep(_TICK_S)

    def until(self, command_id: str, *stages: str) -> None:
        """Wait until a command has come so far."""
        expected = " or ".join(stages)
        self._wait(lambda: self.stage_of(command_id) in stages, f"{command_id} did not become {expected}")

    def stage_of(self, command_id: str) -> str:
        """Return how far a command has come."""
        answer = self.operator("GET", "commands?limit=200")[1]
        return next((str(one["stage"]) for one in answer["commands"] if one["command_id"] == command_id), "")

    def until_mode(self, mode: str, device: str) -> None:
        """Wait until a device is known to be in this mode."""

        def known() -> bool:
            answer = self._tool("get_device_status", {"device_id": device})["structuredContent"]
            return bool(answer["device"]["mode"] == mode)

        self._wait(known, f"{device} did not come to be in mode {mode}")

    def until_alarms(self, holds: Callable[[list[dict[str, Any]]], bool], what: str) -> None:
        """Wait until the operators' list of alarms is as it should be."""
        self._wait(lambda: holds(self.operator("GET", "alarms")[1]["alarms"]), what)

    def _take(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        command = json.loads(message.payload)
        asks = command["command"] == "report_state"
        (self._questions if asks else self._orders).put((message.topic.rsplit("/", 1)[1], command))

    def _wait(self, holds: Callable[[], bool], complaint: str) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not holds():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise SystemExit(f"{self.checkout.root}: {complaint}; see {self._log.name}")
            time.sleep(_POLL_S)

    # --- the agent's side ---------------------------------------------------------------------

    def request(self, method: str, params: Mapping[str, object]) -> dict[str, Any]:
        """Send one MCP request; return the whole answer but for its id."""
        self._id += 1
        self._write({"jsonrpc": "2.0", "id": self._id, "method": method, "params": params})
        while True:
            try:
                answer = self._answers.get(timeout=_PATIENCE_S)
            except queue.Empty:
                raise SystemExit(f"{self.checkout.root}: no answer to {method}; see {self._log.name}") from None
            # Notifications come in between, and have no id.
            if answer.pop("id", None) == self._id:
                return answer

    def tool(self, name: str, **arguments: object) -> dict[str, Any]:
        """Call a tool, write it down, and return its structured answer (empty where it refused)."""
        answer = self._tool(name, arguments)
        self.transcript.say(f"{name} {json.dumps(arguments, ensure_ascii=False)}", _unfolded(answer))
        return dict(answer.get("structuredContent") or {})

    def page(self, name: str, arguments: Mapping[str, object]) -> dict[str, Any]:
        """Ask for a further page; the cursor is left out of the transcript."""
        answer = self._tool(name, arguments)
        shown = {key: value for key, value in arguments.items() if key != "cursor"}
        self.transcript.say(f"{name}, next page of {json.dumps(shown, ensure_ascii=False)}", _unfolded(answer))
        return dict(answer.get("structuredContent") or {})

    def _tool(self, name: str, arguments: Mapping[str, object]) -> dict[str, Any]:
        answer = self.request("tools/call", {"name": name, "arguments": arguments})
        return dict(answer.get("result") or {"error": answer.get("error")})

    def _write(self, message: Mapping[str, object]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()

    def _read(self, lines: IO[bytes]) -> None:
        for line in lines:
            self._answers.put(json.loads(line))

    # --- the operators' side ------------------------------------------------------------------

    def act(self, method: str, path: str, body: Mapping[str, object] | None = None, by: str = "anna") -> dict[str, Any]:
        """Ask or act as an operator, write it down, and return the answer."""
        status, answer = self.operator(method, path, body, by)
        self.transcript.say(f"{by}: {method} {path} {json.dumps(body)}", {"status": status, **answer})
        return answer

    def operator(
        self, method: str, path: str, body: Mapping[str, object] | None = None, by: str = "anna"
    ) -> tuple[int, dict[str, Any]]:
        """Return status and content of an operator's request; 0 where nobody listens."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/operator/{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {OPERATORS[by]}"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE_S) as response:
                return response.status, dict(json.loads(response.read()))
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            with suppress(ValueError):
                return error.code, dict(json.loads(text))
            return error.code, {"text": text}
        except urllib.error.URLError:
            return 0, {}

    def type(self, *arguments: str, by: str = "anna", url: bool = True) -> None:
        """Run a command of the command line as an operator, and write down what it says."""
        where = ["--plant", str(self._plant), *(["--url", f"http://127.0.0.1:{self._port}"] if url else [])]
        done = subprocess.run(
            self.checkout.command(*arguments, *where),
            cwd=self.checkout.root,
            env={**self._environment(), "AEGISFLOW_OPERATOR_TOKEN": OPERATORS[by]},
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
        )
        said = {"exit": done.returncode, "out": done.stdout.splitlines(), "err": done.stderr.splitlines()}
        self.transcript.say(f"{by}: aegisflow {' '.join(arguments)}", said)


def _unfolded(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer with its text taken apart where it is JSON, so that a difference shows where it is."""
    content = []
    for part in answer.get("content", []):
        text = part.get("text", "")
        with suppress(ValueError):
            part = {**part, "text": "<as structured>" if json.loads(text) == answer.get("structuredContent") else text}
        content.append(part)
    return {**answer, "content": content}
