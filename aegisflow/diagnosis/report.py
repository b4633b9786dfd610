"""What a model has to hand in: typed, and every citation looked up again before anybody sees it."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aegisflow.api.text import clean
from aegisflow.diagnosis.endpoint import ModelError
from aegisflow.domain.alarms.model import Alarm, device_of
from aegisflow.domain.diagnosis import MONITOR, CitedReading, CitedSection, Confidence
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.domain.times import Period, parse_instant
from aegisflow.domain.views import AlarmQuery
from aegisflow.errors import RequestError
from aegisflow.plant.protocol import Plant

__all__ = ["REPORT_TOOL", "Cited", "ModelProposal", "ModelReport", "check", "parse_report", "report_tool"]

REPORT_TOOL = "report_diagnosis"
MAX_CITED = 6
NEAR_S = 30.0
"""A value is looked for so long before and after the instant that is cited: agents read averages of some seconds."""
TOLERANCE = 2e-3
"""Of a cited value, relative; agents are shown five digits."""
_PASSAGES = 20
_LOOKED_AT = 100
"""Newest alarms of a device among which a cause is looked for."""

Words = Annotated[str, Field(max_length=2_000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class ReportedReading(_Part):
    """A stored value of the alarm's device."""

    sensor: str
    at: str = Field(description="ISO 8601, as a tool showed it")
    value: Annotated[float, Field(allow_inf_nan=False)]
    is_cause: bool = Field(default=False, description="it shows what led to the alarm, and so lies before it")


class ReportedSection(_Part):
    """A section of a manual."""

    manual: str
    section: str


class ModelProposal(_Part):
    """What should be done."""

    command: Literal["monitor", "reduce_load", "set_parameter", "enable_maintenance_mode", "emergency_shutdown"]
    reduction_pct: Annotated[int, Field(ge=20, le=80)] | None = None
    parameter: str | None = None
    value: Annotated[float, Field(allow_inf_nan=False)] | None = None

    @property
    def parameters(self) -> dict[str, str | float]:
        """As the guard takes them; what is missing it will say."""
        if self.command == "reduce_load" and self.reduction_pct is not None:
            return {"reduction_pct": float(self.reduction_pct)}
        if self.command == "set_parameter" and self.parameter is not None and self.value is not None:
            return {"name": clean(self.parameter, 100), "value": self.value}
        return {}

    @property
    def text(self) -> str:
        """As people read it: ``reduce_load 30``."""
        if self.command == "monitor":
            return MONITOR
        values = (f"{one:g}" if isinstance(one, float) else one for one in self.parameters.values())
        return " ".join((self.command, *values))


class ModelReport(_Part):
    """A diagnosis as the model hands it in."""

    fault: str
    confidence: Confidence
    explanation: Words = Field(description="why, in at most three sentences")
    readings: tuple[ReportedReading, ...] = ()
    sections: tuple[ReportedSection, ...] = ()
    incidents: tuple[Annotated[int, Field(ge=1, le=2**53)], ...] = Field(
        default=(), description="numbers of reports that are like it"
    )
    causes: tuple[str, ...] = Field(default=(), description="ids of earlier alarms that caused this one")
    proposal: ModelProposal
    would_change: Words = Field(description="what would have to be seen for another diagnosis")


class Cited(BaseModel):
    """The citations of a report that hold."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    readings: tuple[CitedReading, ...]
    sections: tuple[CitedSection, ...]
    incidents: tuple[int, ...]
    causes: tuple[str, ...]
    dropped: int


def report_tool(faults: Sequence[str]) -> dict[str, Any]:
    """Return the tool by which a model hands its diagnosis in; only these faults can be named."""
    schema = ModelReport.model_json_schema()
    schema["properties"]["fault"] = {"type": "string", "enum": list(faults)}
    return {
        "name": REPORT_TOOL,
        "description": "Hand in your diagnosis; this ends the conversation. Cite only what a tool has shown you.",
        "input_schema": schema,
    }


def parse_report(arguments: object, faults: Sequence[str]) -> ModelReport:
    """Return a report.

    Raises:
        ModelError: it is none, or names a fault that there is not.
    """
    try:
        report = ModelReport.model_validate(arguments)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole of it"
        raise ModelError(f"no usable report: {where}: {first['msg']}") from error
    if report.fault not in faults:
        raise ModelError(f"no usable report: there is no fault {clean(report.fault, 60)}")
    return report


def check(plant: Plant, alarm: Alarm, device: DeviceSpec, report: ModelReport) -> Cited:
    """Look every citation up again; what does not exist, or lies after what it is said to have caused, is dropped."""
    readings, no_readings = _kept(report.readings, lambda one: _reading(plant, alarm, device, one))
    sections, no_sections = _kept(report.sections, lambda one: _section(plant, device, one))
    incidents, no_incidents = _kept(report.incidents, lambda number: _incident(plant, alarm, number))
    causes, no_causes = _kept(report.causes, lambda alarm_id: _cause(plant, alarm, alarm_id))
    dropped = no_readings + no_sections + no_incidents + no_causes
    return Cited(readings=readings, sections=sections, incidents=incidents, causes=causes, dropped=dropped)


def _kept(cited: Sequence[Any], look_up: Callable[[Any], Any]) -> tuple[tuple[Any, ...], int]:
    """Return what is found of the first few that are cited, and how many of these are not."""
    found: dict[Any, None] = {}
    dropped = 0
    for one in tuple(dict.fromkeys(cited))[:MAX_CITED]:
        try:
            kept = look_up(one)
        except (RequestError, ValueError, OverflowError):
            kept = None  # it does not exist, or nobody can say that it does
        if kept is None:
            dropped += 1
        else:
            found[kept] = None
    return tuple(found), dropped


def _reading(plant: Plant, alarm: Alarm, device: DeviceSpec, cited: ReportedReading) -> CitedReading | None:
    at = parse_instant(cited.at)
    if at > plant.now() or (cited.is_cause and at > alarm.raised_at):
        return None
    stream = plant.sensor_stream(device.device_id, (cited.sensor,), Period(at - NEAR_S, at + NEAR_S), 1).value
    (summary,) = stream.sensors
    if summary.min is None or summary.max is None:
        return None
    slack = TOLERANCE * max(abs(cited.value), abs(summary.min), abs(summary.max))
    if not summary.min - slack <= cited.value <= summary.max + slack:
        return None
    return CitedReading(cited.sensor, cited.value, at, device.sensors[cited.sensor].unit)


def _section(plant: Plant, device: DeviceSpec, cited: ReportedSection) -> CitedSection | None:
    wanted = (cited.manual.strip(), " ".join(cited.section.split()))
    found = plant.find_passages(cited.section[:400], device.device_id, _PASSAGES).value.passages
    exists = any((one.manual, " ".join(one.section.split())) == wanted for one in found)
    return CitedSection(*wanted) if exists else None


def _incident(plant: Plant, alarm: Alarm, number: int) -> int | None:
    incident = plant.incident(number).incident
    return None if incident.withdrawn or incident.occurred_at > alarm.raised_at else number


def _cause(plant: Plant, alarm: Alarm, alarm_id: str) -> str | None:
    """Return an alarm that was there before this one."""
    device_id = device_of(alarm_id)
    if alarm_id == alarm.alarm_id or device_id not in plant.inventory().devices:
        return None
    query = AlarmQuery(device_ids=(device_id,), limit=_LOOKED_AT)
    known = [*plant.active_alarms((device_id,)).value, *plant.alarm_history(query).value.alarms]
    return next((one.alarm_id for one in known if one.alarm_id == alarm_id and one.raised_at <= alarm.raised_at), None)
