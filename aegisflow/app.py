"""The wiring: from a configuration to a running plant, and back to nothing."""

import gc
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import structlog

from aegisflow.actors.archive import ArchiveActor
from aegisflow.actors.device import DeviceActor
from aegisflow.actors.gateway import Gateway
from aegisflow.actors.guard import Guard
from aegisflow.actors.historian import HistorianActor
from aegisflow.actors.inbound_queue import InboundQueue
from aegisflow.actors.messages.diagnosis import DiagnoseAlarms
from aegisflow.actors.messages.gateway import FlushInbound
from aegisflow.actors.messages.notifier import AlarmsCommitted, NotifyOperators
from aegisflow.actors.messages.store import AppendAudit
from aegisflow.actors.messages.supervisor import StartChildren, StopChildren
from aegisflow.actors.notifier import Notifier
from aegisflow.actors.runtime.children import ChildSpec, Family
from aegisflow.actors.runtime.directory import (
    ARCHIVE,
    DIAGNOSIS,
    GATEWAY,
    GUARD,
    HISTORIAN,
    MANUALS,
    NOTIFIER,
    SUPERVISOR,
    TICKER,
    Directory,
)
from aegisflow.actors.runtime.dispatcher import Dispatcher
from aegisflow.actors.runtime.supervisor import Supervisor
from aegisflow.actors.ticker import Ticker
from aegisflow.api.next_steps import said_to_people
from aegisflow.bus import Bus, LinkState
from aegisflow.bus.codec import Codec
from aegisflow.bus.signed_readings import ReadingSignatures
from aegisflow.bus.sources.router import Sources
from aegisflow.bus.topics import Template
from aegisflow.bus.written import WrittenWire
from aegisflow.clock import build_clock
from aegisflow.config import Configuration
from aegisflow.config.paths import may_coincide
from aegisflow.diagnosis import DiagnosisActor
from aegisflow.diagnosis.budget import Budget
from aegisflow.diagnosis.model import ModelDiagnosis, Toolbox, model_key
from aegisflow.domain.alarms.links import LinkSigner
from aegisflow.domain.alarms.model import AlarmEvent, Severity
from aegisflow.domain.commands.model import Command, CommandName, Stage
from aegisflow.domain.commands.transition import Transition
from aegisflow.domain.equipment import DeviceSpec, Limits, PlantSpec
from aegisflow.errors import AegisFlowError, BusError, TracingError, UnavailableError
from aegisflow.notifications.a2a import AgentSink
from aegisflow.notifications.sinks import LogSink, Sink, TopicSink, WebhookSink, help_from, with_links
from aegisflow.notifications.witnesses import Witnesses, build_witnesses
from aegisflow.plant.audit import AuditCheck, seals_of
from aegisflow.plant.commits import CommitNews, Commits
from aegisflow.plant.file_watch import FileWatch
from aegisflow.plant.health import HealthCheck
from aegisflow.plant.identities import Identities
from aegisflow.plant.links import link_signer
from aegisflow.plant.local import LocalPlant
from aegisflow.plant.policy_record import IN_FORCE, PolicyRecord
from aegisflow.plant.protocol import Plant
from aegisflow.plant.reload import Reloader
from aegisflow.store import Store, open_store
from aegisflow.store.chain import HeadFile
from aegisflow.store.connection import file_of
from aegisflow.store.lock import open_to_others
from aegisflow.store.seals import Seals
from aegisflow.store.slack import share_heaps
from aegisflow.telemetry.gauges import add_gauges
from aegisflow.telemetry.logs import configure_logs
from aegisflow.telemetry.metrics import Metrics
from aegisflow.telemetry.plant_gauges import plant_gauges
from aegisflow.telemetry.spans import NO_SPANS, Spans

if TYPE_CHECKING:
    from aegisflow.telemetry.tracing import Tracing

__all__ = ["EXIT_LOST", "AlarmListener", "App"]

