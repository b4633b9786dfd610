"""A recorded day onto the bus, at the speed one likes."""

import csv
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import floor, isfinite
from pathlib import Path
from typing import NamedTuple

from aegisflow.domain.times import format_instant, parse_instant
from aegisflow.errors import AegisFlowError

from .protocol import Wire
from .signing import signed_reading

NOT_SENSORS = frozenset({"timestamp", "device_id", "anomaly", "severity", "label"})
MISTAKES_SHOWN = 10
REPORT_S = 0.2
"""Between two reports of progress."""
NAP_S = 0.002
"""Shorter waits are not worth a sleep."""
_NOT_IN_TOPICS = frozenset("+#/\0")


class ReplayError(AegisFlowError):
    """The recording cannot be replayed as asked."""


class Row(NamedTuple):
    """One reading of the recording."""

    line: int
    at: float
    """UTC epoch seconds."""
    device_id: str
    values: str
    """The sensors as the inside of a JSON object; an empty cell is absent."""


@dataclass(slots=True)
class RecordedFile:
    """A CSV file of readings, in order of time, and what was wrong in it."""

    path: Path
    bad_rows: int = 0
    mistakes: list[str] = field(default_factory=list)
    """The first few, with line number."""

    def rows(self) -> Iterator[Row]:
        """Give the rows one after another; a bad one is counted and skipped.

        Raises:
            ReplayError: the file has no timestamp, no device_id or no sensor column.
        """
        with self.path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            reader = csv.reader(file)
            header = [name.strip() for name in next(reader, [])]
            sensors = [(place, json.dumps(name)) for place, name in enumerate(header) if name not in NOT_SENSORS]
            if "timestamp" not in header or "device_id" not in header or not sensors:
                found = ", ".join(header[:10])[:200] or "nothing"
                raise ReplayError(f"{self.path}:1: found {found}, expected columns timestamp, device_id and sensors")
            time_place, device_place = header.index("timestamp"), header.index("device_id")
            before, at = "", 0.0
            while True:
                try:
                    cells = next(reader)
                    if len(cells) != len(header):
                        raise ValueError(f"found {len(cells)} columns, expected {len(header)}")
                    # Machines that report together have the same text, which is parsed once.
                    if cells[time_place] != before:
                        at = parse_instant(cells[time_place])
                        before = cells[time_place]
                    values = ",".join([f"{name}:{_number(cells[place])}" for place, name in sensors if cells[place]])
                    if not values:
                        raise ValueError("found no value, expected at least one")
                    yield Row(reader.line_num, at, cells[device_place], values)
                except StopIteration:
                    return
                except (ValueError, OverflowError, csv.Error) as error:
                    self.note(reader.line_num, str(error))

    def last_at(self) -> float:
        """Return the timestamp of the last good row.

        Raises:
            ReplayError: there is none.
        """
        with self.path.open("rb") as file:
            header = file.readline().decode("utf-8-sig", errors="replace").strip().split(",")
            # The end is enough, and a recording may be larger than memory.
            file.seek(max(file.tell(), self.path.stat().st_size - 65_536))
            tail = file.read().decode(errors="replace").splitlines()
        for line in reversed(tail):
            try:
                return parse_instant(line.split(",")[header.index("timestamp")])
            except (ValueError, IndexError, OverflowError):
                continue
        raise ReplayError(f"{self.path}: found no row with a timestamp, expected readings")

    def note(self, line: int, text: str) -> None:
        """Count a bad row."""
        self.bad_rows += 1
        if len(self.mistakes) < MISTAKES_SHOWN:
            self.mistakes.append(f"{self.path}:{line}: {text[:200]}")


def _number(text: str) -> str:
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"found {text!r}, expected a finite number")
    # The shortest text that is read back as the same number.
    return repr(value)


class Progress(NamedTuple):
    """How far a replay is."""

    share: float
    """Of the recorded time, 0 to 1."""
    sent: int
    acknowledged: int
    at: float
    """Timestamp of the newest reading as sent, UTC epoch seconds."""
    shift: int
    """Seconds added to the timestamps of the recording."""


def replay(
    recording: RecordedFile,
    wire: Wire,
    *,
    speed: float,
    restamp: bool = False,
    topic: str = "aegisflow/sensors/{device_id}",
    key: bytes = b"",
    report: Callable[[Progress], None] = lambda progress: None,
) -> Progress:
    """Send every row, and return when the broker has acknowledged all of them.

    Args:
        recording: What to send.
        wire: A connected line.
        speed: Recorded seconds per second; 0 is as fast as it goes.
        restamp: Shift all timestamps by whole seconds, so that the last one is now.
        topic: Template of the topic.
        key: Signs readings; empty for none.
        report: Told a few times a second how far it is.

    Raises:
        ReplayError: the file cannot be used, or is out of order where it must not be.
        BusError: the broker went away for good.
    """
    last_at = recording.last_at()
    shift = floor(time.time() - last_at) if restamp else 0
    began = reported = time.monotonic()
    first_at, stamped_at, stamp, sent, at = None, None, "", 0, 0.0
    places: dict[str, tuple[str, str]] = {}
    for line, at, device_id, values in recording.rows():
        if at > last_at and restamp:
            raise ReplayError(f"{recording.path}:{line}: later than the last row; sort the file by time to restamp it")
        if device_id not in places:
            if not device_id or set(device_id) & _NOT_IN_TOPICS:
                recording.note(line, f"found device_id {device_id[:50]!r}, expected a name that can stand in a topic")
                continue
            places[device_id] = (topic.replace("{device_id}", device_id), json.dumps(device_id))
        if at != stamped_at:
            stamped_at, stamp = at, format_instant(at + shift)
            first_at = at if first_at is None else first_at
            if speed:
                _wait_until(began + (at - first_at) / speed)
            if time.monotonic() - reported > REPORT_S:
                reported = time.monotonic()
                share = (at - first_at) / (last_at - first_at) if last_at > first_at else 1.0
                report(Progress(share, sent, wire.acknowledged, at + shift, shift))
        place, name = places[device_id]
        payload = f'{{"timestamp":"{stamp}","device_id":{name},{values}}}'
        wire.publish(place, signed_reading(payload, device_id, key))
        sent += 1
    wire.finish()
    done = Progress(1.0, sent, wire.acknowledged, at + shift, shift)
    report(done)
    return done


def _wait_until(due: float) -> None:
    rest = due - time.monotonic()
    if rest > NAP_S:
        time.sleep(rest)
