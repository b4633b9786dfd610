"""The part of ``plant.yaml`` that describes the plant: kinds, lines, devices, sensors.

Whatever may be left out has its default in ``aegisflow.domain.equipment``, and nowhere else.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from aegisflow.config.commands import Commands, CommandsPart
from aegisflow.config.fields import (
    EMPTY,
    REGULARLY,
    Delay,
    Limits,
    LongText,
    Measured,
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
Step = Annotated[float, Field(gt=0, le=1e12, strict=False), Wording("a number above 0, in the unit of the set-point")]
# reduce_load takes 20 % or more, so with less than that it could never be ordered.
LoadStep = Annotated[float, Field(ge=20, le=100, strict=False), Wording("per cent of full load, 20 to 100")]


class DetectorPart(Section):
    """Parameters of a sensor's detectors."""

    window: Annotated[int, Measured("readings")] = Field(default=_DETECTOR.window, ge=2, le=100_000)
    """Readings in the rolling window."""
    min_readings: Annotated[int, Measured("readings")] = Field(default=_DETECTOR.min_readings, ge=2, le=100_000)
    """With fewer readings in the window no z-score is given; left out, at most the window."""
    threshold: Annotated[Number, Measured("standard deviations")] = Field(default=_DETECTOR.threshold, gt=0, le=1000)
    """|z| above this is a breach."""


class AlarmPart(Section):
    """When a breach becomes an alarm, and when the alarm ends (ISA-18.2)."""

    on_delay: Delay = _ALARM.on_delay_s
    """How long a breach must last before an alarm is raised; beyond a trip limit one value is enough.
    A bare number, as older files have it, counts readings: check warns and says what to write."""
    off_delay: Delay = _ALARM.off_delay_s
    """How long it must be quiet before an alarm returns to normal."""
    suppress_in: ModeNames = Field(default_factory=tuple, examples=[["maintenance", "shutdown"]])
    """Modes that cause alarms by design, such as maintenance: those that begin in one wait for its end."""
    ages_after_s: Seconds = Field(default=_ALARM.ages_after_s, gt=0, le=31_536_000)
    """After this long inside its normal range a level is usual, and its alarm ends."""


class SensorPart(Section):
    """One sensor; the bounds lie within each other: span, trip, alarm, normal."""

    unit: Unit | None = Field(default=None, examples=["°C"])
    """Unit of the values on the wire and of all bounds. Known ones are checked: degC is a mistake, since °C is meant,
    and mW is not MW. Of others, such as NTU, check warns, for nobody can tell a slip from a unit."""
    description: Text = Field(default="", examples=["Discharge temperature"])
    """What it measures, as people and agents read it."""
    normal: Limits = Field(default=Range(), examples=[[65, 85]])
    """Where the value lies in normal operation."""
    alarm: Limits = Field(default=Range(), examples=[{"high": 90}])
    """Outside of this an operator must know."""
    trip: Limits = Field(default=Range(), examples=[{"low": 18, "high": 105}])
    """Design limit: outside of this the machine must not run."""
    span: Limits = Field(default=Range(), examples=[[-40, 1000]])
    """What the instrument can report; a value outside is refused as an instrument fault."""
    stale_after_s: Patience | None = Field(default=None, examples=["30s", "never"])
    """Without a value for this long, the sensor counts as stale; left out or null, after three of its own intervals.
    check warns of one that is shorter than the interval in which the store's newest readings came."""
    report: Report = REGULARLY
    """by_exception: it reports only what has changed, so that no value means no change while its device reports."""
    detector: DetectorPart = DetectorPart()
    deadband: Annotated[Number | None, Measured("the sensor's")] = Field(default=None, gt=0, examples=[0.4])
    """The smallest lasting shift that matters; left out, what the sensor's noise lets matter."""
    missing_values: Numbers = Field(default=(), examples=[[-999, 65535]])
    """Values by which the sender says that it has none, such as -999 or 65535."""
    numbers_in_text: bool = False
    """Whether a number may come as text, such as "72.4"."""
    kind: SensorKindName = SensorKind.MEASUREMENT.value
    """measurement; counter, watched by its rate per hour; state, on/off or a position; circular, degrees; setpoint."""
    moves: Names = Field(default_factory=tuple, examples=[["temperature"]])
    """Of a set-point: sensors that follow it."""


