"""A historian that remembers in memory, and can be made slow, for tests of everything but the store."""

import threading

from aegisflow.actors.messages.common import Bundle
from aegisflow.actors.messages.device import DeviceRecalled
from aegisflow.actors.messages.gateway import PublishClaimed, RecordsCommitted
from aegisflow.actors.messages.guard import AuditCommitted, CommandsRecalled, TransitionStored
from aegisflow.actors.messages.store import (
    AppendAudit,
    ClaimPublish,
    CommitAudit,
    ReadStoreHealth,
    RecallCommands,
    RecallDevice,
    StoreDeadLetters,
    StoreRecords,
    StoreTransition,
)
from aegisflow.actors.runtime.actor import ThreadedActor
from aegisflow.actors.runtime.directory import GATEWAY, Directory
from aegisflow.domain.alarms.model import AlarmEvent
from aegisflow.domain.commands.model import CommandRecord, Mode, PublishClaim, Stage
from aegisflow.domain.past import CommandsPast, DevicePast
from aegisflow.domain.readings import DeadLetter, Reading
from aegisflow.domain.views import AuditEntry, StoreHealth


class Disk:
    """What survives a historian; ``changed`` is notified after each message."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.events: list[AlarmEvent] = []
        self.letters: list[DeadLetter] = []
        self.audit: list[AuditEntry] = []
        self.commands: dict[str, CommandRecord] = {}
        self.published: dict[str, float] = {}
        """Command id to when the gateway was granted to publish it."""
        self.lost_claims = False
        """Whether claims are granted on disk, and nobody is told."""
        self.refuse_claims = ""
        self.refuse_audit = ""
        self.refuse_steps = ""
        self.refused_steps = 0
        self.recalls: list[str] = []
        self.settled = 0
        self.fast = threading.Event()
        self.fast.set()
        self.recall_failure = ""
        self.changed = threading.Condition()

    def wait_until(self, true, timeout_s: float = 60.0) -> None:
        with self.changed:
            assert self.changed.wait_for(true, timeout_s), "it never happened"


class MemoryHistorian(ThreadedActor):
    def __init__(self, name: str, directory: Directory, disk: Disk) -> None:
        super().__init__(name, directory)
        self.disk = disk

    def on_receive(self, message: object) -> object:
        disk = self.disk
        disk.fast.wait(30.0)
        with disk.changed:
            disk.changed.notify_all()
            match message:
                case Bundle(messages):
                    for each in messages:
                        self.on_receive(each)
                case StoreRecords():
                    disk.readings += message.readings
                    disk.events += message.alarms
                    disk.audit += message.audit
                    self.settle(message)
                case StoreDeadLetters():
                    disk.letters += message.letters
                    self.settle(message)
                case AppendAudit(entry):
                    disk.audit.append(entry)
                case CommitAudit(entry, number, reply_to):
                    if not disk.refuse_audit:
                        disk.audit.append(entry)
                    self.tell(reply_to, AuditCommitted(number, disk.refuse_audit))
                case StoreTransition():
                    self.tell(message.reply_to, self.move(message))
                case ClaimPublish():
                    answer = self.claim(message)
                    if not disk.lost_claims:
                        self.tell(message.reply_to, answer)
                case RecallCommands(_, reply_to):
                    left = tuple(record for record in disk.commands.values() if not record.stage.is_final)
                    self.tell(reply_to, CommandsRecalled(CommandsPast(left)))
                case RecallDevice(device_id, reply_to, count, since):
                    disk.recalls.append(device_id)
                    mine = [reading for reading in disk.readings if reading.device_id == device_id]
                    mine.sort(key=lambda reading: reading.at)
                    latest = {event.alarm.alarm_id: event.alarm for event in disk.events}
                    alarms = tuple(alarm for alarm in latest.values() if alarm.device_id == device_id)
                    under_way = [
                        record
                        for record in disk.commands.values()
                        if record.command.device_id == device_id and record.stage.is_under_way
                    ]
                    dispatched = tuple(
                        (name, record.send_by or 0.0)
                        for name, record in disk.commands.items()
                        if record.command.device_id == device_id and (record.send_by or 0.0) > since
                    )
                    past = DevicePast(
                        tuple(mine[-count:]),
                        alarms,
                        Mode.NORMAL,
                        open_command=under_way[-1] if under_way else None,
                        dispatched=dispatched,
                    )
                    self.tell(reply_to, DeviceRecalled(past, disk.recall_failure))
                case ReadStoreHealth():
                    return StoreHealth(True, "", None, 0, len(disk.readings))
        return None

    def move(self, message: StoreTransition) -> TransitionStored:
        after, before = message.transition.after, message.transition.before
        command_id = after.command.command_id
        if self.disk.refuse_steps:
            self.disk.refused_steps += 1
            return TransitionStored(command_id, False, self.disk.refuse_steps)
        found = self.disk.commands.get(command_id)
        if found == after:
            return TransitionStored(command_id, True)
        if found != before:
            return TransitionStored(command_id, False, "it is no longer at that stage", final=True)
        self.disk.commands[command_id] = after
        self.disk.audit += message.transition.audit
        return TransitionStored(command_id, True)

    def claim(self, message: ClaimPublish) -> PublishClaimed:
        command_id, disk = message.record.command.command_id, self.disk
        found = disk.commands.get(command_id)
        if disk.refuse_claims:
            return PublishClaimed(message.claim_id, PublishClaim.NOT_STORED, disk.refuse_claims)
        if command_id in disk.published:
            return PublishClaimed(message.claim_id, PublishClaim.PUBLISHED_BEFORE, "it was published before")
        if found is None or found.stage is not Stage.DISPATCHED:
            return PublishClaimed(message.claim_id, PublishClaim.REFUSED, "it is not on its way")
        disk.published[command_id] = message.at
        if message.audit is not None:
            disk.audit.append(message.audit)
        return PublishClaimed(message.claim_id, PublishClaim.GRANTED)

    def settle(self, message: StoreRecords | StoreDeadLetters) -> None:
        self.disk.settled += message.count
        self.tell(GATEWAY, RecordsCommitted(message.receipts, message.count))
