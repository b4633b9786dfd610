"""What questions are answered with: immutable pictures of the plant at one instant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Generic, TypeVar

from aegisflow.domain.alarms.model import Alarm, AlarmState, Severity
from aegisflow.domain.commands.model import CommandReceipt, Mode
from aegisflow.domain.equipment import SensorSpec
from aegisflow.domain.learning import LearningStatus
from aegisflow.domain.readings import Quality
from aegisflow.domain.times import Period

T = TypeVar("T")


NO_CHANGE_YET = "no change reported yet"
"""Why a sensor that reports by exception has no value: it has had none to tell since the start."""


@dataclass(frozen=True, slots=True)
class SensorStatus:
    """One sensor now."""

    spec: SensorSpec
    quality: Quality
    value: float | None
    """Newest value, in the sensor's unit."""
    at: float | None
    mean: float | None
    """Mean of the rolling window."""
    spread: float | None
    """Standard deviation of the rolling window."""
    z: float | None
    """Of the newest value against the window before it; None while there are too few readings."""
    count: int
    """Readings in the rolling window."""
    reason: str = ""
    """Why the quality is not good, for people; empty for good."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Reason to how many values of this sensor could not be used, since the device's actor started."""
    refused_sample: str = ""
    """The newest of them as the sender wrote it."""
    interval_s: float | None = None
    """Median time between two of its values; None before there are eight, and where it reports by exception."""
    stale_after_s: float = inf
    """Without a value for so long it counts as stale, as given or learned; infinite for never."""


@dataclass(frozen=True, slots=True)
class ClockView:
    """What is known of a sender's clock, and of how often it reports."""

    offset_s: float
    """By how much it is ahead of ours, negative for behind; 0 while it is about right."""
    drift_ppm: float | None
    changes: int
    """How often it turned out to be off by something else than was believed."""
    interval_s: float | None
    """Median time between two readings; None before there are eight."""
    regularity: float
    """Share of the readings that come at about that interval."""
    is_coarse: bool
    """Whether its stamps are whole seconds, with several readings in one."""
    late: int
    repetitions: int
    conflicts: int


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """One device now."""

    device_id: str
    line: str
    kind: str
    mode: Mode
    silent: bool
    latest_at: float | None
    sensors: tuple[SensorStatus, ...]
    alarms: tuple[Alarm, ...]
    """Active and returned-unacknowledged ones, most severe first."""
    accepted: int
    """Readings taken since the device's actor started."""
    refused: Mapping[str, int]
    """Reason code or disposition to how many readings were not taken, since then."""
    notes: tuple[str, ...] = ()
    """What is worth knowing and is no alarm, such as a change of load."""
    clock: ClockView | None = None
    silent_after_s: float = inf
    """Without any reading for so long it counts as silent, as given or learned; infinite for never."""
    learning: LearningStatus | None = None
    """The commissioning period that it is in, or whose end waits for a person, or that was accepted."""


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """One bucket of a down-sampled series; keeps the extremes, so no peak is lost."""

    at: float
    """Start of the bucket."""
    count: int
    mean: float
    min: float
    max: float


@dataclass(frozen=True, slots=True)
class Gap:
    """A span without readings, longer than expected."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class SensorSummary:
    """A sensor over a period."""

    sensor: str
    unit: str
    count: int
    """Raw values it stands for."""
    mean: float | None
    min: float | None
    min_at: float | None
    max: float | None
    max_at: float | None
    spread: float | None
    """Standard deviation."""
    slope_per_hour: float | None
    """Least-squares slope, in the sensor's unit per hour."""
    first: float | None
    last: float | None
    outside_normal: int | None
    """Values outside of the normal range; None where only aggregates are left or no range is given."""
    series: tuple[SeriesPoint, ...]


@dataclass(frozen=True, slots=True)
class Stream:
    """A device's sensors over a period."""

    device_id: str
    period: Period
    resolution: str
    """``raw`` where every value was read, ``minutes`` where (partly) one-minute aggregates were."""
    readings: int
    """Raw readings it stands for."""
    gaps: tuple[Gap, ...]
    sensors: tuple[SensorSummary, ...]


@dataclass(frozen=True, slots=True)
class AlarmQuery:
    """Which alarms; every field narrows. Newest first."""

    period: Period | None = None
    """Active within, also if raised before."""
    device_ids: tuple[str, ...] = ()
    fault_type: str | None = None
    min_severity: Severity | None = None
    states: tuple[AlarmState, ...] = ()
    limit: int = 20
    before: tuple[float, str] | None = None
    """Continue after the alarm with this (raised_at, alarm_id)."""


