"""A recorded plant-day through ``backtest`` against one vectorised numpy pass over the same file."""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from aegisflow.config import load
from aegisflow.offline.backtest.run import backtest
from simulator.dataset import write_file
from simulator.scenario import Scenario

WINDOW = 60
SENSORS = (2, 3, 4, 5, 6)
PLANT = Path(__file__).parent.parent / "config" / "plant.yaml"


def numpy_pass(path: Path) -> int:
    """Read the file and count z-scores above 3 over the 60 readings before; return the count."""
    devices = np.loadtxt(path, delimiter=",", skiprows=1, usecols=1, dtype="U16")
    table = np.loadtxt(path, delimiter=",", skiprows=1, usecols=SENSORS)
    breaches = 0
    for device in np.unique(devices):
        values = table[devices == device]
        sums = np.cumsum(np.vstack([np.zeros(values.shape[1]), values]), axis=0)
        squares = np.cumsum(np.vstack([np.zeros(values.shape[1]), values**2]), axis=0)
        mean = (sums[WINDOW:-1] - sums[: -WINDOW - 1]) / WINDOW
        variance = (squares[WINDOW:-1] - squares[: -WINDOW - 1]) / WINDOW - mean**2
        z = (values[WINDOW:] - mean) / np.sqrt(variance)
        breaches += int((np.abs(z) > 3.0).sum())
    return breaches


def measure(rounds: int = 3) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        day = Path(folder, "day.csv")
        write_file(Scenario(), day)
        plant = load(PLANT).plant
        ours, theirs = [], []
        for _ in range(rounds):
            began = time.process_time()
            numpy_pass(day)
            theirs.append(time.process_time() - began)
            began = time.process_time()
            report = backtest(day, plant=plant, alarms=Path(folder, "alarms.csv"))
            ours.append(time.process_time() - began)
        return {
            "backtest_vs_numpy": statistics.median(a / b for a, b in zip(ours, theirs, strict=True)),
            "backtest_s": statistics.median(ours),
            "numpy_s": statistics.median(theirs),
            "readings": float(report.rows),
        }
