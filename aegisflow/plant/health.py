"""The health check: whether the plant is really watched, judged by progress and not by connections alone."""

import math
import time
from collections.abc import Callable, Iterator

from aegisflow.actors.messages.gateway import GatewayCounts, ReadGatewayCounts, ReadRefused
from aegisflow.actors.messages.guard import ReadAgentWrites
from aegisflow.actors.messages.manuals import ReadManualProblems
from aegisflow.actors.messages.notifier import ReadNotifierProblems
from aegisflow.actors.messages.store import ReadStoreHealth
from aegisflow.actors.messages.supervisor import ReadSupervision
from aegisflow.actors.runtime.directory import GATEWAY, GUARD, HISTORIAN, MANUALS, NOTIFIER, SUPERVISOR, Directory
from aegisflow.bus import LinkState
from aegisflow.domain.equipment import PlantSpec
from aegisflow.domain.interval import MISSED
from aegisflow.domain.times import format_duration, format_instant
from aegisflow.domain.views import ChildHealth, Health, StoreHealth
from aegisflow.errors import UnavailableError

__all__ = ["HealthCheck"]

ANSWER_S = 1.0
"""The historian, the gateway and the supervisor have so long each."""
COMMIT_WITHIN_S = 10.0
"""Readings that wait longer than this for a commit are no progress."""
QUIET_S = 60.0
"""Without a single reading for so long (and for as long as the most patient device) nothing is watched."""
NAMED_CHILDREN = 10
NAMED_REFUSALS = 3


