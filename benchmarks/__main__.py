"""Measure everything and compare it with its goal: ``python -m benchmarks [--quick] [NAME ...]``.

Writes ``benchmarks/results.json`` (name to figure) and prints a table. Ratios are of one run on one
machine; quote them, not the absolute figures. NAME: ingest, quality, foreign, load, commands, detection, backtest,
memory, store, start, agents, usual.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from aegisflow.compiled import described
from benchmarks import agents, bench_store, commands, detecting, ingest, load, memory, offline, startup, usual

RESULTS = Path(__file__).with_name("results.json")

AT_LEAST = {
    "ingest_vs_floor_9": 0.7,
    "ingest_vs_seed": 20.0,
    "ingest_mapped_vs_direct": 0.6,
    "ingest_sparkplug_vs_direct": 0.15,
}
AT_MOST = {
    "ingest_cpu_vs_floor": 2.0,
    "ingest_cpu_vs_plain": 0.2,
    "cost_10000_vs_9": 1.2,
    "detection_vs_zscore": 5.0,
    "alarm_latency_p99_ms": 40.0,
    "alarm_latency_p99_ms_at_9_tenths": 100.0,
    "ask_p99_vs_idle": 10.0,
    "ask_p99_ms_at_9_tenths": 50.0,
    "backtest_vs_numpy": 5.0,
    "rss_per_device_kb_10000": 12.0,
    "rss_per_device_kb_100000": 12.0,
    "history_query_p99_ms": 5.0,
    "start_to_initialize_s": 3.0,
    "leaving_s": 1.0,
    "help_cpu_s": 0.25,
    "agents_p99_ms": 100.0,
    "agents_cpu_ms": 3.0,
    "usual_cpu_us": 80.0,
    "usual_alarm_p99_ms": 100.0,
}

Results = dict[str, float]


def _ingest(quick: bool) -> Results:
    measured = list(ingest.rounds(1, warm=2) if quick else ingest.rounds(5))
    absolute = {
        f"{subject}_{figure}": sorted(each[subject][figure] for each in measured)[len(measured) // 2]
        for subject in measured[0]
        for figure in ("rate", "cpu_us")
    }
    return {**ingest.ratios(measured), **absolute}


def _quality(quick: bool) -> Results:
    return ingest.quality(1 if quick else 5)


def _foreign(quick: bool) -> Results:
    return ingest.foreign(1 if quick else 5)


def _load(quick: bool) -> Results:
    """At half of what it takes at most, and at nine tenths of it."""
    most, seconds = ingest.measure("aegisflow", ingest.READINGS["aegisflow"], 9)["rate"], 4 if quick else 10
    figures, near = load.measure(most / 2, seconds), load.measure(most * 0.9, seconds)
    return {
        "alarm_latency_p99_ms": figures["alarm_p99_ms"],
        "ask_p99_vs_idle": figures["ask_loaded_p99_ms"] / figures["ask_idle_p99_ms"],
        "load_rate": most / 2,
        **figures,
        "alarm_latency_p99_ms_at_9_tenths": near["alarm_p99_ms"],
        "ask_p99_ms_at_9_tenths": near["ask_loaded_p99_ms"],
        "load_lasted_at_9_tenths": near["load_lasted"],
    }


def _detection(quick: bool) -> Results:
    return detecting.measure(1 if quick else 5)


def _backtest(quick: bool) -> Results:
    return offline.measure(1 if quick else 5)


def _memory(quick: bool) -> Results:
    results = {}
    for devices, rounds in ((10_000, 30), (100_000, 3))[: 1 if quick else 2]:
        figures = memory.measure(devices, rounds)
        results[f"rss_per_device_kb_{devices}"] = figures["per_device_kb"]
        results[f"start_s_{devices}"] = figures["start_s"]
    return results


def _store(quick: bool) -> Results:
    rows = 200_000 if quick else 10_000_000
    with tempfile.TemporaryDirectory(prefix="aegisflow-bench-") as folder:
        work = Path(folder, "work")
        work.mkdir()
        return {"history_query_p99_ms": max(bench_store.history(work, rows, devices) for devices in (9, 10_000))}


def _commands(quick: bool) -> Results:
    return commands.ratios(50 if quick else 200)


def _start(quick: bool) -> Results:
    return startup.measure(3 if quick else 10)


def _agents(quick: bool) -> Results:
    return agents.measure(seconds=5.0 if quick else 20.0)


def _usual(quick: bool) -> Results:
    seconds = 4.0 if quick else 10.0
    return {
        **usual.measure(seconds=seconds),
        "usual_alarm_p99_ms": load.measure(2_000.0, seconds)["alarm_p99_ms"],
    }


PARTS: dict[str, Callable[[bool], Results]] = {
    "ingest": _ingest,
    "quality": _quality,
    "foreign": _foreign,
    "load": _load,
    "commands": _commands,
    "detection": _detection,
    "backtest": _backtest,
    "memory": _memory,
    "store": _store,
    "start": _start,
    "agents": _agents,
    "usual": _usual,
}


def table(results: Results) -> Table:
    shown = Table("figure", "measured", "goal", "met", title=f"core: {described()}")
    for name, value in results.items():
        if name in AT_LEAST:
            goal, met = f"≥ {AT_LEAST[name]:g}", "yes" if value >= AT_LEAST[name] else "NO"
        elif name in AT_MOST:
            goal, met = f"≤ {AT_MOST[name]:g}", "yes" if value <= AT_MOST[name] else "NO"
        else:
            goal = met = ""
        shown.add_row(name, f"{value:,.3g}" if value < 1000 else f"{value:,.0f}", goal, met)
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*PARTS, []], default=[], metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="one round of each, a small store: does it run at all?")
    chosen = parser.parse_args()
    console = Console()
    results: Results = {}
    with Progress(console=console) as progress:
        task = progress.add_task("", total=len(chosen.names or PARTS))
        for name in chosen.names or PARTS:
            progress.update(task, description=name)
            results |= PARTS[name](chosen.quick)
            progress.advance(task)
    if not chosen.quick:
        kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        RESULTS.write_text(json.dumps({**kept, **results}, indent=2) + "\n")
    console.print(table(results))


if __name__ == "__main__":
    main()
