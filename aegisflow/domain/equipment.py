"""The plant as configured: lines, devices, sensors, limits (ISA-95: area, line, cell).

``aegisflow.config`` builds these from ``plant.yaml``; everything else only reads them. Devices of
one kind share the same sensor objects where nothing is overridden, so 10,000 devices stay small.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.commands.interlocks import Recovery
from aegisflow.domain.commands.policy_spec import PolicySpec
from aegisflow.domain.commands.writing import WritingSpec

RESERVED = frozenset({"supervisor", "gateway", "historian", "archive", "manuals", "guard", "ticker", "notifier"})
"""Names of AegisFlow's own parts, which no device may have: everybody is told by name."""
REPEATS_WITHIN_S = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class Limits:
    """A low and a high bound in the sensor's unit; ``None`` is no bound."""

    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """Parameters of the detectors of one sensor."""

    window: int = 60
    """Readings in the rolling window."""
    min_readings: int = 20
    """Below so many readings in the window no z-score is given."""
    threshold: float = 3.0
    """|z| above this is a breach."""


class Delay(NamedTuple):
    """How long something must last, for what is seen only once in an interval."""

    seconds: float
    interval_s: float
    """Usual time between two readings: each stands for the time until the next."""


@dataclass(frozen=True, slots=True)
class AlarmSpec:
    """When a breach becomes an alarm and when the alarm ends (ISA-18.2 on-delay, off-delay)."""

    on_delay_s: float = 15.0
    """A breach must last for so long before an alarm is raised."""
    off_delay_s: float = 180.0
    """It must be quiet for so long before an alarm returns to normal."""
    suppress_in: tuple[str, ...] = ()
    """Modes of the device that cause alarms by design: those that begin in one are suppressed until it ends."""
    ages_after_s: float = 7200.0
    """A level that has lasted for so long inside its normal range is usual from then on, and its alarm ends."""
    on_readings: int = 0
    """The on-delay is at least so many of the device's own intervals long."""
    off_readings: int = 0
    """The off-delay is at least so many of them long."""

    def on_delay(self, interval_s: float) -> Delay:
        """Return the on-delay of what reports once in an interval, in seconds."""
        return Delay(max(self.on_delay_s, self.on_readings * interval_s), interval_s)

    def off_delay(self, interval_s: float) -> Delay:
        """Return the off-delay of what reports once in an interval, in seconds."""
        return Delay(max(self.off_delay_s, self.off_readings * interval_s), interval_s)


class SensorKind(StrEnum):
    """What the values of a sensor are."""

    MEASUREMENT = "measurement"
    """A quantity with a level and noise."""
    COUNTER = "counter"
    """A count that only grows, until it wraps or is reset; watched by its rate per hour."""
    STATE = "state"
    """On or off, a step, or a position that rests at its ends; only its limits are watched."""
    CIRCULAR = "circular"
    """A direction in degrees, of which 359 and 1 are neighbours; watched by how it turns."""
    SETPOINT = "setpoint"
    """What somebody wants; the sensors that it moves follow it, which is no fault."""


@dataclass(frozen=True, slots=True)
class SensorSpec:
    """One sensor of a device: trip ⊇ alarm ⊇ normal, all within the instrument's span."""

    name: str
    unit: str
    normal: Limits = Limits()
    alarm: Limits = Limits()
    trip: Limits = Limits()
    span: Limits = Limits(-1e12, 1e12)
    """What the instrument can report; a value outside is refused as ``out_of_range``."""
    stale_after_s: float | None = None
    """Without a value for so long it counts as stale; infinite for never, None for three of its own intervals."""
    by_exception: bool = False
    """Whether it reports only what has changed, so that no value means no change while its device reports."""
    description: str = ""
    detector: DetectorSpec = DetectorSpec()
    deadband: float | None = None
    """The smallest lasting shift that matters, in the sensor's unit; None: what its noise lets matter."""
    missing_values: tuple[float, ...] = ()
    """Values by which the sender says that it has none, such as -999 or 65535."""
    numbers_in_text: bool = False
    """Whether a number may come as text, such as "72.4"."""
    kind: SensorKind = SensorKind.MEASUREMENT
    moves: tuple[str, ...] = ()
    """Of a set-point: names of the sensors that follow it."""


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """A setpoint that ``set_parameter`` may change, with its bounds."""

    name: str
    unit: str
    limits: Limits
    sensor: str = ""
    """Sensor that shows it; empty for none."""
    is_cap: bool = False
    """Whether the sensor must only stay below it, rather than follow it."""
    max_change: float | None = None
    """The most that one command may move it by, from what its sensor shows; None for no bound."""
    max_change_per_hour: float | None = None
    """The most that it may be moved away from anything that it was within an hour; None for no bound."""


