"""The part of ``plant.yaml`` that describes the plant: kinds, lines, devices, sensors.

Whatever may be left out has its default in ``aegisflow.domain.equipment``, and nowhere else.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from aegisflow.config.fields import (
    EMPTY,
    REGULARLY,
    Delay,
    Limits,
    LongText,
    ModeNames,
    Name,
    Names,
    Number,
    Numbers,
    Patience,
    Range,
    Report,
    Seconds,
    Section,
    SensorKindName,
    SensorName,
    SeverityName,
    Signs,
    Text,
    Unit,
    Wording,
)
from aegisflow.domain.equipment import REPEATS_WITHIN_S, AlarmSpec, DetectorSpec, SensorKind

_DETECTOR, _ALARM = DetectorSpec(), AlarmSpec()
Step = Annotated[float, Field(gt=0, le=1e12, strict=False), Wording("a number above 0, in the unit of the setpoint")]
# reduce_load takes 20 % or more, so with less than that it could never be ordered.
LoadStep = Annotated[float, Field(ge=20, le=100, strict=False), Wording("per cent of full load, 20 to 100")]


class DetectorPart(Section):
    """Parameters of a sensor's detectors."""

    window: int = Field(default=_DETECTOR.window, ge=2, le=100_000)
    """Readings in the rolling window."""
    min_readings: int = Field(default=_DETECTOR.min_readings, ge=2, le=100_000)
    """Below so many readings in the window no z-score is given; left out, at most the window."""
    threshold: Number = Field(default=_DETECTOR.threshold, gt=0, le=1000)
    """|z| above this is a breach."""


class AlarmPart(Section):
    """When a breach becomes an alarm, and when the alarm ends (ISA-18.2)."""

    on_delay: Delay = _ALARM.on_delay_s
    """A breach must last for so long before an alarm is raised; beyond a trip limit one value is enough."""
    off_delay: Delay = _ALARM.off_delay_s
    """It must be quiet for so long before an alarm returns to normal."""
    suppress_in: ModeNames = Field(default_factory=tuple)
    """Modes that cause alarms by design, such as maintenance: those that begin in one wait for its end."""
    ages_after_s: Seconds = Field(default=_ALARM.ages_after_s, gt=0, le=31_536_000)
    """A level that has lasted for so long inside its normal range is usual from then on, and its alarm ends."""


class SensorPart(Section):
    """One sensor; the bounds lie within each other: span, trip, alarm, normal."""

    unit: Unit | None = None
    """Unit of the values on the wire and of all bounds."""
    description: Text = ""
    normal: Limits = Range()
    """Where the value lies in normal operation."""
    alarm: Limits = Range()
    """Outside of this an operator must know."""
    trip: Limits = Range()
    """Design limit: outside of this the machine must not run."""
    span: Limits = Range()
    """What the instrument can report; a value outside is refused as an instrument fault."""
    stale_after_s: Patience | None = None
    """Without a value for so long, the sensor counts as stale; left out or null, after three of its own intervals."""
    report: Report = REGULARLY
    """by_exception: it reports only what has changed, so that no value means no change while its device reports."""
    detector: DetectorPart = DetectorPart()
    deadband: Number | None = Field(default=None, gt=0)
    """The smallest lasting shift that matters; left out, what the sensor's noise lets matter."""
    missing_values: Numbers = ()
    """Values by which the sender says that it has none, such as -999 or 65535."""
    numbers_in_text: bool = False
    """Whether a number may come as text, such as "72.4"."""
    kind: SensorKindName = SensorKind.MEASUREMENT.value
    """measurement; counter, watched by its rate per hour; state, on/off or a position; circular, degrees; setpoint."""
    moves: Names = Field(default_factory=tuple)
    """Of a set-point: sensors that follow it."""


class LoadPart(Section):
    """What measures the load of a machine, and what follows it."""

    sensor: SensorName = ""
    """A step of this sensor alone is a change of load, and no fault."""
    moves: Names = Field(default_factory=tuple)
    """Sensors that follow the load."""
    max_change: LoadStep | None = None
    """Per cent of full load by which one reduce_load may take away more; left out, no bound but its own."""
    max_change_per_hour: LoadStep | None = None
    """Per cent of full load that it may be from anything that it was within the hour; left out, no bound."""


class KindResponsePart(Section):
    """What to do about a fault on one kind of device, where it differs; what is left out is as for the others."""

    cause: LongText | None = None
    consequence: LongText | None = None
    respond_within_s: Seconds | None = Field(default=None, gt=0, le=604_800)
    action: LongText | None = None


