"""The thread in which a model is asked: a slow one keeps nobody from the diagnoses by rules."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable

import structlog

from aegisflow.diagnosis.budget import DAY_S
from aegisflow.diagnosis.model import ModelDiagnosis
from aegisflow.domain.alarms.model import Alarm, Severity, Timeliness
from aegisflow.domain.diagnosis import AlarmDiagnosis
from aegisflow.domain.times import Period
from aegisflow.domain.views import AlarmQuery
from aegisflow.errors import RequestError
from aegisflow.plant.protocol import Plant

__all__ = ["ModelWorker"]

MAX_WAITING = 50
"""Serious alarms that wait for the model; of more, the newest keep their diagnosis by rules."""
_MAX_BOOKED = 1_000
"""Alarms of the last day whose costs are looked up at the start."""
_PAUSED = "the endpoint is left alone for a while after its last refusal"


class ModelWorker:
    """Asks a model about serious alarms, one after another.

    Args:
        name: of the actor that it works for.
        plant: which is asked what has been spent.
        model: which is asked.
        keep: takes the diagnosis, in the thread of this worker.
    """

    def __init__(self, name: str, plant: Plant, model: ModelDiagnosis, keep: Callable[[AlarmDiagnosis], None]) -> None:
        self._plant = plant
        self._model = model
        self._keep = keep
        self._waiting: queue.Queue[tuple[Alarm, AlarmDiagnosis] | None] = queue.Queue(MAX_WAITING)
        self._stopping = threading.Event()
        self._paused_until = float("-inf")
        self._thread = threading.Thread(target=self._run, name=f"{name}-model", daemon=True)
        self._log = structlog.get_logger("aegisflow").bind(actor=name)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Have the thread end after the answer that it waits for."""
        self._stopping.set()
        with contextlib.suppress(queue.Full):  # of a full queue it takes one more, and then sees the flag
            self._waiting.put_nowait(None)

    def join(self, timeout_s: float) -> None:
        """Wait for the thread."""
        self._thread.join(timeout_s)

    def take(self, alarm: Alarm, known: AlarmDiagnosis) -> None:
        """Ask about an alarm if it is serious and not over."""
        if alarm.severity.rank < Severity.HIGH.rank or alarm.timeliness is Timeliness.HISTORY:
            return
        try:
            self._waiting.put_nowait((alarm, known))
        except queue.Full:
            self._log.warning("model_not_asked", alarm=alarm.alarm_id, reason="too many alarms wait for it")

    def _run(self) -> None:
        self._book_the_past()
        while not self._stopping.is_set() and (work := self._waiting.get()) is not None:
            try:
                self._improve(*work)
            except Exception:  # noqa: BLE001 - the thread must live on for what comes after
                if not self._stopping.is_set():
                    self._log.exception("model_diagnosis_failed", alarm=work[0].alarm_id)
        self._model.close()

    def _improve(self, alarm: Alarm, known: AlarmDiagnosis) -> None:
        if time.monotonic() < self._paused_until:
            self._log.info("model_not_asked", alarm=alarm.alarm_id, reason=_PAUSED)
            return
        made, pause_s = self._model.improve(alarm, known)
        self._paused_until = time.monotonic() + pause_s
        self._keep(made)

    def _book_the_past(self) -> None:
        """Count what processes before this one have spent within the day: a restart is no new budget."""
        now = self._plant.now()
        query = AlarmQuery(period=Period(now - DAY_S, now), limit=_MAX_BOOKED)
        try:
            alarms = self._plant.alarm_history(query).value.alarms
            known = self._plant.diagnoses([alarm.alarm_id for alarm in alarms])
        except RequestError as error:
            self._log.warning("costs_not_recalled", reason=str(error))
            return
        for one in known.values():
            if one.spent.calls:
                spent = one.spent
                self._model.budget.book(spent.input_tokens + spent.output_tokens, spent.usd, max(0.0, now - one.at))
