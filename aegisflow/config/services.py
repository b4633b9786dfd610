"""The part of ``plant.yaml`` that says how AegisFlow reaches broker and store, and how it runs.

Whatever may be left out has its default in ``aegisflow.config.settings``, and nowhere else.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from aegisflow.config.fields import (
    DeviceTopic,
    FilePath,
    Host,
    Name,
    Seconds,
    Section,
    StatusTopic,
    StoreUrl,
    Text,
    Variable,
    Version,
    WholeSeconds,
    Wording,
    refuse,
)
from aegisflow.config.settings import (
    BrokerSettings,
    ClockSettings,
    GatewaySettings,
    HttpSettings,
    ManualsSettings,
    StoreSettings,
    SupervisionSettings,
    Topics,
)

_BROKER, _TOPICS, _STORE, _CLOCK = BrokerSettings(), Topics(), StoreSettings(), ClockSettings()
_GATEWAY, _SUPERVISION, _MANUALS, _HTTP = GatewaySettings(), SupervisionSettings(), ManualsSettings(), HttpSettings()


class TlsPart(Section):
    """TLS to the broker; an empty mapping means the system's certificates."""

    ca_file: FilePath | None = None
    """Certificates of the authorities to trust (PEM)."""
    cert_file: FilePath | None = None
    """AegisFlow's own certificate (PEM), if the broker asks for one."""
    key_file: FilePath | None = None
    """The key of that certificate (PEM)."""


class TopicsPart(Section):
    """Topic templates; {device_id} stands for the device and is one whole level."""

    sensors: DeviceTopic = _TOPICS.sensors
    """Where devices publish readings."""
    commands: DeviceTopic = _TOPICS.commands
    """Where AegisFlow publishes commands."""
    acks: DeviceTopic = _TOPICS.acks
    """Where devices answer commands."""
    status: StatusTopic = _TOPICS.status
    """Where AegisFlow says, retained, whether it is online or offline."""


def _tls(value: Any) -> Any:
    if isinstance(value, bool):
        return {} if value else None
    if value is None:
        raise refuse("true, false or the certificate files; an empty entry could mean either")
    return value


def _tls_schema(schema: dict[str, Any]) -> None:
    schema["anyOf"][1] = {"type": "boolean"}
    schema["default"] = False


class BrokerPart(Section):
    """How to reach the MQTT broker. MQTT_BROKER_HOST and MQTT_BROKER_PORT in the environment override it."""

    host: Host = _BROKER.host
    port: int = Field(default=_BROKER.port, ge=1, le=65_535)
    protocol: Version = _BROKER.protocol
    """MQTT version, 5 or 3.1.1."""
    client_id: Name = _BROKER.client_id
    """Must be different for each AegisFlow on one broker."""
    username: Text = _BROKER.username
    password_env: Variable = _BROKER.password_env
    """Name of the environment variable that holds the password."""
    hmac_env: Variable = _BROKER.hmac_env
    """Name of the environment variable with the key that commands and answers are signed with (HMAC-SHA256)."""
    tls: Annotated[TlsPart | None, BeforeValidator(_tls)] = Field(default=None, json_schema_extra=_tls_schema)
    """true for TLS with the system's certificates, false for none, or the certificate files."""
    keepalive: WholeSeconds = Field(default=_BROKER.keepalive_s, ge=1, le=65_535)
    """How soon a dead connection is noticed."""
    session_expiry: WholeSeconds = Field(default=_BROKER.session_expiry_s, ge=0, le=4_294_967_295)
    """How long the broker keeps what arrives while AegisFlow is away."""
    receive_maximum: int = Field(default=_BROKER.receive_maximum, ge=1, le=65_535)
    """Messages under way that are not yet committed to the store."""
    reconnect_min: Seconds = Field(default=_BROKER.reconnect_min_s, gt=0, le=3600)
    """First pause before connecting again; it doubles with every failure."""
    reconnect_max: Seconds = Field(default=_BROKER.reconnect_max_s, gt=0, le=3600)
    """Longest pause before connecting again."""
    topics: TopicsPart = Field(default_factory=TopicsPart)


