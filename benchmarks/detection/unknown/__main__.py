"""Prints the table of machines nobody described: ``python -m benchmarks.detection.unknown [--first S] [--seeds N]``.

Seeds below 100 are for building on; those from 9000 on were set apart
(9000 to 9199 have been looked at). ``F1`` and ``false`` are of rows in alarm,
``onset`` is Numenta's score of the onsets at the threshold 1 and at its best, ``VUS`` is VUS-PR of the score.
"""

import argparse
import sys
import time
from collections.abc import Iterator

from benchmarks.detection.unknown.machines import Machine, machines
from benchmarks.detection.unknown.metrics import Figures
from benchmarks.detection.unknown.odd import odd
from benchmarks.detection.unknown.ours import aegisflow
from benchmarks.detection.unknown.rivals import RIVALS, Detector

DETECTORS: dict[str, Detector] = {"aegisflow": aegisflow, **RIVALS}


def table(made: list[Machine], names: list[str]) -> Iterator[str]:
    """Yield a line for each detector and family."""
    yield (
        f"{'family':<8}{'detector':<12}{'found':>8}{'F1':>7}{'false':>8}{'alarms':>8}{'onset':>8}{'best':>7}{'VUS':>7}"
        f"{'µs/row':>8}"
    )
    sums: dict[tuple[str, str], Figures] = {}
    took: dict[tuple[str, str], float] = {}
    rows: dict[str, int] = {}
    for machine in made:
        rows[machine.family] = rows.get(machine.family, 0) + len(machine.at)
        for name in names:
            key = machine.family, name
            began = time.process_time()
            watched = DETECTORS[name](machine)
            took[key] = took.get(key, 0.0) + time.process_time() - began
            sums.setdefault(key, Figures()).add(machine, watched)
    for (family, name), figures in sorted(sums.items(), key=lambda item: (item[0][0], names.index(item[0][1]))):
        yield (
            f"{family:<8}{name:<12}{figures.found:>4}/{figures.windows:<3}{figures.f1:>7.3f}{figures.false_share:>8.3f}"
            f"{figures.false_alarms:>8}{figures.numenta():>8.1f}{figures.best_numenta:>7.1f}"
            f"{sum(figures.vus) / max(1, len(figures.vus)):>7.3f}{1e6 * took[family, name] / rows[family]:>8.0f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection.unknown", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="machines of each family (20)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0; 9000 and more were set apart)")
    parser.add_argument("--detectors", default=",".join(DETECTORS), help="some of them, by comma")
    options = parser.parse_args()
    made = machines(options.first, options.seeds)
    made += [odd(options.first + number) for number in range(options.seeds)]
    for line in table(made, options.detectors.split(",")):
        sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