EXIT_LOST = 70
"""Exit code when a part without which nothing is watched is lost for good (sysexits: EX_SOFTWARE)."""
_COLLECT_AFTER = 100_000
"""New objects between two looks of the garbage collector."""
_KNOWN_READINGS = 200_000
"""Readings of all devices together that are known should they come again: 3 MB, and twenty times what a broker may
have under way (``receive_maximum``), for a buffer at the machines sends again what it likes."""
START_S = 120.0
STOP_S = 60.0
_CALLED = (Stage.UNVERIFIED, Stage.OUTCOME_UNKNOWN, Stage.FAILED)
"""Ends of a command after which somebody has to look at the machine."""

AlarmListener = Callable[[tuple[AlarmEvent, ...]], None]
"""Hears of alarm events once they are committed; called in the historian's thread, must return at once."""


class App:
    """A plant from its configuration; a context manager that starts and stops it.

    Started in this order, stopped in reverse: store, supervisor (gateway, historian, archive, guard,
    manuals, all devices, ticker), bus, watch on the file. So nothing comes in before everybody is
    there, and what came in is committed and acknowledged before the end.
    """

    tracing: "Tracing | None" = None
    """Makes spans of what happens, where the configuration says that it is to."""

    def __init__(
        self,
        configuration: Configuration,
        bus: Bus | None = None,
        *,
        watch_file: bool = False,
        on_lost: Callable[[str, str], None] | None = None,
        listeners: tuple[AlarmListener, ...] = (),
        dispatcher_threads: int = 1,
        identities: Identities | None = None,
        door_notes: Sequence[Callable[[], tuple[str, ...]]] = (),
    ) -> None:
        """Wire, start nothing.

        Args:
            configuration: from ``aegisflow.config.load``.
            bus: instead of the broker that the configuration names.
            watch_file: whether saving ``plant.yaml`` reconfigures the plant.
            on_lost: told the name of a critical part that is lost for good, and why; the process should end then,
                with ``exit_code``.
            listeners: hear of committed alarm events.
            dispatcher_threads: threads that all devices share; one serves best.
            identities: who is known by which token, where an edge knows them already; it learns the rest here.
            door_notes: each returns what people should know of a way in; edges add theirs while they serve.
        """
        self.configuration = configuration
        self.metrics = Metrics()
        self.identities = identities or Identities(configuration.operators, configuration.agents, configuration.sign_in)
        self.exit_code = 0
        """EXIT_LOST once a critical part is lost."""
        self._bus = bus
        self._door_notes = door_notes
        self._watch_file = watch_file
        self._on_lost = on_lost
        self._listeners = listeners
        self._threads = dispatcher_threads
        self._current = configuration.plant
        self._undo: list[Callable[[], object]] = []
        self._commits = Commits()
        self._links = link_signer(configuration.notifications.link_key_env)
        self._watch: FileWatch | None = None
        self._log: structlog.stdlib.BoundLogger = structlog.get_logger("aegisflow")
        self.clock = build_clock(configuration.clock)
        self.directory = Directory()
        answers = Template(configuration.broker.topics.acks)
        self.inbound_queue = InboundQueue(
            self.directory, configuration.gateway.queue_limit, answers.level, answers.prefix
        )
        self._policy = PolicyRecord(
            lambda entry: self.directory.tell(HISTORIAN, AppendAudit(entry)), lambda: self.clock.now()
        )
        self._reloader = self._build_reloader()
        self._audit = AuditCheck(configuration.store, configuration.audit)
        self._health_check = self._build_health_check()
        self._store_notes: tuple[str, ...] = ()
        """What speaks against where the store lies, and against who may read it and the plant's file."""
        self.plant = self._build_plant()
        add_gauges(self.metrics, self.plant, self.inbound_queue, self._is_connected, self._health_check.commit_age_s)
        self.metrics.watch_labelled(plant_gauges(self.plant, sensors=configuration.http.sensor_metrics))

    def _build_plant(self) -> LocalPlant:
        return LocalPlant(
            self.directory,
            lambda: self._current,
            self.clock.now,
            self._health_check,
            self._reloader.reload,
            self.identities,
            self._commits,
            self._links,
        )

    def _build_reloader(self) -> Reloader:
        return Reloader(
            self.configuration,
            self.directory,
            self.clock.now,
            # Asked of the plant when it comes to that, for it is made after this and needs it.
            lambda names: self.plant.active_alarms(names),
            lambda outcome: self.metrics.reloads.labels(outcome).inc(),
            self.identities.replace,
            self._policy.note,
        )

    def _build_health_check(self) -> HealthCheck:
        broker = self.configuration.broker
        return HealthCheck(
            self.directory,
            lambda: self._current,
            f"{broker.host}:{broker.port}",
            lambda: self._link(),
            lambda: (
                *self._reloader.notes(),
                *self.identities.notes(),
                *(note for of_door in self._door_notes for note in of_door()),
                *self._audit.notes(),
                *self._store_notes,
            ),
            self._audit.reasons,
        )

    def start(self) -> None:
        """Start everything.

        Raises:
            AegisFlowError: why it cannot; nothing is left running.
        """
        if not structlog.is_configured():
            configure_logs()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        settings = self.configuration
        share_heaps()  # before there are the threads that would get heaps of their own
        bus = self._bus = self._bus or _paho(settings)
        seals = seals_of(settings.audit)
        store = open_store(settings.store.url)
        self._undo.append(store.close)
        self._open_tracing()
        self._open_audit(store, seals, bus)
        self._store_notes = store.warnings()
        if settings.operators:
            self._store_notes += open_to_others(settings.path)
        for note in self._store_notes:
            self._log.warning("look_at_the_store", note=note)
        # Before any actor asks for the time: in a replay it is that of what is stored.
        self.clock.begin(store.newest_instant())
        self.identities.keep(store.credentials())
        self._policy.recall(store.newest_audit(IN_FORCE))
        dispatcher = Dispatcher(self._threads)
        self._undo.append(dispatcher.stop)
        sinks = build_sinks(settings, bus, lambda: self._current, self._links)
        self._undo += [sink.close for sink in sinks]
        supervisor = Supervisor.start(
            SUPERVISOR,
            self.directory,
            settings.supervision,
            settings.plant,
            self._family(bus, store, dispatcher, sinks),
            now=self.clock.now,
            on_lost=self._lost,
            on_replaced=self._replaced,
            on_child_failed=self.metrics.actor_failures.inc,
        )
        self.directory.register(SUPERVISOR, supervisor)
        # What is appended last is undone first: the inbound queue takes no more, the gateway hands on what it
        # has, and only then do the children end.
        self._undo.append(lambda: supervisor.stop(timeout=STOP_S))
        self._undo.append(lambda: self.directory.ask(SUPERVISOR, StopChildren(), STOP_S))
        self._start_children()
        self._policy.note(settings.plant.policy, "aegisflow")
        self._undo.append(lambda: self.directory.ask(GATEWAY, FlushInbound(), STOP_S))
        self._undo.append(self.inbound_queue.close)
        bus.subscribe(self._filters(settings.plant))
        # Before the store is given back, for whoever has it next connects to the broker under the same name.
        self._undo.insert(1, bus.stop)
        bus.start(self.inbound_queue.on_message, self._link_changed)
        if self._watch_file:
            self._watch = FileWatch(
                settings.path, settings.reload.rest_s, lambda: self._reloader.judged, self.plant.reload
            )
            self._watch.start()
            self._undo.append(self._watch.stop)
        self._undo.append(_spare_the_collector())
        self._log.info("plant_started", plant=settings.plant.name, devices=len(settings.plant.devices))

    def _open_tracing(self) -> None:
        endpoint = self.configuration.tracing.endpoint
        if self.tracing is None and endpoint:
            try:
                from aegisflow.telemetry.tracing import open_tracing
            except ImportError as error:
                raise TracingError(f"tracing.endpoint needs aegisflow[tracing]: {error}") from error
            self.tracing = open_tracing(endpoint)
            self._undo.append(self.tracing.close)

    def _open_audit(self, store: Store, seals: Seals, bus: Bus) -> None:
        """Say where the heads of the audit go, and have it looked at before anything is written."""
        settings, topic = self.configuration, self.configuration.audit.head_topic

        def publish(line: str) -> None:
            bus.publish(topic, line.encode())

        others = build_witnesses(settings.audit.head_syslog, settings.audit.head_webhook_env)
        witnesses = Witnesses([*([publish] if topic else []), *others])
        # Before the store is given back: the last commit has a head, too.
        self._undo.insert(0, witnesses.close)
        store.heads = HeadFile.beside(settings.store.url, settings.store.audit_head, seals, witnesses)
        self._audit.witness_problems = lambda: tuple(one.failure for one in others if one.failure)
        self._audit.guards_restored = store.guards_restored
        self._audit.start(seals)
        self._audit.unsealed = store.begin_seals(self.clock.now())

    def _start_children(self) -> None:
        try:
            self.directory.ask(SUPERVISOR, StartChildren(), START_S)
        except UnavailableError as error:
            if isinstance(error.__cause__, AegisFlowError):
                raise error.__cause__ from None  # say what was wrong, not who noticed
            raise

    def stop(self) -> None:
        """Stop everything: first what comes in, last the store and the bus. Safe to call again."""
        while self._undo:
            step = self._undo.pop()
            try:
                step()
            except AegisFlowError as error:
                self._log.error("stop_incomplete", reason=str(error))

    def request_reload(self) -> None:
        """Have the file read again soon; for SIGHUP."""
        if self._watch is not None:
            self._watch.request()

    def __enter__(self) -> Self:
        """Start everything; see ``start``."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything; see ``stop``."""
        self.stop()

    # --- who there is -------------------------------------------------------------------------

    def _family(self, bus: Bus, store: Store, dispatcher: Dispatcher, sinks: tuple[Sink, ...]) -> Family:
        """Return who is started, in this order; devices come between ``before`` and ``after``.

        Each entry starts a new actor whenever it is called, since the supervisor calls it again after a failure.
        """
        settings, where, metrics, clock = self.configuration, self.directory, self.metrics, self.clock
        escalation = settings.escalation

        def historian() -> Any:
            def lost(why: str) -> None:
                self._lost(HISTORIAN, why)

            return HistorianActor.start(
                HISTORIAN, where, store, settings.store, self._committed, lost, self._diagnosed, self._limits
            )

        def guard() -> Any:
            return Guard.start(GUARD, where, self._current, clock.now, metrics, escalation.first, self._notify)

        def manuals() -> Any:
            from aegisflow.actors.manuals import ManualsActor

            file = file_of(settings.store.url)
            of_manuals, of_reports = (file and file.with_suffix(f".{what}.db") for what in ("manuals", "reports"))
            return ManualsActor.start(MANUALS, where, settings.manuals, of_manuals, reports_cache=of_reports)

        def diagnosis() -> Any:
            return DiagnosisActor.start(
                DIAGNOSIS, where, self.plant, metrics, model_of(settings, self.plant, metrics, self.tracing or NO_SPANS)
            )

        def device(spec: DeviceSpec) -> ChildSpec:
            def start() -> Any:
                within_s = self._current.policy.answer_within_s
                known = _KNOWN_READINGS // max(1, len(self._current.devices))
                return DeviceActor.start(spec.device_id, where, dispatcher, spec, clock.now, metrics, within_s, known)

            return ChildSpec(spec.device_id, start)

        def notifier() -> Any:
            return Notifier.start(NOTIFIER, where, escalation, sinks, clock.now, clock.steady, metrics)

        def ticker() -> Any:
            return Ticker.start(TICKER, where, clock.now, self._is_connected, lambda: clock.is_set, self._clock_stepped)

        return Family(
            before=(
                # First, and so stopped last: it acknowledges what the historian commits as that ends.
                ChildSpec(GATEWAY, lambda: self._gateway(bus), critical=True),
                ChildSpec(HISTORIAN, historian, critical=True),
                ChildSpec(ARCHIVE, lambda: ArchiveActor.start(ARCHIVE, where, store)),
                ChildSpec(NOTIFIER, notifier),
                ChildSpec(GUARD, guard, critical=True),
                ChildSpec(MANUALS, manuals),
                ChildSpec(DIAGNOSIS, diagnosis),
            ),
            device=device,
            after=(ChildSpec(TICKER, ticker),),
        )

    def _limits(self, device_id: str) -> Mapping[str, Limits]:
        """Return what is normal for the sensors of a device; nothing for one that is no longer in the plant."""
        spec = self._current.devices.get(device_id)
        return {} if spec is None else {name: sensor.normal for name, sensor in spec.sensors.items()}

    def _gateway(self, bus: Bus) -> Any:
        return Gateway.start(
            GATEWAY,
            self.directory,
            bus,
            self.inbound_queue,
            self.configuration.gateway,
            self._codec,
            self._current,
            self.clock,
            self.metrics,
            self._sources,
            self._published,
        )

    def _codec(self, plant: PlantSpec) -> Codec:
        return Codec(
            self.configuration.broker.topics,
            plant.devices,
            max_payload_bytes=self.configuration.gateway.max_payload_bytes,
            key=self._key(),
            signatures=self._signatures,
        )

    def _filters(self, plant: PlantSpec) -> tuple[str, ...]:
        """Return all that is listened to; a topic of its own only where no filter of a source has it already."""
        codec = self._codec(plant)
        known = (codec.sensor_filter(), codec.ack_filter(), codec.command_filter(), *self._sources(plant).filters())
        own = WrittenWire(plant.devices).filters()
        return (*known, *(topic for topic in own if not any(may_coincide(topic, one) for one in known)))

    def _sources(self, plant: PlantSpec) -> Sources:
        most = self.configuration.gateway.max_payload_bytes
        return Sources(self.configuration.sources, plant.devices, most, self.inbound_queue.learned)

    @cached_property
    def _signatures(self) -> ReadingSignatures | None:
        """What checks the signatures of readings; the same over reloads, for it remembers what is no news."""
        name = self.configuration.broker.readings_key_env
        keys = tuple(key.encode() for key in os.environ.get(name, "").split()) if name else ()
        if name and not keys:
            raise BusError(f"broker.readings_key_env names {name}, which is empty; no signature can be checked")
        return ReadingSignatures(keys) if keys else None

    def _key(self) -> bytes:
        """Return the key that commands are signed with; one that is asked for must be there."""
        name = self.configuration.broker.hmac_env
        key = os.environ.get(name, "").encode() if name else b""
        if name and not key:
            raise BusError(f"broker.hmac_env names {name}, and that variable is empty; commands could not be signed")
        return key

    # --- what happens -------------------------------------------------------------------------

    def _clock_stepped(self) -> float:
        by_s = self.clock.stepped()
        if by_s:
            self.metrics.clock_changes.labels("own").inc()
        return by_s

    def _committed(self, events: tuple[AlarmEvent, ...]) -> None:
        self._commits.note(CommitNews(alarms=True))
        self.directory.tell(NOTIFIER, AlarmsCommitted(events))
        self.directory.tell(DIAGNOSIS, DiagnoseAlarms(events))
        if self.tracing is not None:
            self.tracing.alarms_committed(events)
        for listener in self._listeners:
            try:
                listener(events)
            except Exception:  # noqa: BLE001 - a listener is not ours, and the commit is done
                self._log.exception("alarm_listener_failed")

    def _diagnosed(self) -> None:
        self._commits.note(CommitNews(alarms=True))

    def _notify(self, transition: Transition) -> None:
        self._commits.note(CommitNews(command_id=transition.after.command.command_id))
        if self.tracing is not None:
            self.tracing.command_moved(transition)
        message = call_for(transition)
        if message is not None:
            self.directory.tell(NOTIFIER, message)

    def _published(self, command: Command, at: float) -> None:
        if self.tracing is not None:
            self.tracing.command_published(command, at)

    def _replaced(self, plant: PlantSpec) -> None:
        written = [one.writing for one in (*self._current.devices.values(), *plant.devices.values())]
        self._current = plant
        if self._bus is not None and any(written):
            self._bus.subscribe(self._filters(plant))

    def _lost(self, name: str, reason: str) -> None:
        self._log.critical("critical_part_lost", part=name, reason=reason, exit_code=EXIT_LOST)
        self.exit_code = EXIT_LOST
        if self._on_lost is not None:
            self._on_lost(name, reason)

    def _link(self) -> LinkState:
        return LinkState(False, 0.0, "not started") if self._bus is None else self._bus.link()

    def _is_connected(self) -> bool:
        return self._link().connected

    def _link_changed(self, state: LinkState) -> None:
        self._log.debug("broker_link", connected=state.connected, detail=state.detail)


