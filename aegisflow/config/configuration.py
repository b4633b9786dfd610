"""All that a plant file says, settled: the plant itself, and the sections that the program reads as they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aegisflow.config.archestra import ArchestraSettings
from aegisflow.config.diagnosis import DiagnosisSettings
from aegisflow.config.escalation import NotificationSettings
from aegisflow.config.services import (
    AuditSettings,
    BrokerSettings,
    ClockSettings,
    GatewaySettings,
    HttpSettings,
    ManualsSettings,
    ReloadSettings,
    StoreSettings,
    SupervisionSettings,
)
from aegisflow.config.sources import SourceSettings
from aegisflow.config.tracing import TracingSettings
from aegisflow.domain.alarms.escalation import EscalationSpec
from aegisflow.domain.credentials import AgentAccess, OperatorSpec
from aegisflow.domain.equipment import PlantSpec
from aegisflow.domain.people import SignInSpec


@dataclass(frozen=True, slots=True)
class Configuration:
    """All of ``plant.yaml``, with absolute paths."""

    path: Path
    plant: PlantSpec
    broker: BrokerSettings = field(default_factory=BrokerSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    audit: AuditSettings = field(default_factory=AuditSettings)
    clock: ClockSettings = field(default_factory=ClockSettings)
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    supervision: SupervisionSettings = field(default_factory=SupervisionSettings)
    reload: ReloadSettings = field(default_factory=ReloadSettings)
    manuals: ManualsSettings = field(default_factory=ManualsSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    archestra: ArchestraSettings = field(default_factory=ArchestraSettings)
    escalation: EscalationSpec = field(default_factory=EscalationSpec)
    notifications: NotificationSettings = field(default_factory=NotificationSettings)
    diagnosis: DiagnosisSettings = field(default_factory=DiagnosisSettings)
    tracing: TracingSettings = field(default_factory=TracingSettings)
    operators: Mapping[str, OperatorSpec] = field(default_factory=dict)
    """Name of a person to their token and role."""
    agents: AgentAccess = field(default_factory=AgentAccess)
    sign_in: SignInSpec | None = None
    sources: Mapping[str, SourceSettings] = field(default_factory=dict)
    """Name to what the messages on some topics mean; AegisFlow's own topics are not among them."""
    digest: str = ""
    """The SHA-256 of the file's content as hex; empty for what was made in code."""
