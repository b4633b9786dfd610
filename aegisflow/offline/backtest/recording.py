"""A recorded file: a CSV of readings as people and programs write it."""

import csv
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice
from pathlib import Path
from statistics import median
from typing import NamedTuple

from aegisflow.domain.times import parse_instant
from aegisflow.errors import RecordingError

TIME_COLUMNS = ("timestamp", "datetime", "date_time", "time", "date", "ts")
DEVICE_COLUMNS = ("device_id", "device")
LABEL_COLUMNS = frozenset(
    {"anomaly", "anomalies", "anomaly_type", "is_anomaly", "attack", "changepoint", "change_point", "class", "fault"}
    | {"fault_type", "id", "index", "is_fault", "label", "labels", "row", "severity", "status", "target"}
)
ABSENT = frozenset({"", "nan", "na", "n/a", "null", "none", "-"})
"""Texts that stand for a value that was not reported."""
_SAMPLE_ROWS = 2_000
_DELIMITERS = ",;\t"
_PROGRESS_ROWS = 4_096


class Line(NamedTuple):
    """One row of data."""

    number: int
    """In the file, from 1."""
    cells: list[str]


class Recording:
    """The file with its columns found; ``lines`` reads it from the beginning."""

    def __init__(self, path: Path) -> None:
        """Read the header.

        Raises:
            RecordingError: the file cannot be read, or has no column of timestamps.
        """
        self.path = path
        try:
            with path.open(encoding="utf-8-sig", errors="replace") as file:
                first = file.readline(1_000_000)
        except OSError as error:
            raise RecordingError(path, None, error.strerror or str(error), "a CSV file") from None
        self.delimiter = max(_DELIMITERS, key=first.count)
        self.header = [name.strip() for name in self._split(first)]
        lower = [name.lower() for name in self.header]
        found = [lower.index(name) for name in TIME_COLUMNS if name in lower]
        if not found:
            shown = ", ".join(self.header[:10])[:200] or "nothing"
            raise RecordingError(path, 1, shown, "a header with a column timestamp")
        self.time_place = found[0]
        self.device_place = next((lower.index(name) for name in DEVICE_COLUMNS if name in lower), None)

    def device_of(self, cells: list[str]) -> str:
        """Return whose row it is; all rows of a file without a device column belong to one device."""
        return self.path.stem if self.device_place is None else cells[self.device_place]

    def lines(self, progress: Callable[[float], None] = lambda share: None) -> Iterator[Line]:
        """Give the rows of data; ``progress`` is told the share of the file that is read, 0 to 1."""
        size = max(1, self.path.stat().st_size)
        delimiter = self.delimiter
        with self.path.open("rb") as raw:
            for number, data in enumerate(raw, start=1):
                text = data.decode("utf-8", "replace").rstrip("\r\n")
                if number == 1 or not text:
                    continue
                # Line by line, so that an open quote cannot swallow the rest of the file.
                yield Line(number, self._split(text) if '"' in text else text.split(delimiter))
                if not number % _PROGRESS_ROWS:
                    progress(raw.tell() / size)
        progress(1.0)

    def sensor_columns(self) -> dict[str, int]:
        """Return the columns that hold numbers, judged by the first rows, and are no labels: name to place."""
        sample = [line.cells for line in islice(self.lines(), _SAMPLE_ROWS) if len(line.cells) == len(self.header)]
        others = {self.time_place, self.device_place}
        return {
            name: place
            for place, name in enumerate(self.header)
            if place not in others
            and name.lower() not in LABEL_COLUMNS
            and name
            and not name.lower().startswith("unnamed")
            and _all_numbers([cells[place] for cells in sample])
        }

    def interval_s(self) -> float:
        """Return the usual time between two readings of one device, judged by the first rows."""
        before: dict[str, float] = {}
        steps = []
        for line in islice(self.lines(), _SAMPLE_ROWS):
            try:
                at = parse_time(line.cells[self.time_place])
                device_id = self.device_of(line.cells)
            except (ValueError, IndexError):
                continue
            if at > before.get(device_id, at):
                steps.append(at - before[device_id])
            before[device_id] = at
        return median(steps) if steps else 1.0

    def time_form(self) -> "TimeForm":
        """Return how the file writes its timestamps, judged by the first that can be read."""
        for line in islice(self.lines(), _SAMPLE_ROWS):
            try:
                text = line.cells[self.time_place].strip()
                parse_time(text)
            except (ValueError, IndexError):
                continue
            return TimeForm.of(text)
        return TimeForm()

    def _split(self, text: str) -> list[str]:
        try:
            return next(csv.reader([text], delimiter=self.delimiter), [])
        except csv.Error:
            return text.split(self.delimiter)


def parse_time(text: str) -> float:
    """Return UTC epoch seconds of an ISO 8601 text (no offset: UTC) or a number of epoch seconds or milliseconds.

    Raises:
        ValueError: it is neither.
    """
    try:
        number = float(text)
    except ValueError:
        try:
            return parse_instant(text.strip())
        except OverflowError:
            raise ValueError(f"beyond the calendar: {text!r}") from None
    if 1e8 <= number < 1e11:
        return number
    if 1e11 <= number < 1e14:
        return number / 1000
    return parse_instant(text.strip())


def parse_number(text: str) -> float | None:
    """Return the number of a cell, NaN and infinity included, or None for a value that is absent.

    Raises:
        ValueError: it is no number.
    """
    try:
        value = float(text)
    except ValueError:
        if text.strip().lower() in ABSENT:
            return None
        value = float(text.replace(",", "."))
    return None if value != value else value


class TimeForm(NamedTuple):
    """How a file writes its timestamps, so that ours can be laid beside them. Epoch seconds become ISO 8601."""

    separator: str = "T"
    suffix: str = "Z"
    zone: tzinfo = UTC
    fraction: str = "seconds"

    @classmethod
    def of(cls, text: str) -> "TimeForm":
        """Return the form of one timestamp that can be read."""
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return cls()
        place = next((i for i, letter in enumerate(text[10:], start=10) if letter in "Zz+-"), len(text))
        digits = len(text[:place].partition(".")[2])
        fraction = "seconds" if not digits else "milliseconds" if digits <= 3 else "microseconds"
        return cls("T" if "T" in text else " ", text[place:], moment.tzinfo or UTC, fraction)

    def format(self, at: float) -> str:
        """Return ``at`` (UTC epoch seconds) in this form; a fraction that it has is shown all the same."""
        moment = datetime.fromtimestamp(0, self.zone) + timedelta(seconds=round(at, 6))
        fraction = "microseconds" if moment.microsecond % 1000 else self.fraction
        if moment.microsecond and fraction == "seconds":
            fraction = "milliseconds"
        return moment.replace(tzinfo=None).isoformat(self.separator, fraction) + self.suffix


def _all_numbers(cells: list[str]) -> bool:
    try:
        return any(parse_number(cell) is not None for cell in cells)
    except ValueError:
        return False
