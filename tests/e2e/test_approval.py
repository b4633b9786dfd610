"""From an agent's proposal to a machine that obeyed: real processes, a real broker, and the command line in between."""

import json
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto
from tests.support.serve_process import ServeProcess, serving
from tests.support.waiting import eventually

WHY = "pressure 14.7 PSI against 31.5: the manual's first response to a leak"


class People:
    """Operators at the command line, beside a running serve."""

    def __init__(self, serve: ServeProcess, tokens: dict[str, str]) -> None:
        self.serve = serve
        self.tokens = tokens

    def run(self, *words: str, by: str = "ada", typed: str = "") -> subprocess.CompletedProcess[str]:
        away = [] if words[0] == "audit" else ["--url", self.serve.url]
        return subprocess.run(
            [*self.serve.plant.command(*words), "--plant", str(self.serve.plant.file), *away],
            env={**self.serve.plant.environment, "AEGISFLOW_OPERATOR_TOKEN": self.tokens.get(by, by)},
            input=typed,
            capture_output=True,
            text=True,
            timeout=50,
        )


def token_of(serve: ServeProcess, name: str) -> tuple[str, str]:
    """Have the command line make a token; return it and its hash."""
    done = subprocess.run(serve.plant.command("operator", name), capture_output=True, text=True, timeout=50)
    token = re.search(r"^  (\S{40,})$", done.stdout, re.M)
    digest = re.search(r'token_sha256: "([0-9a-f]{64})"', done.stdout)
    assert token is not None
    assert digest is not None
    return token.group(1), digest.group(1)


@pytest.fixture
def people(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[People]:
    template = ServeProcess(tmp_path, mosquitto.port)
    made = {name: token_of(template, name) for name in ("ada", "ben")}
    said = "operators:\n" + "".join(f'  {name}: {{token_sha256: "{pair[1]}"}}\n' for name, pair in made.items())
    with serving(tmp_path, mosquitto, ("\nbroker:\n", f"\n{said}\nbroker:\n")) as serve:
        machines = subprocess.Popen(
            serve.plant.command(
                *("simulate", "machines", "--plant", str(serve.plant.file), "--broker", f"127.0.0.1:{mosquitto.port}"),
                *("--interval", "5", "--speed", "100", "--memory", str(tmp_path / "commands.json")),
            ),
            stderr=subprocess.DEVNULL,
            env=serve.plant.environment,
        )
        try:
            yield People(serve, {name: pair[0] for name, pair in made.items()})
        finally:
            machines.terminate()
            machines.wait(30)


def device(serve: ServeProcess) -> dict:
    return dict(serve.call("get_device_status", device_id="pump-02")["device"])


@pytest.mark.broker
@pytest.mark.long
@pytest.mark.timeout(180)
def test_an_agent_proposes_a_person_approves_and_the_machine_obeys(people: People) -> None:
    serve = people.serve
    eventually(lambda: device(serve)["readings_accepted"] > 100, 60)
    asked = serve.call(
        "execute_device_command",
        device_id="pump-02",
        command="reduce_load",
        reduction_pct="50",
        justification=WHY,
    )
    assert asked["stage"] == "awaiting_approval"
    command_id = asked["command_id"]
    listed = people.run("approvals").stdout
    assert command_id in listed
    assert listed.index("facts") < listed.index("policy") < listed.index(WHY)

    request = urllib.request.Request(f"{serve.url}/operator/commands/{command_id}/approve", b"{}", method="POST")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(request, timeout=60)
    assert people.run("approve", command_id, by="guessed").returncode == 1
    assert people.run("approve", command_id, typed="yes\n").returncode == 1
    assert device(serve)["mode"] == "normal"

    approved = people.run("approve", command_id, typed=f"{command_id}\n")
    assert approved.returncode == 0, approved.stderr
    assert "dispatched" in approved.stdout
    eventually(lambda: device(serve)["mode"] == "reduced_load", 60)
    story = people.run("audit", "show", command_id)
    for stage in ("proposed", "awaiting approval", "approved", "dispatched", "acknowledged", "verified"):
        assert re.search(rf"  {stage} +by ", story.stdout), story.stdout + story.stderr
    assert people.run("audit", "verify").stdout.startswith("whole: ")

    assert "STOPPED" in people.run("agents", "stop", "--reason", "shift change", by="ben").stdout
    denied = serve.call("execute_device_command", device_id="pump-01", command="emergency_shutdown", justification=WHY)
    assert denied["stage"] == "denied"
    assert "shift change" in json.dumps(denied["reasons"])
    own = people.run("command", "pump-02", "restore_load", "--reason", "leak repaired")
    assert own.returncode == 0, own.stdout + own.stderr
    eventually(lambda: device(serve)["mode"] == "normal", 60)
