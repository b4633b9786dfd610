"""What of the past matters now: reports that are like an alarm, and faults that come again."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.detection import UNCLASSIFIED
from aegisflow.domain.incidents.model import AlarmToMatch, Incident, Pattern, SimilarIncident

SAME_FAULT, SAME_DEVICE, SAME_KIND, SAME_SIGNS, SAME_WORDS = 0.4, 0.25, 0.15, 0.25, 0.1
"""What each likeness adds: all of them together are 1."""
LEAST_LIKENESS = 0.4
"""Below it two things only have something in common: the same fault is enough, the same device is not."""
ONE_OCCURRENCE_S = 3_600.0
"""What follows within this belongs to the same occurrence, such as a second report or an alarm that came back."""
MAX_INTERVALS = 5
SHARED_BY = 2
"""So many devices of a kind must have had a fault before it is a pattern of the kind."""
_NO_TYPE = (UNCLASSIFIED, "unknown")


class Occurrence(NamedTuple):
    """A fault at a device at a time, by an alarm or by a report."""

    device_id: str
    kind: str
    fault_type: str
    at: float


def signs_of(alarm: Alarm) -> tuple[str, ...]:
    """Return what the sensors of an alarm show, such as ``vibration high``, by name."""
    return tuple(sorted({f"{item.sensor} {item.direction}" for item in alarm.evidence}))


def wording(alarm: Alarm, kind: str) -> str:
    """Return an alarm in the words in which a report would tell of it."""
    return f"{kind} {alarm.fault_type.replace('_', ' ')}: {', '.join(signs_of(alarm))}"


def likeness(asked: AlarmToMatch, incident: Incident) -> tuple[float, tuple[str, ...]]:
    """Return how like a report is to an alarm, 0 to 1, and in what, the strongest first.

    A weighted sum, so that it can be explained: the same type of fault, the same device or at least
    kind, the share of the sensors' signs that both have (Jaccard), and the nearness of the words.
    """
    alarm, found = asked.alarm, []
    score = 0.0
    if alarm.fault_type == incident.fault_type and alarm.fault_type not in _NO_TYPE:
        score += SAME_FAULT
        found.append("same fault")
    if alarm.device_id == incident.device_id:
        score += SAME_DEVICE
        found.append("same device")
    elif incident.kind and asked.kind == incident.kind:
        score += SAME_KIND
        found.append(f"another {asked.kind}")
    ours, theirs = set(signs_of(alarm)), set(incident.signs)
    both = ours & theirs
    if both:
        score += SAME_SIGNS * len(both) / len(ours | theirs)
        found.append(f"both {', '.join(sorted(both))}")
    near = asked.meaning.get(incident.incident_id, 0.0)
    score += SAME_WORDS * near
    if near >= 0.5:
        found.append("told in near words")
    return min(1.0, score), tuple(found)


def most_similar(asked: AlarmToMatch, incidents: Iterable[Incident], most: int) -> tuple[SimilarIncident, ...]:
    """Return the reports that are like an alarm: the likest first, and of about the same likeness those reviewed.

    A report of this very alarm, and what people withdrew, are left out.
    """
    found = []
    for incident in incidents:
        if incident.withdrawn or incident.alarm_id == asked.alarm.alarm_id:
            continue
        score, why = likeness(asked, incident)
        if score >= LEAST_LIKENESS:
            found.append(SimilarIncident(incident, round(score, 3), why))
    found.sort(key=lambda one: (-round(one.score, 1), not one.incident.reviewed, -one.score, -one.incident.occurred_at))
    return tuple(found[:most])


def patterns(occurrences: Iterable[Occurrence], now: float, within_s: float) -> tuple[Pattern, ...]:
    """Return the faults that come again, each within ``within_s`` of the time before and of now; the most first.

    On a device twice is a pattern; on a kind it takes at least two of its devices, since what one
    device has again and again says nothing of the others. Faults of no known type are none.
    """
    times: defaultdict[tuple[str, str, str], list[float]] = defaultdict(list)
    for one in occurrences:
        if one.fault_type not in _NO_TYPE:
            times[one.fault_type, one.kind, one.device_id].append(one.at)
    begun = {key: _begun(sorted(at)) for key, at in times.items()}
    by_kind: defaultdict[tuple[str, str], list[list[float]]] = defaultdict(list)
    found = []
    for (fault, kind, device), at in begun.items():
        run = _newest_run(at, within_s)
        if len(run) > 1:
            found.append(_pattern(fault, device, kind, run))
        if kind:
            by_kind[fault, kind].append(at)
    for (fault, kind), devices in by_kind.items():
        run = _newest_run(sorted(at for several in devices for at in several), within_s)
        if sum(several[-1] >= run[0] for several in devices) >= SHARED_BY:
            found.append(_pattern(fault, "", kind, run))
    recent = [one for one in found if one.last_at >= now - within_s]
    return tuple(sorted(recent, key=lambda one: (-one.count, -one.last_at, one.fault_type, one.device_id, one.kind)))


def patterns_of(alarm: Alarm, kind: str, found: Sequence[Pattern]) -> tuple[Pattern, ...]:
    """Return the patterns that an alarm is a part of: that of its device, then that of its kind."""
    mine = [one for one in found if one.fault_type == alarm.fault_type]
    device = [one for one in mine if one.device_id == alarm.device_id]
    return tuple(device + [one for one in mine if not one.device_id and one.kind == kind])


def pattern_line(pattern: Pattern) -> str:
    """Return a pattern in a line: ``3 times bearing_failure on pump-01, 4.2 d and 9.1 d apart``."""
    where = f"on {pattern.device_id}" if pattern.device_id else f"on the {pattern.kind}s"
    apart = [_span(interval) for interval in pattern.intervals_s]
    left_out = pattern.count - 1 - len(apart)
    listed = f"{', '.join(apart[:-1])} and {apart[-1]}" if len(apart) > 1 else apart[0]
    return f"{pattern.count} times {pattern.fault_type} {where}, {'lately ' if left_out else ''}{listed} apart"


def _pattern(fault: str, device_id: str, kind: str, times: Sequence[float]) -> Pattern:
    intervals = tuple(after - before for before, after in pairwise(times))
    return Pattern(fault, device_id, kind, len(times), times[0], times[-1], intervals[-MAX_INTERVALS:])


def _begun(times: Sequence[float]) -> list[float]:
    """Return when each occurrence began; what follows within ``ONE_OCCURRENCE_S`` belongs to it."""
    return [at for before, at in pairwise((float("-inf"), *times)) if at - before > ONE_OCCURRENCE_S]


def _newest_run(times: Sequence[float], within_s: float) -> list[float]:
    """Return the newest of the times, back to the first gap that is longer than ``within_s``."""
    run = list(times[-1:])
    for before, after in reversed(list(pairwise(times))):
        if after - before > within_s:
            break
        run.insert(0, before)
    return run


def _span(interval_s: float) -> str:
    for unit, seconds in (("d", 86_400.0), ("h", 3_600.0)):
        if interval_s >= seconds:
            return f"{interval_s / seconds:.1f} {unit}"
    return f"{interval_s / 60:.0f} min"
