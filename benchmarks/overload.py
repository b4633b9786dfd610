"""More than it can take: how many questions about a device stay unanswered while readings come at 150 %.

``python -m benchmarks.overload [--asks N] [--share S] [--rate R]`` finds what this machine takes at most, sends that
times S, asks N times for the status of devices from eight threads, and prints one JSON line. Unanswered is what the
plant says did not answer in time, or what took longer than two seconds.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable

from aegisflow.errors import UnavailableError
from benchmarks.ingest import READINGS, let_go, measure, start
from benchmarks.load import percentile

DEVICES, THREADS, ANSWER_S = 9, 8, 2.0
WARM_S = 3.0
LOAD_S = 40.0
"""For so long it is overloaded; the questions must be asked within it, or ``load_lasted`` is 0."""


class Asker:
    """Asks from several threads, and keeps how long each answer took."""

    def __init__(self, asks: int) -> None:
        self._left = asks
        self._lock = threading.Lock()
        self.taken: list[float] = []
        self.unanswered = 0

    def run(self, ask: Callable[[str], object], names: list[str]) -> None:
        """Ask until all questions are asked."""
        rng = random.Random(threading.get_ident())
        while True:
            with self._lock:
                if not self._left:
                    return
                self._left -= 1
            began = time.monotonic()
            try:
                ask(rng.choice(names))
                missed = False
            except UnavailableError:
                missed = True
            took = time.monotonic() - began
            with self._lock:
                self.taken.append(took)
                self.unanswered += missed or took > ANSWER_S


def run(port: int, rate: float, asks: int) -> dict[str, float]:
    """Run a plant, overload it and ask; return the figures."""
    from benchmarks.plants import running_plant
    from benchmarks.publisher import device_names

    names = device_names(DEVICES)
    with tempfile.TemporaryDirectory() as folder, running_plant(port, DEVICES, folder) as app:
        load = start("benchmarks.publisher", port, int(rate * LOAD_S), DEVICES, rate)
        try:
            let_go(load)
            time.sleep(WARM_S)
            began, before = time.monotonic(), app.plant.health().received
            asker = Asker(asks)
            threads = [
                threading.Thread(target=asker.run, args=(app.plant.device_status, names)) for _ in range(THREADS)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            seconds = time.monotonic() - began
            received = app.plant.health().received - before
            lasted = load.poll() is None
        finally:
            load.kill()
            load.wait()
    return {
        "offered_per_s": rate,
        "taken_per_s": received / seconds,
        "asked": float(asks),
        "unanswered": float(asker.unanswered),
        "ask_p50_ms": statistics.median(asker.taken) * 1e3,
        "ask_p99_ms": percentile(asker.taken, 0.99) * 1e3,
        "ask_max_ms": max(asker.taken) * 1e3,
        "seconds": seconds,
        "load_lasted": float(lasted),
    }


def main() -> None:
    """Find the most that this machine takes, and overload it."""
    from aegisflow.bus.embedded import start_embedded_broker

    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--asks", type=int, default=10_000)
    options.add_argument("--share", type=float, default=1.5, help="of what it takes at most")
    options.add_argument("--rate", type=float, help="readings/s that it takes at most, where that is known")
    options.add_argument("--port", type=int, help="of a broker; for the process that is measured")
    chosen = options.parse_args()
    if chosen.port is not None:
        print(json.dumps(run(chosen.port, chosen.rate, chosen.asks)))
        return
    most = chosen.rate or measure("aegisflow", READINGS["aegisflow"], DEVICES)["rate"]
    with start_embedded_broker(kind="mosquitto") as broker:
        command = [sys.executable, "-m", "benchmarks.overload", "--port", str(broker.port)]
        command += ["--rate", str(most * chosen.share), "--asks", str(chosen.asks)]
        line = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    print(line.strip())


if __name__ == "__main__":
    main()
