"""Messages to the actor that says what is probably the matter behind alarms."""

from dataclasses import dataclass

from aegisflow.domain.alarms.model import AlarmEvent


@dataclass(frozen=True, slots=True)
class DiagnoseAlarms:
    """These are on disk; say what is behind those that are new, worse or of another type than before."""

    events: tuple[AlarmEvent, ...]
