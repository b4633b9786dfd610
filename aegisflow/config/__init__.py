"""``plant.yaml`` in, frozen settings out."""

from aegisflow.config.difference import difference
from aegisflow.config.file import json_schema
from aegisflow.config.loader import load
from aegisflow.config.settings import (
    BrokerSettings,
    ClockSettings,
    Configuration,
    GatewaySettings,
    HttpSettings,
    ManualsSettings,
    StoreSettings,
    SupervisionSettings,
    Tls,
    Topics,
)

__all__ = [
    "BrokerSettings",
    "ClockSettings",
    "Configuration",
    "GatewaySettings",
    "HttpSettings",
    "ManualsSettings",
    "StoreSettings",
    "SupervisionSettings",
    "Tls",
    "Topics",
    "difference",
    "json_schema",
    "load",
]
