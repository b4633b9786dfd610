"""The actor that says what is probably the matter behind an alarm, once the alarm is on disk."""

import threading
from dataclasses import replace
from functools import partial

from aegisflow.actors.messages.common import Tick
from aegisflow.actors.messages.diagnosis import DiagnoseAlarms
from aegisflow.actors.messages.notifier import AlarmDiagnosed, OpenAlarmsRecalled
from aegisflow.actors.messages.store import RecallOpenAlarms, StoreDiagnosis
from aegisflow.actors.runtime.actor import ThreadedActor
from aegisflow.actors.runtime.directory import HISTORIAN, NOTIFIER, Directory
from aegisflow.actors.runtime.helper import STOP_S, Helper
from aegisflow.diagnosis.model import ModelDiagnosis
from aegisflow.diagnosis.rules import diagnose
from aegisflow.diagnosis.worker import ModelWorker
from aegisflow.domain.alarms.model import Alarm, Change
from aegisflow.domain.diagnosis import AlarmDiagnosis, Basis, to_diagnose
from aegisflow.errors import RequestError
from aegisflow.plant.protocol import Plant
from aegisflow.telemetry.metrics import Metrics

__all__ = ["DiagnosisActor"]

MAX_WAITING = 1_000
"""Alarms that wait for a diagnosis; in a flood the mildest beyond it go without."""
MAX_TRIES = 20
"""After so many attempts, a second apart, an alarm goes without: manuals or reports are not to be had."""
_NEWS = (Change.RAISED, Change.ESCALATED, Change.RETYPED)


class DiagnosisActor(ThreadedActor):
    """Takes alarms in at once; a thread of its own asks the plant, so that nothing here holds up anybody.

    The alarm itself never waits for its diagnosis: people are told of it as it is raised, and what is probably
    the matter is beside it as soon as it is known.
    """

    def __init__(
        self, name: str, directory: Directory, plant: Plant, metrics: Metrics, model: ModelDiagnosis | None = None
    ) -> None:
        """Without a ``model``, rules alone say what is the matter."""
        super().__init__(name, directory)
        self._plant = plant
        self._metrics = metrics
        self._model = None if model is None else ModelWorker(name, plant, model, self._keep)
        self._waiting: dict[str, tuple[Alarm, int]] = {}
        """Alarm id to the alarm as it was last told, and how often it was tried."""
        self._lock = threading.Lock()
        self._helper = Helper(name)

    def on_start(self) -> None:
        """Ask which alarms are open, for a diagnosis of one may have been lost with a process that was killed."""
        self._helper.start()
        if self._model is not None:
            self._model.start()
        self.tell(HISTORIAN, RecallOpenAlarms(self.name))

    def on_receive(self, message: object) -> object:
        """Take in alarms that are new, worse or of another type than before."""
        match message:
            case DiagnoseAlarms(events):
                self._take(to_diagnose(event.alarm for event in events if event.change in _NEWS))
            case OpenAlarmsRecalled(alarms=alarms, failure=failure):
                if failure:
                    self.log.warning("open_alarms_not_recalled", reason=failure)
                self._helper.do(partial(self._take_undiagnosed, alarms))
            case Tick():
                # What could not be asked for is asked for again; one round at a time.
                if self._waiting and not self._helper.is_waited_for:
                    self._helper.do(self._diagnose_all)
            case _:
                return super().on_receive(message)
        return None

    def on_stop(self) -> None:
        """Let the helpers end, and wait for them a little."""
        self._end()
        self._helper.join()
        if self._model is not None:
            self._model.join(STOP_S)

    # Here and not only in on_stop, which an actor that fell does not come to.
    def _actor_loop_teardown(self) -> None:
        self._end()
        super()._actor_loop_teardown()

    def _end(self) -> None:
        self._helper.end()
        if self._model is not None:
            self._model.stop()

    def _take(self, alarms: list[Alarm]) -> None:
        if not alarms:
            return
        with self._lock:
            for alarm in alarms:
                self._waiting[alarm.alarm_id] = (alarm, 0)
            while len(self._waiting) > MAX_WAITING:
                mildest = min(self._waiting.values(), key=lambda one: one[0].severity.rank)[0]
                del self._waiting[mildest.alarm_id]
        self._helper.do(self._diagnose_all)

    # --- in the helper's thread -----------------------------------------------------------------

    def _take_undiagnosed(self, alarms: tuple[Alarm, ...]) -> None:
        try:
            known = self._plant.diagnoses([alarm.alarm_id for alarm in alarms])
        except RequestError as error:
            self.log.warning("diagnoses_not_recalled", reason=str(error))
            return
        for diagnosis in known.values():
            self._tell_people(diagnosis, news=False)
        self._take(to_diagnose(alarms, known))

    def _diagnose_all(self) -> None:
        """Diagnose what waits, the most severe first; what cannot be asked for now is left for the next tick."""
        while not self._helper.is_stopping:
            with self._lock:
                if not self._waiting:
                    return
                alarm, tries = max(self._waiting.values(), key=lambda one: one[0].severity.rank)
                del self._waiting[alarm.alarm_id]
            try:
                before = self._plant.diagnoses([alarm.alarm_id]).get(alarm.alarm_id)
                made = diagnose(self._plant, alarm)
                # What a model has cost stays with the alarm, whoever diagnoses it anew.
                made = made if before is None else replace(made, spent=before.spent)
                self._keep(made)
            except RequestError as error:
                if tries + 1 >= MAX_TRIES:
                    self.log.warning("alarm_not_diagnosed", alarm=alarm.alarm_id, reason=str(error))
                    continue
                with self._lock:
                    self._waiting.setdefault(alarm.alarm_id, (alarm, tries + 1))
                return
            if self._model is not None:
                self._model.take(alarm, made)

    def _keep(self, diagnosis: AlarmDiagnosis) -> None:
        self._metrics.diagnoses.labels(diagnosis.basis.value).inc()
        self.tell(HISTORIAN, StoreDiagnosis(diagnosis))
        self._tell_people(diagnosis)

    def _tell_people(self, diagnosis: AlarmDiagnosis, *, news: bool = True) -> None:
        by_model = news and diagnosis.basis is Basis.MODEL
        self.tell(NOTIFIER, AlarmDiagnosed(diagnosis.alarm_id, f"{diagnosis.line} [{diagnosis.source}]", by_model))
