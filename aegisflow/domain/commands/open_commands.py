"""The commands that are not over yet, and what the rest of the plant means for the next one."""

from collections import deque
from collections.abc import Iterable, Mapping

from aegisflow.domain.commands.bounds import HOUR_S, bounds_of
from aegisflow.domain.commands.model import (
    AgentWrites,
    CommandName,
    CommandReceipt,
    CommandRecord,
    CommandView,
    Mode,
    Stage,
)
from aegisflow.domain.commands.policy import PlantView, taken_pct
from aegisflow.domain.commands.transition import Transition
from aegisflow.domain.equipment import PlantSpec

__all__ = ["OpenCommands"]

_NOT_TOLD = (Mode.UNKNOWN, 0.0)
"""Of a device that has not told its mode nobody knows that it runs, so it counts as stopped."""


class OpenCommands:
    """The open commands, as the store has them, and the steps that are on their way to the store."""

    def __init__(self, plant: PlantSpec) -> None:
        self.plant = plant
        self.agents = AgentWrites()
        """Whether agents may propose commands now."""
        self.open: dict[str, CommandRecord] = {}
        """Command id to the command, as committed."""
        self._reserved: dict[str, CommandRecord] = {}
        """Command id to the command after a step that is being stored: not true yet, but others are judged by it."""
        self.modes: dict[str, tuple[Mode, float]] = {}
        """Device to its mode, and the load taken from it in per cent, as the device last told."""
        self._dispatches: deque[tuple[float, str]] = deque()
        """When a command of an agent was dispatched, and to which device; oldest first."""
        self._moved: dict[str, CommandRecord] = {}
        """Command id to each command of the last hour that moved a set-point or the load, whoever gave it."""
        self._set: dict[tuple[str, str], float] = {}
        """Device and set-point to what it was last verified to be set to."""

    def reserve(self, transition: Transition) -> None:
        """Judge others from now on as if this step were on disk, until it is applied or released."""
        self._reserved[transition.after.command.command_id] = transition.after

    def release(self, transition: Transition) -> None:
        """Forget a reserved step that could not be stored."""
        self._reserved.pop(transition.after.command.command_id, None)

    def apply(self, transition: Transition) -> None:
        """Take over a step once it is on disk."""
        self.release(transition)
        record = transition.after
        if record.stage.is_final:
            self.open.pop(record.command.command_id, None)
        else:
            self.open[record.command.command_id] = record
        if _is_agents(record):
            self._dispatches.append(_dispatch_of(record))
        self._note_change(record)

    def recall(
        self,
        records: Iterable[CommandRecord],
        dispatches: Iterable[tuple[float, str]],
        changes: Iterable[CommandRecord] = (),
    ) -> None:
        """Take over what the store knows.

        Args:
            records: every command that is not over.
            dispatches: when (UTC epoch seconds) a command of an agent was dispatched lately, and to which device.
            changes: what was dispatched within the last hour, and the verified changes of set-points, oldest first.
        """
        self.open = {record.command.command_id: record for record in records}
        self._dispatches = deque(sorted(dispatches))
        self._moved, self._set = {}, {}
        for record in changes:
            self._note_change(record)

    def replace_plant(self, plant: PlantSpec) -> None:
        """Go on with another plant; modes of devices that it does not have are forgotten."""
        self.plant = plant
        self.modes = {name: mode for name, mode in self.modes.items() if name in plant.devices}

    def approvals(self) -> tuple[CommandView, ...]:
        """Return the commands that await approval, oldest first."""
        waiting = [record for record in self.open.values() if record.stage is Stage.AWAITING_APPROVAL]
        return tuple(
            CommandView(one.receipt, one.digest, one.facts, one.approved_by, one.approvals_needed)
            for one in sorted(waiting, key=lambda one: one.command.proposed_at)
        )

    def open_on(self, device_id: str) -> tuple[CommandReceipt, ...]:
        """Return the open commands of a device."""
        return tuple(record.receipt for record in self.open.values() if record.command.device_id == device_id)

    def surroundings(self, device_id: str, at: float) -> PlantView:
        """Return the rest of the plant, as policy sees it when it judges a command to this device."""
        policy, device = self.plant.policy, self.plant.devices[device_id]
        longest = max(policy.device_rate.within_s, policy.plant_rate.within_s)
        while self._dispatches and self._dispatches[0][0] <= at - longest:
            self._dispatches.popleft()
        # With those that are still being stored, or two at a time would both be the last one that is allowed.
        sent = [*self._dispatches, *(_dispatch_of(one) for one in self._reserved.values() if _is_agents(one))]
        to_device = [t for t, name in sent if name == device_id and t > at - policy.device_rate.within_s]
        to_plant = [t for t, _ in sent if t > at - policy.plant_rate.within_s]
        line = self.plant.lines[device.line].devices if device.line in self.plant.lines else ()
        siblings = [
            name
            for name in (self.plant.devices if policy.keep_running.get(device.kind) else ())
            if name != device_id and self.plant.devices[name].kind == device.kind
        ]
        coming = self._loads_under_way()
        self._moved = {name: one for name, one in self._moved.items() if (one.send_by or at) > at - HOUR_S}
        return PlantView(
            self.agents,
            len(to_device),
            len(to_plant),
            sum(self._taken(name, coming) for name in line if name != device_id),
            sum(1 for name in siblings if self._taken(name, coming) < 100.0),
            bounds_of(device),
            self._held(device_id),
        )

    def last_set(self, device_id: str, name: str) -> float | None:
        """Return what a set-point was last verified to be set to; None where nobody knows."""
        return self._set.get((device_id, name))

    def _held(self, device_id: str) -> dict[str, tuple[float, ...]]:
        """Return what can be moved on a device, to what it was before each command of the last hour that moved it."""
        held: dict[str, tuple[float, ...]] = {}
        # Also one that failed, or of which nobody knows what became: what it was before is true all the same.
        for record in self._moved.values():
            change = record.receipt.change
            if record.command.device_id == device_id and change is not None and change.before is not None:
                held[change.what] = (*held.get(change.what, ()), change.before)
        return held

    def _note_change(self, record: CommandRecord) -> None:
        change, command = record.receipt.change, record.command
        if change is None or record.send_by is None:
            return
        self._moved[command.command_id] = record
        if command.command is CommandName.SET_PARAMETER and record.stage is Stage.VERIFIED:
            self._set[command.device_id, change.what] = change.after

    def known(self) -> Iterable[CommandRecord]:
        """Return every open command, as it will be once all reserved steps are stored."""
        known = {**self.open, **self._reserved}
        return [record for record in known.values() if not record.stage.is_final]

    def _loads_under_way(self) -> dict[str, float]:
        """Return device to the load that a command under way is about to take from it."""
        coming: dict[str, float] = {}
        for record in self.known():
            if record.stage.is_under_way:
                name = record.command.device_id
                coming[name] = max(coming.get(name, 0.0), record.command.taken_pct)
        return coming

    def _taken(self, device_id: str, coming: Mapping[str, float]) -> float:
        """Return how much load a device has lost, or is about to lose by a command under way."""
        mode, reduction = self.modes.get(device_id, _NOT_TOLD)
        return max(taken_pct(mode, reduction), coming.get(device_id, 0.0))


def _is_agents(record: CommandRecord) -> bool:
    """Whether this step sends a command that an agent proposed."""
    return record.stage is Stage.DISPATCHED and not record.command.proposed_by.is_operator


def _dispatch_of(record: CommandRecord) -> tuple[float, str]:
    return record.stage_at, record.command.device_id