class ResponsePart(Section):
    """What to do about a fault: its row of the master alarm table (ISA-18.2), shown with each such alarm."""

    cause: LongText = ""
    """Usual causes."""
    consequence: LongText = ""
    """What happens if nobody acts."""
    respond_within_s: Seconds | None = Field(default=None, gt=0, le=604_800)
    """How much time there is before it does."""
    action: LongText = ""
    """What the operator does."""
    kinds: Annotated[dict[Name, KindResponsePart], EMPTY] = Field(default_factory=dict)
    """Kind of device to what differs there."""


class FaultPart(Section):
    """How a type of fault shows; it holds for every device that has the sensors."""

    severity: SeverityName = "medium"
    when: Annotated[dict[SensorName, Signs], EMPTY] = Field(default_factory=dict)
    """Sensor to the signs, any of which it must show: high, low, swings, beyond (an alarm limit)."""
    unless: Annotated[dict[SensorName, Signs], EMPTY] = Field(default_factory=dict)
    """Sensor to signs that speak against it, however weak they are."""
    expects: Names = Field(default_factory=tuple)
    """Sensors that usually follow; where they do not, the alarm says so."""
    together: Names = Field(default_factory=tuple)
    """Instead of when: at least three sensors that drift together, by the same share of their values."""
    response: ResponsePart = ResponsePart()
    """What to do about it."""


class RecoveryPart(Section):
    """What a sensor must have shown for so long before a machine that was stopped is started again."""

    low: Number | None = None
    high: Number | None = None
    hold_s: Seconds = Field(gt=0, le=604_800)
    """It must have stayed within the bounds for so long."""


class ParameterPart(Section):
    """A setpoint that the command set_parameter may change."""

    unit: Unit | None = None
    limits: Limits = Range()
    """The lowest and the highest value that may be set; both are needed."""
    sensor: SensorName | None = None
    """The sensor that shows it, by which a change is proved."""
    cap: bool = False
    """Whether the sensor only has to stay below it."""
    max_change: Step | None = None
    """The most that one command may move it by, from what the sensor shows; left out, no bound."""
    max_change_per_hour: Step | None = None
    """The most that it may be moved away from anything that it was within the hour; left out, no bound."""


class EquipmentPart(Section):
    """What a kind describes and a device may override."""

    description: Text = ""
    manual: Text = ""
    """File name of the manual below the manuals folder."""
    sensors: Annotated[dict[SensorName, SensorPart | None], EMPTY] = Field(default_factory=dict)
    """Sensors by their key in the readings; null takes a sensor of the kind away."""
    parameters: Annotated[dict[Name, ParameterPart | None], EMPTY] = Field(default_factory=dict)
    """Setpoints that set_parameter may change; null takes one of the kind away."""
    alarm: AlarmPart = AlarmPart()
    load: LoadPart = LoadPart()
    recovery: Annotated[dict[SensorName, RecoveryPart | None], EMPTY] = Field(default_factory=dict)
    """What must hold before a restart, by sensor; null takes one of the kind away."""
    signed: bool = False
    """true: readings without the signature of the device's own key are refused; see broker.readings_key_env."""
    silent_after_s: Patience | None = None
    """Without any reading for so long, the device counts as silent; left out or null, after three of its own intervals
    and a minute at least."""
    commands: Annotated[str, Field(pattern="^(?:policy|none)$"), Wording("policy or none")] = "policy"
    """policy: it takes the commands that policy allows; none: it is only watched, takes none and is asked nothing."""


class DevicePart(EquipmentPart):
    """One machine: its kind, and where it differs from it."""

    kind: Text | None = None
    """One of the names under kinds."""


def _device(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


class _KindAlone:
    """Lets editors know that the name of a kind alone will do."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, handler(core)]}


Device = Annotated[DevicePart, BeforeValidator(_device), _KindAlone()]


class LinePart(Section):
    """A production line: devices in series."""

    description: Text = ""
    devices: Annotated[dict[Name, Device], EMPTY] = Field(default_factory=dict)
    """Device id to the name of its kind, or to a mapping with kind and what differs."""


class DefaultsPart(Section):
    """What holds wherever neither the kind nor the device says otherwise."""

    detector: DetectorPart = DetectorPart()
    alarm: AlarmPart = AlarmPart()
    stale_after_s: Patience | None = None
    """Without a value for so long, a sensor counts as stale; left out or null, after three of its own intervals."""
    silent_after_s: Patience | None = None
    """Without any reading for so long, a device counts as silent; left out or null, after three of its own intervals
    and a minute at least."""


class PlantPart(Section):
    """The plant as a whole."""

    name: Text = "plant"


class IncidentsPart(Section):
    """What the plant makes of its past."""

    repeats_within_s: Seconds = Field(default=REPEATS_WITHIN_S, gt=0, le=3_650 * 86_400)
    """The same fault on a device, or on devices of a kind, within so long of the time before is a pattern."""
