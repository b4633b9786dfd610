"""The files that a backtest writes: whole or not at all."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from aegisflow.domain.alarms.model import Alarm
from aegisflow.errors import RecordingError
from aegisflow.offline.recordings.timeform import TimeForm

ALARM_COLUMNS = ("device_id", "type", "final_type", "severity", "sensors", "detector", "raised_at", "cleared_at")
SCORE_COLUMNS = ("timestamp", "device_id", "score", "onset")


def write_alarms(file: TextIO, alarms: list[Alarm], form: TimeForm) -> None:
    """Write alarms as CSV; timestamps are in the form of the recording."""
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(ALARM_COLUMNS)
    for alarm in alarms:
        cleared = "" if alarm.cleared_at is None else form.format(alarm.cleared_at)
        what = (alarm.device_id, alarm.first_type, alarm.fault_type, str(alarm.severity), ";".join(alarm.sensors))
        rows.writerow((*what, alarm.detector, form.format(alarm.raised_at), cleared))


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
