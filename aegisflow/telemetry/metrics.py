"""Counters of one running plant, in Prometheus' form."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import Metric
    from prometheus_client.core import GaugeMetricFamily


@dataclass(frozen=True, slots=True)
class LabelledGauge:
    """A gauge with labels, read anew each time somebody looks."""

    name: str
    help_text: str
    labels: tuple[str, ...]
    values: Callable[[], Mapping[tuple[str, ...], float]]
    """Values by the labels; what is not known now is absent, for Prometheus knows how to tell that."""


class Metrics:
    """Counters of one running plant, in a registry of their own."""

    def __init__(self) -> None:
        # Not at the top: most commands of the command line count nothing, and would wait for it.
        from prometheus_client import CollectorRegistry, Counter

        self.registry: CollectorRegistry = CollectorRegistry()
        self.messages = Counter("aegisflow_messages", "Messages from the broker", registry=self.registry)
        self.rejected = Counter("aegisflow_rejected", "Messages refused", ["reason"], registry=self.registry)
        self.letters_dropped = Counter(
            "aegisflow_dead_letters_dropped", "Refused messages not kept, since too many came", registry=self.registry
        )
        self.committed = Counter(
            "aegisflow_committed", "Messages settled on disk, refused ones included", registry=self.registry
        )
        self.duplicates = Counter("aegisflow_duplicates", "Readings that came before", registry=self.registry)
        self.late = Counter("aegisflow_out_of_order", "Readings that came after a newer one", registry=self.registry)
        self.conflicts = Counter(
            "aegisflow_conflicts", "Readings that told another value for a sensor and stamp", registry=self.registry
        )
        self.clock_changes = Counter(
            "aegisflow_clock_changes",
            "Clocks found to be set or off, ours or a sender's",
            ["whose"],
            registry=self.registry,
        )
        self.values_refused = Counter(
            "aegisflow_values_refused", "Values refused, by reason", ["reason"], registry=self.registry
        )
        self.alarm_events = Counter("aegisflow_alarm_events", "Changes of alarms", ["change"], registry=self.registry)
        self.actor_failures = Counter("aegisflow_actor_failures", "Actors that failed", registry=self.registry)
        self.commands = Counter("aegisflow_commands", "Commands by stage", ["stage"], registry=self.registry)

        self.reloads = Counter(
            "aegisflow_reloads", "Reloads of the plant file, by outcome", ["outcome"], registry=self.registry
        )
        self.diagnoses = Counter("aegisflow_diagnoses", "Diagnoses, by whom", ["basis"], registry=self.registry)
        self.diagnosis_tokens = Counter(
            "aegisflow_diagnosis_tokens", "Tokens of the model that diagnoses", ["direction"], registry=self.registry
        )
        self.diagnosis_usd = Counter("aegisflow_diagnosis_usd", "What they cost, US dollars", registry=self.registry)
        self.notifications = Counter(
            "aegisflow_notifications", "Times that people were told, by severity", ["severity"], registry=self.registry
        )

        self.failed_logins = Counter(
            "aegisflow_failed_logins", "Tokens that opened nothing, by way", ["way"], registry=self.registry
        )
        self.notifications_dropped = Counter(
            "aegisflow_notifications_dropped", "Notifications given up, by sink", ["sink"], registry=self.registry
        )

    def watch(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        """Add a gauge whose value is asked for when somebody looks."""
        from prometheus_client import Gauge

        Gauge(name, help_text, registry=self.registry).set_function(value)

    def watch_labelled(self, gauges: Iterable[LabelledGauge]) -> None:
        """Add gauges with labels whose values are asked for when somebody looks."""
        self.registry.register(_LabelledGauges(tuple(gauges)))

    def render(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        from prometheus_client import generate_latest

        return generate_latest(self.registry)


class _LabelledGauges:
    """What prometheus_client asks for each time somebody looks."""

    def __init__(self, gauges: tuple[LabelledGauge, ...]) -> None:
        self._gauges = gauges

    def describe(self) -> "Iterable[Metric]":
        """Return the gauges without values: else registering them would already ask for these."""
        return [self._metric(one) for one in self._gauges]

    def collect(self) -> "Iterable[Metric]":
        """Return the gauges with their values now."""
        for one in self._gauges:
            metric = self._metric(one)
            for labels, value in one.values().items():
                metric.add_metric(labels, value)
            yield metric

    @staticmethod
    def _metric(one: LabelledGauge) -> "GaugeMetricFamily":
        from prometheus_client.core import GaugeMetricFamily

        return GaugeMetricFamily(one.name, one.help_text, labels=one.labels)
