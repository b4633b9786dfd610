"""One machine: what it reports, what is out of the ordinary, its alarms and its mode."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from aegisflow.domain.alarm_life import check_operator, check_reason, check_shelf
from aegisflow.domain.alarmbook import AlarmBook
from aegisflow.domain.alarms import Alarm, AlarmEvent, AlarmState, Severity
from aegisflow.domain.commands import Caller, Mode
from aegisflow.domain.detection import DeviceDetector, Finding, SensorDetector, silent_device
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.domain.readings import Disposition, Quality, Reading
from aegisflow.domain.views import DeviceStatus, SensorStatus

_ACCEPTED: tuple[Disposition, tuple[AlarmEvent, ...]] = (Disposition.ACCEPTED, ())
_DUPLICATE: tuple[Disposition, tuple[AlarmEvent, ...]] = (Disposition.DUPLICATE, ())
_OUT_OF_ORDER: tuple[Disposition, tuple[AlarmEvent, ...]] = (Disposition.OUT_OF_ORDER, ())
_FEWEST_TIMES = 60
_WARM_UP = 240


@dataclass(frozen=True, slots=True)
class DeviceSnapshot:
    """All that a device remembers; two devices with equal snapshots behave the same from now on."""

    latest_at: float
    times: tuple[float, ...]
    """Timestamps by which duplicates are known, ascending."""
    windows: Mapping[str, tuple[float, ...]]
    """Sensor to the values in its window, oldest first."""
    figures: Mapping[str, tuple[float | None, ...]]
    """Sensor to its running figures."""
    alarms: tuple[Alarm, ...]
    mode: Mode


class Device:
    """Everything AegisFlow knows about one machine; no clock, no I/O, no threads."""

    __slots__ = ("_book", "_detector", "_heard_since", "_latest_at", "_next", "_received_at", "_times", "mode", "spec")

    def __init__(self, spec: DeviceSpec) -> None:
        self.spec = spec
        self.mode = Mode.UNKNOWN
        self._detector = DeviceDetector(spec)
        self._book = AlarmBook(spec.device_id, spec.alarm)
        self._times = _ring(spec)
        self._next = 0
        self._latest_at = -inf
        self._received_at = -inf
        self._heard_since = inf
        """Since when we listen without a break; before the first tick it has not begun."""

    def record(self, reading: Reading) -> tuple[Disposition, tuple[AlarmEvent, ...]]:
        """Take in one reading; return what became of it and of the alarms.

        Only a reading newer than all before it enters windows and detectors and becomes the latest.
        One with a timestamp already taken is a duplicate, as far back as the longest window reaches.
        """
        at = reading.at
        if at <= self._latest_at:
            return _DUPLICATE if at in self._times else self._note_late(at)
        self._latest_at = at
        self._received_at = reading.received_at
        index = self._next
        self._times[index] = at
        self._next = index + 1 if index + 1 < len(self._times) else 0
        values = reading.values
        book = self._book
        diagnosis = self._detector.observe(at, values, book.active_type)
        if diagnosis is not None or not book.idle:
            events = book.observe(at, diagnosis, values)
            if events:
                return Disposition.ACCEPTED, events
        return _ACCEPTED

    def tick(self, at: float, listening: bool = True) -> tuple[AlarmEvent, ...]:
        """Let time pass to ``at`` by the plant's clock and return what changed with the alarms.

        Silence ends every run of breaches that is not an alarm yet: readings before and after it
        are not consecutive. A device that has reported before, and is silent while we listen, is an
        alarm. While nobody can be heard (``listening`` is false), silence says nothing about it.
        """
        if not listening or self._heard_since > at:
            self._heard_since = at
        events = self._book.tick(at, self.mode in self.spec.alarm.suppress_in)
        if at - self._received_at > self.spec.silent_after_s:
            self._book.interrupt()
            if listening and at - max(self._received_at, self._heard_since) > self.spec.silent_after_s:
                events += self._silence(at)
        return events

    def _silence(self, at: float) -> tuple[AlarmEvent, ...]:
        """Raise the alarm that the device does not report any more, once for each silence."""
        diagnosis = silent_device(self._detector.sensors, self._latest_at)
        return () if diagnosis is None else self._book.silence(at, self._latest_at, diagnosis)

    def set_aside(
        self, alarm_id: str, by: Caller, reason: str, at: float, shelf_s: float | None
    ) -> tuple[Alarm, tuple[AlarmEvent, ...]]:
        """Shelve an open alarm for so long, or (None) take it out of service; return it and what changed.

        Raises:
            NotAllowedError: the caller is no operator.
            UnknownNameError: the device has no such alarm; names those it has.
            BadValueError: a shelf too short or too long, no reason, or an alarm that is history.
        """
        if shelf_s is None:
            check_operator(by, "take alarms out of service")
            check_reason(reason)
            return self._book.take_out_of_service(alarm_id, by, reason, at)
        check_operator(by, "shelve alarms")
        check_shelf(shelf_s, reason)
        return self._book.shelve(alarm_id, by, at + shelf_s, reason, at)

    def bring_back(
        self, alarm_id: str, state: AlarmState, by: Caller, at: float
    ) -> tuple[Alarm, tuple[AlarmEvent, ...]]:
        """End what ``set_aside`` began, shelved or out of service: unacknowledged again while the cause lasts.

        Raises:
            NotAllowedError: the caller is no operator.
            UnknownNameError: the device has no such alarm; names those it has.
            BadValueError: the alarm is not in that state.
        """
        check_operator(by, "bring alarms back")
        return self._book.bring_back(alarm_id, state, by, at)

    def acknowledge(self, alarm_id: str, by: Caller, note: str, at: float) -> tuple[Alarm, tuple[AlarmEvent, ...]]:
        """Record that somebody has taken note of an alarm; it stays active while its cause lasts.

        Returns the alarm after it, and what changed: nothing when it was acknowledged before.

        Raises:
            UnknownNameError: the device has no such alarm; names those it has.
        """
        return self._book.acknowledge(alarm_id, by, note, at)

    def alarms(self) -> tuple[Alarm, ...]:
        """Return the alarms that are not history, those set aside included, most severe first."""
        return self._book.alarms()

    def status(self, at: float, accepted: int, refused: Mapping[str, int]) -> DeviceStatus:
        """Return the device as it is at ``at`` by the plant's clock; the counts are the caller's."""
        unheard_s = max(0.0, at - self._received_at)
        return DeviceStatus(
            device_id=self.spec.device_id,
            line=self.spec.line,
            kind=self.spec.kind,
            mode=self.mode,
            silent=unheard_s > self.spec.silent_after_s,
            latest_at=self.latest_at,
            sensors=tuple(self._sensor_status(sensor, unheard_s) for sensor in self._detector.sensors),
            alarms=self.alarms(),
            accepted=accepted,
            refused=dict(refused),
            notes=self._detector.notes(),
        )

    def reconfigure(self, spec: DeviceSpec, at: float) -> tuple[AlarmEvent, ...]:
        """Go on under another specification and return what it did to the alarms.

        A sensor that did not change keeps its state untouched; changed limits keep the window, a
        changed window length keeps its newest values, a changed unit starts anew. An alarm for
        which no sensor is left is cleared; otherwise alarms stay.
        """
        self.spec = spec
        self._book.spec = spec.alarm
        gone = self._detector.reconfigure(spec)
        times = self._times[self._next :] + self._times[: self._next]
        self._times = _ring(spec)
        self._next = 0
        for time in times[-len(self._times) :]:
            self._note_time(time)
        return self._book.drop(gone, at)

    def recall(self, readings: Sequence[Reading], alarms: Sequence[Alarm], mode: Mode) -> tuple[AlarmEvent, ...]:
        """Take over what the store remembers, once, before the first reading is recorded.

        The readings (oldest first) refill windows and raise nothing. Stored alarms go on; their
        on-delay and off-delay begin anew. Returned are the alarms that this clears, because the
        device no longer has any of their sensors. ``Mode.UNKNOWN`` means that the store knows
        nothing, so the device counts as normal; do not call this when the store could not be asked.
        """
        active = next((alarm for alarm in alarms if alarm.lasts), None)
        if active is not None:
            self._detector.resume(
                [
                    Finding(e.sensor, e.detector, e.value, e.baseline, e.spread, e.z, Severity.LOW)
                    for e in active.evidence
                ]
            )
        alarm_type = "" if active is None else active.fault_type
        for reading in readings:
            self._note_time(reading.at)
            if reading.at > self._latest_at:
                self._latest_at = reading.at
                self._received_at = max(self._received_at, reading.received_at)
                self._detector.observe(reading.at, reading.values, alarm_type)
        self.mode = Mode.NORMAL if mode is Mode.UNKNOWN else mode
        events = self._book.recall(alarms)
        self._book.suppressed = self.mode in self.spec.alarm.suppress_in
        gone = {sensor for alarm in alarms for sensor in alarm.sensors if sensor not in self.spec.sensors}
        at = max((self._latest_at, *(alarm.changed_at for alarm in alarms)))
        return events + self._book.drop(tuple(gone), at)

    @property
    def score(self) -> float:
        """How unusual the newest reading is: 0 is ordinary, from 1 on the detectors find something."""
        return self._detector.score

    @property
    def recall_count(self) -> int:
        """The newest readings that a restart needs: windows, and a warm-up of the baselines."""
        return max((_WARM_UP, *(sensor.detector.window for sensor in self.spec.sensors.values())))

    @property
    def latest_at(self) -> float | None:
        """UTC epoch seconds of the newest reading, by the device's clock; None before the first."""
        return None if self._latest_at == -inf else self._latest_at

    def snapshot(self) -> DeviceSnapshot:
        """Return all that the device remembers."""
        sensors = self._detector.sensors
        return DeviceSnapshot(
            latest_at=self._latest_at,
            times=tuple(sorted(time for time in self._times if time > -inf)),
            windows={sensor.name: tuple(sensor.zscore.window.values()) for sensor in sensors},
            figures={sensor.name: sensor.figures() for sensor in sensors},
            alarms=self.alarms(),
            mode=self.mode,
        )

    def _sensor_status(self, sensor: SensorDetector, unheard_s: float) -> SensorStatus:
        window = sensor.zscore.window
        if sensor.at == -inf:
            return SensorStatus(sensor.spec, Quality.NEVER_SEEN, None, None, None, None, None, 0)
        stale = self._latest_at - sensor.at + unheard_s > sensor.spec.stale_after_s
        quality = Quality.STALE if stale else Quality.GOOD
        return SensorStatus(
            sensor.spec,
            quality,
            sensor.zscore.value,
            sensor.at,
            window.mean,
            window.spread,
            sensor.zscore.z,
            window.count,
        )

    def _note_late(self, at: float) -> tuple[Disposition, tuple[AlarmEvent, ...]]:
        self._note_time(at)
        return _OUT_OF_ORDER

    def _note_time(self, at: float) -> None:
        self._times[self._next] = at
        self._next = (self._next + 1) % len(self._times)


def _ring(spec: DeviceSpec) -> "array[float]":
    """Return room for as many timestamps as the longest window holds values."""
    longest = max((sensor.detector.window for sensor in spec.sensors.values()), default=0)
    return array("d", [-inf]) * max(longest, _FEWEST_TIMES)
