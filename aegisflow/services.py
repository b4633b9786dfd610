"""Who there is in a plant, and how each of them is started; a part of the wiring in ``app``."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aegisflow.actors.archive import ArchiveActor
from aegisflow.actors.device import DeviceActor
from aegisflow.actors.gateway import Gateway
from aegisflow.actors.guard import Guard
from aegisflow.actors.historian import HistorianActor
from aegisflow.actors.inbound_queue import InboundQueue
from aegisflow.actors.messages.notifier import NotifyOperators
from aegisflow.actors.notifier import Notifier
from aegisflow.actors.runtime.children import ChildSpec, Family
from aegisflow.actors.runtime.directory import ARCHIVE, GATEWAY, GUARD, HISTORIAN, MANUALS, NOTIFIER, TICKER, Directory
from aegisflow.actors.runtime.dispatcher import Dispatcher
from aegisflow.actors.ticker import Ticker
from aegisflow.bus import Bus
from aegisflow.bus.codec import Codec
from aegisflow.clock import Clock
from aegisflow.config import Configuration
from aegisflow.domain.alarms.model import AlarmEvent, Severity
from aegisflow.domain.commands.model import CommandName, Stage
from aegisflow.domain.commands.transition import Transition
from aegisflow.domain.equipment import DeviceSpec, PlantSpec
from aegisflow.notifications.sinks import LogSink, Sink, TopicSink, WebhookSink
from aegisflow.store import Store
from aegisflow.store.connection import file_of
from aegisflow.telemetry.metrics import Metrics

__all__ = ["Services", "build_children", "build_sinks", "call_for"]

_CALLED = (Stage.UNVERIFIED, Stage.OUTCOME_UNKNOWN, Stage.FAILED)


@dataclass(frozen=True, slots=True)
class Services:
    """What the members of a family share."""

    configuration: Configuration
    directory: Directory
    intake: InboundQueue
    clock: Clock
    metrics: Metrics
    make_codec: Callable[[PlantSpec], Codec]
    current: Callable[[], PlantSpec]
    committed: Callable[[tuple[AlarmEvent, ...]], None]
    is_connected: Callable[[], bool]


def build_children(kin: Services, bus: Bus, store: Store, dispatcher: Dispatcher, sinks: tuple[Sink, ...]) -> Family:
    """Return who is started, in this order; devices come between ``before`` and ``after``."""
    settings, where, metrics, clock = kin.configuration, kin.directory, kin.metrics, kin.clock
    escalation = settings.escalation

    def gateway() -> Any:
        return Gateway.start(
            GATEWAY, where, bus, kin.intake, settings.gateway, kin.make_codec, kin.current(), clock, metrics
        )

    def guard() -> Any:
        def call(transition: Transition) -> None:
            message = call_for(transition)
            if message is not None:
                where.tell(NOTIFIER, message)

        return Guard.start(GUARD, where, kin.current(), clock.now, metrics, escalation.first, call)

    def manuals() -> Any:
        from aegisflow.actors.manuals import ManualsActor

        file = file_of(settings.store.url)
        of_manuals, of_reports = (file and file.with_suffix(f".{what}.db") for what in ("manuals", "reports"))
        return ManualsActor.start(MANUALS, where, settings.manuals, of_manuals, reports_cache=of_reports)

    def device(spec: DeviceSpec) -> ChildSpec:
        def start() -> Any:
            answer_within_s = kin.current().policy.answer_within_s
            return DeviceActor.start(spec.device_id, where, dispatcher, spec, clock.now, metrics, answer_within_s)

        return ChildSpec(spec.device_id, start)

    return Family(
        before=(
            ChildSpec(GATEWAY, gateway, critical=True),
            ChildSpec(
                HISTORIAN,
                lambda: HistorianActor.start(HISTORIAN, where, store, settings.store, kin.committed),
                critical=True,
            ),
            ChildSpec(ARCHIVE, lambda: ArchiveActor.start(ARCHIVE, where, store)),
            ChildSpec(NOTIFIER, lambda: Notifier.start(NOTIFIER, where, escalation, sinks, clock.now, metrics)),
            ChildSpec(GUARD, guard, critical=True),
            ChildSpec(MANUALS, manuals),
        ),
        device=device,
        after=(
            ChildSpec(TICKER, lambda: Ticker.start(TICKER, where, clock.now, kin.is_connected, lambda: clock.is_set)),
        ),
    )


def build_sinks(configuration: Configuration, bus: Bus) -> tuple[Sink, ...]:
    """Return where notifications go."""
    settings = configuration.notifications
    sinks: list[Sink] = [LogSink()] if settings.log else []
    if settings.topic:
        sinks.append(TopicSink(bus, settings.topic))
    url = os.environ.get(settings.webhook_env, "") if settings.webhook_env else ""
    if url:
        sinks.append(WebhookSink(url))
    return tuple(sinks)


def call_for(transition: Transition) -> NotifyOperators | None:
    """Return whom a step of a command calls: people for a shutdown that an agent may not order, or a doubtful end."""
    record = transition.after
    command, receipt = record.command, record.receipt
    is_stop = command.command is CommandName.EMERGENCY_SHUTDOWN
    wanted = is_stop and transition.before is None and record.stage in (Stage.DENIED, Stage.AWAITING_APPROVAL)
    if not wanted and record.stage not in _CALLED:
        return None
    severity = Severity.CRITICAL if is_stop else Severity.HIGH
    text = (
        f"{command.command} of {command.device_id} is {record.stage}: {'; '.join(receipt.reasons)}. {receipt.next_step}"
    )
    return NotifyOperators(command.device_id, command.command_id, severity, text[:1_000])
