"""What the field's cases call healthy: a pump of the shipped plant on a calm day."""

HEALTHY = {
    "temperature": (72.0, 0.3),
    "pressure": (31.5, 0.3),
    "vibration": (1.5, 0.08),
    "power_consumption": (20.0, 0.3),
    "humidity": (40.0, 1.0),
}
"""Sensor to level and spread, in its unit."""
