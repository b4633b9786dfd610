"""Commands as people and programs see them, and what people ask to be done about them."""

from typing import Annotated, Any, Self

from pydantic import Field

from aegisflow.api.fields import Read, as_number, name_in, whole, within, words
from aegisflow.api.schemas.base import NAME_BYTES, WORDS_BYTES, Moment, ReadShape, Request, Shape, StatedWords, moment
from aegisflow.api.text import clean
from aegisflow.domain.callers import Caller
from aegisflow.domain.commands.model import (
    AgentWrites,
    CommandName,
    CommandReceipt,
    CommandView,
    Offer,
    Ruling,
    Stage,
    WayBack,
)
from aegisflow.domain.times import format_instant

__all__ = [
    "AgentSwitch",
    "Approval",
    "ApprovalList",
    "ApprovalRequest",
    "CommandList",
    "CommandListRequest",
    "CommandRequest",
    "CommandSummary",
    "ReasonRequest",
    "WayBackOffer",
]

MAX_COMMANDS = 200
_LARGEST_PARAMETER = 1e15


def _parameter(value: object) -> object:
    """Return a text of visible characters, or a number of JSON that is no larger than any machine needs."""
    if isinstance(value, str):
        return clean(value, WORDS_BYTES)
    within(as_number(value), -_LARGEST_PARAMETER, _LARGEST_PARAMETER)
    return value


def _object(value: object) -> object:
    if not isinstance(value, dict):
        raise ValueError(value)
    return value


Parameters = dict[str, str | int | float]


def who(caller: Caller) -> str:
    """Return kind and name of a caller, and whether an agent's is proven."""
    proven = " (known by its token)" if caller.authenticated and not caller.is_operator else ""
    return f"{caller.kind} {clean(caller.name, NAME_BYTES)}{proven}"


class WayBackSummary(Shape):
    """The inverse of a command, which an operator can propose."""

    command: CommandName | None
    """None where no command leads back; ``note`` says why."""
    parameters: Parameters
    note: str
    """In what it leads elsewhere, or why there is none."""

    @classmethod
    def of(cls, found: WayBack | None) -> Self | None:
        """Return a way back; None for a command of which none was kept."""
        return None if found is None else cls(command=found.command, parameters=dict(found.parameters), note=found.note)


class RulingSummary(Shape):
    """Who decided about a command that waited for people, when and what."""

    at: Moment
    stage: Stage
    """Approved, rejected or expired."""
    by: str
    """The person; empty where time or another command ended the waiting."""
    words: str
    """All of it but the time: ``rejected by ben: the machine is needed``."""

    @classmethod
    def of(cls, ruling: Ruling | None) -> Self | None:
        """Return a ruling; None where there is none."""
        if ruling is None:
            return None
        words = clean(str(ruling), WORDS_BYTES)
        return cls(at=format_instant(ruling.at), stage=ruling.stage, by=clean(ruling.by, NAME_BYTES), words=words)


class CommandSummary(Shape):
    """How far a command came, and why; the proposer's words come last."""

    command_id: str
    device_id: str
    command: CommandName
    parameters: Parameters
    stage: Stage
    stage_at: Moment | None = None
    """Since when it stands there."""
    proposed_at: Moment
    expires_at: Moment | None
    policy: list[str]
    """What the policy said, or why it went no further."""
    next_step: str
    """Who must do what now."""
    change: str = ""
    """What it moves, from what to what; empty for a command that moves neither load nor set-point."""
    way_back: WayBackSummary | None = None
    """What leads back from it; none before it is verified. It is never sent by itself."""
    ruling: RulingSummary | None = None
    """How its waiting for people ended; none while it waits, and where it never did."""
    words_not_facts: StatedWords
    """The proposer's justification."""

    @classmethod
    def of(cls, receipt: CommandReceipt, **more: Any) -> Self:
        """Return a command; ``more`` are the fields that a longer shape adds."""
        command = receipt.command
        return cls(
            command_id=command.command_id,
            device_id=command.device_id,
            command=command.command,
            parameters=dict(command.parameters),
            stage=receipt.stage,
            stage_at=moment(receipt.stage_at),
            proposed_at=format_instant(command.proposed_at),
            expires_at=moment(receipt.expires_at),
            policy=list(receipt.reasons),
            next_step=receipt.next_step,
            change="" if receipt.change is None else str(receipt.change),
            way_back=WayBackSummary.of(receipt.way_back) if receipt.stage is Stage.VERIFIED else None,
            ruling=RulingSummary.of(receipt.ruling),
            words_not_facts=StatedWords(
                of=who(command.proposed_by),
                text=clean(command.justification, WORDS_BYTES),
            ),
            **more,
        )