@dataclass(frozen=True, slots=True)
class AlarmPage:
    """Alarms newest first, and how many there are."""

    alarms: tuple[Alarm, ...]
    total: int
    """All that match, on every page."""
    by_device: Mapping[str, int]
    by_type: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage of a manual."""

    manual: str
    """File name."""
    title: str
    revision: str
    section: str
    """Headings from the top, `` > `` between."""
    text: str
    score: float
    """0 to 1, comparable within one answer."""
    is_ours: bool = False
    """Whether its manual came with AegisFlow, unchanged; all else the plant added."""


@dataclass(frozen=True, slots=True)
class ManualInfo:
    """One file of the manuals folder."""

    name: str
    title: str
    revision: str
    kinds: tuple[str, ...]
    """Kinds of device it is about; empty for all."""


@dataclass(frozen=True, slots=True)
class PassageAnswer:
    """Passages that answer a query, best first."""

    passages: tuple[Passage, ...]
    method: str
    """``fused``, or ``lexical`` while (or because) there is no model."""
    note: str
    """That they only perhaps answer, that nothing was found, which revisions are older, why it is lexical only."""
    is_sure: bool = False
    """Whether the best passage is likely to answer; else it perhaps does, and the note says so."""


@dataclass(frozen=True, slots=True)
class CommandPage:
    """Commands newest first."""

    commands: tuple[CommandReceipt, ...]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to what, and how it ended."""

    at: float
    actor: str
    """Person, agent or part of AegisFlow."""
    act: str
    """Fixed name: ``plant_reloaded``, ``command_denied``, ``alarm_acknowledged``, ..."""
    subject: str
    detail: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which entries of the audit; every field narrows. Newest first."""

    period: Period | None = None
    acts: tuple[str, ...] = ()
    """Beginnings of acts, such as ``command_``; none for all."""
    text: str = ""
    """Part of the actor, the act, the subject or the detail; case does not count."""
    limit: int = 100


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries of the audit newest first, and how many there are."""

    entries: tuple[AuditEntry, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """An answer with its instant, and who could not be asked."""

    value: T
    as_of: float
    """UTC epoch seconds by the plant's clock."""
    unavailable: Mapping[str, str]
    """Name to reason; empty when everybody answered."""
    broker_away_since: float | None = None
    """Since when no machine can be heard, UTC epoch seconds by the wall clock; None while the broker is connected."""


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """The store, as its one writer sees it."""

    ok: bool
    detail: str
    last_commit_at: float | None
    """UTC epoch seconds by the wall clock."""
    pending: int
    """Readings taken but not yet committed."""
    committed_readings: int
    """Since the start."""


@dataclass(frozen=True, slots=True)
class ChildHealth:
    """One supervised actor."""

    name: str
    state: str
    """``running``, ``restarting`` or ``isolated``."""
    restarts: int
    detail: str


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the plant is watched, and by what measure."""

    ok: bool
    reasons: tuple[str, ...]
    """What is wrong, in one line each; empty when ok."""
    broker: str
    broker_connected: bool
    broker_detail: str
    store: StoreHealth
    children: tuple[ChildHealth, ...]
    """Those that are not simply running."""
    devices: int
    received: int
    """Messages from the broker since the start."""
    rejected: Mapping[str, int]
    """Reason code to how many messages were refused."""
    last_reading_at: float | None
    unsettled: int = 0
    """Messages received and not yet settled on disk, wherever they are."""
    notes: tuple[str, ...] = ()
    """What people should know although the plant is watched: a manual that cannot be read, no model."""
    supervised: bool = True
    """Whether the supervisor has said how the actors are."""

    @property
    def is_ready(self) -> bool:
        """Whether store, broker and actors are up, so that what is asked or sent now is dealt with."""
        return self.store.ok and self.broker_connected and self.supervised and not self.children


@dataclass(frozen=True, slots=True)
class PlantChange:
    """What a reload did."""

    applied: bool
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()
    """Key paths whose new values only a restart can bring in (broker, store, ...)."""
    mistakes: tuple[str, ...] = ()
    """Why nothing was applied."""
    waits: tuple[str, ...] = ()
    """Why nothing was applied until a person says yes to it: what would go that is watched now, what would open."""
    policy: tuple[str, ...] = ()
    """How the policy differs: lines that went, after a minus, and lines that came, after a plus."""
    policy_sha256: str = ""
    """Digest of the policy that runs after it."""
