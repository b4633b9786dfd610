"""The plant as a whole now, and what people ask of one device: for whoever has five seconds, and for programs."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Self

from aegisflow.api.fields import number, whole
from aegisflow.api.schemas.alarms import ById
from aegisflow.api.schemas.base import Moment, ReadShape, moment
from aegisflow.api.schemas.devices import DeviceBrief
from aegisflow.domain.alarms.model import Alarm, Severity
from aegisflow.domain.times import format_instant
from aegisflow.domain.views import Answer, Health

__all__ = ["LONGEST_TREND_S", "PlantStatus", "TrendRequest"]

LONGEST_TREND_S = 31 * 86_400.0
MAX_POINTS = 1_000


class PlantStatus(ReadShape):
    """Whether the plant is watched, what is wrong and what waits, and every device in a few words."""

    as_of: Moment
    ok: bool
    """Whether the plant is watched at all; ``reasons`` say why not."""
    reasons: list[str]
    alarms: dict[Severity, int]
    """How many there are of each severity that are not suppressed, the worst first."""
    unacknowledged: int
    """Of all: nobody has acknowledged them, whether their cause lasts or not."""
    suppressed: int
    """Shelved, out of service, or suppressed by the mode of their device."""
    approvals: int | None
    """Commands that wait for a person, as far as that can be told now."""
    agents_allowed: bool | None
    """Whether agents may propose commands, as far as that can be told now."""
    devices: list[DeviceBrief]
    """In the order of the plant's file."""
    unavailable: dict[str, str]
    """Who could not be asked, and why."""

    @classmethod
    def of(
        cls,
        health: Health,
        alarms: Answer[tuple[Alarm, ...]],
        devices: Sequence[DeviceBrief],
        commands: tuple[int, bool] | None,
        unavailable: dict[str, str],
    ) -> Self:
        """Return the plant as it is now.

        Args:
            health: whether it is watched.
            alarms: that are not history.
            devices: all of them.
            commands: how many wait, and whether agents may propose; None where the guard does not answer.
            unavailable: who could not be asked, and why.
        """
        found = Counter(alarm.severity for alarm in alarms.value if not alarm.state.is_suppressed)
        return cls(
            as_of=format_instant(alarms.as_of),
            broker_away_since=moment(alarms.broker_away_since),
            ok=health.ok,
            reasons=list(health.reasons),
            alarms={one: found[one] for one in sorted(Severity, key=lambda one: -one.rank)},
            unacknowledged=sum(alarm.state.needs_acknowledgement for alarm in alarms.value),
            suppressed=sum(alarm.state.is_suppressed for alarm in alarms.value),
            approvals=commands[0] if commands else None,
            agents_allowed=commands[1] if commands else None,
            devices=list(devices),
            unavailable=unavailable,
        )


class TrendRequest(ById):
    """Which sensors of a device, and how far back."""

    sensor: str = ""
    """Names with commas between; left out, all that the device has."""
    last_s: Annotated[float, number(60.0, LONGEST_TREND_S, f"60 to {LONGEST_TREND_S:.0f} seconds")] = 14_400.0
    points: Annotated[int, whole(MAX_POINTS)] = 400
    """Most buckets to return; each keeps its extremes, so that no peak is lost."""
