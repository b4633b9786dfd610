"""``plant.yaml`` in, frozen settings out."""

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
]