@dataclass(frozen=True, slots=True)
class FaultRule:
    """How a type of fault shows: the strongest rule that fits names an alarm."""

    name: str
    severity: Severity
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Sensor to signs, any of which it must show: ``high``, ``low``, ``swings``, ``beyond`` (an alarm limit)."""
    unless: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Sensor to signs that speak against it, however weak they are."""
    expects: tuple[str, ...] = ()
    """Sensors that usually follow; where they do not, the alarm says so."""
    together: tuple[str, ...] = ()
    """Instead of ``when``: sensors that drift together, by the same share of their values."""

    @property
    def sensors(self) -> frozenset[str]:
        """Names of the sensors in which the fault shows, the usual consequences included."""
        return frozenset((*self.when, *self.expects, *self.together))


@dataclass(frozen=True, slots=True)
class FaultResponse:
    """What to do about a fault: its row of the master alarm table of ISA-18.2."""

    cause: str = ""
    """Usual causes; empty where nobody has said, as are the others."""
    consequence: str = ""
    """What happens if nobody acts."""
    respond_within_s: float | None = None
    """How much time there is before it does."""
    action: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing."""
        return not (self.cause or self.consequence or self.action or self.respond_within_s)


@dataclass(frozen=True, slots=True)
class LoadSpec:
    """What measures the load of a machine, and what follows it."""

    sensor: str
    moves: tuple[str, ...] = ()
    max_change: float | None = None
    """Per cent of full load by which one command may reduce it further; None for no bound."""
    max_change_per_hour: float | None = None
    """Per cent of full load that it may be from anything that it was within an hour; None for no bound."""


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """One machine."""

    device_id: str
    line: str
    kind: str
    sensors: Mapping[str, SensorSpec]
    """Sensor name to sensor, in the order of ``plant.yaml``."""
    description: str = ""
    silent_after_s: float | None = None
    """Without any reading for so long it counts as silent; infinite for never, None for three of its own intervals,
    and a minute at least."""
    alarm: AlarmSpec = AlarmSpec()
    parameters: Mapping[str, ParameterSpec] = field(default_factory=dict)
    manual: str = ""
    """File name of the manual of its kind below the manuals folder; empty for none."""
    faults: tuple[FaultRule, ...] = ()
    """Types of fault that its sensors can show; without any, every alarm is unclassified."""
    load: LoadSpec | None = None
    recovery: Mapping[str, Recovery] = field(default_factory=dict)
    """Sensor to what it must have shown before a restart."""
    signed: bool = False
    """Whether its readings must be signed with its own key."""
    healthy: tuple[int, float] | None = None
    """How many of its first readings a person knows to be healthy, or 0 and until when (UTC epoch seconds); None for
    nobody has said."""
    watched_only: bool = False
    """Whether it takes no commands: nobody can send it any, it is asked nothing, and people state its mode."""
    writing: WritingSpec | None = None
    """How its commands are written; None for a machine that takes those of AegisFlow's own protocol."""

    @property
    def can_be_asked(self) -> bool:
        """Whether it understands questions about its mode, and about what became of a command."""
        return not self.watched_only and self.writing is None


@dataclass(frozen=True, slots=True)
class LineSpec:
    """A production line: devices in series."""

    line_id: str
    description: str
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlantSpec:
    """The whole plant."""

    name: str
    lines: Mapping[str, LineSpec]
    devices: Mapping[str, DeviceSpec]
    """Device id to device, in the order of ``plant.yaml``."""
    policy: PolicySpec = field(default_factory=PolicySpec)
    repeats_within_s: float = REPEATS_WITHIN_S
    """The same fault within so long of the time before is a pattern (see ``memory``)."""
    responses: Mapping[str, Mapping[str, FaultResponse]] = field(default_factory=dict)
    """Type of fault to what to do about it, by kind of device; the kind ``""`` stands for all others."""

    def line_of(self, device_id: str) -> str:
        """Return the line of a device; empty, on which nobody limited acts, where the plant has it no more."""
        device = self.devices.get(device_id)
        return "" if device is None else device.line

    def response(self, fault_type: str, kind: str) -> FaultResponse | None:
        """Return what to do about a fault on a device of a kind; None where nobody has said."""
        known = self.responses.get(fault_type, {})
        return known.get(kind, known.get(""))
