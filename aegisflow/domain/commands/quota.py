"""How many commands one agent may propose, so that people and the audit are not drowned; and what is folded.

Rates of policy count what was dispatched. An agent that proposes the same again and again has nothing dispatched,
and yet costs a row, two of the audit and somebody's attention each time.
"""

from collections import deque
from dataclasses import dataclass, replace

from aegisflow.domain.callers import Caller
from aegisflow.domain.commands.model import Command, CommandName, CommandReceipt, CommandRecord, Stage
from aegisflow.domain.commands.policy_spec import PolicySpec, Rate
from aegisflow.domain.times import format_instant

__all__ = ["FOLD_S", "ProposalQuota"]

FOLD_S = 3600.0
"""Seconds for which a repetition of a denied proposal is told as that one."""

_Same = tuple[str, str, CommandName, tuple[tuple[str, str | float], ...]]


@dataclass(slots=True)
class _Denied:
    """A denial, and how often the same was proposed since."""

    receipt: CommandReceipt
    at: float
    repeats: int = 0


class ProposalQuota:
    """Counts what agents propose. Those that prove no name share one quota: a new name must not give a new one."""

    def __init__(self) -> None:
        self._proposed: dict[str, deque[tuple[float, str]]] = {}
        """Agent to when it proposed something, and for which device."""
        self._stops: dict[str, float] = {}
        """Device to when its emergency shutdown was last proposed."""
        self._denied: dict[_Same, _Denied] = {}
        self._told: dict[tuple[str, str], float] = {}

    def take(self, command: Command, policy: PolicySpec, at: float) -> str:
        """Count a proposal and return why it is one too many, as a sentence; empty if it may be judged.

        The first emergency shutdown of a device within the time of its quota is never one too many: people must
        hear of it, whatever was proposed before.
        """
        if command.proposed_by.is_operator:
            return ""
        limits = policy.device_proposals, policy.plant_proposals
        who, device_id = _quota_of(command.proposed_by), command.device_id
        taken = self._proposed.setdefault(who, deque())
        while taken and taken[0][0] <= at - max(limit.within_s for limit in limits):
            taken.popleft()
        is_first_stop = False
        if command.command is CommandName.EMERGENCY_SHUTDOWN:
            is_first_stop = self._stops.get(device_id, float("-inf")) <= at - limits[0].within_s
        if not is_first_stop:
            to_device = [then for then, name in taken if name == device_id]
            for whose, times, limit in (
                (f" for {device_id}", to_device, limits[0]),
                ("", [then for then, _ in taken], limits[1]),
            ):
                if _used(times, limit, at) >= limit.count:
                    return f"it has used up its {limit.count} proposals{whose} in {limit.within_s / 60:g} min"
        if command.command is CommandName.EMERGENCY_SHUTDOWN:
            self._stops[device_id] = at
        taken.append((at, device_id))
        return ""

    def is_news(self, command: Command, policy: PolicySpec, at: float) -> bool:
        """Return whether that an agent's quota for a device is used up is news; once within its time."""
        key = _quota_of(command.proposed_by), command.device_id
        news = self._told.get(key, float("-inf")) <= at - policy.device_proposals.within_s
        if news:
            self._told[key] = at
        return news

    def note(self, record: CommandRecord, at: float) -> None:
        """Remember a denial that is on disk, to fold its repetitions."""
        if record.stage is Stage.DENIED and not record.command.proposed_by.is_operator:
            # What is too old to be folded goes, or an agent could fill the memory with ever new proposals.
            self._denied = {same: one for same, one in self._denied.items() if one.at > at - FOLD_S}
            self._denied[_same(record.command)] = _Denied(record.receipt, at)

    def fold(self, command: Command, reasons: tuple[str, ...], at: float) -> CommandReceipt | None:
        """Return the receipt of the denial that a denied proposal repeats; None if it repeats none."""
        known = self._denied.get(_same(command))
        if known is None or known.at <= at - FOLD_S:
            return None
        known.repeats += 1
        since = f"the same was denied at {format_instant(known.at)}, and proposed {known.repeats} more times since"
        return replace(known.receipt, reasons=(*reasons, f"{since}; it was not stored again"))


def _quota_of(by: Caller) -> str:
    return f"{by.kind} {by.name}" if by.authenticated else str(by.kind)


def _same(command: Command) -> _Same:
    return _quota_of(command.proposed_by), command.device_id, command.command, tuple(sorted(command.parameters.items()))


def _used(times: list[float], limit: Rate, at: float) -> int:
    return sum(then > at - limit.within_s for then in times)
