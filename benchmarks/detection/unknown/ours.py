"""AegisFlow without a plant file, as ``aegisflow backtest`` runs it: the columns are surveyed, then watched."""

import csv
import tempfile
from pathlib import Path

import numpy as np

from aegisflow.domain.times import format_instant
from aegisflow.offline.backtest.run import backtest
from aegisflow.offline.recordings.options import ReadingOptions
from benchmarks.detection.unknown.machines import Machine
from benchmarks.detection.unknown.rivals import Watched


def aegisflow(machine: Machine) -> Watched:
    """Run the recording through ``backtest`` and read what it wrote."""
    with tempfile.TemporaryDirectory() as folder:
        path, scores = Path(folder) / "recording.csv", Path(folder) / "scores.csv"
        with path.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["timestamp", *(f"x{place}" for place in range(machine.values.shape[1]))])
            for at, values in zip(machine.at.tolist(), machine.values.tolist(), strict=True):
                rows.writerow([format_instant(at), *(f"{value:.6g}" if value == value else "" for value in values)])
        report = backtest(path, scores=scores, options=ReadingOptions())
        with scores.open() as file:
            table = list(csv.DictReader(file))
    in_alarm = np.zeros(len(table))
    for alarm in report.alarms:
        until = np.inf if alarm.cleared_at is None else alarm.cleared_at
        in_alarm[(machine.at >= alarm.raised_at - 1e-3) & (machine.at < until)] = 1.0
    score, onset = (np.array([float(row[column]) for row in table]) for column in ("score", "onset"))
    return Watched(score, in_alarm, onset)
