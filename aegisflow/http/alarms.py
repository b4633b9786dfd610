"""What people do to alarms over HTTP."""

from dataclasses import replace

from aegisflow.api import endpoints as ends
from aegisflow.api.schemas.alarms import (
    AlarmAcknowledged,
    AlarmKpiRequest,
    AlarmKpiSummary,
    AlarmList,
    AlarmRecord,
    AlarmStep,
    AlarmSummary,
    ById,
    ListedAlarm,
    NoteRequest,
    OutOfServiceRequest,
    ShelfRequest,
)
from aegisflow.api.schemas.base import NAME_BYTES, Nothing, moment
from aegisflow.api.schemas.devices import RefusedList
from aegisflow.api.text import clean
from aegisflow.domain.alarms.first_out import first_outs
from aegisflow.domain.alarms.model import Alarm, AlarmEvent, Change
from aegisflow.domain.callers import Caller
from aegisflow.domain.times import Period, format_instant
from aegisflow.domain.views import Answer
from aegisflow.errors import UnknownNameError
from aegisflow.http.lines import acting
from aegisflow.plant.past import past_of
from aegisflow.plant.protocol import Plant, PlantSource

__all__ = ["AlarmRoutes"]


class AlarmRoutes:
    """One method for each endpoint over alarms: one call of the plant, whose answer is given its shape."""

    def __init__(self, plant: PlantSource) -> None:
        self._plant = plant

    def list(self, which: Nothing, body: Nothing, by: Caller) -> AlarmList:
        """Return the alarms, which of them were first out, what they are like, and who did not answer."""
        plant = self._plant()
        answer = plant.active_alarms()
        found, unavailable = _listed(plant, answer)
        return AlarmList(
            as_of=format_instant(answer.as_of),
            broker_away_since=moment(answer.broker_away_since),
            alarms=found,
            unavailable=unavailable,
        )

    def show(self, which: ById, body: Nothing, by: Caller) -> AlarmRecord:
        """Return one alarm and what has happened to it, also one that is history."""
        plant = self._plant()
        answer = plant.active_alarms()
        events: tuple[AlarmEvent, ...] = ()
        live = any(alarm.alarm_id == which.id for alarm in answer.value)
        try:
            events = plant.alarm_life(which.id).value
        except UnknownNameError:
            if not live:  # one that was raised a moment ago may not be on disk yet
                raise
        among = answer if live else replace(answer, value=(*answer.value, events[-1].alarm))
        found, unavailable = _listed(plant, among, only=which.id)
        return AlarmRecord(
            as_of=format_instant(answer.as_of),
            broker_away_since=moment(answer.broker_away_since),
            alarm=found[0],
            life=[
                AlarmStep(
                    at=format_instant(event.at),
                    change=event.change,
                    by=clean(event.by, NAME_BYTES),
                    severity=event.alarm.severity,
                )
                for event in events
                if event.change is not Change.UPDATED
            ],
            unavailable=unavailable,
        )

    @acting(ends.ACKNOWLEDGE)
    def acknowledge(self, which: ById, body: NoteRequest, by: Caller) -> AlarmAcknowledged:
        """Record that a person has taken note of an alarm."""
        alarm = self._plant().acknowledge(which.id, by, body.note)
        return AlarmAcknowledged(alarm_id=alarm.alarm_id, state=alarm.state, acknowledged_by=alarm.acknowledged_by)

    @acting(ends.SHELVE)
    def shelve(self, which: ById, body: ShelfRequest, by: Caller) -> AlarmSummary:
        """Shelve an alarm for a time."""
        return AlarmSummary.of(self._plant().shelve(which.id, by, body.duration_s, body.reason))

    @acting(ends.UNSHELVE)
    def unshelve(self, which: ById, body: Nothing, by: Caller) -> AlarmSummary:
        """Return an alarm to service before its shelf ends."""
        return AlarmSummary.of(self._plant().unshelve(which.id, by))

    @acting(ends.TAKE_OUT_OF_SERVICE)
    def take_out(self, which: ById, body: OutOfServiceRequest, by: Caller) -> AlarmSummary:
        """Take an alarm out of service until it is returned."""
        return AlarmSummary.of(self._plant().take_out_of_service(which.id, by, body.reason))

    @acting(ends.RETURN_TO_SERVICE)
    def put_back(self, which: ById, body: Nothing, by: Caller) -> AlarmSummary:
        """Return an alarm to service."""
        return AlarmSummary.of(self._plant().return_to_service(which.id, by))

    def refused(self, which: Nothing, body: Nothing, by: Caller) -> RefusedList:
        """Return what was refused since the start."""
        return RefusedList.of(self._plant().refused())

    def figures(self, which: AlarmKpiRequest, body: Nothing, by: Caller) -> AlarmKpiSummary:
        """Return how many alarms people got over the time up to now."""
        plant = self._plant()
        now = plant.now()
        # A period is half open; the second behind it lets in what was raised at this very instant.
        return AlarmKpiSummary.of(plant.alarm_kpis(Period(now - which.last_s, now + 1.0), which.operators))


def _listed(
    plant: Plant, answer: Answer[tuple[Alarm, ...]], only: str | None = None
) -> tuple[list[ListedAlarm], dict[str, str]]:
    """Return alarms, or one of them, with what of the past is like them; and who could not be asked."""
    shown = tuple(alarm for alarm in answer.value if only in (None, alarm.alarm_id))
    past, spec = past_of(plant, shown), plant.inventory()
    # Which was first out is a question about all of them.
    first = first_outs((alarm for alarm in answer.value if not alarm.state.is_suppressed), spec)
    found = []
    for alarm in shown:
        device = spec.devices.get(alarm.device_id)
        found.append(
            ListedAlarm.among(
                alarm,
                device,
                answer.as_of,
                first_out=alarm.alarm_id in first,
                patterns=past.patterns.get(alarm.alarm_id, ()),
                similar=past.similar.get(alarm.alarm_id, ()),
                diagnosis=past.diagnoses.get(alarm.alarm_id),
                response=spec.response(alarm.fault_type, device.kind if device else ""),
            )
        )
    return found, {**answer.unavailable, **past.unavailable}
