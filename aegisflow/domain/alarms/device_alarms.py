"""All alarms of one device: those of one fault, and those of another fault beside it.

::

    diagnosis ──> main   ── its alarm is over while the other lasts: the two change places
    second    ──> beside

A device has one alarm for each cause, and at most two causes at a time. What one fault shows in several
sensors is one alarm; the detectors say what is another fault (``domain/detection/fault_types.py``, ``apart``).
ISA-18.2 wants a second fault to be an alarm of its own, with its own priority and acknowledgement: who took
note of the first has not seen it.
"""

from collections.abc import Callable, Collection, Iterable, Sequence

from aegisflow.domain.alarms.book import AlarmBook, Outcome
from aegisflow.domain.alarms.model import Alarm, AlarmEvent, AlarmState, Severity
from aegisflow.domain.alarms.register import AlarmIds
from aegisflow.domain.callers import Caller
from aegisflow.domain.detection import Diagnosis
from aegisflow.domain.equipment import AlarmSpec
from aegisflow.domain.interval import Interval
from aegisflow.errors import UnknownNameError

__all__ = ["DeviceAlarms"]


class DeviceAlarms:
    """Leads the alarms of a device through their lives, in one book for each cause that it has at the same time."""

    __slots__ = ("_beside", "_ids", "_interval", "_main")

    def __init__(self, device_id: str, spec: AlarmSpec, interval: Interval) -> None:
        """Begin without alarms; ``interval`` is that of the device's readings, which somebody else keeps."""
        self._ids = AlarmIds(device_id)
        self._interval = interval
        self._main = AlarmBook(device_id, spec, interval, self._ids)
        self._beside: AlarmBook | None = None
        """Only for a device that has had two faults at a time, as few ever have."""

    @property
    def spec(self) -> AlarmSpec:
        """How alarms are raised and ended."""
        return self._main.spec

    @spec.setter
    def spec(self, spec: AlarmSpec) -> None:
        for book in self._books:
            book.spec = spec

    @property
    def suppresses_by_design(self) -> bool:
        """Whether the device is in a mode that causes alarms by design, so that people are not told of new ones."""
        return self._main.suppresses_by_design

    @suppresses_by_design.setter
    def suppresses_by_design(self, suppresses: bool) -> None:
        for book in self._books:
            book.suppresses_by_design = suppresses

    @property
    def _books(self) -> tuple[AlarmBook, ...]:
        return (self._main,) if self._beside is None else (self._main, self._beside)

    def _second_book(self) -> AlarmBook:
        """Return the book of what is beside the first fault."""
        if self._beside is None:
            self._beside = AlarmBook(self._ids.device_id, self._main.spec, self._interval, self._ids)
            self._beside.suppresses_by_design = self._main.suppresses_by_design
        return self._beside

    def alarms(self) -> tuple[Alarm, ...]:
        """Return the alarms that are not history, suppressed ones included: most severe first, then newest first."""
        if self._beside is None:
            return self._main.alarms()
        both = (*self._main.alarms(), *self._beside.alarms())
        return tuple(sorted(both, key=lambda alarm: (-alarm.severity.rank, -alarm.raised_at)))

    def find(self, alarm_id: str) -> Alarm:
        """Return an alarm that is not history.

        Raises:
            UnknownNameError: the device has no such alarm; the error names those it has.
        """
        alarms = {alarm.alarm_id: alarm for alarm in self.alarms()}
        if alarm_id not in alarms:
            raise UnknownNameError("alarm", alarm_id, list(alarms))
        return alarms[alarm_id]

    @property
    def active_type(self) -> str:
        """Type of the alarm that detectors go on from; empty without one."""
        return self._main.active_type

    @property
    def idle(self) -> bool:
        """Whether a reading without findings changes nothing."""
        return self._main.idle and (self._beside is None or self._beside.idle)

    @property
    def waits_for_time(self) -> bool:
        """Whether time by itself may change an alarm."""
        return any(book.waits_for_time for book in self._books)

    # --- what readings and time bring about -----------------------------------------------------

    def observe(
        self,
        at: float,
        diagnosis: Diagnosis | None,
        second: Diagnosis | None,
        reported: Collection[str],
        came_at: float | None = None,
    ) -> tuple[AlarmEvent, ...]:
        """Take in what is wrong in one reading and return what changed.

        Args:
            at: UTC epoch seconds of the reading.
            diagnosis: what is wrong; while an alarm is active, what goes with that.
            second: what else is wrong, beside the active alarm.
            reported: the sensors that the reading has; the others are neither in breach nor quiet.
            came_at: when it came, by the same clock; None for at once.
        """
        events = self._main.observe(at, diagnosis, reported, came_at)
        if second is not None or self._beside is not None:
            events += self._second_book().observe(at, second, reported, came_at)
            self._change_places()
        return events

    def count(
        self, at: float, diagnosis: Diagnosis | None, second: Diagnosis | None, reported: Collection[str]
    ) -> None:
        """Count a reading for the delays, and change no alarm by it; the arguments are those of ``observe``."""
        self._main.count(at, diagnosis, reported)
        if second is not None or self._beside is not None:
            self._second_book().count(at, second, reported)

    def settle(self, at: float) -> tuple[AlarmEvent, ...]:
        """Take in that what is known is of now (see ``AlarmBook.settle``)."""
        events = self._main.settle(at)
        return events if self._beside is None else events + self._beside.settle(at)

    def end_silence(self, at: float) -> tuple[AlarmEvent, ...]:
        """Take in that a device speaks again, with readings of before (see ``AlarmBook.end_silence``)."""
        return self._main.end_silence(at)

    def silence(self, at: float, since: float, diagnosis: Diagnosis) -> tuple[AlarmEvent, ...]:
        """Take in that the device does not report (see ``AlarmBook.silence``)."""
        return self._main.silence(at, since, diagnosis)

    def raise_unheard(self, fault_type: str, reasons: tuple[str, ...], at: float) -> tuple[AlarmEvent, ...]:
        """Raise an alarm about a device of which no value can be used (see ``AlarmBook.raise_unheard``)."""
        return self._main.raise_unheard(fault_type, reasons, at)

    def raise_for_command(
        self, fault_type: str, reasons: tuple[str, ...], at: float, severity: Severity = Severity.HIGH
    ) -> tuple[AlarmEvent, ...]:
        """Raise an alarm that no reading ends: a command without its effect."""
        return self._main.raise_for_command(fault_type, reasons, at, severity)

    def tick(self, at: float, suppresses_by_design: bool) -> tuple[AlarmEvent, ...]:
        """Return alarms to service whose shelf has ended, or which the device's mode no longer suppresses."""
        events = self._main.tick(at, suppresses_by_design)
        return events if self._beside is None else events + self._beside.tick(at, suppresses_by_design)

    def add_reason(self, sensors: Collection[str], reason: str, at: float) -> tuple[AlarmEvent, ...]:
        """Say of the active alarms for which these sensors speak what was found out about them."""
        return tuple(event for book in self._books for event in book.add_reason(sensors, reason, at))

    def interrupt(self) -> None:
        """End the runs of breaches that are not an alarm yet: what comes next does not continue them."""
        for book in self._books:
            book.interrupt()

    def drop(self, sensors: Sequence[str], at: float) -> tuple[AlarmEvent, ...]:
        """Forget sensors that the device no longer has; an alarm for which none is left is cleared."""
        events = self._main.drop(sensors, at)
        if self._beside is not None:
            events += self._beside.drop(sensors, at)
            self._change_places()
        return events

    def recall(self, alarms: Iterable[Alarm]) -> tuple[AlarmEvent, ...]:
        """Take over stored alarms; the two newest whose causes last go on side by side if their types differ."""
        ordered = sorted(alarms, key=lambda alarm: alarm.raised_at)
        lasting = [alarm for alarm in ordered if alarm.lasts]
        beside = lasting[-1:] if len(lasting) > 1 and lasting[-1].fault_type != lasting[-2].fault_type else []
        events = self._main.recall(alarm for alarm in ordered if alarm not in beside)
        return events + self._second_book().recall(beside) if beside else events

    def _change_places(self) -> None:
        """Let the detectors go on from the alarm that lasts when the other one is over."""
        if self._beside is not None and not self._main.active_type and self._beside.active_type:
            self._main, self._beside = self._beside, self._main

    # --- what people do -------------------------------------------------------------------------

    def acknowledge(self, alarm_id: str, by: Caller, note: str, at: float) -> Outcome:
        """Record that somebody has taken note of an alarm (see ``AlarmBook.acknowledge``)."""
        return self._in_its_book(alarm_id, lambda book: book.acknowledge(alarm_id, by, note, at))

    def shelve(self, alarm_id: str, by: Caller, until: float, reason: str, at: float) -> Outcome:
        """Shelve an open alarm (see ``AlarmBook.shelve``)."""
        return self._in_its_book(alarm_id, lambda book: book.shelve(alarm_id, by, until, reason, at))

    def take_out_of_service(self, alarm_id: str, by: Caller, reason: str, at: float) -> Outcome:
        """Take an open alarm out of service (see ``AlarmBook.take_out_of_service``)."""
        return self._in_its_book(alarm_id, lambda book: book.take_out_of_service(alarm_id, by, reason, at))

    def return_to_service(self, alarm_id: str, state: AlarmState, by: Caller, at: float) -> Outcome:
        """Return an alarm to service (see ``AlarmBook.return_to_service``)."""
        return self._in_its_book(alarm_id, lambda book: book.return_to_service(alarm_id, state, by, at))

    def _in_its_book(self, alarm_id: str, act: Callable[[AlarmBook], Outcome]) -> Outcome:
        if self._beside is None or self._main.knows(alarm_id):
            return act(self._main)
        if self._beside.knows(alarm_id):
            return act(self._beside)
        raise UnknownNameError("alarm", alarm_id, [alarm.alarm_id for alarm in self.alarms()])
