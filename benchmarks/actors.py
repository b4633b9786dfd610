"""A thread for each actor against our dispatcher: ``python -m benchmarks.actors [--rounds N]``.

So many actors count what they are told, round robin and one message at a time. pykka's own
``ThreadingActor`` has a thread for each; our ``DispatchedActor`` shares one. Each case runs in a process
of its own, the rounds alternate, and the table shows medians.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from typing import Any

import pykka
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from aegisflow.actors.runtime.directory import Directory
from aegisflow.actors.runtime.dispatcher import DispatchedActor, Dispatcher
from benchmarks.subjects import resident_kb

TELLS = 30_000
SIZES = (9, 1_000, 10_000)
KINDS = ("thread each", "dispatcher")


class Countdown:
    """Notes when the last message was handled."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._lock = threading.Lock()
        self.done = threading.Event()

    def take(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                self.done.set()


class ThreadedCounter(pykka.ThreadingActor):
    use_daemon_thread = True

    def __init__(self, countdown: Countdown) -> None:
        super().__init__()
        self._countdown = countdown

    def on_receive(self, message: Any) -> None:
        self._countdown.take()


class DispatchedCounter(DispatchedActor):
    def __init__(self, name: str, directory: Directory, dispatcher: Dispatcher, countdown: Countdown) -> None:
        super().__init__(name, directory, dispatcher)
        self._countdown = countdown

    def on_receive(self, message: Any) -> None:
        self._countdown.take()


def run(kind: str, actors: int) -> dict[str, float]:
    countdown, before = Countdown(TELLS), resident_kb()
    if kind == "thread each":
        refs: list[pykka.ActorRef[Any]] = [ThreadedCounter.start(countdown) for _ in range(actors)]
    else:
        directory, dispatcher = Directory(), Dispatcher()
        refs = [DispatchedCounter.start(f"a{number}", directory, dispatcher, countdown) for number in range(actors)]
    memory = (resident_kb() - before) / actors
    began = time.monotonic()
    for number in range(TELLS):
        refs[number % actors].tell(number)
    countdown.done.wait()
    return {"rate": TELLS / (time.monotonic() - began), "kb": memory}


def measure(kind: str, actors: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.actors", "--run", kind, str(actors)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=600)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def main() -> None:
    if sys.argv[1:2] == ["--run"]:
        print(json.dumps(run(sys.argv[2], int(sys.argv[3]))), flush=True)
        # Ten thousand threads take a while to end in good order, and nobody waits for them here.
        os._exit(0)
    parser = argparse.ArgumentParser(prog="python -m benchmarks.actors", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    cases = [(kind, size) for size in SIZES for kind in KINDS]
    measured: dict[tuple[str, int], list[dict[str, float]]] = {case: [] for case in cases}
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("actors", total=rounds * len(cases))
        for number in range(rounds):
            for case in cases if number % 2 == 0 else reversed(cases):
                measured[case].append(measure(*case))
                bar.advance(task)
    table = Table(title=f"medians of {rounds} rounds")
    for name in ("actors", "kind", "tells/s", "KiB/actor"):
        table.add_column(name, justify="left" if name == "kind" else "right")
    for (kind, size), figures in measured.items():
        rate, memory = (statistics.median(each[what] for each in figures) for what in ("rate", "kb"))
        table.add_row(f"{size:,}", kind, f"{rate:,.0f}", f"{memory:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
