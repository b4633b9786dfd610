"""A machine of clocks: a device that reports well, and clocks, its own and ours, that do what they do in the field."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aegisflow.domain.alarms.model import Alarm, AlarmEvent
from aegisflow.domain.commands.model import Mode
from aegisflow.domain.device import Device
from aegisflow.domain.readings import Disposition, Reading
from tests.support.samples import LEVELS, device_spec

NOW = 1_790_000_000.0
HOUR = 3_600.0
YEAR = 365 * 86_400.0

Stamp = Callable[[float, random.Random], float]
"""True time to what the sender's clock says."""

SENDERS: Mapping[str, Stamp] = {
    "right": lambda true, _: true,
    "a little ahead": lambda true, _: true + 1.5,
    "a minute ahead": lambda true, _: true + 59.5,
    "a minute behind": lambda true, _: true - 55.0,
    "an hour ahead": lambda true, _: true + HOUR,
    "an hour behind": lambda true, _: true - HOUR,
    "local time, winter": lambda true, _: true - 5 * HOUR,
    "local time, summer": lambda true, _: true - 4 * HOUR,
    "a year ahead": lambda true, _: true + YEAR,
    "a year behind": lambda true, _: true - YEAR,
    "since it booted": lambda true, _: true - NOW,
    "runs fast": lambda true, _: NOW + (true - NOW) * 1.01,
    "runs slow": lambda true, _: NOW + (true - NOW) * 0.99,
    "whole seconds": lambda true, _: float(int(true)),
    "whole minutes": lambda true, _: true - true % 60.0,
    "stands still": lambda true, _: NOW - 400.0,
    "stood still just now": lambda true, _: true - true % 600.0,
    "anything": lambda true, chance: true + chance.choice([-YEAR, -HOUR, -61.0, 0.0, 61.0, HOUR, YEAR]),
    "now and then wrong": lambda true, chance: true + (chance.random() < 0.1) * chance.choice([-HOUR, 59.5, YEAR]),
    "shakes": lambda true, chance: true + chance.uniform(-8.0, 8.0),
}


@dataclass
class Regime:
    """What the clocks do for a while."""

    sender: str
    ours_s: float = 0.0
    """By how much our own clock is off."""
    readings: int = 10
    restart: bool = False
    """Whether AegisFlow is started again before it."""


@dataclass
class ClockBench:
    """A healthy device that reports steadily in true time, watched by a clock that is set now and then."""

    every_s: float = 5.0
    seed: int = 1
    warm_up: int = 200
    device: Device = field(init=False)
    true: float = NOW
    ours_s: float = 0.0
    told: list[tuple[float, AlarmEvent]] = field(default_factory=list)
    """True time and event."""
    judged: list[tuple[float, float]] = field(default_factory=list)
    """True time, and by how much the instant under which the reading was judged is off what ours says."""
    dropped: int = 0

    def __post_init__(self) -> None:
        self.silent_after_s = max(60.0, 3.0 * self.every_s)
        self.device = Device(device_spec(silent_after_s=self.silent_after_s))
        self._values = random.Random(self.seed)
        self._clock = random.Random(self.seed + 1)
        self._ticked = self.true
        self._stored: dict[float, Reading] = {}
        self.run(Regime("right", 0.0, self.warm_up))

    def run(self, regime: Regime, faulty: bool = False) -> None:
        """Have the device report under clocks like these."""
        self._set_our_clock(regime.ours_s)
        if regime.restart:
            self._restart()
        for _ in range(regime.readings):
            self.wait(self.every_s)
            self._report(SENDERS[regime.sender](self.true, self._clock), faulty)

    def wait(self, seconds: float) -> None:
        """Let true time pass, with ticks."""
        end, step = self.true + seconds, max(1.0, self.every_s / 5.0)
        while self._ticked + step <= end:
            self._ticked += step
            self.true = self._ticked
            self._tell(self.device.tick(self.ours))
        self.true = end

    @property
    def ours(self) -> float:
        """What our clock says."""
        return self.true + self.ours_s

    def alarms(self, since: float = 0.0) -> list[Alarm]:
        """Return the newest state of each alarm that was raised since an instant of true time, first raised first."""
        found: dict[str, Alarm] = {}
        for true, event in self.told:
            if true >= since or event.alarm.alarm_id in found:
                found[event.alarm.alarm_id] = event.alarm
        return list(found.values())

    def _set_our_clock(self, off_s: float) -> None:
        by_s, self.ours_s = off_s - self.ours_s, off_s
        if by_s:  # the ticker finds out within a second
            self.device.our_clock_moved(by_s, self.ours)

    def _restart(self) -> None:
        """Go on with a device that knows what the store does."""
        before, self.device = self.device, Device(self.device.spec)
        known = sorted((one for one in self._stored.values() if one.at <= self.ours + 2.0), key=lambda one: one.at)
        past = [one._replace(received_at=one.at) for one in known[-before.recall_count :]]
        self._tell(self.device.recall(past, before.alarms(), Mode.NORMAL))

    def _report(self, stamp: float, faulty: bool) -> None:
        chance = self._values
        values = {name: chance.gauss(mean, spread) for name, (mean, spread) in LEVELS.items()}
        if faulty:
            values |= {"temperature": 120.0 + chance.gauss(0, 0.3), "vibration": 9.0 + chance.gauss(0, 0.08)}
        disposition, events = self.device.record(Reading("compressor-01", stamp, values, self.ours))
        if disposition is Disposition.DUPLICATE:
            self.dropped += 1
            return
        assert self.device.judged is not None
        self._stored.setdefault(self.device.judged.at, self.device.judged)
        self.judged.append((self.true, self.device.timeline.judging_at - self.ours))
        self._tell(events)

    def _tell(self, events: tuple[AlarmEvent, ...]) -> None:
        self.told += [(self.true, event) for event in events]
