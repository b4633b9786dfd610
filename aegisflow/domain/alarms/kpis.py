"""How many alarms people get: the key performance indicators of EEMUA 191 and ISA-18.2 (IEC 62682), clause 16.

They judge the alarm system and not the plant: an operator who gets more than about one alarm in ten
minutes cannot look into each of them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.times import Period, format_duration

BIN_S = 600.0
"""Seconds in the ten minutes over which alarms are counted."""
FLOOD_BEGINS, FLOOD_ENDS = 10, 5
"""A flood begins with more alarms than this for each operator within ten minutes, and ends with fewer than that."""
CHATTER_TIMES, CHATTER_S = 3, 60.0
"""An alarm chatters when it is raised this often within this many seconds."""
STALE_S = 86_400.0
"""An alarm is stale once it has been active for longer than a day."""
TOP = 10
"""How many of the most frequent alarms are named."""
ACCEPTABLE = 1.0
"""Alarms per ten minutes and operator that are very likely to be acceptable (EEMUA 191, table 45)."""
_MANAGEABLE = 2.0
"""The same, that can be managed."""
GUIDE = {Severity.LOW: 0.80, Severity.MEDIUM: 0.15, Severity.HIGH: 0.05}
"""Share of each severity that EEMUA 191 recommends; critical counts as high."""


class AlarmTrace(NamedTuple):
    """What the indicators need to know of an alarm that people were notified of."""

    device_id: str
    fault_type: str
    severity: Severity
    raised_at: float
    cleared_at: float | None

    @property
    def name(self) -> str:
        """Device and type: alarms with the same name count as one alarm that comes again."""
        return f"{self.device_id} {self.fault_type}"


class Flood(NamedTuple):
    """A time in which more alarms came than an operator can look into; UTC epoch seconds."""

    start: float
    end: float
    alarms: int


@dataclass(frozen=True, slots=True)
class AlarmKpis:
    """The key performance indicators of a period."""

    period: Period
    """The part of the time asked for that the figures are of: of which something is stored."""
    operators: int
    alarms: int
    average: float
    """Alarms per ten minutes and operator."""
    peak: float
    """The most alarms per operator within any ten minutes of the clock."""
    floods: tuple[Flood, ...]
    flood_share: float
    """Part of the period that was a flood, 0 to 1."""
    chattering: tuple[str, ...]
    """Device and type of the alarms that chattered."""
    stale: tuple[str, ...]
    """Device and type of the alarms that had been active for longer than a day when the period ended."""
    top: Mapping[str, int]
    """Device and type of the ten most frequent alarms, with how often each was raised."""
    top_share: float
    """Part of all alarms that these make up; 1 to 5 % is the aim, since a few bad ones are easily mended."""
    by_severity: Mapping[str, float]
    """Share of each severity; the guide is 80 % low, 15 % medium, 5 % high or critical."""
    data: Period | None = None
    """The first and the last instant of which something is stored; None where nothing is."""
    per_bin: Mapping[int, int] = field(default_factory=dict)
    """How many came in each ten minutes, which are counted from the start; those in which none came are absent."""

    @property
    def verdict(self) -> str:
        """What EEMUA 191 says of this average."""
        if self.average > _MANAGEABLE:
            return "more than an operator can look into"
        return "very likely to be acceptable" if self.average <= ACCEPTABLE else "manageable"

    def lines(self) -> tuple[str, ...]:
        """Return the indicators as a few sentences for people."""
        average = f"{self.average:.2f} alarms per 10 minutes and operator"
        rate = f"{average} over {format_duration(self.period.end - self.period.start)}, {self.peak:g} at most"
        shares = ", ".join(f"{100 * share:.0f} % {name}" for name, share in self.by_severity.items() if share)
        top = ", ".join(f"{count} × {name}" for name, count in list(self.top.items())[:3])
        floods = "1 flood" if len(self.floods) == 1 else f"{len(self.floods)} floods"
        return (
            f"{rate}: {self.verdict}" if self.alarms or self.data else "nothing is stored of this time",
            f"{floods} (over {FLOOD_BEGINS} in 10 min), {100 * self.flood_share:.1f} % of the time",
            _named("chattering (3 in a minute)", self.chattering),
            _named("stale (active over a day)", self.stale),
            f"most frequent: {top or 'none'}; the top {TOP} are {100 * self.top_share:.0f} % of all",
            f"{shares or 'none'}; the guide is 80 % low, 15 % medium, 5 % high or critical",
        )


def alarm_kpis(alarms: Iterable[AlarmTrace], period: Period, operators: int = 1) -> AlarmKpis:
    """Return the indicators of a period.

    Args:
        alarms: those that were raised in the period, and those that were still active in it.
        period: which alarms count.
        operators: how many people share the alarms.
    """
    known = sorted(alarms, key=lambda alarm: alarm.raised_at)
    raised = [alarm for alarm in known if period.start <= alarm.raised_at < period.end]
    times = [alarm.raised_at for alarm in raised]
    by_name = _times_by_name(raised)
    length_s = max(period.end - period.start, 1.0)
    bins = Counter(int((at - period.start) // BIN_S) for at in times)
    counts = {name: len(its_times) for name, its_times in by_name.items()}
    top = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:TOP])
    floods = tuple(_floods(times, FLOOD_BEGINS * operators, FLOOD_ENDS * operators, period.end))
    severities = Counter(alarm.severity for alarm in raised)
    return AlarmKpis(
        period=period,
        operators=operators,
        alarms=len(raised),
        # A period shorter than ten minutes counts as ten, or one alarm in one minute would be ten.
        average=len(raised) / operators / max(length_s / BIN_S, 1.0),
        peak=max(bins.values(), default=0) / operators,
        floods=floods,
        flood_share=sum(flood.end - flood.start for flood in floods) / length_s,
        chattering=tuple(name for name, its_times in by_name.items() if _chatters(its_times)),
        stale=tuple(sorted({alarm.name for alarm in known if _is_stale(alarm, period.end)})),
        top=top,
        top_share=sum(top.values()) / len(raised) if raised else 0.0,
        by_severity={str(one): severities[one] / len(raised) if raised else 0.0 for one in Severity},
        per_bin=dict(bins),
    )


def _times_by_name(raised: Iterable[AlarmTrace]) -> dict[str, list[float]]:
    """Return when each alarm was raised, by its name; gone through once, for there may be thousands of names."""
    times: dict[str, list[float]] = {}
    for alarm in raised:
        times.setdefault(alarm.name, []).append(alarm.raised_at)
    return times


def _floods(times: Sequence[float], begins: int, ends: int, until: float) -> Iterable[Flood]:
    """Yield the floods, found by a window that slides over the last ten minutes."""
    first, start, count = 0, None, 0
    for index, at in enumerate(times):
        while times[first] <= at - BIN_S:
            first += 1
        within = index - first + 1
        if start is not None and within < ends:
            yield Flood(start, at, count)
            start, count = None, 0
        if start is None and within > begins:
            start, count = times[first], within - 1
        count += start is not None
    if start is not None:
        yield Flood(start, min(until, times[-1] + BIN_S), count)


def _chatters(times: Sequence[float]) -> bool:
    last = CHATTER_TIMES - 1
    return any(times[i + last] - times[i] <= CHATTER_S for i in range(len(times) - last))


def _is_stale(alarm: AlarmTrace, at: float) -> bool:
    gone = alarm.cleared_at is not None and alarm.cleared_at <= at
    return not gone and at - alarm.raised_at > STALE_S


def _named(what: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{what}: {', '.join(names[:3]) or 'none'}{more}"
