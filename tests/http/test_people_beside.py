"""Beside ``aegisflow mcp`` on stdio, people come in over HTTP by tokens of their own, and nobody else."""

import json
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aegisflow.domain.credentials import token_hash
from tests.support.live import LivePlant
from tests.support.waiting import eventually

TOKEN = "a-token-of-anna-that-nobody-guesses"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(folder: Path, port: int, agents_token: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """Run the stdio server of a plant with one operator, without a broker."""
    plant = LivePlant(folder, free_port())
    text = plant.file.read_text().replace("  port: 8765", f"  port: {port}")
    operator = f'\noperators:\n  anna: {{token_sha256: "{token_hash(TOKEN)}"}}\n'
    assert f"  port: {port}" in text
    plant.file.write_text(text + operator)
    environment = plant.environment | {"AEGISFLOW_TOKEN": agents_token, "AEGISFLOW_HTTP_HOSTS": "plant.example"}
    process = subprocess.Popen(
        plant.mcp(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=60)


def asked(port: int, path: str, token: str, host: str = "127.0.0.1") -> tuple[int, object]:
    """Return status and content of an answer; 0 while nobody listens."""
    headers = {"Authorization": f"Bearer {token}", "Host": host}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, None
    except OSError:
        return 0, None


@pytest.mark.timeout(120)
def test_operators_are_served_beside_stdio_and_stdout_stays_the_protocols(tmp_path: Path) -> None:
    port = free_port()
    with served(tmp_path, port) as process:
        eventually(lambda: asked(port, "/operator/approvals", TOKEN)[0] == 200, 60)
        _, answer = asked(port, "/operator/approvals", TOKEN)
        assert isinstance(answer, dict)
        assert answer["approvals"] == []
        assert asked(port, "/operator/approvals", "wrong")[0] == 401
        assert asked(port, "/mcp", TOKEN)[0] == 404
        assert asked(port, "/operator/approvals", TOKEN, "plant.example")[0] == 200
        assert asked(port, "/operator/approvals", TOKEN, "elsewhere.example")[0] == 421
        out, errors = process.communicate(timeout=60)  # the end of its input is the end of it
    assert (process.returncode, out) == (0, b"")
    assert b"Traceback" not in errors


@pytest.mark.long
@pytest.mark.timeout(120)
def test_a_port_that_is_taken_is_told_and_stops_nothing(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with served(tmp_path, int(other.getsockname()[1])) as process:
            out, errors = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, b"")
    assert b"approvals_not_reachable" in errors


@pytest.mark.timeout(120)
def test_people_are_not_served_while_the_agents_have_the_token_of_one_of_them(tmp_path: Path) -> None:
    with served(tmp_path, free_port(), agents_token=TOKEN) as process:
        out, errors = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, b"")
    assert b"approvals_not_reachable" in errors
    assert b"same token as the agents" in errors
    assert b"Traceback" not in errors
