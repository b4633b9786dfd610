"""What /metrics shows of a running plant beside its counters: asked for when somebody looks."""

import math
import time
from collections.abc import Callable
from typing import Protocol

from aegisflow.domain.alarms.kpis import AlarmKpis
from aegisflow.domain.equipment import PlantSpec
from aegisflow.domain.times import Period
from aegisflow.domain.views import Answer
from aegisflow.errors import AegisFlowError
from aegisflow.telemetry.memory import heap, python_blocks
from aegisflow.telemetry.metrics import Metrics

PERIOD_S = 86_400.0
"""The figures are those of the last day."""
KEPT_S = 30.0
"""One look at the store serves all gauges of a scrape, and the next scrapes."""


class Flow(Protocol):
    """What is on its way through the plant: its inbound queue."""

    @property
    def in_flight(self) -> int:
        """Messages taken and not yet committed."""

    @property
    def shed(self) -> int:
        """Messages dropped under load."""


class WatchedPlant(Protocol):
    """What the gauges ask a plant."""

    def now(self) -> float:
        """Return the plant's clock, UTC epoch seconds."""

    def inventory(self) -> PlantSpec:
        """Return its devices as configured now."""

    def alarm_kpis(self, period: Period) -> Answer[AlarmKpis]:
        """Return how many alarms people got."""


def add_gauges(
    metrics: Metrics,
    plant: WatchedPlant,
    inbound_queue: Flow,
    connected: Callable[[], bool],
    commit_age_s: Callable[[], float],
) -> None:
    """Have everything shown that can be asked for."""
    metrics.watch("aegisflow_in_flight", "Messages taken and not yet committed", lambda: inbound_queue.in_flight)
    metrics.watch("aegisflow_shed", "QoS 0 messages dropped under load", lambda: inbound_queue.shed)
    metrics.watch("aegisflow_devices", "Devices of the plant", lambda: len(plant.inventory().devices))
    metrics.watch("aegisflow_connected", "Whether the broker is connected", connected)
    metrics.watch("aegisflow_last_commit_age_seconds", "Since the store last committed anything", commit_age_s)
    metrics.watch("aegisflow_heap_in_use_bytes", "Memory that libc has handed out", lambda: heap().in_use)
    metrics.watch("aegisflow_heap_free_bytes", "Memory that libc keeps for later", lambda: heap().free)
    metrics.watch("aegisflow_python_blocks", "Blocks of memory that Python's objects take", python_blocks)
    KpiGauges(plant).add_to(metrics)


class KpiGauges:
    """The figures of EEMUA 191 over the last day, as gauges."""

    def __init__(self, plant: WatchedPlant, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._plant = plant
        self._monotonic = monotonic
        self._figures: AlarmKpis | None = None
        self._looked_at = -math.inf

    def add_to(self, metrics: Metrics) -> None:
        """Have the gauges shown; not a number while the store does not answer."""
        for name, text, figure in (
            ("average", "Alarms per ten minutes and operator, over what was watched of a day", lambda f: f.average),
            ("peak", "Most alarms within ten minutes, over a day", lambda f: f.peak),
            ("floods", "Times with more than ten alarms in ten minutes, over a day", lambda f: len(f.floods)),
            ("chattering", "Alarms raised three times in a minute, over a day", lambda f: len(f.chattering)),
            ("stale", "Alarms active for more than a day", lambda f: len(f.stale)),
        ):
            metrics.watch(f"aegisflow_alarm_figures_{name}", text, self._gauge(figure))

    def _gauge(self, figure: Callable[[AlarmKpis], float]) -> Callable[[], float]:
        def value() -> float:
            figures = self._newest()
            return math.nan if figures is None else float(figure(figures))

        return value

    def _newest(self) -> AlarmKpis | None:
        now = self._monotonic()
        if now - self._looked_at >= KEPT_S:
            # Noted before the answer: a store that fails is not asked again by each of the gauges.
            self._looked_at = now
            at = self._plant.now()
            try:
                # A second more, as a period ends just before its end: an alarm of this very instant counts.
                self._figures = self._plant.alarm_kpis(Period(at - PERIOD_S, at + 1.0)).value
            except AegisFlowError:
                self._figures = None
        return self._figures
