"""From the start of ``aegisflow mcp`` to its answer to ``initialize``; the model is not loaded yet then."""

import json
import os
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


def once() -> float:
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
        server.stdin.close()
        server.wait(60)
        if "result" not in answer:
            raise SystemExit(f"initialize was answered with {answer}")
        return took


def measure(rounds: int = 5) -> dict[str, float]:
    once()  # the first reads everything from disk
    taken = [once() for _ in range(rounds)]
    return {"start_to_initialize_s": statistics.median(taken), "max_s": max(taken)}
