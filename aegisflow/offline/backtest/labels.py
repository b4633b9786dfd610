"""What a labelled recording says was really wrong, and how the alarms compare with it."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from aegisflow.domain.alarms.model import Alarm
from aegisflow.offline.recordings.names import HEALTHY, plain_label

UNNAMED = frozenset({"1", "true", "yes", "anomaly", "fault", "attack", "failure", "outlier", "abnormal", "-1"})
"""Labels that say that something is wrong, and not what."""
UNKNOWN = frozenset({"-999", "-9999", "-99", "unknown", "unlabelled", "unlabeled", "?"})
"""Labels of rows that nobody has judged."""
_UNJUDGED = "\0"
_DAY_S = 86_400.0


@dataclass(slots=True)
class Episode:
    """One thing that was wrong with one device for a while."""

    device_id: str
    kind: str
    """Empty where the label does not say."""
    start: float
    end: float

    def covers(self, alarm: Alarm) -> bool:
        """Return whether an alarm was raised on its device while it lasted."""
        return alarm.device_id == self.device_id and self.start <= alarm.raised_at <= self.end


@dataclass(slots=True)
class Comparison:
    """How the alarms compare with the labels."""

    column: str
    device_days: float
    days: float
    faults: int = 0
    found: int = 0
    false_alarms: int = 0
    unlabelled_alarms: int = 0
    """Raised while nobody had judged the device."""
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
        if self.unlabelled_alarms:
            lines.append(
                f"            {self.unlabelled_alarms} alarms in rows that nobody has labelled count as neither"
            )
        return lines


class Labels:
    """Gathers the episodes of a recording, row by row.

    Rows with the same label that follow each other are one episode; where a label joins several kinds
    with ``+``, each of them is one.
    """

    def __init__(self, column: str, counts: Mapping[str, int] | None = None, healthy: Collection[str] = ()) -> None:
        """Find out which labels mean that nothing was wrong.

        Args:
            column: Name of the column.
            counts: Its different labels, to how often they stand there; None where nobody counted.
            healthy: The labels that mean it, if a person has said so.
        """
        self.column = column
        self.guess = ""
        """Which label was taken for healthy because it is the usual one; empty where a label says it."""
        self.episodes: list[Episode] = []
        self.unlabelled: list[Episode] = []
        """Times that nobody has judged."""
        self._healthy = frozenset(map(plain_label, healthy)) or self._find_healthy(counts or {})
        self._unnamed = UNNAMED - self._healthy
        self._kinds: dict[str, tuple[str, ...]] = {}
        """By label as it stands there: few are different, and many rows have them."""
        self._open: dict[str, dict[str, Episode]] = {}
        self._unknown: dict[str, Episode] = {}

    def take(self, device_id: str, at: float, cell: str) -> None:
        """Take in the label of one row."""
        named = self._kinds.get(cell)
        if named is None:
            named = self._kinds[cell] = self._read(cell)
        if _UNJUDGED in named:
            self._skip(device_id, at)
            return
        if self._unknown:
            self._unknown.pop(device_id, None)
        running = self._open.get(device_id) or {}
        if not named and not running:
            return
        self._open[device_id] = {kind: episode for kind, episode in running.items() if kind in named}
        for kind in named:
            episode = self._open[device_id].get(kind)
            if episode is None:
                episode = self._open[device_id][kind] = Episode(device_id, kind, at, at)
                self.episodes.append(episode)
            episode.end = max(episode.end, at)

    def _read(self, cell: str) -> tuple[str, ...]:
        """Return the kinds of fault that a label names, none for healthy."""
        text = plain_label(cell)
        if text in self._healthy:
            return ()
        if text in UNKNOWN:
            return (_UNJUDGED,)
        kinds = cell.strip().split("+")
        return tuple(dict.fromkeys("" if plain_label(kind) in self._unnamed else kind for kind in kinds))

    def _find_healthy(self, counts: Mapping[str, int]) -> frozenset[str]:
        """Return the usual label where no label says by itself that nothing was wrong."""
        known = Counter[str]()
        for cell, count in counts.items():
            if (text := plain_label(cell)) not in UNKNOWN:
                known[text] += count
        if len(known) < 2 or HEALTHY & known.keys():
            return HEALTHY
        usual, count = known.most_common(1)[0]
        if 2 * count <= known.total():
            return HEALTHY
        self.guess = f"label {usual} of column {self.column} means healthy: it is the usual one (--healthy-label)"
        return frozenset({usual})

    def _skip(self, device_id: str, at: float) -> None:
        self._open.pop(device_id, None)
        episode = self._unknown.get(device_id)
        if episode is None:
            episode = self._unknown[device_id] = Episode(device_id, "", at, at)
            self.unlabelled.append(episode)
        episode.end = max(episode.end, at)

    def compare(self, alarms: Sequence[Alarm], first_at: float, last_at: float, devices: int) -> Comparison:
        """Return how the alarms compare: one that is raised on the device of an episode during it has found it."""
        unlabelled_s = sum(episode.end - episode.start for episode in self.unlabelled)
        days = (last_at - first_at - unlabelled_s / max(1, devices)) / _DAY_S
        outcome = Comparison(self.column, days * devices, days)
        true: set[str] = set()
        for episode in sorted(self.episodes, key=lambda episode: episode.start):
            outcome.faults += 1
            outcome.counts[episode.kind] = outcome.counts.get(episode.kind, 0) + 1
            within = [alarm for alarm in alarms if episode.covers(alarm)]
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
        others = [alarm for alarm in alarms if alarm.alarm_id not in true]
        unlabelled = [alarm for alarm in others if any(episode.covers(alarm) for episode in self.unlabelled)]
        outcome.unlabelled_alarms = len(unlabelled)
        outcome.false_alarms = len(others) - len(unlabelled)
        return outcome
