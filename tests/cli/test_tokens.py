"""Tokens of agents from the command line, beside a plant that runs."""

import asyncio
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport

from aegisflow.bus.embedded import free_port
from aegisflow.cli.client import TOKEN_ENV
from aegisflow.cli.tokens import token_text
from aegisflow.domain.credentials import token_hash
from tests.support.serve_process import ServeProcess
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(180)

PEOPLE = f"""
operators:
  anna: {{token_sha256: {token_hash("token-of-anna")}, role: admin}}
  vera: {{token_sha256: {token_hash("token-of-vera")}, role: viewer}}
"""


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[ServeProcess]:
    process = ServeProcess(tmp_path, free_port())
    process.plant.file.write_text(process.plant.file.read_text("utf-8") + PEOPLE, "utf-8")
    process.start()
    yield process
    process.end()


def run(serve: ServeProcess, *words: str, by: str = "anna") -> tuple[int, str]:
    command = serve.plant.command(*words, "--plant", str(serve.plant.file), "--url", serve.url)
    environment = serve.plant.environment | {TOKEN_ENV: f"token-of-{by}"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def status(serve: ServeProcess, token: str) -> str:
    """Ask for a tool's answer with a token; return ``open``, or why there is none."""

    async def ask() -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with Client(StreamableHttpTransport(f"{serve.url}/mcp", headers=headers)) as client:
            await client.call_tool("get_device_status", {})

    try:
        asyncio.run(ask())
    except Exception as error:  # noqa: BLE001 - of whichever kind, it is no answer
        return str(error)
    return "open"


@pytest.mark.long
def test_tokens_are_made_listed_and_revoked_while_the_plant_runs_and_over_a_restart(serve: ServeProcess) -> None:
    assert status(serve, "") == "open"
    assert any("need no token" in note for note in serve.health()["notes"])
    code, said = run(serve, "agent", "add", "line-agent", "--calls-per-min", "600")
    assert code == 0
    (token,) = re.findall(r"^  (\S{43})$", said, re.MULTILINE)
    assert token_hash(token)[:12] not in said
    assert status(serve, token) == "open"
    assert status(serve, "") != "open"
    assert not any("need no token" in note for note in serve.health()["notes"])
    assert token.encode() not in serve.store.read_bytes()
    code, said = run(serve, "agents", "list", by="vera")
    assert (code, "line-agent" in said, "600 calls a minute" in said) == (0, True, True)

    for by, words in (
        ("vera", ("agent", "add", "other")),
        ("vera", ("agent", "revoke", "line-agent", "--reason", "x")),
    ):
        code, said = run(serve, *words, by=by)
        assert code == 1
        assert "needs the role admin, and theirs is viewer" in said

    code, said = run(serve, "agent", "revoke", "line-agent", "--reason", "left")
    assert code == 0
    assert status(serve, token) != "open"
    serve.stop()
    serve.start()
    assert status(serve, token) != "open"
    assert "revoked by anna" in run(serve, "agent", "list")[1]


@pytest.mark.long
def test_people_come_and_go_without_a_restart(serve: ServeProcess) -> None:
    assert run(serve, "alarms", by="vera")[0] == 0
    assert run(serve, "operators", "revoke", "vera", "--reason", "lost it")[0] == 0
    assert run(serve, "alarms", by="vera")[0] == 1
    code, said = run(serve, "operators")
    assert (code, "vera" in said, "revoked" in said) == (0, True, True)
    anna = f"  anna: {{token_sha256: {token_hash('token-of-anna')}, role: admin}}"
    serve.edit((anna, anna.replace("role: admin", "role: viewer")))
    serve.hang_up()
    eventually(lambda: run(serve, "agent", "add", "other")[0] == 1, 60)


@pytest.mark.parametrize(("expires", "end"), [("never", ""), ("2099-01-31", "2099-01-31T00:00:00Z")])
def test_the_lines_for_the_file_have_role_and_end(expires: str, end: str) -> None:
    text = token_text("anna", "viewer", expires)
    assert "role: viewer" in text
    assert (f'expires: "{end}"' in text) == bool(end)
