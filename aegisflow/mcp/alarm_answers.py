"""What the tools answer about alarms."""

from pydantic import Field

from aegisflow.mcp.answers import Answer, Moment, PagedAnswer, Part, UntrustedText


class EvidenceItem(Part):
    """Why a sensor speaks for an alarm."""

    sensor: str
    detector: str
    value: float
    baseline: float
    spread: float
    z: float
    direction: str
    since: Moment


class SimilarItem(Part):
    """A past incident that is like an alarm, with what was done then."""

    facts: str
    untrusted_words: UntrustedText


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


class ActiveAlarms(PagedAnswer):
    """Alarms that are not history; first out where a line tripped; those that people set aside only by name."""

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
    cleared_at: Moment | None = None
    acknowledged_by: str | None = None
    untrusted_note: UntrustedText | None = None
    sensors: list[str] = Field(description="value, z-score and direction of each")


class AlarmHistory(PagedAnswer):
    """Alarms of the past and present."""

    start: Moment
    end: Moment
    raw_values: int = Field(description="breaching readings behind the alarms shown")
    by_device: dict[str, int] = Field(description="on all pages, the most frequent")
    by_type: dict[str, int]
    figures: list[str] = Field(default=[])
    alarms: list[PastAlarm]


class Acknowledgement(Answer):
    """What acknowledging did."""

    effect: str
    alarm_id: str
    device_id: str
    fault_type: str
    severity: str
    state: str
    acknowledged_at: Moment | None = None
    acknowledged_by: str
