"""What a backtest found, for people."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.readings import RefusedValue
from aegisflow.domain.times import format_duration
from aegisflow.errors import RecordingError
from aegisflow.offline.backtest.labels import Comparison, Episode

_LINES_SHOWN = 3


@dataclass(slots=True)
class Refused:
    """Rows that were not taken, for one reason."""

    count: int = 0
    lines: list[int] = field(default_factory=list)
    """The first few, from 1."""
    detail: str = ""
    """Of the first."""

    def note(self, line: int, detail: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.lines) < _LINES_SHOWN:
            self.lines.append(line)
        self.detail = self.detail or detail

    def where(self) -> str:
        """Return the lines as text."""
        more = ", …" if self.count > _LINES_SHOWN else ""
        return ("line " if self.count == 1 else "lines ") + ", ".join(map(str, self.lines)) + more


@dataclass(slots=True)
class Report:
    """The outcome of a backtest."""

    recording: Path
    plant: str
    """Where devices and limits came from."""
    sensors: tuple[str, ...] = ()
    rows: int = 0
    accepted: int = 0
    seconds: float = 0.0
    """It took so long."""
    devices: int = 0
    first_at: float | None = None
    last_at: float | None = None
    refused: dict[str, Refused] = field(default_factory=dict)
    """Reason to rows."""
    bad: dict[tuple[str, str], Refused] = field(default_factory=dict)
    """Sensor and reason to values of rows that were taken all the same."""
    guesses: list[str] = field(default_factory=list)
    """What was concluded about the file, with the option that says otherwise."""
    hints: list[str] = field(default_factory=list)
    """What a person may want to say about it."""
    alarms: list[Alarm] = field(default_factory=list)
    """As they were last, in the order they were raised."""
    episodes: list[Episode] = field(default_factory=list)
    """What the recording's labels say was really wrong."""
    unlabelled: list[Episode] = field(default_factory=list)
    """Times that nobody has judged."""
    pictures: list[Path] = field(default_factory=list)
    comparison: Comparison | None = None
    """None without labels."""

    def refuse(self, reason: str, line: int, detail: str) -> None:
        """Count a row that was not taken."""
        self.refused.setdefault(reason, Refused()).note(line, detail)

    def note_bad(self, value: RefusedValue, line: int) -> None:
        """Count a value that was not taken, of a row that was."""
        bad = self.bad.setdefault((value.sensor, str(value.reason)), Refused())
        bad.note(line, f"{value.sensor} is {value.sample!r}")

    def text(self) -> str:
        """Return the report as lines for a terminal."""
        rate = self.rows / self.seconds if self.seconds else 0.0
        span = ""
        if self.first_at is not None and self.last_at is not None:
            span = f", {format_duration(self.last_at - self.first_at)}"
        lines = [
            f"{self.recording}: {_counted(self.rows, 'reading')} of {_counted(self.devices, 'device')}{span}",
            f"  plant     {self.plant}; sensors {', '.join(self.sensors) or 'none'}",
            f"  speed     {self.seconds:.1f} s, {rate:,.0f} readings/s",
            *self.reading_lines(),
        ]
        lines += self._alarms()
        if self.pictures:
            lines.append(f"  pictures  {len(self.pictures)} in {self.pictures[0].parent}")
        if self.comparison is not None:
            lines += self.comparison.lines()
        return "\n".join(lines)

    def reading_lines(self) -> list[str]:
        """Return how the file was read: what was concluded, what was taken, and what was not."""
        lines = [f"  concluded {guess}" for guess in self.guesses]
        lines += [f"  hint      {hint}" for hint in self.hints]
        lines.append(f"  taken     {self.accepted:,}")
        for reason, refused in sorted(self.refused.items(), key=lambda item: -item[1].count):
            lines.append(f"  refused   {refused.count:,} {reason} ({refused.where()}: {refused.detail})")
        for (sensor, reason), refused in sorted(self.bad.items(), key=lambda item: -item[1].count):
            what = f"{refused.count:,} {'value' if refused.count == 1 else 'values'} of {sensor}"
            lines.append(f"  bad       {what}: {reason} ({refused.where()}: {refused.detail})")
        return lines

    def _alarms(self) -> list[str]:
        if not self.alarms:
            return ["  alarms    none"]
        active = sum(alarm.cleared_at is None for alarm in self.alarms)
        lines = [f"  alarms    {len(self.alarms):,}, {active:,} still active at the end"]
        kinds = Counter((alarm.device_id, alarm.fault_type, str(alarm.severity)) for alarm in self.alarms)
        width = max(len(device_id) for device_id, _, _ in kinds)
        for (device_id, fault_type, severity), count in sorted(kinds.items(), key=lambda item: (-item[1], item[0])):
            lines.append(f"            {count:>6,} × {device_id:<{width}}  {fault_type}, {severity}")
        return lines


class NothingReadError(RecordingError):
    """No row of a recording gave a reading; the report says why each was refused."""

    def __init__(self, report: Report) -> None:
        self.report = report
        reasons = ", ".join(f"{refused.count:,} {reason}" for reason, refused in report.refused.items())
        found = f"no reading in {_counted(report.rows, 'row')} ({reasons or 'none of data'})"
        super().__init__(report.recording, None, found, "at least one; the lines above say what was refused")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
