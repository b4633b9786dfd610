"""``plant.yaml`` in, frozen settings out."""

from aegisflow.config.configuration import Configuration
from aegisflow.config.difference import difference, with_known_devices
from aegisflow.config.file import json_schema
from aegisflow.config.loader import load, load_store
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
    Tls,
    Topics,
)
from aegisflow.config.source import content_of

__all__ = [
    "AuditSettings",
    "BrokerSettings",
    "ClockSettings",
    "Configuration",
    "GatewaySettings",
    "HttpSettings",
    "ManualsSettings",
    "ReloadSettings",
    "StoreSettings",
    "SupervisionSettings",
    "Tls",
    "Topics",
    "content_of",
    "difference",
    "json_schema",
    "load",
    "load_store",
    "with_known_devices",
]
