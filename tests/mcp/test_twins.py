"""E3: clients start a server each; of two on the same plant the younger takes over when the elder has left."""

import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from aegisflow.bus.embedded import free_port
from aegisflow.config import load
from aegisflow.domain.credentials import token_hash
from tests.support.live import LivePlant
from tests.support.waiting import eventually

TOKEN = "a-token-of-anna-that-nobody-guesses"
HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
SOON_S = 30.0
"""Seconds, on a busy machine."""

pytestmark = pytest.mark.timeout(120)


class Client:
    """A client with a server of its own, as desktop programs start them."""

    def __init__(self, plant: LivePlant) -> None:
        pipe = subprocess.PIPE
        self.complaints = plant.folder / f"stderr-{id(self)}"
        with self.complaints.open("wb") as errors:
            self.process = subprocess.Popen(
                plant.mcp(), stdin=pipe, stdout=pipe, stderr=errors, env=plant.environment, bufsize=0
            )
        self._number = 0
        self.ask("initialize", HELLO)
        self._tell({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def _tell(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdout is not None
        self._number += 1
        self._tell({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})
        answer = json.loads(self.process.stdout.readline())
        assert answer["id"] == self._number
        return dict(answer["result"])

    def status(self) -> tuple[bool, str]:
        """Whether a tool could answer, and what it said."""
        result = self.ask("tools/call", {"name": "get_device_status", "arguments": {}})
        return not result["isError"], str(result["content"][0]["text"])

    def leave(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(60)


@pytest.fixture
def plant(tmp_path: Path) -> LivePlant:
    made = LivePlant(tmp_path, free_port())
    text = made.file.read_text().replace("  port: 8765", f"  port: {free_port()}")
    made.file.write_text(f'{text}\noperators:\n  anna: {{token_sha256: "{token_hash(TOKEN)}"}}\n')
    return made


@pytest.fixture
def start(plant: LivePlant) -> Iterator[Callable[[], Client]]:
    with ExitStack() as stack:

        def begin() -> Client:
            client = Client(plant)
            stack.callback(client.process.wait, 60)
            stack.callback(client.process.kill)
            return client

        yield begin


def approvals(plant: LivePlant) -> str:
    """What an operator is answered, or why not."""
    port = load(plant.file, {}).http.port
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/operator/approvals", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(answer.status)
    except urllib.error.HTTPError as error:
        return str(error.code)
    except OSError as error:
        return str(error)


@pytest.mark.long
@pytest.mark.parametrize("way", ["its client leaves", "kill -9"])
def test_e3_the_younger_takes_over_when_the_elder_has_gone(
    plant: LivePlant, start: Callable[[], Client], way: str
) -> None:
    elder = start()
    assert elder.status()[0]
    younger = start()
    answers, said = younger.status()
    assert not answers
    assert f"is in use by pid {elder.process.pid} " in said
    assert "tried again until it works" in said
    assert elder.status()[0]  # it has lost nothing by it

    if way == "kill -9":
        elder.process.kill()
    else:
        assert elder.leave() == 0
    eventually(lambda: younger.status()[0], SOON_S)
    eventually(lambda: approvals(plant) == "200", SOON_S)
    assert younger.leave() == 0
    errors = younger.complaints.read_text()
    assert errors.count("plant_not_started") == 1  # told once, not every second
    assert "Traceback" not in errors


@pytest.mark.long
def test_e3_of_several_that_wait_one_takes_over_and_the_others_go_on_waiting(
    plant: LivePlant, start: Callable[[], Client]
) -> None:
    elder = start()
    assert elder.status()[0]
    others = [start(), start()]
    assert [one.status()[0] for one in others] == [False, False]
    elder.leave()
    eventually(lambda: any(one.status()[0] for one in others), SOON_S)
    (second,) = [one for one in others if one.status()[0]]
    (third,) = [one for one in others if one is not second]
    assert f"is in use by pid {second.process.pid} " in third.status()[1]
    second.leave()
    eventually(lambda: third.status()[0], SOON_S)


@pytest.mark.long
def test_e3_one_that_waits_leaves_at_once_when_its_client_does(plant: LivePlant, start: Callable[[], Client]) -> None:
    elder = start()
    assert elder.status()[0]
    younger = start()
    assert not younger.status()[0]
    assert younger.leave() == 1
    assert elder.status()[0]


@pytest.mark.long
def test_a_store_that_cannot_be_opened_yet_is_tried_again(plant: LivePlant, start: Callable[[], Client]) -> None:
    place = plant.folder / "not-yet" / "there"
    (plant.folder / "not-yet").write_text("a file where a folder should be")
    plant.settings["AEGISFLOW_STORE_URL"] = f"sqlite:///{place}/store.db"
    client = start()
    answers, said = client.status()
    assert not answers
    assert "cannot be opened" in said
    os.remove(plant.folder / "not-yet")
    eventually(lambda: client.status()[0], SOON_S + 5)
    assert client.leave() == 0
