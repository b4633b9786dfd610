"""``python -m simulator dataset``: what a person types."""

import argparse
import sys
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from time import perf_counter

from aegisflow.domain.times import parse_instant
from aegisflow.errors import AegisFlowError
from aegisflow.progress import progress_bar
from simulator.dataset import write_file
from simulator.faults import DAY
from simulator.scenario import DEFAULT_START, REFERENCE_DEVICES, VARIANTS, Scenario, devices_of, faults_for


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code, 2 for a mistake of the caller."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except (AegisFlowError, ValueError, OSError) as error:
        print(f"simulator {options.command}: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator", description="Simulated machines and recorded days.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    dataset = commands.add_parser("dataset", help="write the reference day, or a variant of it, as labelled CSV")
    dataset.add_argument("file", type=Path, help="CSV file to write")
    _add_scenario(dataset)
    dataset.set_defaults(run=_dataset)
    return parser


def _add_scenario(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=42, help="same seed, same bytes (default 42)")
    parser.add_argument("--days", type=_count, default=1, help="length of the recording (default 1)")
    parser.add_argument("--start", type=_instant, default=DEFAULT_START, help="first reading, ISO 8601 in UTC")
    parser.add_argument("--interval", type=_positive, default=5.0, help="seconds between readings (default 5)")
    parser.add_argument("--faults", choices=("reference", "random", "none"), default="reference")
    parser.add_argument("--plant", type=Path, help="plant.yaml whose devices are simulated (default: nine devices)")
    parser.add_argument(
        "--variant", action="append", default=[], choices=sorted(VARIANTS), metavar="NAME",
        help=f"make it harder, may be given several times: {', '.join(VARIANTS)}",
    )  # fmt: skip


def scenario_from(options: argparse.Namespace) -> Scenario:
    """Return the scenario that a person asked for.

    Raises:
        ConfigError: the plant file has mistakes.
    """
    devices = REFERENCE_DEVICES
    if options.plant is not None:
        from aegisflow.config import load

        devices = devices_of(load(options.plant).plant)
    faults = faults_for(options.faults, options.seed, devices, options.days)
    plain = Scenario(options.seed, options.start, options.days * DAY, options.interval, devices, faults)
    return reduce(lambda scenario, name: VARIANTS[name](scenario), options.variant, plain)


def _dataset(options: argparse.Namespace) -> int:
    scenario = scenario_from(options)
    began = perf_counter()
    with progress_bar(f"writing {options.file.name}") as progress:
        rows = write_file(scenario, options.file, progress)
    print(  # noqa: T201
        f"{options.file}: {rows:,} rows, {len(scenario.devices)} devices, "
        f"{len(scenario.faults)} faults, {perf_counter() - began:.1f} s"
    )
    return 0


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e9:
        raise ValueError
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 0 < value < 10_000:
        raise ValueError
    return value


def _instant(text: str) -> float:
    return parse_instant(text)


# argparse names the function in its messages.
_positive.__name__, _count.__name__, _instant.__name__ = "number above 0", "whole number above 0", "ISO 8601 instant"


if __name__ == "__main__":
    sys.exit(main())
