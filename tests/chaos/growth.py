"""Whether anything of a process grows: looks at it, and the slopes of what they found."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

MEASURED = {
    "resident_mb": "MB resident",
    "heap_mb": "MB of heap in use",
    "free_mb": "MB of heap kept free",
    "blocks": "thousand blocks of Python in use",
    "descriptors": "descriptors",
    "threads": "threads",
    "wal_mb": "MB of write-ahead log",
}


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a process found; not a number for what it did not tell in time."""

    at_s: float
    resident_mb: float
    heap_mb: float
    free_mb: float
    blocks: float
    descriptors: float
    threads: float
    wal_mb: float

    def __str__(self) -> str:
        return (
            f"{self.at_s:>7.0f} s  {self.resident_mb:.1f} MB resident, {self.heap_mb:.1f} of heap in use and "
            f"{self.free_mb:.1f} free, {self.blocks:.0f} thousand blocks, {self.descriptors:.0f} descriptors, "
            f"{self.threads:.0f} threads, WAL {self.wal_mb:.1f} MB"
        )


def look(process_id: int, store: Path, metrics: Mapping[str, float], at_s: float) -> Look:
    """Return how much of everything a process has.

    Args:
        process_id: of the process, whose memory, descriptors and threads the kernel tells.
        store: its SQLite file.
        metrics: what it tells itself; nothing where it did not in time.
        at_s: when this is.
    """
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{process_id}/status").read_text().splitlines() if ":" in line
    )
    wal = store.with_name(store.name + "-wal")
    return Look(
        at_s,
        int(status["VmRSS"].split()[0]) / 1_024,
        metrics.get("aegisflow_heap_in_use_bytes", math.nan) / 2**20,
        metrics.get("aegisflow_heap_free_bytes", math.nan) / 2**20,
        metrics.get("aegisflow_python_blocks", math.nan) / 1_000,
        len(list(Path(f"/proc/{process_id}/fd").iterdir())),
        int(status["Threads"]),
        wal.stat().st_size / 2**20 if wal.exists() else 0.0,
    )


def slope_per_hour(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of (seconds, value) for an hour by Theil and Sen, the median of those of all pairs.

    One step, or a few looks at a bad moment, say little about an hour, and move it little.
    """
    slopes = [
        (later - value) / (then - at)
        for place, (at, value) in enumerate(points)
        for then, later in points[place + 1 :]
        if then > at
    ]
    return 3_600.0 * median(slopes) if slopes else 0.0


def in_words(looks: Sequence[Look], since_s: float) -> list[str]:
    """Return how everything has changed from a time on, a line for each."""
    lines = []
    for field, unit in MEASURED.items():
        points = [(one.at_s, getattr(one, field)) for one in looks if one.at_s >= since_s]
        points = [(at, value) for at, value in points if not math.isnan(value)]
        if not points:
            lines.append(f"  {unit}: not told")
            continue
        values = [value for _, value in points]
        lines.append(
            f"  {slope_per_hour(points):+.2f} {unit} an hour; from {values[0]:.1f} to {values[-1]:.1f}, "
            f"between {min(values):.1f} and {max(values):.1f}"
        )
    return lines
