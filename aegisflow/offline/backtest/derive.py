"""Devices for a recording that comes without a plant.yaml: what its columns and its rhythm tell."""

from aegisflow.domain.equipment import AlarmSpec, DeviceSpec, Limits, SensorSpec
from aegisflow.errors import RecordingError
from aegisflow.offline.recordings.kinds import WORDS
from aegisflow.offline.recordings.recording import Recording

_SHOWN = 8
_STALE_INTERVALS = 6
_SPAN = Limits(-1e30, 1e30)
"""Nobody has said what the instruments can show."""
_SILENT_INTERVALS = 12
_ALARM = AlarmSpec(on_delay_s=0.0, off_delay_s=0.0, on_readings=3, off_readings=24)
"""Nobody has said how fast these machines are, so their delays go by the rhythm of the recording."""


class Derived:
    """Makes a device of every name that turns up; all have the same sensors, and no limits."""

    def __init__(self, recording: Recording) -> None:
        """Take the columns and the rhythm of a recording.

        Raises:
            RecordingError: no column holds numbers.
        """
        if not recording.columns:
            raise RecordingError(recording.path, None, "no column of numbers", "at least one sensor, or --separator")
        interval_s = recording.interval_s
        self._silent_after_s = _SILENT_INTERVALS * interval_s
        kinds = {column.name: recording.kind(column) for column in recording.columns.values()}
        self._sensors = {
            column.name: SensorSpec(
                column.name,
                column.unit,
                span=_SPAN,
                stale_after_s=_STALE_INTERVALS * interval_s * recording.rows_per_value(column),
                kind=kinds[column.name],
            )
            for column in recording.columns.values()
        }
        for kind, words in WORDS.items():
            names = [name for name, found in kinds.items() if found is kind]
            if names:
                shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
                recording.guesses.append(f"{shown}: {words} (--plant, with another kind)")

    def spec(self, device_id: str) -> DeviceSpec:
        """Return the device of this name."""
        return DeviceSpec(
            device_id, "recording", "recorded", self._sensors, silent_after_s=self._silent_after_s, alarm=_ALARM
        )
