"""Prints the table of detection: ``python -m benchmarks.detection [--seeds N] [--first S] [--jobs J]``.

Each seed is one day of nine devices with the five faults of the reference day. A fault is found if
an alarm is raised on its device while it lasts; every alarm raised at another time or place is false.
"""

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from statistics import median

from aegisflow.offline.progress import progress_bar
from benchmarks.detection.days import Detector, Outcome, run_day, through_device
from benchmarks.detection.dirt import through_dirt
from benchmarks.detection.rivals import original, plain_z
from simulator.faults import KINDS
from simulator.scenario import VARIANTS

DETECTORS: dict[str, Detector] = {
    "aegisflow": through_device,
    "with dirt": through_dirt,
    "plain z": plain_z,
    "original": original,
}
KIND_ORDER = (*KINDS, "sensor_stuck")
Results = dict[tuple[str, str], Outcome]


def one(variant: str, seed: int, names: tuple[str, ...]) -> tuple[str, dict[str, Outcome]]:
    return variant, {name: run_day(DETECTORS[name], variant, seed) for name in names}


def run(variants: list[str], seeds: list[int], jobs: int, rival_days: int, dirt: bool) -> Results:
    """Run every variant on every seed; the rivals only on the first seeds: their figures need no more."""
    results: Results = {}
    ours = ("aegisflow", "with dirt") if dirt else ("aegisflow",)
    tasks = [
        (variant, seed, (*ours, "plain z", "original") if place < rival_days else ours)
        for place, seed in enumerate(seeds)
        for variant in variants
    ]
    with progress_bar("detection") as progress:
        for done, (variant, outcomes) in enumerate(_results(tasks, jobs), start=1):
            for name, outcome in outcomes.items():
                results.setdefault((variant, name), Outcome()).add(outcome)
            progress(done / len(tasks))
    return results


def _results(tasks: list[tuple[str, int, tuple[str, ...]]], jobs: int) -> Iterator[tuple[str, dict[str, Outcome]]]:
    if jobs == 1:
        yield from (one(*task) for task in tasks)
        return
    with ProcessPoolExecutor(jobs) as pool:
        for future in as_completed([pool.submit(one, *task) for task in tasks]):
            yield future.result()


def table(variants: list[str], results: Results) -> Iterator[str]:
    heads = "".join(
        f"{kind.split('_')[1] if kind == 'sensor_stuck' else kind.split('_')[0]:>10}" for kind in KIND_ORDER
    )
    yield f"{'variant':<20}{'detector':<11}{'days':>5}{'found':>8}{'false/day':>11}{'first':>7}{'final':>7}{heads}"
    for variant in variants:
        for name in DETECTORS:
            outcome = results.get((variant, name))
            if outcome is not None:
                yield _row(variant, name, outcome)


def _row(variant: str, name: str, outcome: Outcome) -> str:
    found = f"{outcome.found / outcome.faults:.3f}" if outcome.faults else "–"
    first = f"{outcome.right_first / outcome.found:.2f}" if outcome.found else "–"
    final = f"{outcome.right_final / outcome.found:.2f}" if outcome.found else "–"
    delays = "".join(
        f"{median(outcome.delays[kind]):>8,.0f} s" if kind in outcome.delays else f"{'–':>10}" for kind in KIND_ORDER
    )
    false = outcome.false_alarms / outcome.days
    return f"{variant:<20}{name:<11}{outcome.days:>5.0f}{found:>8}{false:>11,.2f}{first:>7}{final:>7}{delays}"


def cost(results: Results) -> str:
    """Return the cost per reading of five sensors, and its ratio to plain z-score in the same run."""
    ours, theirs = Outcome(), Outcome()
    for (_, name), outcome in results.items():
        if name == "aegisflow":
            ours.add(outcome)
        elif name == "plain z":
            theirs.add(outcome)
    if not theirs.readings:
        return ""
    mine, plain = 1e6 * ours.seconds / ours.readings, 1e6 * theirs.seconds / theirs.readings
    return f"cost per reading: {mine:.1f} µs, plain z-score {plain:.1f} µs: {mine / plain:.1f} times"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="days of each variant (3)")
    parser.add_argument("--first", type=int, default=1000, help="the first seed (1000: none below was built on)")
    parser.add_argument("--variants", default=",".join(("plain", *VARIANTS)), help="some of them, by comma")
    parser.add_argument("--jobs", type=int, default=1, help="processes (1)")
    parser.add_argument("--rival-days", type=int, default=2, help="days for plain z and the original (2)")
    parser.add_argument(
        "--dirt", action="store_true", help="each day again as messages: 1 %% bad values, 1 %% repeated, one clock jump"
    )
    parser.add_argument("--notes", action="store_true", help="say what was missed, false or misnamed")
    options = parser.parse_args()
    variants = options.variants.split(",")
    unknown = [name for name in variants if name != "plain" and name not in VARIANTS]
    if unknown:
        parser.error(f"unknown variant {', '.join(unknown)}: choose from plain, {', '.join(VARIANTS)}")
    seeds = list(range(options.first, options.first + options.seeds))
    results = run(variants, seeds, options.jobs, options.rival_days, options.dirt)
    lines = [*table(variants, results), cost(results)]
    if options.notes:
        ours = ((name, outcome) for (_, name), outcome in results.items() if name in ("aegisflow", "with dirt"))
        lines += [f"{name}: {note}" for name, outcome in ours for note in outcome.notes]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
