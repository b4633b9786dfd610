"""Machines on the bus: they publish readings, and obey, refuse or ignore commands."""

import hmac
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from aegisflow.domain.times import format_instant, parse_instant
from aegisflow.errors import AegisFlowError

from .machine import Machine
from .protocol import Wire
from .signing import signed_reading

REMEMBERED = 200
"""Command ids per device that are kept."""


class Temper(StrEnum):
    """How a machine takes commands."""

    OBEYS = "obeys"
    REFUSES = "refuses"
    IGNORES = "ignores"
    """Neither answers nor acts."""
    PRETENDS = "pretends"
    """Accepts every command, and does nothing."""
    MISADDRESSES = "misaddresses"
    """Obeys, and answers in the name of another machine."""
    DIES = "dies"
    """Accepts, and is not heard of again."""
    STUTTERS = "stutters"
    """Obeys, and gives every answer twice."""


class DamagedMemoryError(AegisFlowError):
    """The file with the command ids cannot be used."""


class CommandMemory:
    """The answers to the last commands, on disk before anything moves, so that no command acts twice."""

    def __init__(self, path: Path) -> None:
        """Read what an earlier life left.

        Raises:
            DamagedMemoryError: the file is no such memory.
        """
        self._path = path
        self._answers: dict[str, dict[str, list[str]]] = {}
        try:
            known = json.loads(path.read_text("utf-8"))
            self._answers = {str(device): dict(answers) for device, answers in known.items()}
        except FileNotFoundError:
            pass
        except (ValueError, AttributeError, TypeError) as error:
            raise DamagedMemoryError(
                f"{path}: found {str(error)[:100]}, expected command ids as this program wrote"
            ) from None

    def recall(self, device_id: str, command_id: str) -> tuple[str, str] | None:
        """Return result and detail of the answer that was given to this command, if it came before."""
        answer = self._answers.get(device_id, {}).get(command_id)
        return None if answer is None else (answer[0], answer[1])

    def keep(self, device_id: str, command_id: str, result: str, detail: str) -> None:
        """Keep an answer, on disk when this returns."""
        answers = self._answers.setdefault(device_id, {})
        # So that it stands at the end again, and the oldest is dropped first.
        answers.pop(command_id, None)
        answers[command_id] = [result, detail]
        while len(answers) > REMEMBERED:
            del answers[next(iter(answers))]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_name(self._path.name + ".part")
        with part.open("w", encoding="utf-8") as file:
            json.dump(self._answers, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._path)


@dataclass(frozen=True, slots=True)
class Topics:
    """Topic templates."""

    sensors: str = "aegisflow/sensors/{device_id}"
    commands: str = "aegisflow/commands/{device_id}"
    acks: str = "aegisflow/acks/{device_id}"


