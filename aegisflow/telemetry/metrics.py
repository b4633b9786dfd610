"""Logs and counters, set up in one place: logs go to stderr, since stdout may carry the protocol."""

import logging
import sys
from collections.abc import Callable
from typing import TextIO

import structlog


def configure_logs(level: str = "info", *, json_lines: bool = False, file: TextIO | None = None) -> None:
    """Send structlog's events, and the libraries' warnings, to stderr or to a file.

    Args:
        level: the least important level that is shown: debug, info, warning or error.
        json_lines: one JSON object a line, for collectors, instead of lines for people.
        file: open for writing, instead of stderr.
    """
    file = file or sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    rendering: list[structlog.typing.Processor] = (
        [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
        if json_lines
        else [structlog.dev.ConsoleRenderer(colors=file.isatty(), exception_formatter=structlog.dev.plain_traceback)]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *rendering,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(file),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(stream=file, level=max(number, logging.WARNING), format="%(levelname)s %(name)s: %(message)s")


class Metrics:
    """Counters of one running plant, in a registry of their own."""

    def __init__(self) -> None:
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
        self.notifications = Counter(
            "aegisflow_notifications", "Times that people were told, by severity", ["severity"], registry=self.registry
        )

        self.notifications_dropped = Counter(
            "aegisflow_notifications_dropped", "Notifications given up, by sink", ["sink"], registry=self.registry
        )

    def watch(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        """Add a gauge whose value is asked for when somebody looks."""
        from prometheus_client import Gauge

        Gauge(name, help_text, registry=self.registry).set_function(value)

    def render(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        from prometheus_client import generate_latest

        return generate_latest(self.registry)
