"""The form of ``plant.yaml``; every key is explained where it is defined, also to editors (JSON Schema)."""

from typing import Annotated, Any

from pydantic import Field

from aegisflow.config.archestra import ArchestraSettings
from aegisflow.config.diagnosis import DiagnosisSettings
from aegisflow.config.escalation import Escalation, NotificationSettings
from aegisflow.config.fields import EMPTY, Name, Section
from aegisflow.config.identity import AgentsPart, OperatorPart
from aegisflow.config.plant import DefaultsPart, EquipmentPart, FaultPart, IncidentsPart, LinePart, PlantPart
from aegisflow.config.policy import PolicyPart
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
from aegisflow.config.sign_in import SignInPart
from aegisflow.config.sources import Sources
from aegisflow.config.tracing import TracingSettings


class PlantFile(Section):
    """A plant: what stands where, what its sensors may show, and how AegisFlow reaches broker and store."""

    plant: PlantPart = PlantPart()
    defaults: DefaultsPart = DefaultsPart()
    kinds: Annotated[dict[Name, EquipmentPart], EMPTY] = Field(default_factory=dict)
    """Templates that devices inherit and override."""
    faults: Annotated[dict[Name, FaultPart], EMPTY] = Field(default_factory=dict)
    """Types of fault, by how they show."""
    lines: Annotated[dict[Name, LinePart], EMPTY] = Field(default_factory=dict)
    """Production lines with their devices."""
    sources: Sources = Field(default_factory=dict)
    """What the messages of machines mean that don't speak AegisFlow's own format."""
    policy: PolicyPart = PolicyPart()
    escalation: Escalation = Field(default_factory=dict)
    """Who is told of an alarm, by severity."""
    notifications: NotificationSettings = NotificationSettings()
    diagnosis: DiagnosisSettings = DiagnosisSettings()
    incidents: IncidentsPart = IncidentsPart()
    broker: BrokerSettings = BrokerSettings()
    store: StoreSettings = StoreSettings()
    audit: AuditSettings = AuditSettings()
    clock: ClockSettings = ClockSettings()
    gateway: GatewaySettings = GatewaySettings()
    supervision: SupervisionSettings = SupervisionSettings()
    reload: ReloadSettings = ReloadSettings()
    manuals: ManualsSettings = ManualsSettings()
    tracing: TracingSettings = TracingSettings()
    http: HttpSettings = HttpSettings()
    agents: AgentsPart = AgentsPart()
    archestra: ArchestraSettings = ArchestraSettings()
    operators: Annotated[dict[Name, OperatorPart], EMPTY] = Field(default_factory=dict)
    """People who may come in, by name."""
    sign_in: SignInPart | None = None


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``plant.yaml``, for editors that complete and check while one types."""
    schema: dict[str, Any] = _plain(PlantFile.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "AegisFlow plant", **schema}


def _plain(schema: Any) -> Any:
    """Drop what an editor would only repeat: titles made from names, and defaults of whole sections."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: _plain(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str)) and not (key == "default" and isinstance(value, dict))
    }
    if "patternProperties" in kept:
        kept["additionalProperties"] = False
    return kept
