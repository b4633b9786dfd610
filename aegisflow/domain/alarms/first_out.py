"""First-out alarms (ISA-18.2): the alarm that came first where several devices of a line trip together.

A device's actor knows nothing of its neighbours, so this is worked out from their alarms when somebody asks.
"""

from collections.abc import Iterable, Iterator

from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.equipment import PlantSpec

TOGETHER_S = 120.0
"""Alarms of a line belong together when each follows the one before within this many seconds."""


def first_outs(alarms: Iterable[Alarm], plant: PlantSpec) -> frozenset[str]:
    """Return the ids of the alarms that were first out.

    ::

        line-1   compressor-01 ●            first out: 40 s and 90 s later the next two follow
                 motor-01          ●
                 pump-01               ●
        line-2   pump-02    ●               alone: no first-out

    Alarms of one line, in the order they were raised, form a group while each is no more than 120 s
    behind the one before. In a group of two devices or more, the oldest alarm is first out.
    """
    by_line: dict[str, list[Alarm]] = {}
    for alarm in sorted(alarms, key=lambda alarm: (alarm.raised_at, alarm.alarm_id)):
        device = plant.devices.get(alarm.device_id)
        if device is not None:
            by_line.setdefault(device.line, []).append(alarm)
    return frozenset(
        group[0].alarm_id
        for line in by_line.values()
        for group in _groups(line)
        if len({alarm.device_id for alarm in group}) > 1
    )


def _groups(alarms: list[Alarm]) -> Iterator[list[Alarm]]:
    group = alarms[:1]
    for alarm in alarms[1:]:
        if alarm.raised_at - group[-1].raised_at > TOGETHER_S:
            yield group
            group = []
        group.append(alarm)
    yield group
