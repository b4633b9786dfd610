"""What a backtest found, for people."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.times import format_duration
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
    alarms: list[Alarm] = field(default_factory=list)
    """As they were last, in the order they were raised."""
    episodes: list[Episode] = field(default_factory=list)
    """What the recording's labels say was really wrong."""
    pictures: list[Path] = field(default_factory=list)
    comparison: Comparison | None = None
    """None without labels."""

    def refuse(self, reason: str, line: int, detail: str) -> None:
        """Count a row that was not taken."""
        self.refused.setdefault(reason, Refused()).note(line, detail)

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
            f"  taken     {self.accepted:,}",
        ]
        for reason, refused in sorted(self.refused.items(), key=lambda item: -item[1].count):
            where = ", ".join(str(line) for line in refused.lines) + (", …" if refused.count > _LINES_SHOWN else "")
            noun = "line" if refused.count == 1 else "lines"
            lines.append(f"  refused   {refused.count:,} {reason} ({noun} {where}: {refused.detail})")
        lines += self._alarms()
        if self.pictures:
            lines.append(f"  pictures  {len(self.pictures)} in {self.pictures[0].parent}")
        if self.comparison is not None:
            lines += self.comparison.lines()
        return "\n".join(lines)

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


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
