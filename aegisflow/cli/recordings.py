"""What a person does with a recorded file: run it through the devices, or have limits proposed from it."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from aegisflow.cli.arguments import DEFAULT_PLANT, PlantPath
from aegisflow.config import load
from aegisflow.offline.backtest import backtest as run_backtest
from aegisflow.offline.backtest.explain import explain as explain_alarm
from aegisflow.offline.backtest.report import NothingReadError
from aegisflow.offline.backtest.tune import tune as run_tune
from aegisflow.offline.progress import progress_bar
from aegisflow.offline.recordings.options import ReadingOptions

DONE, NOT_SETTLED, NOTHING_READ = 0, 1, 2
"""Exit codes."""


def backtest(
    recording: Annotated[Path, Parameter(help="CSV of times, devices and a column per sensor; see docs/recordings.md")],
    *,
    alarms: Annotated[Path | None, Parameter(help="CSV to write, a row per alarm")] = None,
    plant: Annotated[Path | None, Parameter(help="plant.yaml; without it a plant is derived from the columns")] = None,
    scores: Annotated[Path | None, Parameter(help="CSV to write, a row per reading")] = None,
    pictures: Annotated[Path | None, Parameter(help="folder for a picture of each device (extra: plot)")] = None,
    explain: Annotated[str | None, Parameter(help="id of an alarm: why it was raised, what would prevent it")] = None,
    record: Annotated[bool, Parameter(negative="", help="only print a digest of alarms and scores")] = False,
    options: Annotated[ReadingOptions | None, Parameter(name="*", negative="")] = None,
) -> int:
    """Run a recording through the devices, and print how it was read and what was found; return the exit code.

    Raises:
        ConfigError: the plant file has mistakes.
        RecordingError: the file cannot be read, or can be read in several ways.
        UnknownNameError: no alarm has the id that was to be explained.
    """
    if record:
        return _print_digest(recording, plant, options)
    spec = None if plant is None else load(plant).plant
    try:
        with progress_bar("backtest") as progress:
            report = run_backtest(
                recording,
                plant=spec,
                alarms=alarms,
                scores=scores,
                pictures=pictures,
                options=options,
                progress=progress,
            )
    except NothingReadError as error:
        return _complain_of_nothing(error)
    sys.stdout.write(report.text() + "\n")
    if explain is not None:
        known = {alarm.alarm_id: alarm for alarm in report.alarms}
        sys.stdout.write("\n" + explain_alarm(recording, spec, known, explain, options) + "\n")
    return DONE


def tune(
    recording: Annotated[Path, Parameter(help="CSV of a healthy period")],
    *,
    plant: PlantPath = DEFAULT_PLANT,
    options: Annotated[ReadingOptions | None, Parameter(name="*", negative="")] = None,
) -> int:
    """Print what a healthy period speaks for, as a diff to plant.yaml; return the exit code.

    Raises:
        ConfigError: the plant file has mistakes.
        RecordingError: the file cannot be read, or is too short.
    """
    try:
        with progress_bar("tune") as progress:
            proposal = run_tune(recording, plant, options, progress)
    except NothingReadError as error:
        return _complain_of_nothing(error)
    sys.stderr.write("".join(f"{line}\n" for line in (*proposal.reading, *proposal.proof)))
    sys.stdout.write(proposal.text())
    return DONE


def _print_digest(recording: Path, plant: Path | None, options: ReadingOptions | None) -> int:
    """Run a recording twice, in interpreters of different hash seeds, and print one digest of what was found.

    Raises:
        RecordingError: the file cannot be read.
    """
    from aegisflow.offline.backtest.record import record

    outcome = record(recording, plant, options or ReadingOptions())
    if not outcome.agree:
        sys.stderr.write(f"aegisflow: two runs of {recording} differ: {outcome.difference}\n")
        return NOT_SETTLED
    sys.stdout.write(f"{outcome.digest}  {recording.name}\n")
    return DONE


def _complain_of_nothing(error: NothingReadError) -> int:
    """Say what became of each row, since there is nothing else to say."""
    sys.stderr.write("".join(f"{line}\n" for line in error.report.reading_lines()))
    sys.stderr.write(f"aegisflow: {error}\n")
    return NOTHING_READ