def model_of(
    configuration: Configuration, plant: Plant, metrics: Metrics, spans: Spans = NO_SPANS
) -> ModelDiagnosis | None:
    """Return who diagnoses serious alarms beside the rules; None while there is no key for a model."""
    settings = configuration.diagnosis
    key = model_key(settings)
    if not key:
        return None

    def toolbox() -> Toolbox:
        from aegisflow.mcp.inside import ReadTools

        return ReadTools(lambda: plant, f"aegisflow {settings.agent}")

    return ModelDiagnosis(settings, key, plant, toolbox, Budget(settings), metrics, spans)


def build_sinks(
    configuration: Configuration,
    bus: Bus,
    plant: Callable[[], PlantSpec] | None = None,
    links: LinkSigner | None = None,
) -> tuple[Sink, ...]:
    """Return where notifications go; what to do about an alarm is as ``plant`` says by then."""
    settings = configuration.notifications
    help_for = help_from(settings.page_url, plant or (lambda: configuration.plant))
    sinks: list[Sink] = [LogSink(help_for)] if settings.log else []
    if settings.topic:
        sinks.append(TopicSink(bus, settings.topic, help_for))
    url = os.environ.get(settings.webhook_env, "") if settings.webhook_env else ""
    if url:
        sinks.append(WebhookSink(url, help_for=with_links(help_for, settings.page_url, settings.people, links)))
    agent = settings.agent
    if agent.url:
        sinks.append(AgentSink(agent.url, os.environ.get(agent.token_env, "") if agent.token_env else ""))
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
    text, page = said_to_people(receipt)[:1_000], f"{command.command} proposed" if wanted else ""
    return NotifyOperators(command.device_id, command.command_id, severity, text, page)


def _spare_the_collector() -> Callable[[], None]:
    """Have the garbage collector look less often and at less; return what undoes it.

    Readings and messages hold no cycles and go by their reference counts. At 10,000 devices the
    collector, looking through those under way after every 700 new objects, took 9 of 33 µs a
    reading and half of the throughput, measured. What agents ask and the page shows leaves cycles
    behind, though. Those that outlive a look are found by one of the next few, so that memory
    comes to rest after minutes.
    """
    before, others = gc.get_threshold(), gc.get_freeze_count()
    if not others:  # or they would be released with ours
        gc.collect()
        gc.freeze()  # what lives as long as the plant need not be looked through again and again
    gc.set_threshold(_COLLECT_AFTER, 1, 1)

    def undo() -> None:
        gc.set_threshold(*before)
        if not others:
            gc.unfreeze()

    return undo


def _paho(settings: Configuration) -> Bus:
    from aegisflow.bus.mqtt import PahoBus

    host_id = next((source.host_id for source in settings.sources.values() if source.host_id), None)
    return PahoBus(settings.broker, f"spBv1.0/STATE/{host_id}" if host_id else "")
