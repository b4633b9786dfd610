"""What a reading costs at a usual load, far below what the machine takes: small batches, small commits.

``python -m benchmarks.usual [--rate 2000] [--seconds 10]`` prints the CPU of the process for each committed reading, in
microseconds, and the rate at which they were committed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time

from benchmarks.ingest import let_go, start

DEVICES = 9
WARM_S = 3.0
"""Not counted: windows fill, and the rate is learned."""


def run(port: int, rate: float, seconds: float) -> dict[str, float]:
    """Run a plant and load it; return the figures."""
    from benchmarks.plants import committed, running_plant

    with tempfile.TemporaryDirectory() as folder, running_plant(port, DEVICES, folder) as app:
        load = start("benchmarks.publisher", port, int(rate * (seconds + 2 * WARM_S)), DEVICES, rate)
        try:
            let_go(load)
            time.sleep(WARM_S)
            cpu, count, began = time.process_time(), committed(app), time.monotonic()
            time.sleep(seconds)
            cpu, count = time.process_time() - cpu, committed(app) - count
            took = time.monotonic() - began
        finally:
            load.kill()
            load.wait()
    if not count:
        raise SystemExit(f"of {rate:g} readings/s not one was committed within {seconds:g} s")
    return {"usual_cpu_us": 1e6 * cpu / count, "usual_rate": count / took}


def measure(rate: float = 2_000.0, seconds: float = 10.0) -> dict[str, float]:
    """Run it in a process of its own against a fresh broker."""
    from aegisflow.bus.embedded import start_embedded_broker

    with start_embedded_broker(kind="mosquitto") as broker:
        command = [sys.executable, "-m", "benchmarks.usual", "--port", str(broker.port)]
        command += ["--rate", str(rate), "--seconds", str(seconds)]
        line = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=600
        ).stdout
    result: dict[str, float] = json.loads(line)
    return result


def main() -> None:
    """Measure, and print one JSON line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rate", type=float, default=2_000.0)
    options.add_argument("--seconds", type=float, default=10.0)
    options.add_argument("--port", type=int, help="of a broker; for the process that is measured")
    chosen = options.parse_args()
    work = measure if chosen.port is None else (lambda rate, seconds: run(chosen.port, rate, seconds))
    print(json.dumps(work(chosen.rate, chosen.seconds)))


if __name__ == "__main__":
    main()
