"""What keeps a device from executing a command, whatever policy and people say.

The device checks these itself, at the moment at which it would act. AegisFlow is not a safety system: the
hard-wired trip stays in the PLC.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from aegisflow.domain.commands.model import MOVES, Command, CommandName, DeviceView, Mode
from aegisflow.domain.interval import Interval

__all__ = ["Recovery", "RecoveryWatch", "illegal_move", "interlocks"]

_STARTS = (CommandName.RESTART, CommandName.END_MAINTENANCE)


@dataclass(frozen=True, slots=True)
class Recovery:
    """The limits that a sensor must have kept for ``for_s`` seconds before a restart, in the sensor's unit."""

    low: float | None
    high: float | None
    for_s: float

    def __str__(self) -> str:
        if self.low is None:
            return f"at most {self.high:g}"
        return f"at least {self.low:g}" if self.high is None else f"within {self.low:g} to {self.high:g}"


def illegal_move(command: Command, device: DeviceView) -> str:
    """Return why the device's mode does not allow the command; empty if the mode allows it."""
    if device.mode not in MOVES[command.command]:
        modes = ", ".join(MOVES[command.command])
        return f"{command.command} is possible in {modes}, and the device is in {device.mode}"
    if command.command is CommandName.REDUCE_LOAD and command.reduction_pct <= device.reduction_pct:
        return f"the load is already reduced by {device.reduction_pct:g} %; restore_load brings it back"
    return ""


def too_late(command: Command, device: DeviceView) -> str:
    """Return why a command could reach a machine when it is no longer wanted; empty if it could not."""
    writing = device.writing
    if writing is None or not device.silent or writing.expires(command.command, command.parameters):
        return ""
    # Nothing would keep it from acting on it hours later, when somebody may stand at it.
    return "the device is silent, and what is written to it does not say when it expires: it could act on it much later"


def interlocks(command: Command, device: DeviceView, *, judged: str, send_by: float, at: float) -> tuple[str, ...]:
    """Return what forbids executing the command now, as sentences; empty if nothing forbids it.

    Args:
        command: the command, approved and about to be sent.
        device: the device as it is now.
        judged: the ``DeviceView.version`` that the decision was based on.
        send_by: when the command expires, UTC epoch seconds.
        at: now, UTC epoch seconds.
    """
    found = []
    if at >= send_by:
        found.append("the command has expired")
    if device.version != judged:
        found.append("mode, load or specification of the device changed since the decision")
    move = illegal_move(command, device)
    if move:
        found.append(move)
    if why := too_late(command, device):
        found.append(why)
    # A shutdown must reach a machine that is silent, or busy with another command, too.
    if command.command is CommandName.EMERGENCY_SHUTDOWN:
        return tuple(found)
    if device.open_command:
        found.append(f"{device.open_command} is still under way")
    if device.silent:
        found.append("the device is silent")
    if command.command in _STARTS:
        found += device.unrecovered
    return tuple(found)


class RecoveryWatch:
    """Watches since when each sensor of a stopped machine has been within its recovery limits.

    Only readings of the stopped machine count: what it showed before the stop proves nothing.
    """

    __slots__ = ("_at", "_gap_s", "_interval", "_since", "criteria")

    def __init__(self, criteria: Mapping[str, Recovery], gap_s: float, interval: Interval | None = None) -> None:
        """Begin without any readings.

        Args:
            criteria: sensor to the limits that it must keep.
            gap_s: a sensor without a value for more than so many seconds starts over.
            interval: where given, it may be without one for as long as its device usually is, too.
        """
        self.criteria = criteria
        self._interval = interval
        self._gap_s = gap_s
        self._since: dict[str, float] = {}
        self._at: dict[str, float] = {}

    @property
    def _longest_gap_s(self) -> float:
        return self._gap_s if self._interval is None else max(self._gap_s, self._interval.patience_s)

    def restart(self) -> None:
        """Start over, with no readings seen."""
        self._since.clear()
        self._at.clear()

    def observe(self, at: float, values: Mapping[str, float], mode: Mode) -> None:
        """Take in one reading of a device that is in ``mode``."""
        if mode.is_running:
            return
        since, seen, gap_s = self._since, self._at, self._gap_s
        for sensor, limit in self.criteria.items():
            value = values.get(sensor)
            if value is None:
                continue
            inside = (limit.low is None or value >= limit.low) and (limit.high is None or value <= limit.high)
            if not inside:
                since.pop(sensor, None)
            # Nearly always the gap is shorter than that which is given, and no longer one need be worked out.
            elif sensor not in since or not (
                0.0 <= at - seen[sensor] <= gap_s or 0.0 <= at - seen[sensor] <= self._longest_gap_s
            ):
                since[sensor] = at
            seen[sensor] = at

    def missing(self, at: float) -> tuple[str, ...]:
        """Return what has not recovered by ``at``, as sentences; empty if all sensors have."""
        found = []
        for sensor, limit in self.criteria.items():
            since = self._since.get(sensor)
            stale = since is not None and at - self._at[sensor] > self._longest_gap_s
            held = 0.0 if since is None or stale else self._at[sensor] - since
            if held < limit.for_s:
                found.append(f"{sensor} must be {limit} for {limit.for_s / 60:g} min, so far {held / 60:.1f} min")
        return tuple(found)
