"""What the tools answer: the shapes that an agent sees, and their JSON schemas.

A field without a value is left out of the answer instead of being sent as null.
"""

from pydantic import BaseModel, ConfigDict, Field

Moment = str
"""ISO 8601, UTC."""


class Part(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class ToolAnswer(Part):
    """What every answer says about itself."""

    as_of: Moment


class ReadAnswer(ToolAnswer):
    """What was asked of several, of whom some may not have answered."""

    unavailable: dict[str, str] = {}
    """Who could not be asked, and why."""
    broker_away: str | None = None


class PagedAnswer(ReadAnswer):
    """An answer that may go on."""

    total: int
    """On all pages."""
    truncated: bool
    """More follows, from ``next_cursor``."""
    next_cursor: str | None = None


class UntrustedText(Part):
    """Somebody's words, with whose they are."""

    words: str
    origin: str


class Series(Part):
    """A down-sampled series; min and max keep every peak."""

    mean: list[float | None]
    min: list[float | None]
    max: list[float | None]


class SensorTrend(Part):
    """A sensor over a period."""

    device_id: str | None = None
    """Where several are compared."""
    sensor: str
    unit: str
    quality_now: str | None = None
    normal: str | None = None
    raw_values: int
    mean: float | None = None
    spread: float | None = None
    min: float | None = None
    min_s: int | None = Field(default=None, description="s after start")
    max: float | None = None
    max_s: int | None = None
    slope_per_hour: float | None = None
    first: float | None = None
    last: float | None = None
    outside_normal: int | None = None
    series: Series | None = None


class SensorStream(ReadAnswer):
    """A device's sensors over a period."""

    device_id: str
    start: Moment
    end: Moment
    resolution: str = Field(description="raw, or one-minute aggregates")
    readings: int
    raw_values: int
    gaps: list[str] = Field(description="the longest, as start/end")
    gaps_total: int
    truncated: bool = Field(description="fewer points than asked for")
    left_out: list[str] = Field(default=[], description="no room; name them in sensors")
    offset_s: list[int] = Field(default=[], description="bucket begins, s after start")
    sensors: list[SensorTrend]


class SensorNow(Part):
    """A sensor now."""

    sensor: str
    unit: str
    quality: str
    value: float | None = None
    at: Moment | None = None
    mean: float | None = None
    spread: float | None = None
    z: float | None = None
    window: int = Field(description="readings behind mean, spread and z")
    interval_s: float | None = None
    normal: str | None = None
    alarm: str | None = None
    trip: str | None = None


class FinishedCommand(Part):
    """A command that is over: how it ended and when, and why in the words of a person, a machine or AegisFlow."""

    command: str
    untrusted_why: str


class DeviceDetail(Part):
    """One device now."""

    device_id: str
    line: str
    kind: str
    mode: str
    silent: bool
    latest_at: Moment | None = None
    notes: list[str] = []
    sensors: list[SensorNow]
    alarms: list[str]
    parameters: dict[str, str] = Field(description="for set_parameter")
    manual: str | None = None
    readings_accepted: int
    readings_refused: dict[str, int]
    open_commands: list[str] = Field(default=[], description="not over yet")
    finished_commands: list[FinishedCommand] = Field(default=[], description="of the last 24 h")
    commands_now: dict[str, str] = Field(default={}, description="policy now")
    interval_s: float | None = None


class DeviceLine(Part):
    """One device now, in a line."""

    device_id: str
    line: str
    kind: str
    mode: str
    silent: bool
    latest_at: Moment | None = None
    stale_sensors: list[str] | None = None
    alarms: list[str] | None = None


class DeviceStatusAnswer(PagedAnswer):
    """One device in full, or every device in a line."""

    raw_values: int = Field(description="readings behind this page")
    in_alarm: int | None = Field(default=None, description="active, in devices on all pages")
    returned: int | None = None
    """Devices whose alarms all returned to normal, unacknowledged."""
    set_aside: int | None = None
    """Devices whose alarms were all set aside by people."""
    silent: int | None = None
    device: DeviceDetail | None = None
    devices: list[DeviceLine] | None = None


class PassageItem(Part):
    """A passage of a manual."""

    manual: str
    title: str
    revision: str
    section: str
    origin: str = Field(description="shipped, or added by the plant")
    score: float
    text: str


class ManualAnswer(ReadAnswer):
    """Passages of the manuals, best first."""

    method: str
    note: str | None = None
    truncated: bool = Field(description="fewer or shorter passages than found")
    passages: list[PassageItem]


class ReportWords(Part):
    """What the author of a report wrote, and whoever corrected it."""

    author: str
    title: str
    root_cause: str
    actions_taken: str
    outcome: str


class IncidentItem(Part):
    """One incident report."""

    incident_id: int
    device_id: str
    alarm_id: str | None = None
    fault_type: str
    severity: str
    occurred_at: Moment
    origin: str
    reviewed: bool = Field(description="by a person")
    reviewed_by: str | None = None
    commands: list[str] = Field(default=[], description="their stage is that of now")
    alike: str | None = None
    untrusted_words: ReportWords


class IncidentReports(PagedAnswer):
    """Incident reports, reviewed ones first."""

    method: str | None = None
    note: str | None = None
    patterns: list[str] = []
    incidents: list[IncidentItem]


class StoredIncident(Part):
    """What is now known of a report beside its words."""

    incident_id: int
    origin: str
    reviewed: bool
    commands: list[str]


class LoggedIncident(ToolAnswer):
    """The report as stored."""

    next_step: str
    patterns: list[str] = []
    incident: StoredIncident


class CommandAnswer(ToolAnswer):
    """How far a command came."""

    command_id: str
    device_id: str
    command: str
    parameters: dict[str, str | float]
    stage: str = Field(description="never more than is known; only 'verified' means telemetry proved it")
    stage_at: Moment | None = None
    reasons: list[str]
    next_step: str
    expires_at: Moment | None = None
    proposed_by: str
    untrusted_justification: UntrustedText


class EvidenceItem(Part):
    """Why a sensor speaks for an alarm."""

    sensor: str
    unit: str | None = None
    detector: str
    value: float
    at: Moment | None = None
    """Of the value, the weightiest so far."""
    baseline: float
    spread: float
    z: float
    direction: str
    since: Moment


class SimilarItem(Part):
    """A past incident that is like an alarm, with what was done then."""

    facts: str
    untrusted_words: UntrustedText | None = Field(default=None, description="only of reports that a person reviewed")


class AlarmItem(Part):
    """One alarm."""

    alarm_id: str
    device_id: str
    fault_type: str
    first_type: str | None = Field(default=None, description="as raised, if retyped since")
    severity: str
    state: str
    detector: str
    raised_at: Moment
    timeliness: str = Field(description="history: over before it was known")
    known_at: Moment | None = None
    changed_at: Moment
    cleared_at: Moment | None = None
    acknowledged_at: Moment | None = None
    acknowledged_by: str | None = None
    untrusted_note: UntrustedText | None = None
    repeats: int = Field(description="breaching readings")
    reasons: list[str] = Field(default=[])
    evidence: list[EvidenceItem]
    more_evidence: int | None = Field(default=None, description="sensors left out")
    patterns: list[str] | None = Field(default=None, description="the fault comes again")
    similar_incidents: list[SimilarItem] | None = Field(default=None, description="what helped before")
    untrusted_diagnosis: UntrustedText | None = None
    what_to_do: str | None = None


class ActiveAlarms(PagedAnswer):
    """Alarms that are not history yet; those that are suppressed are only named."""

    raw_values: int = Field(description="breaching readings behind the alarms shown")
    by_severity: dict[str, int]
    first_out: list[str] = Field(default=[])
    set_aside: list[str] = Field(default=[])
    alarms: list[AlarmItem]


class PastAlarm(Part):
    """One alarm, in short."""

    alarm_id: str
    device_id: str
    fault_type: str
    first_type: str | None = None
    severity: str
    state: str
    raised_at: Moment
    timeliness: str | None = None
    cleared_at: Moment | None = None
    acknowledged_by: str | None = None
    untrusted_note: UntrustedText | None = None
    sensors: list[str] = Field(description="value, spreads from the usual and direction of each")


class AlarmHistory(PagedAnswer):
    """Alarms of the past and present."""

    start: Moment
    end: Moment
    raw_values: int = Field(description="breaching readings behind the alarms shown")
    by_device: dict[str, int] = Field(description="on all pages, the most frequent")
    by_type: dict[str, int]
    data_from: Moment | None = Field(default=None, description="of what is stored; figures are of that")
    data_to: Moment | None = None
    figures: list[str] = Field(default=[])
    alarms: list[PastAlarm]


class Acknowledgement(ToolAnswer):
    """What acknowledging did."""

    effect: str
    alarm_id: str
    device_id: str
    fault_type: str
    severity: str
    state: str
    acknowledged_at: Moment | None = None
    acknowledged_by: str
