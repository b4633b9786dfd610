"""The gateway: turns messages from the bus into readings of devices, and acknowledges them once committed."""

import hashlib
import hmac
import secrets
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from aegisflow.actors.inbound_queue import InboundQueue
from aegisflow.actors.messages.common import Tick, Wake
from aegisflow.actors.messages.device import (
    AckReceived,
    CommandNotSent,
    DeathReported,
    ForeignCommandSeen,
    MachineSpoke,
    RecordReadings,
)
from aegisflow.actors.messages.gateway import (
    AnswerRefused,
    AskMachine,
    DrainInbound,
    FlushInbound,
    PlantReplaced,
    PublishClaimed,
    PublishCommand,
    ReadGatewayCounts,
    ReadRefused,
    RecordsCommitted,
    SenderClockLearned,
    StampsRecalled,
)
from aegisflow.actors.messages.store import ClaimPublish, StoreDeadLetters, StoreRecords
from aegisflow.actors.runtime.actor import ThreadedActor
from aegisflow.actors.runtime.directory import HISTORIAN, Directory, describe
from aegisflow.bus import Bus, BusMessage
from aegisflow.bus.codec import Codec
from aegisflow.bus.sources import Decoded, Route
from aegisflow.bus.sources.router import Sources
from aegisflow.bus.written import WrittenWire, encode_written, metric_of
from aegisflow.clock import Clock
from aegisflow.config.services import GatewaySettings
from aegisflow.domain.commands.execution import NEVER_CAME, NO_COMMAND, Ack
from aegisflow.domain.commands.model import Command, CommandRecord, PublishClaim
from aegisflow.domain.commands.writing import WRITTEN
from aegisflow.domain.equipment import PlantSpec
from aegisflow.domain.readings import DeadLetter, Reading
from aegisflow.domain.refused import RefusedTable
from aegisflow.domain.views import AuditEntry
from aegisflow.errors import BusError, PayloadError, printable
from aegisflow.telemetry.metrics import Metrics

__all__ = ["Gateway"]

MAX_DRAIN = 2_000
"""How many messages are taken from the inbound queue before the gateway looks at its inbox again."""
MAX_TOLD = 100
"""Readings that a device is told at once: some 3 ms of its work, after which others have their turn."""
MAX_LETTERS_AT_ONCE = 200
MAX_LETTERS_PER_S = 10.0
"""How many refused messages are kept at once, and how many a second in the long run; others are only counted."""
LETTER_BYTES = 1_024
"""How much of a refused message is kept."""
OWN_KNOWN = 1_000
"""How many of our own messages to machines are known again when the broker sends them back (MQTT 3.1.1)."""
QUESTIONS = 4
"""How many questions to a device are remembered, for their answers to be known by their nonce."""
QUESTION_S = 10
"""MQTT message expiry of a question to a machine, in seconds; it is of no use later."""


def _fingerprint(topic: str, payload: bytes) -> bytes:
    return hashlib.sha256(topic.encode() + b"\0" + payload).digest()


class _Ready(NamedTuple):
    """A command as it will be published, should the store grant it."""

    record: CommandRecord
    topic: str
    payload: bytes
    issued_at: float