class StorePart(Section):
    """Where readings, alarms, reports, commands and audit are kept. AEGISFLOW_STORE_URL overrides url."""

    url: StoreUrl = _STORE.url
    """sqlite:/// and a path relative to this file's folder, or postgresql://..."""
    commit_interval: Seconds = Field(default=_STORE.commit_interval_s, ge=0, le=60)
    """The longest a reading waits for others to share its commit."""
    raw_retention: Seconds = Field(default=_STORE.raw_retention_s, ge=3600, le=36_525 * 86_400)
    """How long every single reading is kept."""
    minute_retention: Seconds = Field(default=_STORE.minute_retention_s, ge=3600, le=36_525 * 86_400)
    """How long one-minute aggregates are kept."""
    dead_letters: int = Field(default=_STORE.dead_letters, ge=0, le=10_000_000)
    """How many refused messages are kept, the newest."""
    prune_interval: Seconds = Field(default=_STORE.prune_interval_s, ge=1, le=86_400)
    """How often what is too old is removed."""
    audit_head: FilePath | None = None
    """File for the newest hash of the audit, relative to this file's folder; left out, beside an SQLite store."""


class ClockPart(Section):
    """Whose time it is, and which timestamps are believed."""

    source: Annotated[str, Field(pattern="^(?:wall|stream)$"), Wording("wall or stream")] = _CLOCK.source
    """wall, or stream for replays: the newest accepted timestamp is the plant's now."""
    max_age: Seconds = Field(default=_CLOCK.max_age_s, gt=0, le=36_525 * 86_400)
    """Readings older than this are refused."""
    max_ahead: Seconds = Field(default=_CLOCK.max_ahead_s, ge=0, le=36_525 * 86_400)
    """Readings further in the future than this are refused."""


class GatewayPart(Section):
    """What is taken in from the broker."""

    max_payload_bytes: int = Field(default=_GATEWAY.max_payload_bytes, ge=100, le=10_000_000)
    """Larger messages are refused."""
    group: Seconds = Field(default=_GATEWAY.group_s, ge=0, le=1)
    """How long arriving messages are gathered before they go to the devices together."""
    queue_limit: int = Field(default=_GATEWAY.queue_limit, ge=100, le=100_000_000)
    """Messages waiting; beyond it telemetry that nobody acknowledges is shed, oldest first."""


class SupervisionPart(Section):
    """When a fallen part is started again, and when it is isolated."""

    max_restarts: int = Field(default=_SUPERVISION.max_restarts, ge=0, le=1000)
    """Falls within the time below, after which a part is isolated."""
    within: Seconds = Field(default=_SUPERVISION.within_s, gt=0, le=86_400)
    backoff_min: Seconds = Field(default=_SUPERVISION.backoff_min_s, ge=0, le=3600)
    """Pause before the first restart; it doubles with every fall."""
    backoff_max: Seconds = Field(default=_SUPERVISION.backoff_max_s, ge=0, le=3600)
    ping_timeout: Seconds = Field(default=_SUPERVISION.ping_timeout_s, gt=0, le=600)
    """How long a freshly started part may take to answer."""


class ManualsPart(Section):
    """Where the manuals are, and the model that understands them."""

    folder: FilePath = str(_MANUALS.folder)
    """Relative to this file's folder."""
    model: FilePath = _MANUALS.model
    """auto, none, or the folder of a sentence-transformers model, relative to this file's folder."""


class HttpPart(Section):
    """Where aegisflow serve listens."""

    host: Host = _HTTP.host
    port: int = Field(default=_HTTP.port, ge=0, le=65_535)
    """0 takes any free port."""
    token_env: Variable = _HTTP.token_env
    """Name of the environment variable with the bearer token; without a token only loopback is served."""


class OperatorPart(Section):
    """A person who may approve commands; ``aegisflow operator NAME`` makes the token and this entry."""

    token_sha256: Annotated[
        str,
        Field(pattern="^[0-9a-f]{64}$"),
        Wording("the SHA-256 of a token: 64 digits 0-9 and a-f, as aegisflow operator NAME prints it"),
    ]
    """SHA-256 of the person's token; the token itself never stands in this file."""
