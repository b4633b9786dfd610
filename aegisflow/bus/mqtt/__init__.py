"""The bus over a real MQTT broker; the home of paho."""

from aegisflow.bus.mqtt.client import PahoBus

__all__ = ["PahoBus"]