class _Judged(Shape):
    """What a person judges a command by, and what their approval is bound to."""

    facts: list[str]
    """The device in figures, as it was when the command was proposed and judged."""
    facts_at: Moment | None = None
    """When that was."""
    facts_now: list[str] = Field(default_factory=list)
    """The device in figures now; none where it does not answer."""
    facts_now_at: Moment | None = None
    digest: str
    """Stands for the command, its parameters, its expiry and the mode, load and limits on which it was judged.

    ``facts_now`` is not in it: it changes while it is read, and policy judges anew at the approval.
    """
    approved_by: list[str]
    approvals_needed: int


class Approval(CommandSummary, _Judged):
    """A command that waits for a person: facts first, then the policy, last the proposer's words."""

    # Pydantic takes the fields of the last base first, which puts the facts before everything else.

    @classmethod
    def wanted(cls, view: CommandView) -> Self:
        """Return a command as those see it who decide about it."""
        return cls.of(
            view.receipt,
            facts=list(view.facts),
            facts_at=format_instant(view.receipt.command.proposed_at),
            facts_now=list(view.facts_now),
            facts_now_at=moment(view.facts_now_at),
            digest=view.digest,
            approved_by=list(view.approved_by),
            approvals_needed=view.approvals_needed,
        )


class WayBackOffer(Shape):
    """The way back from a command, and what has changed since it was verified."""

    as_of: Moment
    of: CommandSummary
    """The command to come back from."""
    way_back: WayBackSummary
    since: list[str]
    """What has changed since; nothing here is judged before the way back is proposed."""

    @classmethod
    def offered(cls, offer: Offer) -> Self:
        """Return an offer as people see it."""
        found = offer.way_back
        return cls(
            as_of=format_instant(offer.as_of),
            of=CommandSummary.of(offer.receipt),
            way_back=WayBackSummary(command=found.command, parameters=dict(found.parameters), note=found.note),
            since=list(offer.since),
        )


class ApprovalList(ReadShape):
    """The commands that wait for an operator, oldest first."""

    as_of: Moment
    approvals: list[Approval]
    unavailable: dict[str, str]
    """Who could not be asked, and why."""


class CommandList(ReadShape):
    """Commands, newest first."""

    commands: list[CommandSummary]


class AgentSwitch(Shape):
    """Whether agents may propose commands at all, and who decided that."""

    allowed: bool
    by: str
    """Empty while nobody has used the switch."""
    at: Moment | None
    reason: str
    durable: bool
    """Whether it is stored. A stop is in force before that, but a restart would forget it."""

    @classmethod
    def of(cls, writes: AgentWrites) -> Self:
        """Return the switch as it stands."""
        return cls(
            allowed=writes.allowed,
            by=writes.by,
            at=moment(writes.at),
            reason=clean(writes.reason, WORDS_BYTES),
            durable=writes.durable,
        )


class CommandRequest(Request):
    """Give a machine a command as an operator."""

    command: Annotated[CommandName, name_in("command", tuple(CommandName))]
    device_id: Annotated[str, words(WORDS_BYTES)]
    justification: Annotated[str, words(WORDS_BYTES)]
    parameters: Annotated[
        dict[Annotated[str, words(NAME_BYTES)], Annotated[str | int | float, Read(_parameter, "a text or a number")]],
        Read(_object, "a JSON object"),
    ] = Field(default_factory=dict)


class ApprovalRequest(Request):
    """Approve a command exactly as it was shown."""

    digest: Annotated[str, words(WORDS_BYTES)]
    """Of the approval that was read."""


class ReasonRequest(Request):
    """Do something for a reason, which the audit keeps."""

    reason: Annotated[str, words(WORDS_BYTES)]


class CommandListRequest(Request):
    """Which commands."""

    device_id: str | None = None
    limit: Annotated[int, whole(MAX_COMMANDS)] = 50
