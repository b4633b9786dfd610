"""One plant-day through a detector: which faults it found, when, by which name, and what it raised besides."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from time import process_time

import numpy as np

from aegisflow.config import load
from aegisflow.domain.alarms.model import Alarm, Change
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.domain.readings import Reading
from simulator.dataset import Dataset, Recording, generate
from simulator.scenario import VARIANTS, Scenario

PLANT_FILE = Path(__file__).parents[2] / "config" / "plant.yaml"
_OPERATOR = Caller("bench", CallerKind.OPERATOR)


@dataclass(slots=True)
class Raised:
    """An alarm as the comparison sees it."""

    device_id: str
    at: float
    first_type: str
    final_type: str
    detector: str = ""
    sensors: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(slots=True)
class Episode:
    """Something that is really wrong with a device for a while."""

    kind: str
    device_id: str
    start: float
    end: float


@dataclass(slots=True)
class Outcome:
    """What a detector made of one or several days."""

    days: float = 0.0
    faults: int = 0
    found: int = 0
    false_alarms: int = 0
    repeats: int = 0
    """Further alarms within a fault that was found already."""
    right_first: int = 0
    right_final: int = 0
    delays: dict[str, list[float]] = field(default_factory=dict)
    seconds: float = 0.0
    readings: int = 0
    notes: list[str] = field(default_factory=list)
    """Misses, false alarms and wrong types, for whoever improves the detectors."""

    def add(self, other: "Outcome") -> None:
        for name in ("days", "faults", "found", "false_alarms", "repeats", "right_first", "right_final"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.seconds += other.seconds
        self.readings += other.readings
        self.notes += other.notes
        for kind, delays in other.delays.items():
            self.delays.setdefault(kind, []).extend(delays)


Detector = Callable[[DeviceSpec, Iterator[Reading]], list[Raised]]


def through_device(spec: DeviceSpec, readings: Iterator[Reading]) -> list[Raised]:
    """The device code of AegisFlow, with its defaults; every alarm is acknowledged when it clears."""
    return judge(spec, readings)


def judge(spec: DeviceSpec, readings: Iterable[Reading], *, ticks: bool = False) -> list[Raised]:
    """Have a device judge readings, and time pass before each of them where ``ticks`` are asked for."""
    device = Device(spec)
    alarms: dict[str, Alarm] = {}
    for reading in readings:
        events = device.tick(reading.received_at) if ticks else ()
        events += device.record(reading)[1]
        for event in events:
            alarms[event.alarm.alarm_id] = event.alarm
            if event.change is Change.CLEARED:
                device.acknowledge(event.alarm.alarm_id, _OPERATOR, "", event.at)
    return [
        Raised(a.device_id, a.raised_at, a.first_type, a.fault_type, a.detector, a.sensors, a.reasons)
        for a in alarms.values()
    ]


@cache
def _plant_devices() -> Mapping[str, DeviceSpec]:
    return load(PLANT_FILE).plant.devices


def scenario_of(variant: str, seed: int) -> Scenario:
    """The reference day of a seed, made harder by the variant (``plain``: as it is)."""
    scenario = Scenario(seed=seed)
    return scenario if variant == "plain" else VARIANTS[variant](scenario)


def readings_of(recording: Recording) -> Iterator[Reading]:
    names = list(recording.values)
    columns = [recording.values[name].tolist() for name in names]
    for at, arrived, *values in zip(recording.at.tolist(), recording.arrived.tolist(), *columns, strict=True):
        if arrived:
            # Only NaN, an absent value, differs from itself.
            present = {name: value for name, value in zip(names, values, strict=True) if value == value}
            if present:
                yield Reading(recording.device_id, at, present, at)


def episodes_of(dataset: Dataset) -> list[Episode]:
    start = dataset.scenario.start
    episodes = [Episode(f.kind, f.device_id, start + f.start_s, start + f.end_s) for f in dataset.faults]
    for recording in dataset.recordings:
        stuck = [i for i, label in enumerate(recording.labels) if "sensor_stuck" in label.anomaly]
        hit = np.flatnonzero(np.isin(recording.label, stuck))
        if stuck and len(hit):
            at = recording.at
            episodes.append(Episode("sensor_stuck", recording.device_id, float(at[hit[0]]), float(at[hit[-1]])))
    return episodes


def run_day(
    detector: Detector,
    variant: str,
    seed: int,
    progress: Callable[[float], None] = lambda share: None,
) -> Outcome:
    """Run one day of one seed and compare what was raised with what happened."""
    specs = _plant_devices()
    dataset = generate(scenario_of(variant, seed))
    outcome = Outcome(days=1.0)
    raised: list[Raised] = []
    for done, recording in enumerate(dataset.recordings, start=1):
        readings = list(readings_of(recording))
        began = process_time()
        raised += detector(specs[recording.device_id], iter(readings))
        outcome.seconds += process_time() - began
        outcome.readings += len(readings)
        progress(done / len(dataset.recordings))
    compare(outcome, episodes_of(dataset), raised, f"{variant} {seed}", dataset.scenario.start)
    return outcome


def compare(outcome: Outcome, episodes: list[Episode], raised: list[Raised], where: str, start: float) -> None:
    """An alarm is true if it is raised on the right device while something is wrong with it, and false if not."""
    taken: set[int] = set()
    for episode in sorted(episodes, key=lambda episode: episode.start):
        outcome.faults += 1
        within = [
            (i, alarm)
            for i, alarm in enumerate(raised)
            if alarm.device_id == episode.device_id and episode.start <= alarm.at <= episode.end
        ]
        named = f"{where}: {episode.kind} on {episode.device_id}"
        if not within:
            outcome.notes.append(f"{named} missed")
            continue
        # Last comes what has another name and was given to an earlier fault already.
        within.sort(
            key=lambda item: (item[1].first_type != episode.kind and len(within) > 1 and item[0] in taken, item[1].at)
        )
        first = within[0][1]
        outcome.found += 1
        outcome.repeats += len(within) - 1
        outcome.right_first += first.first_type == episode.kind
        outcome.right_final += first.final_type == episode.kind
        if first.first_type != episode.kind or first.final_type != episode.kind:
            outcome.notes.append(f"{named} called {first.first_type}, then {first.final_type} {first.reasons}")
        outcome.delays.setdefault(episode.kind, []).append(first.at - episode.start)
        taken |= {i for i, _ in within}
    for i, alarm in enumerate(raised):
        if i not in taken:
            outcome.false_alarms += 1
            hours = (alarm.at - start) / 3600
            what = f"{where}: false {alarm.first_type} on {alarm.device_id} at {hours:.2f} h"
            outcome.notes.append(f"{what} ({alarm.detector}) {alarm.reasons}")
