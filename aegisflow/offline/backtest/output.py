"""The files that a backtest writes: whole or not at all."""

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from aegisflow.domain.alarms.model import Alarm
from aegisflow.errors import RecordingError
from aegisflow.offline.recordings.timeform import TimeForm

ALARM_COLUMNS = (
    "device_id", "type", "final_type", "severity", "sensors", "detector",
    "raised_at", "cleared_at", "onset_at",
    "peak_at", "peak_score",
)  # fmt: skip
SCORE_COLUMNS = ("timestamp", "device_id", "score", "onset")


@dataclass(slots=True)
class Excursion:
    """What an alarm is about: where it began, and the reading that was the most unusual of it."""

    onset_at: float
    """UTC epoch seconds of the first reading in breach, as ``peak_at``."""
    peak_at: float
    peak_score: float

    def take(self, at: float, score: float) -> None:
        """Take in a reading while it lasts."""
        if score > self.peak_score:
            self.peak_at, self.peak_score = at, score


def write_alarms(file: TextIO, alarms: list[Alarm], form: TimeForm, excursions: Mapping[str, Excursion]) -> None:
    """Write alarms as CSV; timestamps are in the form of the recording, and excursions go by id of their alarm."""
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(ALARM_COLUMNS)
    for alarm in alarms:
        cleared = "" if alarm.cleared_at is None else form.format(alarm.cleared_at)
        what = (alarm.device_id, alarm.first_type, alarm.fault_type, str(alarm.severity), ";".join(alarm.sensors))
        about = excursions[alarm.alarm_id]
        when = form.format(alarm.raised_at), cleared, form.format(about.onset_at), form.format(about.peak_at)
        rows.writerow((*what, alarm.detector, *when, f"{about.peak_score:.6g}"))


@contextmanager
def whole(path: Path) -> Iterator[TextIO]:
    """Open a file that appears under its name only when it is complete."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8", newline="") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise RecordingError(path, None, error.strerror or str(error), "a place to write to") from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
