"""What a labelled recording says was really wrong, and how the alarms compare with it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from aegisflow.domain.alarms.model import Alarm

COLUMNS = ("fault_type", "anomaly_type", "anomaly", "fault", "label", "labels", "class", "target", "status")
"""Columns that may hold labels, the most telling first."""
FLAGS = ("is_anomaly", "is_fault", "attack")
"""Columns that only say that something is wrong."""
HEALTHY = frozenset({"", "0", "0.0", "false", "no", "none", "normal", "nan", "healthy", "ok"})
UNNAMED = frozenset({"1", "1.0", "true", "yes", "anomaly", "fault", "attack"})
"""Labels that say that something is wrong, and not what."""
_DAY_S = 86_400.0


@dataclass(slots=True)
class Episode:
    """One thing that was wrong with one device for a while."""

    device_id: str
    kind: str
    """Empty where the label does not say."""
    start: float
    end: float


@dataclass(slots=True)
class Comparison:
    """How the alarms compare with the labels."""

    column: str
    device_days: float
    days: float
    faults: int = 0
    found: int = 0
    false_alarms: int = 0
    named: int = 0
    """Found faults whose label has a name."""
    right_first: int = 0
    right_final: int = 0
    delays: dict[str, list[float]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    """Kind to how many there were."""

    def lines(self) -> list[str]:
        """Return the figures as lines for a terminal."""
        found = f"{self.found} of {self.faults} faults ({self.found / self.faults:.3f})" if self.faults else "no fault"
        rate = self.false_alarms / self.days if self.days else 0.0
        lines = [
            f"  labels    column {self.column}: found {found}, {self.false_alarms} false alarms, {rate:.2f} a day",
        ]
        if self.named:
            shares = [f"{100 * right / self.named:.0f} %" for right in (self.right_first, self.right_final)]
            lines.append(f"            type right when raised {shares[0]}, at last {shares[1]}")
        for kind, count in sorted(self.counts.items()):
            delays = self.delays.get(kind, [])
            delay = f", median delay {median(delays):,.0f} s" if delays else ""
            lines.append(f"            {kind or 'unnamed'}: {len(delays)} of {count}{delay}")
        return lines


class Labels:
    """Gathers the episodes of a recording, row by row.

    Rows with the same label that follow each other are one episode; where a label joins several kinds
    with ``+``, each of them is one.
    """

    def __init__(self, header: Sequence[str]) -> None:
        lower = [name.lower() for name in header]
        column = next((name for name in (*COLUMNS, *FLAGS) if name in lower), None)
        self.place = None if column is None else lower.index(column)
        self.column = "" if self.place is None else header[self.place]
        self.episodes: list[Episode] = []
        self._open: dict[str, dict[str, Episode]] = {}

    def take(self, device_id: str, at: float, cell: str) -> None:
        """Take in the label of one row."""
        text = cell.strip()
        kinds = () if text.lower() in HEALTHY else tuple(text.split("+"))
        running = self._open.get(device_id)
        if not kinds and not running:
            return
        named = {"" if kind.lower() in UNNAMED else kind for kind in kinds}
        running = running or {}
        self._open[device_id] = {kind: episode for kind, episode in running.items() if kind in named}
        for kind in named:
            episode = self._open[device_id].get(kind)
            if episode is None:
                episode = self._open[device_id][kind] = Episode(device_id, kind, at, at)
                self.episodes.append(episode)
            episode.end = max(episode.end, at)

    def compare(self, alarms: Sequence[Alarm], first_at: float, last_at: float, devices: int) -> Comparison:
        """Return how the alarms compare: one that is raised on the device of an episode during it has found it."""
        days = (last_at - first_at) / _DAY_S
        outcome = Comparison(self.column, days * devices, days)
        true: set[str] = set()
        for episode in sorted(self.episodes, key=lambda episode: episode.start):
            outcome.faults += 1
            outcome.counts[episode.kind] = outcome.counts.get(episode.kind, 0) + 1
            within = [
                alarm
                for alarm in alarms
                if alarm.device_id == episode.device_id and episode.start <= alarm.raised_at <= episode.end
            ]
            if not within:
                continue
            true |= {alarm.alarm_id for alarm in within}
            fitting = [alarm for alarm in within if episode.kind in (alarm.first_type, alarm.fault_type)]
            first = min(fitting or within, key=lambda alarm: alarm.raised_at)
            outcome.found += 1
            outcome.delays.setdefault(episode.kind, []).append(first.raised_at - episode.start)
            if episode.kind:
                outcome.named += 1
                outcome.right_first += first.first_type == episode.kind
                outcome.right_final += first.fault_type == episode.kind
        outcome.false_alarms = sum(alarm.alarm_id not in true for alarm in alarms)
        return outcome