class HealthCheck:
    """Asks those who know, and says what is wrong in plain words."""

    def __init__(
        self,
        directory: Directory,
        inventory: Callable[[], PlantSpec],
        broker: str,
        link: Callable[[], LinkState],
        file_notes: Callable[[], tuple[str, ...]] = tuple,
        audit_reasons: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        self._directory = directory
        self._inventory = inventory
        self._broker = broker
        self._link = link
        self._file_notes = file_notes
        self._audit_reasons = audit_reasons

    def run(self) -> Health:
        """Return the plant's health; never raises."""
        plant, link = self._inventory(), self._link()
        reasons = list(self._audit_reasons())
        if not link.connected:
            reasons.append(
                f"not connected to the broker {self._broker} since {format_instant(link.since)}: {link.detail}"
            )
        store = self._store()
        reasons += _store_reasons(store)
        children = self._children(reasons)
        counts = self._counts(reasons)
        if link.connected and counts is not None and counts.quiet_s > _patience_s(plant, counts):
            reasons.append(f"connected, but no reading of any device for {format_duration(counts.quiet_s)}")
        return Health(
            ok=not reasons,
            reasons=tuple(reasons),
            broker=self._broker,
            broker_connected=link.connected,
            broker_detail=link.detail,
            store=store,
            children=children or (),
            supervised=children is not None,
            devices=len(plant.devices),
            received=0 if counts is None else counts.received,
            unsettled=0 if counts is None else counts.unsettled,
            rejected={} if counts is None else counts.rejected,
            last_reading_at=None if counts is None else counts.last_reading_at,
            notes=(*self._file_notes(), *_broker_notes(link), *self._notes(), *self._input_notes(counts)),
        )

    def broker_away_since(self) -> float | None:
        """Return since when there is no connection to the broker, UTC epoch seconds; None while there is one."""
        link = self._link()
        return None if link.connected else link.since

    def commit_age_s(self) -> float:
        """Return the seconds since the last commit; not a number before the first."""
        at = self._store().last_commit_at
        return math.nan if at is None else time.time() - at

    def _notes(self) -> tuple[str, ...]:
        """Return what people should know although the plant is watched."""
        return (*self._agent_notes(), *self._delivery_notes(), *self._manual_notes())

    def _input_notes(self, counts: GatewayCounts | None) -> tuple[str, ...]:
        """Return what is refused most, and whose clock is off."""
        if counts is None:  # that the gateway does not answer is said elsewhere, and it need not be waited for twice
            return ()
        off = counts.clocks_off
        notes = [
            f"{name}: its clock is {format_duration(abs(by_s))} {'ahead of' if by_s > 0 else 'behind'} ours"
            for name, by_s in list(off.items())[:NAMED_CHILDREN]
        ]
        if len(off) > NAMED_CHILDREN:
            notes.append(f"{len(off) - NAMED_CHILDREN} more devices have a clock that is off")
        try:
            lines = sorted(self._directory.ask(GATEWAY, ReadRefused(), ANSWER_S), key=lambda line: -line.count)
        except UnavailableError:
            return tuple(notes)
        for line in lines[:NAMED_REFUSALS]:
            whose = " ".join(part for part in (line.device_id or "no device of the plant", line.sensor) if part)
            notes.append(f"refused: {whose} {line.reason} ×{line.count:,}, last {line.sample!r} on {line.topic}")
        if len(lines) > NAMED_REFUSALS:
            notes.append(f"refused: {len(lines) - NAMED_REFUSALS} more kinds; aegisflow refused lists them")
        return tuple(notes)

    def _delivery_notes(self) -> tuple[str, ...]:
        try:
            problems = self._directory.ask(NOTIFIER, ReadNotifierProblems(), ANSWER_S)
        except UnavailableError as error:
            return (str(error),)
        return tuple(f"notifications: {problem}" for problem in problems)

    def _agent_notes(self) -> tuple[str, ...]:
        try:
            agents = self._directory.ask(GUARD, ReadAgentWrites(), ANSWER_S)
        except UnavailableError:
            return ()  # the guard is named among the children
        if agents.durable:
            return ()
        return ("all commands of agents are stopped; that is not stored yet, and a restart would forget it",)

    def _manual_notes(self) -> tuple[str, ...]:
        try:
            problems = self._directory.ask(MANUALS, ReadManualProblems(), ANSWER_S)
        except UnavailableError as error:
            return (str(error),)
        return tuple(f"manuals: {name}: {why}" for name, why in list(problems.items())[:NAMED_CHILDREN])

    def _store(self) -> StoreHealth:
        try:
            return self._directory.ask(HISTORIAN, ReadStoreHealth(), ANSWER_S)
        except UnavailableError as error:
            return StoreHealth(False, str(error), None, 0, 0)

    def _children(self, reasons: list[str]) -> tuple[ChildHealth, ...] | None:
        try:
            everybody = self._directory.ask(SUPERVISOR, ReadSupervision(), ANSWER_S)
        except UnavailableError as error:
            reasons.append(str(error))
            return None
        fallen = tuple(child for child in everybody if child.state != "running")
        reasons += [f"{child.name} is {child.state}: {child.detail}" for child in fallen[:NAMED_CHILDREN]]
        if len(fallen) > NAMED_CHILDREN:
            reasons.append(f"{len(fallen) - NAMED_CHILDREN} more actors are restarting or isolated")
        return fallen

    def _counts(self, reasons: list[str]) -> GatewayCounts | None:
        try:
            return self._directory.ask(GATEWAY, ReadGatewayCounts(), ANSWER_S)
        except UnavailableError as error:
            reasons.append(str(error))
            return None


def _patience_s(plant: PlantSpec, counts: GatewayCounts) -> float:
    """Return for how long nobody may have reported, so that the most patient device counts; infinite for all of them.

    A plant of machines that report once an hour is watched although nothing comes for most of it. Devices of which
    nobody has said it may be quiet as long as the plant has lately been between two readings.
    """
    given = [device.silent_after_s for device in plant.devices.values()]
    if all(silent_after_s == math.inf for silent_after_s in given):
        return math.inf
    learned_s = MISSED * counts.longest_quiet_s if None in given else 0.0
    return max([QUIET_S, learned_s, *(one for one in given if one is not None and one < math.inf)])


def _store_reasons(store: StoreHealth) -> Iterator[str]:
    if not store.ok:
        yield f"the store: {store.detail}"
    # That readings wait is no fault: in a steady stream some always do. That none is committed is one.
    elif store.pending and store.last_commit_at is not None:
        age_s = time.time() - store.last_commit_at
        if age_s > COMMIT_WITHIN_S:
            yield f"{store.pending} readings wait for a commit; the last one was {format_duration(age_s)} ago"


def _broker_notes(link: LinkState) -> tuple[str, ...]:
    return (f"the broker: {link.warning}",) if link.warning else ()