class Gateway(ThreadedActor):
    """Gathers messages for ``group_s``, decodes them, and tells each device its readings in one message.

    It is also the only one that publishes commands and questions to machines.
    """

    def __init__(
        self,
        name: str,
        directory: Directory,
        bus: Bus,
        inbound: InboundQueue,
        settings: GatewaySettings,
        make_codec: Callable[[PlantSpec], Codec],
        plant: PlantSpec,
        clock: Clock,
        metrics: Metrics,
        make_sources: Callable[[PlantSpec], Sources] = lambda plant: Sources({}, plant.devices),
        on_published: Callable[[Command, float], None] = lambda command, at: None,
    ) -> None:
        super().__init__(name, directory)
        self._bus = bus
        self._inbound = inbound
        self._group_s = settings.group_s
        self._make_codec = make_codec
        self._codec = make_codec(plant)
        self._make_sources = make_sources
        self._on_published = on_published
        self._sources = make_sources(plant)
        self._max_payload_bytes = settings.max_payload_bytes
        self._written = WrittenWire(plant.devices, settings.max_payload_bytes)
        self._clock = clock
        self._metrics = metrics
        self._shed_told = 0
        self._claims: dict[str, _Ready] = {}
        """Claim id to the command that the store has been asked for, until its answer or the command's expiry."""
        self._asked: dict[str, deque[tuple[str, str]]] = {}
        """Device to the id and the nonce of its last questions."""
        self._own: dict[bytes, int | None] = {}
        """SHA-256 of the last messages that we published to machines, and the connection by which each came back."""
        self._letters = float(MAX_LETTERS_AT_ONCE)
        self._letters_at = time.monotonic()
        self._table = RefusedTable()
        self._clocks_off: dict[str, float] = {}

    def on_start(self) -> None:
        """Begin with what a predecessor left in the inbound queue."""
        self.wake_in(0.0)

    def on_receive(self, message: object) -> object:
        """Drain the inbound queue, acknowledge what is committed, and publish."""
        match message:
            case DrainInbound():
                self.wake_in(self._group_s)
            case Wake():
                self._drain()
            case RecordsCommitted():
                self._settled(message)
            case PublishCommand(record):
                self._claim(record)
            case PublishClaimed():
                self._claimed(message)
            case AskMachine():
                self._ask(message)
            case AnswerRefused():
                self._note_answer(message)
            case PlantReplaced(plant):
                self._codec = self._make_codec(plant)
                self._sources = self._make_sources(plant)
                self._written = WrittenWire(plant.devices, self._max_payload_bytes)
                self._inbound.keep_counts_of(plant.devices)
                self._clocks_off = {name: off for name, off in self._clocks_off.items() if name in plant.devices}
            case ReadRefused():
                return self._table.lines()
            case SenderClockLearned(device_id, offset_s):
                self._clocks_off.pop(device_id, None)
                if offset_s:
                    self._clocks_off[device_id] = offset_s
            case StampsRecalled(device_id, stamp):
                # A clock that was ahead must not keep out what it says when it is right again.
                self._codec.stamped_up_to(device_id, min(stamp, self._clock.now()))
            case ReadGatewayCounts():
                return replace(self._inbound.counts(), clocks_off=dict(self._clocks_off))
            case FlushInbound():
                while self._inbound.has_waiting():
                    self._drain()
                return True
            case Tick():
                if self._inbound.shed != self._shed_told:
                    self._shed_told = self._inbound.shed
                    self.log.warning("telemetry_shed", total=self._shed_told)
            case _:
                super().on_receive(message)
        return None

    def _drain(self) -> None:
        inbound = self._inbound
        batch = inbound.take(MAX_DRAIN)
        groups, refused = self._decode(batch)
        for device_id, readings in groups.items():
            self._hand_on(device_id, readings)
        # Not before: time must not pass for a device that has not been told its readings.
        self._clock.catch_up()
        if groups:
            inbound.note_readings(self._clock.now())
        if refused:
            self._refuse(refused)
        # Only now: should this actor fail before, its successor takes the whole batch again, and repetitions are
        # known as such.
        inbound.done()
        self._metrics.messages.inc(len(batch))
        if inbound.has_waiting():
            # A full batch means that more has gathered already.
            self.wake_in(0.0 if len(batch) == MAX_DRAIN else self._group_s)

    def _hand_on(self, device_id: str, readings: list[Reading]) -> None:
        for start in range(0, len(readings), MAX_TOLD):
            part = tuple(readings[start : start + MAX_TOLD])
            self._inbound.in_flight += len(part)
            if not self.tell(device_id, RecordReadings(part)):
                self._store_unwatched(device_id, part)

    def _decode(
        self, batch: list[BusMessage]
    ) -> tuple[dict[str, list[Reading]], list[tuple[BusMessage, PayloadError]]]:
        groups: dict[str, list[Reading]] = {}
        refused: list[tuple[BusMessage, PayloadError]] = []
        decode, admit, now = self._codec.decode_reading, self._clock.admit, self._clock.arriving
        dated, follows = self._clock.dated, self._clock.follows_readings
        route_of = self._sources.route if self._sources else None
        written = self._written if self._written else None
        for message in batch:
            if written is not None and written.concerns(message.topic) and self._hear_written(message, refused):
                continue
            if route_of is not None and (route := route_of(message.topic)) is not None:
                self._map(route, message, groups, refused)
                continue
            try:
                reading = decode(message, now())
                if follows:
                    admit(reading.at)
                    reading = dated(reading)
                if reading.refused:
                    self._note_values(message, reading)
            except PayloadError as error:
                # Everything is tried as a reading first, so that readings, which are nearly all, pay nothing for
                # what else comes the same way.
                if self._codec.commanded(message.topic) is not None:
                    refused += self._hear_command(message)
                elif not self._codec.is_ack(message.topic):
                    refused.append((message, error))
                elif (problem := self._take_ack(message)) is not None:
                    refused.append((message, problem))
                continue
            except Exception as error:  # noqa: BLE001 - a mistake of ours must not cost the rest of the batch
                refused.append((message, PayloadError("decoder_failure", describe(error))))
                continue
            device_id = reading.device_id
            group = groups.get(device_id)
            if group is None:
                groups[device_id] = [reading]
            else:
                group.append(reading)
        return groups, refused

    def _map(
        self,
        route: Route,
        message: BusMessage,
        groups: dict[str, list[Reading]],
        refused: list[tuple[BusMessage, PayloadError]],
    ) -> None:
        """Add to the groups what a source reads in a message."""
        readings: list[Reading] = []
        problems: list[PayloadError] = []
        historical: dict[str, list[Reading]] = {}
        try:
            found = route.source.decode(route, message, self._clock.arriving())
            problems += found.problems
            for reading in found.readings:
                try:
                    self._clock.admit(reading.at)
                    readings.append(self._clock.dated(reading))
                except PayloadError as error:
                    problems.append(error)
            if found.historical or found.deaths or found.answers:
                historical = self._beside(found, groups)
        except PayloadError as error:
            problems.append(error)
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not cost the rest of the batch
            problems.append(PayloadError("decoder_failure", describe(error)))
        parts = len(readings) + len(historical)
        if not parts and problems:
            refused.append((message, problems.pop()))
        elif not parts:
            self._pass_over(message, route.device_id)
        elif parts > 1 and message.receipt is not None:
            self._inbound.parts[message.receipt] = parts
        for problem in problems:
            self._note_problem(message, problem, route.device_id)
        for reading in readings:
            groups.setdefault(reading.device_id, []).append(reading)
            if reading.refused:
                self._note_values(message, reading)
        for device_id, past in historical.items():
            receipts = () if message.receipt is None else (message.receipt,)
            self._inbound.in_flight += 1
            self.tell(HISTORIAN, StoreRecords(device_id, tuple(past), receipts, 1))

    def _beside(self, found: Decoded, groups: dict[str, list[Reading]]) -> dict[str, list[Reading]]:
        """Do what a message asks for beside its readings; return its history, by device."""
        now = self._clock.now()
        for death in found.deaths:
            # What it said before it died must not raise it from the dead.
            self._hand_on(death.device_id, groups.pop(death.device_id, []))
            self.tell(death.device_id, DeathReported(death.why))
        for topic, payload in found.answers:
            try:
                self._publish(topic, payload, QUESTION_S)
            except BusError as error:
                self.log.info("sender_not_answered", topic=topic, reason=str(error))
        historical: dict[str, list[Reading]] = {}
        for reading in found.historical:
            # What is dated after now is no history; it would stand in the way of what comes.
            if reading.values and reading.at <= now:
                historical.setdefault(reading.device_id, []).append(reading)
        return historical

    def _pass_over(self, message: BusMessage, device_id: str | None) -> None:
        """Settle a message that says nothing that anybody here wants to know."""
        self._inbound.in_flight += 1
        receipts = () if message.receipt is None else (message.receipt,)
        self.tell(HISTORIAN, StoreRecords(device_id or "", receipts=receipts, count=1))

    # --- commands -----------------------------------------------------------------------------
    #
    #   PublishCommand ─► claim in the store ─► granted ─► published, now or never
    #                                        └► any other answer, or none: never published
    #
    # No path leads to the wire twice. Of all claims to a command the store grants one, ever, and the grant is
    # used up here: an answer that comes again, or that was meant for a predecessor, finds no claim.

    def _claim(self, record: CommandRecord) -> None:
        """Have the store mark a command as published, before it is."""
        now = self._clock.now()
        self._claims = {
            name: one for name, one in self._claims.items() if one.record.send_by is None or now < one.record.send_by
        }
        ready, audit = self._ready(record, now)
        claim_id = uuid.uuid4().hex
        self._claims[claim_id] = ready
        self.tell(HISTORIAN, ClaimPublish(record, claim_id, now, self.name, audit))

    def _ready(self, record: CommandRecord, now: float) -> tuple[_Ready, AuditEntry | None]:
        """Return what a command comes to on the wire; by a template, with the row of the audit that keeps the bytes."""
        command, written = record.command, record.written
        expires_at = now if record.send_by is None else record.send_by
        if written is None:
            topic, payload = self._codec.encode_command(command, issued_at=now, expires_at=expires_at)
            return _Ready(record, topic, payload, now), None
        payload = encode_written(written, now, expires_at)
        said = {"payload": payload.decode()} if metric_of(written) is None else {"payload_hex": payload.hex()}
        detail = {
            "command_id": command.command_id,
            "topic": written.topic,
            "qos": written.qos,
            "retain": False,
            **said,
            "sha256": hashlib.sha256(payload).hexdigest(),
        }
        audit = AuditEntry(now, self.name, WRITTEN, command.device_id, detail)
        return _Ready(record, written.topic, payload, now), audit

    def _claimed(self, answer: PublishClaimed) -> None:
        """Publish what the store has granted; anything else stays off the wire."""
        ready = self._claims.pop(answer.claim_id, None)
        if ready is None:
            self.log.warning("claim_unknown", claim=answer.claim.value)
        elif answer.claim is PublishClaim.GRANTED:
            self._publish_command(ready)
        elif answer.claim is PublishClaim.REFUSED:
            self._not_sent(ready.record, answer.why)
        else:  # the machine may have it, so nobody is told that nothing was sent; it is asked after the expiry
            command = ready.record.command
            self.log.error(
                "command_not_published", command=command.command_id, claim=answer.claim.value, reason=answer.why
            )

    def _publish_command(self, ready: _Ready) -> None:
        """Publish a command while there is a connection: now or never, and never again."""
        record = ready.record
        now, send_by = self._clock.now(), record.send_by
        command = record.command
        if send_by is None or now >= send_by:
            self._not_sent(record, "it had expired before it could be sent")
            return
        written = record.written
        metric = None if written is None else metric_of(written)
        if metric is not None and (why := self._sources.objection(ready.topic, metric)):
            self._not_sent(record, why)
            return
        qos = 1 if written is None else written.qos
        try:
            # MQTT 5 counts whole seconds, and 0 would be over at once.
            self._publish(ready.topic, ready.payload, max(1, int(send_by - now)), command.traceparent, qos)
        except BusError as error:
            self._not_sent(record, f"the broker cannot be reached: {error}")
            return
        self._metrics.commands.labels("published").inc()
        self._on_published(command, now)
        self.log.info("command_published", command=command.command_id, device=command.device_id)

    def _not_sent(self, record: CommandRecord, why: str) -> None:
        self.tell(record.command.device_id, CommandNotSent(record.command.command_id, why))

    def _ask(self, question: AskMachine) -> None:
        now = self._clock.now()
        nonce = secrets.token_hex(16) if self._codec.signs else ""
        asked = self._asked.setdefault(question.device_id, deque(maxlen=QUESTIONS))
        # Noted before it is published, for the answer may come before this returns.
        asked.append((question.command_id or NO_COMMAND, nonce))
        topic, payload = self._codec.encode_question(question.device_id, question.command_id, now, nonce)
        try:
            self._publish(topic, payload, QUESTION_S)
        except BusError as error:
            self.log.info("machine_not_asked", device=question.device_id, reason=str(error))

    def _take_ack(self, message: BusMessage) -> PayloadError | None:
        """Tell a device what its machine has answered; return why the answer is refused, None if it is not."""
        try:
            ack = self._codec.decode_ack(message)
        except PayloadError as error:
            return error
        if self._codec.signs and not self._is_of_now(ack):
            return PayloadError(
                "bad_nonce", f"{ack.nonce[:40]!r} belongs to no question or command {ack.command_id[:60]!r}"
            )
        self.tell(ack.device_id, AckReceived(ack))
        self._inbound.in_flight += 1
        receipts = () if message.receipt is None else (message.receipt,)
        self.tell(HISTORIAN, StoreRecords(ack.device_id, receipts=receipts, count=1))
        return None

    def _publish(self, topic: str, payload: bytes, expiry_s: int, traceparent: str = "", qos: int = 1) -> None:
        """Publish, and know it again should the broker send it back."""
        digest = _fingerprint(topic, payload)
        self._own.pop(digest, None)  # as the newest, also where a payload comes again and again
        self._own[digest] = None
        if len(self._own) > OWN_KNOWN:
            del self._own[next(iter(self._own))]
        self._bus.publish(topic, payload, expiry_s=expiry_s, traceparent=traceparent, qos=qos)

    def _hear_written(self, message: BusMessage, refused: list[tuple[BusMessage, PayloadError]]) -> bool:
        """Hear a message on a topic of a machine that is told by a template; return whether no source need see it."""
        devices = self._written.commanded.get(message.topic, ())
        if devices:
            foreign = None if self._comes_back(message, alike=True) else self._written.foreign(message)
            if foreign is None or self._written.others_may(message.topic):
                self._pass_over(message, devices[0])
            else:
                refused += self._note_foreign(message, foreign, devices)
            return True
        for said in self._written.said(message):
            self.tell(said.device_id, MachineSpoke(said))
        if self._sources.route(message.topic) is not None:
            return False
        self._pass_over(message, None)
        return True

    def _comes_back(self, message: BusMessage, *, alike: bool = False) -> bool:
        """Return whether this is what we sent, and not what somebody has recorded and sends once more.

        A broker delivers it again only on another connection. ``alike`` payloads, as those by a template, are no one's
        alone: each of ours excuses one.
        """
        digest = _fingerprint(message.topic, message.payload)
        if not self._bus.sends_back or message.retain or digest not in self._own:
            return False
        if alike:
            del self._own[digest]
            return True
        connection = 0 if message.receipt is None else message.receipt.generation
        last, self._own[digest] = self._own[digest], connection
        return last != connection

    def _hear_command(self, message: BusMessage) -> list[tuple[BusMessage, PayloadError]]:
        """Tell a device what somebody else has sent its machine."""
        device_id = self._codec.device_of(message.topic)
        if self._comes_back(message):
            self._pass_over(message, device_id)
            return []
        foreign = self._codec.foreign_command(message)
        return self._note_foreign(message, foreign, () if device_id is None else (device_id,))

    def _note_foreign(
        self, message: BusMessage, foreign: PayloadError, devices: tuple[str, ...]
    ) -> list[tuple[BusMessage, PayloadError]]:
        """Tell all devices that it may have moved of a command that is not ours."""
        receipts = () if message.receipt is None else (message.receipt,)
        told = sum(self.tell(device_id, ForeignCommandSeen(foreign.detail, receipts)) for device_id in devices)
        if told:
            # Each device settles its part with the alarm, and the dead letter is another.
            self._inbound.in_flight += told
            self._inbound.parts.update(dict.fromkeys(receipts, told + 1))
        return [(message, foreign)]

    def _is_of_now(self, ack: Ack) -> bool:
        """Return whether a signed answer repeats the nonce of what it answers, so that nobody has recorded it before.

        A command that never came has told no nonce, and no more has a question about the mode: these answer a
        question only.
        """
        known = [nonce for command_id, nonce in self._asked.get(ack.device_id, ()) if command_id == ack.command_id]
        if ack.command_id != NO_COMMAND and ack.result != NEVER_CAME:
            known.append(self._codec.nonce_of(ack.device_id, ack.command_id))
        return any(hmac.compare_digest(nonce.encode(), ack.nonce.encode()) for nonce in known)

    def _note_answer(self, refused: AnswerRefused) -> None:
        """Count an answer that its device does not believe; its message is settled already."""
        ack = refused.ack
        self._inbound.note_rejected(refused.reason, ack.device_id)
        self._metrics.rejected.labels(refused.reason).inc()
        sample = printable(f"{ack.result} {ack.mode or ''} {ack.detail}", 60)
        self._note(ack.device_id, "", refused.reason, self._codec.ack_topic(ack.device_id), sample, refused.detail)

    # --- what cannot be used ------------------------------------------------------------------

    def _store_unwatched(self, device_id: str, readings: tuple[Reading, ...]) -> None:
        """Store readings of a device that is isolated: trends go on, and the broker gets its acknowledgement."""
        receipts = tuple(reading.receipt for reading in readings if reading.receipt is not None)
        self.tell(HISTORIAN, StoreRecords(device_id, readings, receipts, len(readings)))

    def _refuse(self, refused: list[tuple[BusMessage, PayloadError]]) -> None:
        """Count refused messages, keep some as dead letters, and have the historian settle all of them."""
        now = time.monotonic()
        # A bucket of tokens: a sender of rubbish must not fill the store.
        self._letters = min(MAX_LETTERS_AT_ONCE, self._letters + (now - self._letters_at) * MAX_LETTERS_PER_S)
        self._letters_at = now
        letters = []
        for message, error in refused:
            device_id = self._codec.device_of(message.topic) or self._sources.device_of(message.topic)
            self._note_problem(message, error, device_id)
            if self._letters >= 1:
                self._letters -= 1
                letters.append(self._letter(message, error, device_id))
        dropped = len(refused) - len(letters)
        if dropped:
            self._metrics.letters_dropped.inc(dropped)
        self._inbound.in_flight += len(refused)
        receipts = tuple(message.receipt for message, _ in refused if message.receipt is not None)
        self.tell(HISTORIAN, StoreDeadLetters(tuple(letters), receipts, len(refused)))

    def _note_problem(self, message: BusMessage, error: PayloadError, device_id: str | None) -> None:
        """Count a message, or a part of one, that cannot be used."""
        self._inbound.note_rejected(error.reason, device_id)
        self._metrics.rejected.labels(error.reason).inc()
        sample = printable(message.payload[:60].decode(errors="replace"), 60)
        self._note(device_id, "", error.reason, message.topic, sample, error.detail)

    def _note_values(self, message: BusMessage, reading: Reading) -> None:
        """Count single values that cannot be used; the rest of their message is not touched by it."""
        for sensor, reason, sample in reading.refused:
            self._metrics.values_refused.labels(reason.value).inc()
            self._note(reading.device_id, sensor, reason.value, message.topic, sample, "")

    def _note(self, device_id: str | None, sensor: str, reason: str, topic: str, sample: str, detail: str) -> None:
        line = self._table.note(device_id, sensor, reason, topic, sample, detail, self._clock.now())
        if line is not None:
            self.log.warning(
                "refused",
                device=device_id,
                sensor=sensor or None,
                reason=reason,
                topic=line.topic,
                sample=sample,
                detail=detail or None,
                count=line.count,
            )

    def _letter(self, message: BusMessage, error: PayloadError, device_id: str | None) -> DeadLetter:
        return DeadLetter(
            at=self._clock.now(),
            topic=message.topic[:256],
            device_id=device_id,
            reason=error.reason,
            detail=error.detail,
            payload=message.payload[:LETTER_BYTES],
            size=len(message.payload),
            sha256=hashlib.sha256(message.payload).hexdigest(),
        )

    def _settled(self, committed: RecordsCommitted) -> None:
        """Acknowledge to the broker what is on disk."""
        self._inbound.in_flight = max(0, self._inbound.in_flight - committed.count)
        self._metrics.committed.inc(committed.count)
        receipts = committed.receipts
        if receipts and self._inbound.parts:
            receipts = self._inbound.whole(receipts)
        if receipts:
            self._bus.acknowledge(receipts)
        if self._inbound.has_waiting():
            self.wake_in(self._group_s)
