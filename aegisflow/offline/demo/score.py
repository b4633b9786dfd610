"""How well the alarms fit what was scripted; all of it computed from the labels of the recording."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.times import parse_instant

AFTERMATH_S = 600.0
"""An alarm so soon after a fault is about its end, not about nothing."""


@dataclass(frozen=True, slots=True)
class Truth:
    """A fault that the recording is labelled with."""

    device_id: str
    fault_type: str
    start: float
    """UTC epoch seconds of its first reading."""
    end: float
    """Of its last."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A recording as its labels tell it."""

    rows: int
    start: float
    end: float
    faults: tuple[Truth, ...]


@dataclass(frozen=True, slots=True)
class Noticed:
    """A fault, and the first alarm that was raised while it lasted."""

    truth: Truth
    alarm: Alarm | None

    @property
    def delay_s(self) -> float | None:
        """Seconds from onset to alarm."""
        return None if self.alarm is None else self.alarm.raised_at - self.truth.start


@dataclass(frozen=True, slots=True)
class Score:
    """All faults, and the alarms sorted by what they were about."""

    faults: tuple[Noticed, ...]
    during: tuple[Alarm, ...]
    """Raised during a fault of their device."""
    after: tuple[Alarm, ...]
    """Raised within AFTERMATH_S after one."""
    false: tuple[Alarm, ...]
    """The others."""


def read_labels(path: Path) -> Labelled:
    """Return what a labelled recording says about itself; its rows are in order of time."""
    open_faults: dict[tuple[str, str], tuple[float, float]] = {}
    found: list[Truth] = []
    rows, start, at, text = 0, 0.0, 0.0, ""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        header = next(reader)
        time_place, device_place, label_place = (header.index(name) for name in ("timestamp", "device_id", "anomaly"))
        for cells in reader:
            if cells[time_place] != text:
                text = cells[time_place]
                at = parse_instant(text)
                start = at if not rows else start
            rows += 1
            device_id, label = cells[device_place], cells[label_place]
            if label:
                key = (device_id, label)
                open_faults[key] = (open_faults.get(key, (at, at))[0], at)
            if open_faults:
                ended = [key for key in open_faults if key[0] == device_id and key[1] != label]
                found += [Truth(*key, *open_faults.pop(key)) for key in ended]
    found += [Truth(*key, *span) for key, span in open_faults.items()]
    return Labelled(rows, start, at, tuple(sorted(found, key=lambda truth: truth.start)))


def judge(faults: Iterable[Truth], alarms: Iterable[Alarm]) -> Score:
    """Lay alarms beside faults; both on the same clock."""
    faults = tuple(faults)
    ordered = sorted(alarms, key=lambda alarm: alarm.raised_at)
    during, after, false = [], [], []
    for alarm in ordered:
        own = [truth for truth in faults if truth.device_id == alarm.device_id and truth.start <= alarm.raised_at]
        if any(alarm.raised_at <= truth.end for truth in own):
            during.append(alarm)
        elif any(alarm.raised_at <= truth.end + AFTERMATH_S for truth in own):
            after.append(alarm)
        else:
            false.append(alarm)
    noticed = tuple(
        Noticed(truth, next((alarm for alarm in during if _is_about(alarm, truth)), None)) for truth in faults
    )
    return Score(noticed, tuple(during), tuple(after), tuple(false))


def _is_about(alarm: Alarm, truth: Truth) -> bool:
    return alarm.device_id == truth.device_id and truth.start <= alarm.raised_at <= truth.end
