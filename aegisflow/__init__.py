"""AegisFlow: few, trustworthy alarms from many sensor readings, and commands that people approve."""

from aegisflow import compiled

__version__ = "0.1.0"

compiled.take()
