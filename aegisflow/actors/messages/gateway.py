"""Messages to the gateway."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aegisflow.actors.messages.common import Question
from aegisflow.domain.commands.execution import Ack
from aegisflow.domain.commands.model import CommandRecord, PublishClaim
from aegisflow.domain.equipment import PlantSpec
from aegisflow.domain.readings import Receipt
from aegisflow.domain.refused import RefusedLine


@dataclass(frozen=True, slots=True)
class DrainInbound:
    """Messages are waiting in the gateway's inbound queue."""


@dataclass(frozen=True, slots=True)
class FlushInbound(Question[bool]):
    """Hand all waiting messages to the devices now. Answered with True once that is done."""


@dataclass(frozen=True, slots=True)
class RecordsCommitted:
    """The historian has these on disk, so the broker may forget them."""

    receipts: tuple[Receipt, ...]
    count: int
    """How many messages are committed, with or without a receipt."""


@dataclass(frozen=True, slots=True)
class PlantReplaced:
    """The plant consists of these devices from now on."""

    plant: PlantSpec


@dataclass(frozen=True, slots=True)
class GatewayCounts:
    """What has come in since the start."""

    received: int
    rejected: Mapping[str, int]
    """Reason code to count, over all devices."""
    rejected_by_device: Mapping[str, Mapping[str, int]]
    """The same for known devices only, so that it cannot grow with invented names."""
    shed: int
    """How many QoS 0 messages were dropped because too many were waiting."""
    in_flight: int
    last_reading_at: float | None
    """By the plant's clock."""
    quiet_s: float = 0.0
    """Seconds since the last reading (or the start), by the wall."""
    longest_quiet_s: float = 0.0
    """The longest that this has lately been before a reading came after all."""
    unsettled: int = 0
    """Messages received and not yet settled on disk: waiting here, with a device, or with the historian."""
    clocks_off: Mapping[str, float] = field(default_factory=dict)
    """Device to by how many seconds its clock is ahead of ours, negative for behind; those about right are absent."""


@dataclass(frozen=True, slots=True)
class SenderClockLearned:
    """A device's clock was found to be off by so many seconds; 0 for about right."""

    device_id: str
    offset_s: float


@dataclass(frozen=True, slots=True)
class StampsRecalled:
    """The store has readings of a device that signs up to this stamp, UTC epoch seconds."""

    device_id: str
    stamp: float


@dataclass(frozen=True, slots=True)
class ReadGatewayCounts(Question[GatewayCounts]):
    """What has come in since the start?"""


@dataclass(frozen=True, slots=True)
class ReadRefused(Question[tuple[RefusedLine, ...]]):
    """What was refused since the start, by device, sensor and reason, the newest first?"""


@dataclass(frozen=True, slots=True)
class PublishCommand:
    """Publish a command, now or never; CommandNotSent comes back where it is certain that nothing left."""

    record: CommandRecord


@dataclass(frozen=True, slots=True)
class PublishClaimed:
    """What the store says to a claim to publish a command."""

    claim_id: str
    claim: PublishClaim
    why: str = ""


@dataclass(frozen=True, slots=True)
class AnswerRefused:
    """A device does not believe an answer in its name: it answers nothing, or is not of now."""

    ack: Ack
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class AskMachine:
    """Ask a machine what became of a command, and for its mode; that changes nothing there."""

    device_id: str
    command_id: str