class LoadPart(Section):
    """What measures the load of a machine, and what follows it."""

    sensor: SensorName = Field(default="", examples=["power_consumption"])
    """A step of this sensor alone is a change of load, and no fault."""
    moves: Names = Field(default_factory=tuple, examples=[["temperature", "vibration"]])
    """Sensors that follow the load."""
    max_change: Annotated[LoadStep | None, Measured("%")] = Field(default=None, examples=[30])
    """Per cent of full load by which one reduce_load may take away more; left out, no bound but its own."""
    max_change_per_hour: Annotated[LoadStep | None, Measured("%")] = Field(default=None, examples=[50])
    """Per cent of full load that it may be from anything that it was within the hour; left out, no bound."""


class KindResponsePart(Section):
    """What to do about a fault on one kind of device, where it differs; what is left out is as for the others."""

    cause: LongText | None = Field(default=None, examples=["Currents of the VFD."])
    """Usual causes on this kind."""
    consequence: LongText | None = Field(default=None, examples=["The motor trips."])
    """What happens on this kind if nobody acts."""
    respond_within_s: Seconds | None = Field(default=None, gt=0, le=604_800, examples=["5min"])
    """How much time there is on this kind."""
    action: LongText | None = Field(default=None, examples=["Stop the motor."])
    """What the operator does on this kind."""


class ResponsePart(Section):
    """What to do about a fault: its row of the master alarm table (ISA-18.2), shown with each such alarm."""

    cause: LongText = Field(default="", examples=["Wear, lubrication, misalignment."])
    """Usual causes."""
    consequence: LongText = Field(default="", examples=["The bearing seizes."])
    """What happens if nobody acts."""
    respond_within_s: Seconds | None = Field(default=None, gt=0, le=604_800, examples=["15min"])
    """How much time there is before it does."""
    action: LongText = Field(default="", examples=["Reduce the load by 30 %."])
    """What the operator does."""
    kinds: Annotated[dict[Name, KindResponsePart], EMPTY] = Field(default_factory=dict)
    """Kind of device to what differs there."""


class FaultPart(Section):
    """How a type of fault shows; it holds for every device that has the sensors."""

    severity: SeverityName = "medium"
    """How bad it is; the alarm has it, unless a trip limit makes it worse."""
    when: Annotated[dict[SensorName, Signs], EMPTY] = Field(
        default_factory=dict, examples=[{"vibration": "high"}, {"power_consumption": ["swings", "beyond"]}]
    )
    """Sensor to the signs, any of which it must show: high, low, swings, beyond (an alarm limit)."""
    unless: Annotated[dict[SensorName, Signs], EMPTY] = Field(default_factory=dict, examples=[{"pressure": "low"}])
    """Sensor to signs that speak against it, however weak they are."""
    expects: Names = Field(default_factory=tuple, examples=[["temperature"]])
    """Sensors that usually follow; where they do not, the alarm says so."""
    together: Names = Field(default_factory=tuple, examples=[["temperature", "pressure", "vibration"]])
    """Instead of when: at least three sensors that drift together, by the same share of their values."""
    response: ResponsePart = ResponsePart()
    """What to do about it."""


class RecoveryPart(Section):
    """What a sensor must have shown, and for how long, before a machine that was stopped is started again."""

    low: Annotated[Number | None, Measured("the sensor's")] = Field(default=None, examples=[28])
    """The least that it may show, throughout."""
    high: Annotated[Number | None, Measured("the sensor's")] = Field(default=None, examples=[80])
    """The most that it may show, throughout."""
    hold_s: Seconds = Field(gt=0, le=604_800, examples=["15min"])
    """How long it must have stayed within the bounds."""


