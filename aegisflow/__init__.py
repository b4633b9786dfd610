"""AegisFlow: few, trustworthy alarms from many sensor readings, and commands that people approve."""

__version__ = "0.1.0"
