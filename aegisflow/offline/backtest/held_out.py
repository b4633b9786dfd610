"""Parts of a recording that a proposal is not made from, and what two versions of a plant file say of them."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from aegisflow.offline.backtest.report import Report
from aegisflow.offline.recordings.recording import Recording

_PARTS = 8
_HELD_OUT = frozenset({3, 7})
"""Of the parts that the rows of each device fall into: one in the middle, and the last."""
_HOUR_S = 3_600.0


@dataclass(frozen=True, slots=True)
class HeldOutAlarms:
    """What the alarms of one version come to in the parts that were held out."""

    faults: int
    """That the labels of the recording tell of there."""
    found: int
    false: int
    """Alarms that were raised there while no label told of a fault, nor that nobody had judged."""
    alarm_hours: float
    """Hours of all devices in such an alarm, in however many of them at a time."""

    def line(self, name: str) -> str:
        """Return it for a terminal."""
        found = f"{self.found} of {self.faults} faults found, " if self.faults else ""
        return f"{name:<9} {found}{self.false:,} false, {self.alarm_hours:.2f} h in false alarm"

    def is_worse_than(self, before: "HeldOutAlarms") -> bool:
        """Return whether it finds less, or cries wolf more often or for longer."""
        longer = self.alarm_hours > before.alarm_hours + 1 / _HOUR_S
        return self.found < before.found or self.false > before.false or longer


@dataclass(slots=True)
class HeldOut:
    """The parts of each device that were held out, while the recording is read for the first time."""

    rows: Mapping[str, int]
    """How many rows each device has."""
    times: defaultdict[str, list[list[float]]] = field(default_factory=lambda: defaultdict(list))
    """From when to when, in UTC epoch seconds, by device."""
    _taken: Counter[str] = field(default_factory=Counter)
    _inside: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, recording: Recording) -> "HeldOut":
        """Count the rows of each device."""
        rows: Counter[str] = Counter()
        for _, cells in recording.lines():
            with suppress(IndexError):  # too short to say whose it is
                rows[recording.device_of(cells)] += 1
        return cls(rows)

    def pass_over(self, device_id: str) -> None:
        """Count a row that was refused, so that the parts are those of all rows."""
        self._taken[device_id] += 1

    def take(self, device_id: str, at: float) -> bool:
        """Take in a reading; return whether it is held out."""
        part = self._taken[device_id] * _PARTS // max(1, self.rows.get(device_id, 0))
        self._taken[device_id] += 1
        if part not in _HELD_OUT:
            self._inside.discard(device_id)
            return False
        if device_id not in self._inside:
            self._inside.add(device_id)
            self.times[device_id].append([at, at])
        self.times[device_id][-1][1] = max(at, self.times[device_id][-1][1])
        return True

    def outcome(self, report: Report) -> HeldOutAlarms:
        """Return what the alarms of a run come to in these parts."""
        faults = [one for one in report.episodes if self._holds(one.device_id, one.start)]
        found = sum(any(fault.covers(alarm) for alarm in report.alarms) for fault in faults)
        false, seconds = 0, 0.0
        # Up to when each device was in false alarm; alarms come in the order they were raised.
        until: dict[str, float] = {}
        for alarm in report.alarms:
            if any(one.covers(alarm) for one in (*report.episodes, *report.unlabelled)):
                continue
            false += self._holds(alarm.device_id, alarm.raised_at)
            end = alarm.cleared_at if alarm.cleared_at is not None else report.last_at or alarm.raised_at
            begin = max(alarm.raised_at, until.get(alarm.device_id, alarm.raised_at))
            seconds += sum(max(0.0, min(end, last) - max(begin, first)) for first, last in self.times[alarm.device_id])
            until[alarm.device_id] = max(begin, end)
        return HeldOutAlarms(len(faults), found, false, seconds / _HOUR_S)

    def _holds(self, device_id: str, at: float) -> bool:
        parts = self.times[device_id]
        place = bisect_right(parts, at, key=lambda part: part[0])
        return place > 0 and at <= parts[place - 1][1]
