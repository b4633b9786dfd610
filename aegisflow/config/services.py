"""The part of ``plant.yaml`` that says how AegisFlow reaches broker and store, and how it runs."""

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from aegisflow.config.fields import (
    DeviceTopic,
    FilePath,
    Host,
    Measured,
    ModelPath,
    Name,
    Percent,
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

PublicKey = Annotated[
    str, Field(pattern="^[0-9a-f]{64}$"), Wording("a public key: 64 digits 0-9 and a-f, as aegisflow audit key prints")
]


class Tls(Section):
    """TLS to the broker; an empty mapping means the system's certificates."""

    ca_file: FilePath | None = Field(default=None, examples=["certs/ca.crt"])
    """Certificates of the authorities to trust (PEM)."""
    cert_file: FilePath | None = Field(default=None, examples=["certs/aegisflow.crt"])
    """AegisFlow's own certificate (PEM), if the broker asks for one."""
    key_file: FilePath | None = Field(default=None, examples=["certs/aegisflow.key"])
    """The key of that certificate (PEM)."""


class Topics(Section):
    """Topic templates; {device_id} stands for the device and is one whole level."""

    sensors: DeviceTopic = "aegisflow/sensors/{device_id}"
    """Where devices publish readings."""
    commands: DeviceTopic = "aegisflow/commands/{device_id}"
    """Where AegisFlow publishes commands."""
    acks: DeviceTopic = "aegisflow/acks/{device_id}"
    """Where devices answer commands."""
    status: StatusTopic = "aegisflow/status/{client_id}"
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


class BrokerSettings(Section):
    """How to reach the MQTT broker. MQTT_BROKER_HOST and MQTT_BROKER_PORT in the environment override it."""

    host: Host = "localhost"
    """Its name or address."""
    port: Annotated[int, Measured("")] = Field(default=1883, ge=1, le=65_535)
    """1883 by custom, 8883 with TLS."""
    protocol: Version = "5"
    """MQTT version, 5 or 3.1.1."""
    client_id: Name = "aegisflow"
    """Must be different for each AegisFlow on one broker."""
    username: Text = Field(default="", examples=["aegisflow"])
    """Empty for none."""
    password_env: Variable = Field(default="", examples=["MQTT_PASSWORD"])
    """Name of the environment variable that holds the password."""
    hmac_env: Variable = Field(default="", examples=["AEGISFLOW_HMAC_KEY"])
    """Name of the environment variable with the key that commands and answers are signed with (HMAC-SHA256)."""
    readings_key_env: Variable = Field(default="", examples=["AEGISFLOW_READINGS_KEY"])
    """Name of the environment variable with the key that the keys of devices are made of, by which these sign their
    readings; several, separated by blanks, while they are being replaced."""
    tls: Annotated[Tls | None, BeforeValidator(_tls)] = Field(default=None, json_schema_extra=_tls_schema)
    """true for TLS with the system's certificates, false for none, or the certificate files."""
    keepalive_s: WholeSeconds = Field(default=30, ge=1, le=65_535)
    """How soon a dead connection is noticed."""
    session_expiry_s: WholeSeconds = Field(default=86_400, ge=0, le=4_294_967_295)
    """How long the broker keeps what arrives while AegisFlow is away."""
    receive_maximum: Annotated[int, Measured("messages")] = Field(default=10_000, ge=1, le=65_535)
    """Messages under way that are not yet committed to the store."""
    reconnect_min_s: Seconds = Field(default=0.5, gt=0, le=3600)
    """First pause before connecting again; it doubles with every failure."""
    reconnect_max_s: Seconds = Field(default=30.0, gt=0, le=3600)
    """Longest pause before connecting again."""
    topics: Topics = Topics()


class StoreSettings(Section):
    """Where readings, alarms, reports, commands and audit are kept. AEGISFLOW_STORE_URL overrides url."""

    url: StoreUrl = "sqlite:///var/aegisflow.db"
    """sqlite:/// and a path relative to this file's folder, or postgresql://..."""
    commit_interval_s: Seconds = Field(default=0.05, ge=0, le=60)
    """The longest a reading waits for others to share its commit; one with an alarm waits a fifth of that."""
    raw_retention_s: Seconds = Field(default=7 * 86_400.0, ge=3600, le=36_525 * 86_400)
    """How long every single reading is kept."""
    minute_retention_s: Seconds = Field(default=400 * 86_400.0, ge=3600, le=36_525 * 86_400)
    """How long one-minute aggregates are kept."""
    dead_letters: Annotated[int, Measured("messages")] = Field(default=10_000, ge=0, le=10_000_000)
    """How many refused messages are kept, the newest."""
    prune_interval_s: Seconds = Field(default=300.0, ge=1, le=86_400)
    """How often what is too old is removed."""
    audit_head: FilePath | None = Field(default=None, examples=["/mnt/audit/heads"])
    """File for the newest hashes of the audit, outside of the database, relative to this file's folder.

    Left out, it is beside an SQLite store, and in this file's folder for a store on PostgreSQL.
    """


class AuditSettings(Section):
    """How the audit is proved: sealed by a key, with its heads kept where whoever owns the store cannot write."""

    key_env: Variable = "AEGISFLOW_AUDIT_KEY"
    """Name of the environment variable with the key that seals rows and heads (Ed25519, 64 hexadecimal digits)."""
    key_file: FilePath | None = Field(default=None, examples=["/etc/aegisflow/audit.key"])
    """File with that key, outside of the store's folder; aegisflow audit key makes it."""
    public_keys: Annotated[tuple[PublicKey, ...], Field(strict=False)] = Field(
        default=(), examples=[["3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"]]
    )
    """Public keys whose seals count as well: former ones, or the present where its secret is not at hand."""
    head_topic: Annotated[
        str, Field(pattern=r"^(?:[^+#$][^+#]{0,199})?$"), Wording("an MQTT topic without + and #, or nothing")
    ] = Field(default="", examples=["aegisflow/audit/head"])
    """MQTT topic to which each new head of the audit is published."""
    head_webhook_env: Variable = Field(default="", examples=["AEGISFLOW_HEADS"])
    """Name of the environment variable with a URL that gets each new head as JSON by POST."""
    head_syslog: Annotated[
        str, Field(pattern=r"^(?:/\S{1,100}|\S{1,253}:[0-9]{1,5})?$"), Wording("host:port, or the path of a socket")
    ] = Field(default="", examples=["log.plant.example:514"])
    """Log server that gets each new head (RFC 5424 over UDP): host:port, or a path such as /dev/log."""
    witness_file: FilePath | None = Field(default=None, examples=["/mnt/witness/heads"])
    """File with heads that somebody else keeps, a line each; looked at at each start beside our own."""


class ClockSettings(Section):
    """Whose time it is, and, of a stream, which timestamps are believed."""

    source: Annotated[str, Field(pattern="^(?:wall|stream)$"), Wording("wall or stream")] = "wall"
    """wall, or stream for replays: the newest accepted timestamp is the plant's now."""
    max_age_s: Seconds = Field(default=86_400.0, gt=0, le=36_525 * 86_400)
    """Of a stream only: readings further behind its newest are refused."""
    max_ahead_s: Seconds = Field(default=60.0, ge=0, le=36_525 * 86_400)
    """Of a stream only: readings further ahead of its newest are refused, until three agree."""


class GatewaySettings(Section):
    """What is taken in from the broker."""

    max_payload_bytes: int = Field(default=65_535, ge=100, le=10_000_000)
    """Larger messages are refused."""
    group_s: Seconds = Field(default=0.004, ge=0, le=1)
    """How long arriving messages are gathered before they go to the devices together."""
    queue_limit: Annotated[int, Measured("messages")] = Field(default=100_000, ge=100, le=100_000_000)
    """Messages waiting; beyond it telemetry that nobody acknowledges is shed, oldest first."""


class SupervisionSettings(Section):
    """When a fallen part is started again, and when it is isolated."""

    max_restarts: Annotated[int, Measured("falls")] = Field(default=5, ge=0, le=1000)
    """Falls within the time below, after which a part is isolated."""
    within_s: Seconds = Field(default=60.0, gt=0, le=86_400)
    """The time in which falls are counted."""
    backoff_min_s: Seconds = Field(default=0.1, ge=0, le=3600)
    """Pause before the first restart; it doubles with every fall."""
    backoff_max_s: Seconds = Field(default=5.0, ge=0, le=3600)
    """Longest pause before a restart."""
    ping_timeout_s: Seconds = Field(default=10.0, gt=0, le=600)
    """How long a freshly started part may take to answer."""


class ReloadSettings(Section):
    """How a changed file is taken over while the plant runs."""

    rest_s: Seconds = Field(default=5.0, ge=0, le=3600)
    """How long the file's content must have rested: what is written in several steps is taken over as a whole."""
    ask_above_pct: Percent = 10.0
    """A change that removes a larger share of the devices or of their sensors waits for aegisflow reload --yes."""


class ManualsSettings(Section):
    """Where the manuals are, and the model that understands them."""

    folder: FilePath = Path("manuals")
    """Relative to this file's folder."""
    model: ModelPath = "auto"
    """auto, none, or the folder of a sentence-transformers model, relative to this file's folder."""
    multilingual_model: ModelPath = "auto"
    """auto (the packaged one, but none where model is none), none, or such a folder: reads what is not English."""

    @property
    def second_model(self) -> str:
        """The encoder beside the model: auto, none or a folder. By default there is none without a model."""
        wanted = self.multilingual_model
        return "none" if wanted == "auto" and self.model == "none" else wanted


def _network(value: str) -> str:
    try:
        return str(ip_network(value))
    except ValueError:
        raise refuse("an address or a network, such as 127.0.0.1 or 10.1.0.0/16") from None


Proxy = Annotated[str, AfterValidator(_network), Field(max_length=60)]


class HttpTls(Section):
    """Certificate and key of our own; a changed pair is taken over while we run."""

    cert_file: FilePath = Field(examples=["tls/fullchain.pem"])
    """The certificate, with those that lead to its authority behind it (PEM)."""
    key_file: FilePath = Field(examples=["tls/privkey.pem"])
    """Its key (PEM), without a passphrase."""


class HttpSettings(Section):
    """Where aegisflow serve listens."""

    host: Host = "127.0.0.1"
    """The address to listen on; 0.0.0.0 for all of the machine's."""
    port: Annotated[int, Measured("")] = Field(default=8765, ge=0, le=65_535)
    """0 takes any free port."""
    token_env: Variable = "AEGISFLOW_TOKEN"  # noqa: S105 - the name of a variable, not a secret
    """Name of the environment variable with the bearer token; without a token only loopback is served."""
    hosts: Annotated[
        tuple[Host, ...], Field(strict=False), Wording("a list of names and addresses, such as [plant.example]")
    ] = Field(default=(), examples=[["plant.example"]])
    """Names and addresses, without ports, by which requests may reach it; left out, any but on loopback."""
    sensor_metrics: bool = False
    """Whether /metrics has the newest value of every sensor as well: a series for each."""
    tls: HttpTls | None = None
    """Certificate and key to serve https with; left out, it is http."""
    trusted_proxies: Annotated[
        tuple[Proxy, ...], Field(strict=False), Wording("a list of addresses and networks, such as [127.0.0.1]")
    ] = Field(default=(), examples=[["127.0.0.1", "172.18.0.0/16"]])
    """Addresses and networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; left out, none."""
