"""From the start of ``aegisflow mcp`` to its answer to ``initialize``, and from the end of its input to its own end.

No model is loaded yet when it is greeted. ``--help`` is measured by its CPU.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PLANT = Path(__file__).parent.parent / "config" / "plant.yaml"
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "bench", "version": "1"},
    },
}


def once() -> tuple[float, float]:
    """Return seconds to the answer, and from the end of the input to the end of the process."""
    with tempfile.TemporaryDirectory() as folder:
        # Nobody listens on port 1: the start must not hang on a broker.
        environment = {**os.environ, "AEGISFLOW_STORE_URL": f"sqlite:///{folder}/start.db", "MQTT_BROKER_PORT": "1"}
        began = time.monotonic()
        server = subprocess.Popen(
            [sys.executable, "-m", "aegisflow", "mcp", "--plant", str(PLANT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(INITIALIZE).encode() + b"\n")
        server.stdin.flush()
        answer = json.loads(server.stdout.readline())
        took = time.monotonic() - began
        closed = time.monotonic()
        server.stdin.close()
        server.wait(60)
        left = time.monotonic() - closed
        if "result" not in answer:
            raise SystemExit(f"initialize was answered with {answer}")
        return took, left


def help_cpu_s() -> float:
    """Return the CPU seconds of ``aegisflow --help``."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "aegisflow", "--help"], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def measure(rounds: int = 5) -> dict[str, float]:
    once()  # the first reads everything from disk
    taken, left = zip(*(once() for _ in range(rounds)), strict=True)
    return {
        "start_to_initialize_s": statistics.median(taken),
        "max_s": max(taken),
        "leaving_s": statistics.median(left),
        "help_cpu_s": statistics.median(help_cpu_s() for _ in range(rounds)),
    }