class Fleet:
    """All machines of a plant on one line."""

    def __init__(
        self,
        machines: Mapping[str, Machine],
        wire: Wire,
        memory: CommandMemory,
        *,
        tempers: Mapping[str, Temper] | None = None,
        topics: Topics | None = None,
        clock: Callable[[], float] = time.time,
        key: bytes = b"",
        readings_key: bytes = b"",
    ) -> None:
        """``key`` signs answers, and commands must be signed with it; ``readings_key`` signs readings; empty: none."""
        self._key, self._readings_key = key, readings_key
        self._dead: set[str] = set()
        self.unsigned = 0
        """Commands that were not signed with the key, and so ignored."""
        self._machines, self._wire, self._memory = machines, wire, memory
        self._tempers, self._topics, self._clock = tempers or {}, topics or Topics(), clock
        self._inbox: SimpleQueue[tuple[str, bytes]] = SimpleQueue()
        self._open: dict[str, tuple[str, str]] = {}
        self._traces: dict[str, tuple[str, str]] = {}
        """Device to its last command and the trace that it belongs to, which answers repeat."""
        """Device to id and nonce of the command that it has accepted but not done."""

    def listen(self) -> None:
        """Subscribe to the commands of all machines."""
        for device_id in self._machines:
            topic = self._topics.commands.replace("{device_id}", device_id)
            self._wire.subscribe(topic, partial(self._take, device_id))

    def _take(self, device_id: str, topic: str, payload: bytes) -> None:
        self._inbox.put((device_id, payload))

    def run(self, *, interval_s: float, speed: float = 1.0, stop_after_s: float | None = None) -> None:
        """Publish readings and answer commands until ``stop_after_s`` of the wall's time are over.

        Timestamps are the wall clock's; at a speed of 10 the physics runs ten times as fast, and
        readings come ten times as often.

        Raises:
            BusError: the broker went away for good.
        """
        began = due = time.monotonic()
        while stop_after_s is None or due - began < stop_after_s:
            self.tick(interval_s)
            # From when it was due and not from now, or every delay would make the day longer.
            due += interval_s / speed
            while True:
                try:
                    self.answer(*self._inbox.get(timeout=max(0.0, due - time.monotonic())))
                except Empty:
                    break

    def tick(self, dt: float) -> None:
        """Let ``dt`` seconds pass for every machine and publish what its sensors read."""
        now = self._clock()
        stamp = format_instant(now)
        for device_id, machine in self._machines.items():
            if device_id in self._dead:
                continue
            values = machine.step(dt, now)
            topic = self._topics.sensors.replace("{device_id}", device_id)
            payload = json.dumps({"timestamp": stamp, "device_id": device_id, **values})
            self._wire.publish(topic, signed_reading(payload, device_id, self._readings_key))
            if machine.settled and device_id in self._open:
                command_id, nonce = self._open.pop(device_id)
                detail = f"load {100 * machine.load:.0f} %, {machine.running}"
                self._memory.keep(device_id, command_id, "done", detail)
                self._reply(device_id, command_id, nonce, "done", detail)

    def answer(self, device_id: str, payload: bytes) -> None:
        """Take a command from the wire: check it, keep its id, begin it, and answer."""
        temper = self._tempers.get(device_id, Temper.OBEYS)
        if temper is Temper.IGNORES or device_id in self._dead:
            return
        try:
            command = json.loads(payload)
            if self._key and not _is_signed(command, self._key):
                self.unsigned += 1
                return
            command_id = command["command_id"]
            if not isinstance(command_id, str) or not 0 < len(command_id) <= 128:
                return
            nonce = str(command.get("nonce") or "")
            if isinstance(trace := command.get("traceparent"), str) and len(trace) <= 100:
                self._traces[device_id] = command_id, trace
        except (ValueError, TypeError, KeyError, RecursionError):
            return  # Without an id there is nothing to answer.
        before = self._memory.recall(device_id, command_id)
        # A question has the id of the command that it asks about, and is no repetition of that.
        if command.get("command") == "report_state":
            self._reply(device_id, command_id, nonce, *(before or ("unknown", "this command never came")))
            return
        if before is not None:
            self._reply(device_id, command_id, nonce, *before)
            return
        objection = "this machine refuses" if temper is Temper.REFUSES else self._objection(device_id, command)
        if objection:
            result, detail = "refused", objection
        elif temper is Temper.PRETENDS:
            result, detail = "accepted", "at once"
        else:
            # Kept before it acts: a machine that falls in between never acts twice, and does not claim that it did.
            self._memory.keep(device_id, command_id, "interrupted", "the machine fell as it began")
            accepted, detail = self._machines[device_id].obey(str(command.get("command")), command["parameters"])
            result = "accepted" if accepted else "refused"
            if accepted:
                self._open[device_id] = command_id, nonce
        self._memory.keep(device_id, command_id, result, detail)
        self._reply(device_id, command_id, nonce, result, detail)

    def _objection(self, device_id: str, command: Mapping[str, Any]) -> str:
        if command.get("device_id") != device_id:
            return f"addressed to {str(command.get('device_id'))[:50]!r}"
        if not isinstance(command.get("parameters"), dict):
            return "parameters is no object"
        try:
            expires_at = parse_instant(command["expires_at"])
        except (KeyError, TypeError, ValueError, OverflowError):
            return "expires_at is missing or not ISO 8601"
        if expires_at <= self._clock():
            return f"expired at {format_instant(expires_at)}"
        return ""

    def _reply(self, device_id: str, command_id: str, nonce: str, result: str, detail: str) -> None:
        at = format_instant(self._clock())
        temper = self._tempers.get(device_id)
        ack: dict[str, Any] = {
            "command_id": command_id,
            "device_id": device_id,
            "result": result,
            "detail": detail,
            "at": at,
            "mode": self._machines[device_id].running.value,
        }
        if self._machines[device_id].parameters:
            ack["parameters"] = dict(self._machines[device_id].parameters)
        if nonce:
            ack["nonce"] = nonce
        if self._traces.get(device_id, ("", ""))[0] == command_id:
            ack["traceparent"] = self._traces[device_id][1]
        if self._key:
            ack["mac"] = _mac(ack, self._key)
        topic_of = device_id
        if temper is Temper.MISADDRESSES:
            topic_of = next((name for name in self._machines if name != device_id), device_id)
        for _ in range(2 if temper is Temper.STUTTERS else 1):
            self._wire.publish(self._topics.acks.replace("{device_id}", topic_of), json.dumps(ack))
        if temper is Temper.DIES:
            self._dead.add(device_id)


def _is_signed(message: object, key: bytes) -> bool:
    if not isinstance(message, dict):
        return False
    rest = {name: value for name, value in message.items() if name != "mac"}
    given = message.get("mac")
    return isinstance(given, str) and hmac.compare_digest(given.encode(), _mac(rest, key).encode())


def _mac(message: Mapping[str, Any], key: bytes) -> str:
    """HMAC-SHA256 over the message without its mac, keys sorted and without spaces."""
    text = json.dumps(message, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hmac.new(key, text.encode(), "sha256").hexdigest()