class ParameterPart(Section):
    """A set-point that the command set_parameter may change."""

    unit: Unit | None = Field(default=None, examples=["PSI"])
    """Unit of the set-point and of its bounds."""
    limits: Annotated[Limits, Measured("the set-point's")] = Field(default=Range(), examples=[[28, 35]])
    """The lowest and the highest value that may be set; both are needed."""
    sensor: SensorName | None = Field(default=None, examples=["pressure"])
    """The sensor that shows it, by which a change is proved."""
    cap: bool = False
    """Whether the sensor only has to stay below it."""
    max_change: Annotated[Step | None, Measured("the set-point's")] = Field(default=None, examples=[2])
    """The most that one command may move it by, from what the sensor shows; left out, no bound."""
    max_change_per_hour: Annotated[Step | None, Measured("the set-point's")] = Field(default=None, examples=[4])
    """The most that it may be moved away from anything that it was within the hour; left out, no bound."""


class EquipmentPart(Section):
    """What a kind describes and a device may override."""

    description: Text = Field(default="", examples=["Booster pump behind the tank"])
    """What it is, as people and agents read it."""
    manual: Text = Field(default="", examples=["pump.md"])
    """File name of the manual below the manuals folder."""
    sensors: Annotated[dict[SensorName, SensorPart | None], EMPTY] = Field(default_factory=dict)
    """Sensors by their key in the readings; null takes a sensor of the kind away."""
    parameters: Annotated[dict[Name, ParameterPart | None], EMPTY] = Field(default_factory=dict)
    """Set-points that set_parameter may change; null takes one of the kind away."""
    alarm: AlarmPart = AlarmPart()
    load: LoadPart = LoadPart()
    recovery: Annotated[dict[SensorName, RecoveryPart | None], EMPTY] = Field(default_factory=dict)
    """What must hold before a restart, by sensor; null takes one of the kind away."""
    signed: bool = False
    """true: readings without the signature of the device's own key are refused; see broker.readings_key_env."""
    silent_after_s: Patience | None = Field(default=None, examples=["90s", "never"])
    """Without any reading for this long, the device counts as silent; left out or null, after three of its own
    intervals and a minute at least."""
    commands: Commands = CommandsPart()
    """policy: it takes the commands that policy allows, by AegisFlow's own protocol; none: it is only watched, takes
    none and is asked nothing; or how they are written to a machine that speaks another one."""


class DevicePart(EquipmentPart):
    """One machine: its kind, and where it differs from it."""

    kind: Text | None = Field(default=None, examples=["pump"])
    """One of the names under kinds."""


def _device(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


class _KindAlone:
    """Lets editors know that the name of a kind alone will do."""

    alone = "the name of a kind"

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, handler(core)]}


Device = Annotated[DevicePart, BeforeValidator(_device), _KindAlone()]


class LinePart(Section):
    """A production line: devices in series."""

    description: Text = Field(default="", examples=["Compressed air for hall 3"])
    """What it makes or does, as people and agents read it."""
    devices: Annotated[dict[Name, Device], EMPTY] = Field(default_factory=dict)
    """Device id to the name of its kind, or to a mapping with kind and what differs."""


class DefaultsPart(Section):
    """What holds wherever neither the kind nor the device says otherwise."""

    detector: DetectorPart = DetectorPart()
    alarm: AlarmPart = AlarmPart()
    stale_after_s: Patience | None = Field(default=None, examples=["30s", "never"])
    """Without a value for this long, a sensor counts as stale; left out or null, after three of its own intervals."""
    silent_after_s: Patience | None = Field(default=None, examples=["60s", "never"])
    """Without any reading for this long, a device counts as silent; left out or null, after three of its own
    intervals and a minute at least."""


class PlantPart(Section):
    """The plant as a whole."""

    name: Text = Field(default="plant", examples=["Three-line compressor plant"])
    """How people call it; notifications and pages begin with it."""


class IncidentsPart(Section):
    """What the plant makes of its past."""

    repeats_within_s: Seconds = Field(default=REPEATS_WITHIN_S, gt=0, le=3_650 * 86_400)
    """The same fault again on a device, or on devices of a kind, within this time is a pattern."""
