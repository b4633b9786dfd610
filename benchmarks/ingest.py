"""Readings through a real broker: the floor, AegisFlow with 9 and 10,000 warm devices, and what others might write."""

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from aegisflow.bus.embedded import start_embedded_broker
from benchmarks.subjects import WARM

READINGS = {"floor": 100_000, "paho": 60_000, "plain": 60_000, "aegisflow": 100_000, "seed": 12_000}
"""Enough for some seconds each; the original algorithm is slow."""
MANY = 10_000
TIMEOUT_S = 600.0

Figures = dict[str, float]


def start(module: str, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def expect(process: "subprocess.Popen[str]") -> str:
    """Return the next line that a child prints."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"{' '.join(map(str, process.args))} ended with exit code {process.wait()}")  # type: ignore[arg-type]
    return line


def let_go(publisher: "subprocess.Popen[str]") -> None:
    """Wait until a publisher is ready, and let it publish."""
    expect(publisher)
    assert publisher.stdin is not None
    publisher.stdin.write("\n")
    publisher.stdin.flush()


def handed_over(giver: "subprocess.Popen[str]", taker: "subprocess.Popen[str]") -> dict[str, Any]:
    """Let one process publish what the other takes; return the taker's figures. Both are gone then."""
    try:
        expect(taker)
        let_go(giver)
        result: dict[str, Any] = json.loads(expect(taker))
        taker.wait(TIMEOUT_S)
        return result
    finally:
        for process in (giver, taker):
            process.kill()
            process.wait()


def measure(subject: str, count: int, devices: int, kind: str = "whole") -> Figures:
    """Let a subject take ``count`` messages of a kind from a fresh broker; return messages/s, CPU and memory."""
    with start_embedded_broker(kind="mosquitto") as broker:
        taker = start("benchmarks.subjects", subject, broker.port, count, devices)
        giver = start("benchmarks.publisher", broker.port, count, devices, 0, kind)
        result = handed_over(giver, taker)
    counted = result["counted"]
    return {**result, "rate": counted / result["seconds"], "cpu_us": result["cpu"] / counted * 1e6}


def rounds(count: int, warm: int = WARM) -> Iterator[dict[str, Figures]]:
    """Measure all of them one after the other, so many times; the order changes, so that drift cancels out.

    ``warm`` is how many readings each of many devices has had before it counts.
    """
    cases = [
        ("floor", READINGS["floor"], 9),
        ("paho", READINGS["paho"], 9),
        ("aegisflow", READINGS["aegisflow"] + WARM * 9, 9),
        ("aegisflow", READINGS["aegisflow"] + warm * MANY, MANY),
        ("plain", READINGS["plain"], 9),
        ("seed", READINGS["seed"], 9),
    ]
    for number in range(count):
        results = {}
        for subject, readings, devices in cases if number % 2 == 0 else reversed(cases):
            results[f"{subject}_{devices}"] = measure(subject, readings, devices)
        yield results


def ratios(measured: list[dict[str, Figures]]) -> dict[str, float]:
    """Return the medians of the ratios round by round."""

    def ratio(figure: str, of: str, against: str) -> float:
        return statistics.median(each[of][figure] / each[against][figure] for each in measured)

    return {
        "ingest_vs_floor_9": ratio("rate", "aegisflow_9", "floor_9"),
        f"ingest_vs_floor_{MANY}": ratio("rate", f"aegisflow_{MANY}", "floor_9"),
        f"cost_{MANY}_vs_9": ratio("cpu_us", f"aegisflow_{MANY}", "aegisflow_9"),
        "ingest_vs_seed": ratio("rate", "aegisflow_9", "seed_9"),
        "ingest_cpu_vs_floor": ratio("cpu_us", "aegisflow_9", "floor_9"),
        "ingest_cpu_vs_paho": ratio("cpu_us", "aegisflow_9", "paho_9"),
        "ingest_cpu_vs_plain": ratio("cpu_us", "aegisflow_9", "plain_9"),
        "ingest_cpu_vs_seed": ratio("cpu_us", "aegisflow_9", "seed_9"),
    }


def quality(count: int) -> dict[str, float]:
    """Return what bad values and readings in parts cost, in CPU against clean whole readings; medians of rounds.

    ``quality_cost_1pct_bad``: a value in one reading of a hundred cannot be used. ``merge_cost_5_parts``: each
    reading comes as five messages, one for each sensor, which are merged; five times as many messages.
    """
    whole = 60_000
    cases = (("whole", whole), ("bad", whole), ("tags", whole))
    found: list[dict[str, float]] = []
    for number in range(count):
        costs = {}
        for kind, messages in cases if number % 2 == 0 else reversed(cases):
            costs[kind] = measure("aegisflow", messages, 9, kind)["cpu_us"]
        found.append(costs)
    return {
        "quality_cost_1pct_bad": statistics.median(one["bad"] / one["whole"] for one in found),
        "merge_cost_5_parts": statistics.median(5 * one["tags"] / one["whole"] for one in found),
        "merge_cost_per_part": statistics.median(one["tags"] / one["whole"] for one in found),
    }


def foreign(count: int) -> dict[str, float]:
    """Return how fast foreign messages are taken against our own format: medians of the ratios, round by round.

    ``ingest_mapped_vs_direct``: nested JSON, mapped by paths; ``ingest_sparkplug_vs_direct``: Sparkplug B with
    aliases. Rates swing with whatever else the machine does; the same by CPU, ``..._cpu_vs_direct``, does less.
    """
    readings = {"aegisflow": 60_000, "mapped": 60_000, "sparkplug": 40_000}
    found: list[dict[str, Figures]] = []
    for number in range(count):
        order = list(readings) if number % 2 == 0 else list(readings)[::-1]
        found.append({kind: measure(kind, readings[kind], 9, kind) for kind in order})
    figures = {}
    for kind in ("mapped", "sparkplug"):
        figures[f"ingest_{kind}_vs_direct"] = statistics.median(
            one[kind]["rate"] / one["aegisflow"]["rate"] for one in found
        )
        figures[f"ingest_{kind}_cpu_vs_direct"] = statistics.median(
            one[kind]["cpu_us"] / one["aegisflow"]["cpu_us"] for one in found
        )
    return figures
