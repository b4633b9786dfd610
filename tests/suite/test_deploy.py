"""What `deploy/` and the Dockerfile say is what AegisFlow understands."""

import json
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from aegisflow.cli.main import COMMANDS
from aegisflow.config.loader import OPERATORS_VARIABLE, VARIABLES
from tests.support.places import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
UNIT = ROOT / "deploy/systemd/aegisflow.service"


def instruction(name: str) -> str:
    found = re.findall(rf"^{name} ((?:.*\\\n)*.*)", DOCKERFILE, re.MULTILINE)
    return found[-1].replace("\\\n", "")


def test_the_image_runs_mcp_unless_told_to_serve_and_takes_its_plant_from_a_folder():
    assert json.loads(instruction("ENTRYPOINT"))[-1] == "aegisflow"
    (command,) = json.loads(instruction("CMD"))
    assert command == "mcp"
    assert {"mcp", "serve"} < set(COMMANDS)
    assert (ROOT / "config/plant.yaml").is_file()  # the default of both, below the working directory
    assert instruction("WORKDIR") == "/app"


def test_the_image_names_only_variables_that_are_read():
    named = set(re.findall(r"\b((?:AEGISFLOW|MQTT)_[A-Z_]+)\b", DOCKERFILE))
    assert named - {"AEGISFLOW_TOKEN", OPERATORS_VARIABLE} == set(VARIABLES.values())


@pytest.mark.parametrize(
    ("first", "listening", "healthy"),
    [
        ("tini\0--\0aegisflow\0serve\0", True, True),
        ("tini\0--\0aegisflow\0serve\0", False, False),
        ("tini\0--\0aegisflow\0mcp\0", False, True),
    ],
)
def test_the_health_check_asks_a_serve_and_leaves_stdio_alone(tmp_path: Path, httpd, first, listening, healthy):
    text = instruction("HEALTHCHECK")
    shell, option, script = json.loads(text[text.index("CMD ") + 4 :])
    (tmp_path / "cmdline").write_text(first)
    script = script.replace("/proc/1/cmdline", str(tmp_path / "cmdline")).replace("python -c", f"{sys.executable} -c")
    environment = {"PATH": "/usr/bin:/bin", "AEGISFLOW_HTTP_PORT": str(httpd if listening else 1)}
    done = subprocess.run([shell, option, script], env=environment, capture_output=True)
    assert (done.returncode == 0) == healthy, done.stderr


@pytest.fixture
def httpd():
    """A port on which /healthz answers."""

    class Healthy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/healthz" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Healthy)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze on PATH")
def test_systemd_understands_the_unit(tmp_path: Path):
    here = tmp_path / "aegisflow.service"
    text = UNIT.read_text(encoding="utf-8").replace("/opt/aegisflow/bin/aegisflow", "/bin/true")
    here.write_text(text.replace("User=aegisflow", "User=root"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(here)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_starts_serve_on_its_own_store_and_does_not_restart_on_a_mistake_in_the_file():
    text = UNIT.read_text(encoding="utf-8")
    assert "ExecStart=/opt/aegisflow/bin/aegisflow serve --plant /etc/aegisflow/plant.yaml" in text
    assert "RestartPreventExitStatus=2" in text
    assert set(re.findall(r"^Environment=(\w+)=", text, re.MULTILINE)) <= set(VARIABLES.values())
