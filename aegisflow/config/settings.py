"""The settings that ``plant.yaml`` gives, as frozen values; only ``aegisflow.config`` makes them from a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aegisflow.domain.alarms.escalation import EscalationSpec
from aegisflow.domain.equipment import PlantSpec


@dataclass(frozen=True, slots=True)
class Topics:
    """Topic templates; ``{device_id}`` stands for the device and is one whole level."""

    sensors: str = "aegisflow/sensors/{device_id}"
    commands: str = "aegisflow/commands/{device_id}"
    acks: str = "aegisflow/acks/{device_id}"
    status: str = "aegisflow/status/{client_id}"
    """Last will and birth message of AegisFlow itself: ``online`` or ``offline``, retained."""


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS to the broker; without ``ca_file`` the system's certificates are used."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """How to reach the MQTT broker."""

    host: str = "localhost"
    port: int = 1883
    protocol: str = "5"
    """``5`` or ``3.1.1``."""
    client_id: str = "aegisflow"
    username: str = ""
    password_env: str = ""
    """Name of the environment variable that holds the password; the password never stands in the file."""
    hmac_env: str = ""
    """Name of the environment variable with the key that commands and answers are signed with; empty for none."""
    tls: Tls | None = None
    keepalive_s: int = 30
    session_expiry_s: int = 86_400
    """How long the broker keeps what arrives while AegisFlow is away."""
    receive_maximum: int = 10_000
    """Messages under way that are not yet acknowledged, and so not yet committed."""
    reconnect_min_s: float = 0.5
    reconnect_max_s: float = 30.0
    topics: Topics = Topics()


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where readings, alarms, reports, commands and audit are kept, and for how long."""

    url: str = "sqlite:///var/aegisflow.db"
    """``sqlite:///relative/path``, ``sqlite:////absolute/path`` or ``postgresql://...``."""
    commit_interval_s: float = 0.05
    """The longest a reading waits for others to share its commit."""
    raw_retention_s: float = 7 * 86_400.0
    minute_retention_s: float = 400 * 86_400.0
    dead_letters: int = 10_000
    """The newest so many are kept."""
    prune_interval_s: float = 300.0
    audit_head: Path | None = None
    """File outside of the database for the newest hash of the audit; None: beside an SQLite store."""


@dataclass(frozen=True, slots=True)
class ClockSettings:
    """Whose time it is, and which timestamps are believed."""

    source: str = "wall"
    """``wall``, or ``stream`` for replays: the newest accepted timestamp is the plant's now."""
    max_age_s: float = 86_400.0
    """Readings older than this, by the plant's clock, are refused as ``too_old``."""
    max_ahead_s: float = 60.0
    """Readings further ahead than this are refused as ``too_new``."""


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """What the gateway takes in."""

    max_payload_bytes: int = 65_535
    group_s: float = 0.004
    """How long arriving messages are gathered before they go to the devices together."""
    queue_limit: int = 100_000
    """Messages waiting or under way; beyond it, unacknowledged (QoS 0) telemetry is shed, oldest first."""


@dataclass(frozen=True, slots=True)
class SupervisionSettings:
    """When a fallen actor is restarted, and when it is isolated."""

    max_restarts: int = 5
    within_s: float = 60.0
    backoff_min_s: float = 0.1
    backoff_max_s: float = 5.0
    ping_timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class ManualsSettings:
    """Where the manuals are, and the model that understands them."""

    folder: Path = Path("manuals")
    model: str = "auto"
    """A folder with a sentence-transformers model, ``auto`` (hub cache, then packaged copy), or ``none``."""


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Where ``aegisflow serve`` listens."""

    host: str = "127.0.0.1"
    port: int = 8765
    token_env: str = "AEGISFLOW_TOKEN"  # noqa: S105 - the name of a variable, not a secret
    """Environment variable with the bearer token; without it, only loopback addresses are served."""


@dataclass(frozen=True, slots=True)
class NotificationSettings:
    """Where notifications go."""

    log: bool = True
    topic: str = "aegisflow/notifications"
    webhook_env: str = ""
    """Environment variable with the URL, which may hold a secret."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """All of ``plant.yaml``."""

    path: Path
    plant: PlantSpec
    broker: BrokerSettings = BrokerSettings()
    store: StoreSettings = StoreSettings()
    clock: ClockSettings = ClockSettings()
    gateway: GatewaySettings = GatewaySettings()
    supervision: SupervisionSettings = SupervisionSettings()
    manuals: ManualsSettings = ManualsSettings()
    http: HttpSettings = field(default_factory=HttpSettings)
    escalation: EscalationSpec = field(default_factory=EscalationSpec)
    notifications: NotificationSettings = field(default_factory=NotificationSettings)
    operators: Mapping[str, str] = field(default_factory=dict)
    """Name of a person to the SHA-256 of their token, as lower-case hex."""
