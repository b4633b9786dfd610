"""Live reconfiguration: ``plant.yaml`` read again, compared and run, while the stream goes on."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import structlog

from aegisflow.actors.messages.store import AppendAudit
from aegisflow.actors.messages.supervisor import ReplacePlant
from aegisflow.actors.runtime.directory import HISTORIAN, SUPERVISOR, Directory
from aegisflow.config import Configuration, content_of, difference, load, with_known_devices
from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.callers import Caller, require_operator
from aegisflow.domain.commands.policy_spec import PolicySpec
from aegisflow.domain.credentials import AgentAccess, OperatorSpec
from aegisflow.domain.equipment import DeviceSpec
from aegisflow.domain.openings import (
    access_openings,
    device_openings,
    operator_openings,
    policy_digest,
    policy_openings,
    sign_in_openings,
)
from aegisflow.domain.people import SignInSpec, person_of
from aegisflow.domain.rights import Extent, Right
from aegisflow.domain.views import Answer, AuditEntry, PlantChange
from aegisflow.errors import AegisFlowError, ConfigError, UnavailableError
from aegisflow.plant.file_watch import digest_of

__all__ = ["Reloader"]

REPLACE_S = 60.0
"""How long the supervisor may take to start, stop and change devices."""
MAX_NAMED = 10
"""Devices that are named in one line; the rest is counted."""
YES = "aegisflow reload --yes"

Identify = Callable[[Mapping[str, OperatorSpec], AgentAccess, SignInSpec | None], None]
OpenAlarms = Callable[[tuple[str, ...]], Answer[tuple[Alarm, ...]]]
"""Returns the alarms of some devices that are not history, and who did not say."""


class Reloader:
    """Brings a changed file to the supervisor. Safe from any thread.

    A file with mistakes changes nothing. One that takes much away that is watched now, or a device
    with an open alarm, changes nothing until a person has said yes to just that content: a file cut
    short is often still a legal one.

    Args:
        configuration: that runs now.
        directory: of the actors.
        now: the plant's clock, UTC epoch seconds.
        open_alarms: asked before a device or one of its sensors goes.
        count: told how each reload ended: ``applied``, ``refused`` or ``waits``.
        identify: takes over who may come in.
        policy: told which policy is in force, and by whom.
    """

    def __init__(
        self,
        configuration: Configuration,
        directory: Directory,
        now: Callable[[], float],
        open_alarms: OpenAlarms,
        count: Callable[[str], None] = lambda outcome: None,
        identify: Identify = lambda operators, access, sign_in: None,
        policy: Callable[[PolicySpec, str], None] = lambda policy, by: None,
    ) -> None:
        self._configuration = configuration
        self._directory = directory
        self._now = now
        self._open_alarms = open_alarms
        self._count = count
        self._identify = identify
        self._note_policy = policy
        self._one_at_a_time = threading.Lock()
        self._judged = configuration.digest or digest_of(configuration.path)
        self._newest = PlantChange(applied=True)
        self._agreed_to = ""
        self._agreed: dict[str, str] = {}
        """The approvers who have agreed to the content with this digest, in their order, with their names."""
        self._gone: dict[str, DeviceSpec] = {}
        """What was removed since the start, as it was: to come back with more is no less of an opening."""
        self._log: structlog.stdlib.BoundLogger = structlog.get_logger("aegisflow").bind(file=str(configuration.path))

    @property
    def judged(self) -> str:
        """The digest of the content that was judged last; empty where the file could not be read."""
        return self._judged

    @property
    def newest(self) -> PlantChange:
        """What the last reload came to."""
        return self._newest

    def notes(self) -> tuple[str, ...]:
        """Return what people should know about the file, as long as it is not what runs."""
        newest, name = self._newest, self._configuration.path.name
        if newest.mistakes:
            more = f" and {len(newest.mistakes) - 1} more" if len(newest.mistakes) > 1 else ""
            return (f"{name} was not taken over and the plant runs as before: {newest.mistakes[0]}{more}",)
        if newest.waits:
            return (f"{name} waits for {YES}, and the plant runs as before: {'; '.join(newest.waits)}",)
        if newest.needs_restart:
            return (f"{name} has new values that only a restart brings in: {', '.join(newest.needs_restart)}",)
        return ()

    def reload(self, *, yes: bool = False, by: Caller | None = None) -> PlantChange:
        """Read the file and run it; what only a restart can bring in is named and left alone.

        Args:
            yes: a person agrees to lose what a change takes away. Where they were told of such a change,
                they agree to that one: a file that has been changed since is judged anew. To what opens the
                policy only approvers agree, and only after it was told.
            by: who, where that is known; for the audit.

        Raises:
            NotAllowedError: somebody says yes who acts on some lines alone.
        """
        if yes and by is not None:
            require_operator(by, Right.RELOAD, "agree to what a reload brings", on=Extent.WHOLE_PLANT)
        with self._one_at_a_time:
            waited = self._judged if self._newest.waits else ""
            # Read once: what is hashed, judged and run is the same content, whatever is written meanwhile.
            content = _content(self._configuration.path)
            self._judged = "" if content is None else hashlib.sha256(content).hexdigest()
            try:
                read = load(self._configuration.path, content=content)
            except ConfigError as error:
                return self._end(PlantChange(applied=False, mistakes=tuple(str(one) for one in error.mistakes)), by)
            new = with_known_devices(self._configuration, read)
            change = difference(self._configuration, new)
            if _has_approver(self._configuration) and not _has_approver(new):
                # A file that was cut short must not shut out those who could put it right.
                new = replace(new, operators=self._configuration.operators)
                change = replace(change, needs_restart=(*change.needs_restart, "operators"))
            losses, opens = tuple(self._losses(new, change)), tuple(self._openings(new, change))
            # A yes is for what somebody has read, and not for whatever stands in the file by now.
            if yes and (losses or opens) and waited and waited != self._judged:
                losses = ("it is not what you were asked about: it has been changed since", *losses)
                yes = False
            still = self._still_to_agree(waited if yes else "", by) if opens else ""
            waits = (*(losses if not yes else ()), *((*opens, still) if still else ()))
            if waits:
                return self._end(replace(change, waits=waits), by)
            return self._apply(new, change, by, (*losses, *opens))

    def _apply(
        self, new: Configuration, change: PlantChange, by: Caller | None, agreed: tuple[str, ...]
    ) -> PlantChange:
        """Run what is agreed to, and say what it came to."""
        if new.plant != self._configuration.plant:
            try:
                self._directory.ask(SUPERVISOR, ReplacePlant(new.plant), REPLACE_S)
            except UnavailableError as error:
                # It may still be done after the time limit. What runs is taken for the old plant, so that the next
                # reload asks for all of it again.
                return self._end(PlantChange(applied=False, mistakes=(str(error),)), by)
        self._identify(new.operators, new.agents, new.sign_in)
        current = self._configuration
        self._gone |= {name: current.plant.devices[name] for name in change.removed}
        self._configuration = replace(
            current, plant=new.plant, operators=new.operators, agents=new.agents, sign_in=new.sign_in
        )
        self._note_policy(new.plant.policy, "aegisflow" if by is None else by.name)
        agreed_by, self._agreed = tuple(self._agreed.values()), {}
        return self._end(replace(change, applied=True), by, agreed=agreed, agreed_by=agreed_by)

    def _still_to_agree(self, told: str, by: Caller | None) -> str:
        """Take the word of an approver on what opens the policy; return who else must agree, empty for nobody.

        Args:
            told: digest of the content of which people were told that it waits, if this is a yes to it.
            by: whose word it is.
        """
        if not _has_approver(self._configuration):
            return "it opens what is shut now, and there is no approver who could agree; a restart brings it in"
        if self._agreed_to != self._judged:
            self._agreed_to, self._agreed = self._judged, {}
        if told == self._judged and by is not None and by.may(Right.APPROVE, Extent.WHOLE_PLANT):
            self._agreed.setdefault(person_of(by.name), by.name)
        needed = self._configuration.plant.policy.approvals_to_open
        if len(self._agreed) >= needed:
            return ""
        given = f", given so far by {', '.join(self._agreed.values())}" if self._agreed else ""
        return f"it opens what is shut now: {needed} approver{'s' if needed > 1 else ''} must agree by {YES}{given}"

    def _openings(self, new: Configuration, change: PlantChange) -> Iterator[str]:
        """Yield what a new configuration lets happen that the one before does not."""
        old = self._configuration
        yield from policy_openings(old.plant.policy, new.plant.policy)
        known = {**self._gone, **old.plant.devices}
        for name in (*change.changed, *(name for name in change.added if name in known)):
            yield from device_openings(known[name], new.plant.devices[name])
        yield from operator_openings(old.operators, new.operators)
        yield from access_openings(old.agents, new.agents)
        yield from sign_in_openings(old.sign_in, new.sign_in)

    def _losses(self, new: Configuration, change: PlantChange) -> Iterator[str]:
        """Yield why a person should look at a change first."""
        before, after = self._configuration.plant.devices, new.plant.devices
        gone = {name: tuple(before[name].sensors) for name in change.removed}
        for name in change.changed:
            sensors = tuple(sensor for sensor in before[name].sensors if sensor not in after[name].sensors)
            if sensors:
                gone[name] = sensors
        most = self._configuration.reload.ask_above_pct / 100
        if len(change.removed) > most * len(before):
            yield f"it removes {len(change.removed)} of {len(before)} devices: {_named(change.removed)}"
        all_sensors = sum(len(device.sensors) for device in before.values())
        lost = sum(len(sensors) for name, sensors in gone.items() if name in after)
        if lost > most * all_sensors:
            yield f"it removes {lost} of {all_sensors} sensors, of {_named(tuple(gone))}"
        yield from self._alarming(gone)

    def _alarming(self, gone: dict[str, tuple[str, ...]]) -> Iterator[str]:
        """Yield the devices that would lose sensors and have an open alarm, or do not say whether they have one."""
        if not gone:
            return
        try:
            answer = self._open_alarms(tuple(gone))
        except AegisFlowError as error:
            yield f"nobody knows whether {_named(tuple(gone))} have an open alarm: {error}"
            return
        alarming = tuple(dict.fromkeys(alarm.device_id for alarm in answer.value))
        if alarming:
            yield f"what it removes has an open alarm: {_named(alarming)}"
        if answer.unavailable:
            yield f"nobody knows whether {_named(tuple(answer.unavailable))} has an open alarm"

    def _end(
        self,
        change: PlantChange,
        by: Caller | None,
        agreed: tuple[str, ...] = (),
        agreed_by: tuple[str, ...] = (),
    ) -> PlantChange:
        """Log, count and audit what a reload came to."""
        policy = self._configuration.plant.policy
        change = replace(change, policy_sha256=policy_digest(policy))
        self._newest = change
        if change.applied:
            self._count("applied")
            differs = {key: getattr(change, key) for key in ("added", "removed", "changed", "needs_restart")}
            self._log.info("plant_reloaded", **differs)
        elif change.waits:
            self._count("waits")
            self._log.warning("plant_reload_waits", reasons=change.waits, for_=YES)
        else:
            self._count("refused")
            self._log.error("plant_not_reloaded", mistakes=change.mistakes)
        detail = {
            "applied": change.applied,
            "added": list(change.added),
            "removed": list(change.removed),
            "changed": list(change.changed),
            "needs_restart": list(change.needs_restart),
            "mistakes": list(change.mistakes),
            "waits": list(change.waits),
            "agreed_to": list(agreed),
            "agreed_by": list(agreed_by),
            "policy_diff": list(change.policy),
            "policy_sha256": change.policy_sha256,
            "file_sha256": self._judged,
        }
        who = "aegisflow" if by is None else by.name
        entry = AuditEntry(self._now(), who, "plant_reloaded", str(self._configuration.path), detail)
        self._directory.tell(HISTORIAN, AppendAudit(entry))
        return change


def _has_approver(configuration: Configuration) -> bool:
    return any(spec.grant.gives(Right.APPROVE, Extent.WHOLE_PLANT) for spec in configuration.operators.values())


def _content(path: Path) -> bytes | None:
    """Return what a file holds; None where it cannot be read, which ``load`` explains."""
    try:
        return content_of(path)
    except (OSError, ValueError):
        return None


def _named(names: tuple[str, ...]) -> str:
    more = len(names) - MAX_NAMED
    return ", ".join(names[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
