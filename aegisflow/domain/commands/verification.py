"""What the readings must show once a command has worked.

Power follows load, but not in proportion: an idle machine still draws some. So a change of load counts as
seen when the mean power has moved by half of its share. The mean is taken over so many readings that the
machine's noise alone would move it that far only about once in four thousand times (3.5 standard errors).
Where that would take too many readings, no sensor can verify the command, and it ends as unverified.

Only a change proves anything. Where the readings lay inside before the command was sent, as below a cap that is
higher than what the machine draws, the machine's own answer about its set-point must say it.
"""

from collections.abc import Mapping
from dataclasses import replace
from math import ceil

from aegisflow.domain.commands.model import STOPS, Command, CommandName, DeviceView, Expectation, Mode
from aegisflow.domain.equipment import DeviceSpec

__all__ = ["RECENT", "ModeProof", "expect"]

_SHARE = 0.5
"""Share of a change of load that must be seen in the power."""
_STOPPED = 0.15
"""Share of the normal power below which a machine has stopped."""
_DRAWS = 0.25
"""Share of the normal power above which a machine has not stopped, whatever it says."""
_DRAWS_FOR_S = 30.0
"""Seconds for which it must draw that, so that the end of a ramp is no contradiction."""
_REDUCED = 0.95
"""Share of the normal power below which some of the load is taken away."""
_RUNS = 0.75
"""Share of the normal power above which a machine runs at full load again."""
_STANDARD_ERRORS = 3.5
"""How far the bound must lie from the old mean, in standard errors of the new one."""
_MIN_READINGS, _MAX_READINGS = 3, 36
"""How many readings a mean is taken over."""
RECENT = 12
"""How many of the newest readings show where a sensor stands now."""
_WITHIN_S = {
    CommandName.REDUCE_LOAD: 240.0,
    CommandName.RESTORE_LOAD: 300.0,
    CommandName.SET_PARAMETER: 240.0,
    CommandName.ENABLE_MAINTENANCE_MODE: 900.0,
    CommandName.EMERGENCY_SHUTDOWN: 60.0,
    CommandName.RESTART: 300.0,
    CommandName.END_MAINTENANCE: 300.0,
}
"""Seconds in which the effect must be seen: a reduction ramps within half a minute, a planned stop takes ten."""


def expect(command: Command, device: DeviceView, spec: DeviceSpec) -> Expectation | None:
    """Return what the readings must show once the command has worked, with what they showed before.

    Args:
        command: about to be dispatched.
        device: the device as it is before, with means and spreads of its sensors.
        spec: the device as configured: its load sensor and setpoints.

    Returns:
        The expectation; None where no sensor of the device can show the effect.
    """
    expected = _effect(command, device, spec)
    if expected is None:
        return None
    # No more than show where it stands now: what came before the last change of load says nothing.
    count = min(expected.readings, RECENT)
    newest = device.recent.get(expected.sensor, ())[-count:]
    if len(newest) < count:
        return expected
    return replace(expected, before=sum(newest) / len(newest))


def _effect(command: Command, device: DeviceView, spec: DeviceSpec) -> Expectation | None:
    within_s = _WITHIN_S[command.command]
    if command.command is CommandName.SET_PARAMETER:
        return _setpoint(command, device, spec, within_s)
    if spec.load is None:
        return None
    sensor = spec.load.sensor
    mean, normal = device.means.get(sensor), spec.sensors[sensor].normal.low
    # A running machine without a reduction is at full load now.
    full = device.full_load or (mean if device.mode.is_running and not device.reduction_pct else None)
    if command.command in STOPS:
        level = full if normal is None else normal
        return (
            None if level is None else Expectation(sensor, None, _STOPPED * abs(level), within_s, _MIN_READINGS, full)
        )
    if command.command in (CommandName.RESTART, CommandName.END_MAINTENANCE):
        level = full if normal is None else normal
        return None if level is None else Expectation(sensor, _RUNS * level, None, within_s, _MIN_READINGS)
    if mean is None:
        return None
    if command.command is CommandName.REDUCE_LOAD:
        # What is left to take is a share of the load that is left.
        share = (command.reduction_pct - device.reduction_pct) / (100.0 - device.reduction_pct)
        margin = _SHARE * share * abs(mean)
        readings = _readings(device.spreads.get(sensor, 0.0), margin)
        return None if readings is None else Expectation(sensor, None, mean - margin, within_s, readings, full)
    if full is None or full <= mean:
        return None
    margin = _SHARE * (full - mean)
    readings = _readings(device.spreads.get(sensor, 0.0), margin)
    return None if readings is None else Expectation(sensor, mean + margin, None, within_s, readings)


