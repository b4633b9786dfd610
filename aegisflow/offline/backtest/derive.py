"""Devices for a recording that comes without a plant.yaml: what its columns and its rhythm tell."""

from aegisflow.domain.equipment import DeviceSpec, SensorSpec
from aegisflow.errors import RecordingError
from aegisflow.offline.backtest.recording import Recording

_STALE_INTERVALS = 6
_SILENT_INTERVALS = 12


class Derived:
    """Makes a device of every name that turns up; all have the same sensors, and no limits."""

    def __init__(self, recording: Recording) -> None:
        """Judge the columns.

        Raises:
            RecordingError: no column holds numbers.
        """
        columns = recording.sensor_columns()
        if not columns:
            raise RecordingError(recording.path, 1, "no column of numbers", "at least one sensor")
        interval_s = recording.interval_s()
        self._silent_after_s = _SILENT_INTERVALS * interval_s
        self._sensors = {name: SensorSpec(name, "", stale_after_s=_STALE_INTERVALS * interval_s) for name in columns}

    def spec(self, device_id: str) -> DeviceSpec:
        """Return the device of this name."""
        return DeviceSpec(device_id, "recording", "recorded", self._sensors, silent_after_s=self._silent_after_s)
