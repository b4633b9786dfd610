"""The physics of one machine that can be told what to do. Pure: time is an argument, nothing is sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import exp, pi, sin
from typing import NamedTuple
from zlib import crc32

import numpy as np

from .faults import DAY, HOUR, KINDS, Fault
from .scenario import Baseline

AMBIENT_C = 25.0
IDLE_POWER = 0.15
"""Share of the power that a running machine takes without load."""
HEAT_S = 300.0
"""Time constant of the temperature."""
REDUCE_S, SHUTDOWN_S, START_S = 30.0, 10.0, 60.0
"""From full load to none, or back."""
MAINTENANCE = ((300.0, 0.2), (300.0, 0.2), (10.0, 0.0))
"""Planned stop, as (seconds, load at their end): ramp to 20 %, cool down, stop."""


class Running(StrEnum):
    """What the machine is doing."""

    NORMAL = "normal"
    REDUCED = "reduced_load"
    MAINTENANCE = "maintenance"
    SHUTDOWN = "shutdown"


class Verdict(NamedTuple):
    """What the machine says to a command."""

    accepted: bool
    detail: str


@dataclass(slots=True)
class Machine:
    """One machine: ``obey`` commands, ``step`` through time, and read its sensors.

    Load follows its plan of ramps. Power follows load at once, vibration with its root, temperature
    with ``HEAT_S``. Line pressure and humidity are not the machine's own. A fault hurts in
    proportion to the load, but for a leak, which leaks, and a drift, which is in the instruments.
    """

    device_id: str
    baselines: Mapping[str, Baseline]
    seed: int = 42
    faults: tuple[Fault, ...] = ()
    """``start_s`` counts from the first step."""
    setpoints: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    """Parameters that can be set, with their bounds."""
    load: float = field(default=1.0, init=False)
    running: Running = field(default=Running.NORMAL, init=False)
    parameters: dict[str, float] = field(default_factory=dict, init=False)
    elapsed_s: float = field(default=0.0, init=False)
    _plan: list[tuple[float, float]] = field(default_factory=list, init=False)
    _warmth: float = field(default=1.0, init=False)
    """Load as the temperature has felt it."""
    _excess: float = field(default=0.0, init=False)
    """Heat of a fault, °C."""
    _rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self._rng = np.random.Generator(np.random.PCG64([self.seed, crc32(self.device_id.encode())]))

    @property
    def settled(self) -> bool:
        """Whether the load has arrived where the last command wanted it."""
        return not self._plan

    def obey(self, command: str, parameters: Mapping[str, object]) -> Verdict:
        """Begin what is asked for, or say why not."""
        stopped = self.running in (Running.SHUTDOWN, Running.MAINTENANCE)
        if command == "reduce_load":
            reduction = parameters.get("reduction_pct")
            number = _number(reduction)
            if number is None or not 20 <= number <= 80:
                return Verdict(False, f"reduction_pct is {str(reduction)[:50]!r}, must be 20 to 80")
            if stopped:
                return Verdict(False, f"no load to reduce in {self.running}")
            return self._go(Running.REDUCED, f"load to {100 - number:g} %", (REDUCE_S, 1 - number / 100))
        if command == "set_parameter":
            return self._set(str(parameters.get("name"))[:100], parameters.get("value"))
        if command == "enable_maintenance_mode":
            if stopped:
                return Verdict(False, f"already in {self.running}")
            return self._go(Running.MAINTENANCE, "load to 20 % in 5 min, cool-down, stop", *MAINTENANCE)
        if command == "emergency_shutdown":
            # From part load it is down the sooner.
            return self._go(Running.SHUTDOWN, "load to zero in 10 s, contactor opens", (SHUTDOWN_S * self.load, 0.0))
        if command == "restore_load":
            if self.running is not Running.REDUCED:
                return Verdict(False, f"no load to restore in {self.running}")
            return self._go(Running.NORMAL, "load to 100 %", (REDUCE_S, 1.0))
        if command == "end_maintenance":
            if self.running is not Running.MAINTENANCE:
                return Verdict(False, f"not in maintenance but in {self.running}")
            return self._go(Running.NORMAL, "load to 100 %", (START_S, 1.0))
        if command == "restart":
            if self.running is Running.NORMAL:
                return Verdict(False, "already running")
            return self._go(Running.NORMAL, "load to 100 %", (START_S, 1.0))
        return Verdict(False, f"unknown command {command[:50]!r}")

    def step(self, dt: float, time_of_day_s: float = 0.0) -> dict[str, float]:
        """Let ``dt`` seconds pass and return what the sensors read then."""
        self.elapsed_s += dt
        self._follow_plan(dt)
        self._warmth += (self.load - self._warmth) * (1 - exp(-dt / HEAT_S))
        healthy = {name: self._healthy(name, baseline, time_of_day_s) for name, baseline in self.baselines.items()}
        added = self._faults(healthy)
        heat = added.pop("temperature", 0.0)
        cooled = self._excess * exp(-dt / HEAT_S)
        # A fault heats as its script says; the heat that it leaves goes no faster than any other.
        self._excess = max(heat, cooled)
        if "temperature" in healthy:
            added["temperature"] = self._excess
        values = {name: value + added.get(name, 0.0) for name, value in healthy.items()}
        return {name: round(max(value, _floor(self.baselines[name])), 3) for name, value in values.items()}

    def _go(self, running: Running, detail: str, *plan: tuple[float, float]) -> Verdict:
        self.running, self._plan = running, list(plan)
        return Verdict(True, detail)

    def _set(self, name: str, value: object) -> Verdict:
        number = _number(value)
        if name not in self.setpoints:
            return Verdict(False, f"unknown parameter {name!r}; known: {', '.join(self.setpoints) or 'none'}")
        low, high = self.setpoints[name]
        if number is None or (low is not None and number < low) or (high is not None and number > high):
            return Verdict(False, f"{name} is {str(value)[:50]!r}, must be {low} to {high}")
        self.parameters[name] = number
        return Verdict(True, f"{name} = {number:g}")

    def _follow_plan(self, dt: float) -> None:
        while dt > 0 and self._plan:
            left, target = self._plan[0]
            if dt < left:
                self.load += (target - self.load) * dt / left
                self._plan[0] = (left - dt, target)
                return
            self.load = target
            dt -= left
            self._plan.pop(0)

    def _healthy(self, name: str, baseline: Baseline, time_of_day_s: float) -> float:
        noise = baseline.sigma * float(self._rng.standard_normal())
        day = baseline.daily * sin(2 * pi * (time_of_day_s % DAY / HOUR - 9) / 24)
        if name == "temperature":
            return AMBIENT_C + (baseline.mean + day - AMBIENT_C) * self._warmth + noise
        if name == "vibration":
            return (baseline.mean + noise) * float(self.load**0.5)
        if name == "power_consumption":
            if not self.load:
                return 0.0  # The contactor is open.
            drawn = baseline.mean * (IDLE_POWER + (1 - IDLE_POWER) * self.load) + noise * self.load
            return min(drawn, self.parameters.get("power_limit", drawn))
        if name == "pressure":
            return self.parameters.get("pressure_setpoint", baseline.mean) + noise
        return baseline.mean + day + noise

    def _faults(self, healthy: Mapping[str, float]) -> dict[str, float]:
        total: dict[str, float] = {}
        columns = {name: np.array([value]) for name, value in healthy.items()}
        for fault in self.faults:
            p = (self.elapsed_s - fault.start_s) / fault.duration_s
            if not 0 <= p < 1:
                continue
            for name, delta in KINDS[fault.kind].shape(np.array([p]), columns).items():
                whole = fault.kind == "sensor_drift" or name == "pressure"
                share = 1.0 if whole else self.load
                total[name] = total.get(name, 0.0) + fault.amplitude * share * float(delta[0])
        return total


def _floor(baseline: Baseline) -> float:
    return -1e12 if baseline.floor is None else baseline.floor


def _number(value: object) -> float | None:
    """Return the number, also of a text that is one; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if -1e12 < number < 1e12 else None