def _readings(spread: float, margin: float) -> int | None:
    """Return over how many readings the mean must be taken, n = (3.5 spread / margin)²; None for too many."""
    if margin <= 0:
        return None
    needed = ceil((_STANDARD_ERRORS * spread / margin) ** 2)
    return None if needed > _MAX_READINGS else max(_MIN_READINGS, needed)


def _setpoint(command: Command, device: DeviceView, spec: DeviceSpec, within_s: float) -> Expectation | None:
    parameter = spec.parameters.get(str(command.parameters["name"]))
    if parameter is None or parameter.sensor not in spec.sensors:
        return None
    sensor, value = parameter.sensor, float(command.parameters["value"])
    spread = device.spreads.get(sensor, 0.0)
    if parameter.is_cap:
        return Expectation(sensor, None, value + spread, within_s, _MIN_READINGS)
    mean = device.means.get(sensor)
    margin = _SHARE * abs(value - mean) if mean is not None else 0.0
    readings = _readings(spread, margin)
    return None if readings is None else Expectation(sensor, value - margin, value + margin, within_s, readings)


class ModeProof:
    """What readings of the load say about a mode that was told, stated or reached.

    A mode that lifts alarms must be shown: a word alone, forged or mistaken, would silence a machine that runs.
    """

    __slots__ = ("_count", "_level", "_since", "_until", "spec")

    def __init__(self, spec: DeviceSpec) -> None:
        """Begin without any readings."""
        self.spec = spec
        self.restart()

    def restart(self) -> None:
        """Start over: what was drawn in another mode proves nothing."""
        self._count, self._since, self._until, self._level = 0, 0.0, 0.0, 0.0

    def agrees(self, mode: Mode, means: Mapping[str, float], full_load: float | None) -> bool:
        """Return whether a mode that a machine says it is in may be believed.

        Where no reading of the load can tell, one that neither stops the machine nor suppresses alarms is
        believed, and any other needs a person.

        Args:
            mode: as the machine says.
            means: sensor to the mean of its newest values; empty while nothing is known.
            full_load: what the load sensor showed at full load; None where that is not known.
        """
        full, shown = self._full(full_load), None if self.spec.load is None else means.get(self.spec.load.sensor)
        if full is None or shown is None:
            return mode.is_running and mode not in self.spec.alarm.suppress_in
        share = abs(shown) / full
        if not mode.is_running:
            return share <= _STOPPED
        return share > _STOPPED and (mode is not Mode.REDUCED_LOAD or share < _REDUCED)

    def observe(self, at: float, values: Mapping[str, float], full_load: float | None) -> None:
        """Take in the values of a reading, at ``at`` in UTC epoch seconds."""
        value = None if self.spec.load is None else values.get(self.spec.load.sensor)
        full = self._full(full_load)
        if value is None or full is None:
            return
        if abs(value) <= _DRAWS * full:
            self.restart()
            return
        self._since = at if not self._count else self._since
        self._count, self._until, self._level = self._count + 1, at, value

    def contradiction(self, mode: Mode) -> str:
        """Return what speaks against a mode in which the machine stands, as a sentence; empty for nothing."""
        if mode.is_running or mode is Mode.UNKNOWN or self.spec.load is None:
            return ""
        if self._count < _MIN_READINGS or self._until - self._since < _DRAWS_FOR_S:
            return ""
        sensor = self.spec.sensors[self.spec.load.sensor]
        return (
            f"the mode is {mode}, but {sensor.name} shows {self._level:.4g} {sensor.unit}, "
            f"for {self._until - self._since:.0f} s: the machine runs"
        )

    def _full(self, full_load: float | None) -> float | None:
        """Return what the load sensor shows of a machine at full load: what is normal for it, or what it showed."""
        if self.spec.load is None:
            return None
        normal = self.spec.sensors[self.spec.load.sensor].normal.low
        level = full_load if normal is None else normal
        return abs(level) if level else None
