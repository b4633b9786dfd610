"""What a person does with a recorded file: run it through the devices, or have limits proposed from it."""

import sys
from pathlib import Path

from aegisflow.config import load
from aegisflow.offline.backtest import backtest
from aegisflow.offline.backtest.explain import explain as explain_alarm
from aegisflow.offline.backtest.report import NothingReadError
from aegisflow.offline.backtest.tune import tune
from aegisflow.offline.progress import progress_bar
from aegisflow.offline.recordings.options import ReadingOptions

DONE, NOT_SETTLED, NOTHING_READ = 0, 1, 2
"""Exit codes."""


def run_backtest(
    recording: Path,
    plant: Path | None,
    options: ReadingOptions | None,
    *,
    alarms: Path | None,
    scores: Path | None,
    pictures: Path | None,
    explain: str | None,
) -> int:
    """Run a recording through the devices, and print how it was read and what was found.

    Raises:
        ConfigError: the plant file has mistakes.
        RecordingError: the file cannot be read, or can be read in several ways.
        UnknownNameError: no alarm has the id that was to be explained.
    """
    spec = None if plant is None else load(plant).plant
    try:
        with progress_bar("backtest") as progress:
            report = backtest(
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


def run_tune(recording: Path, plant: Path, options: ReadingOptions | None) -> int:
    """Print what a healthy period speaks for, as a diff to plant.yaml.

    Raises:
        ConfigError: the plant file has mistakes.
        RecordingError: the file cannot be read, or is too short.
    """
    try:
        proposal = tune(recording, plant, options)
    except NothingReadError as error:
        return _complain_of_nothing(error)
    sys.stderr.write("".join(f"{line}\n" for line in proposal.reading))
    sys.stdout.write(proposal.text())
    return DONE


def run_record(recording: Path, plant: Path | None, options: ReadingOptions | None) -> int:
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
