"""The supervisor: starts, restarts, isolates, reconfigures and stops all other actors."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import pykka

from aegisflow.actors.messages.common import Wake
from aegisflow.actors.messages.device import ForeignCommandSeen, ReconfigureDevice, RecordReadings
from aegisflow.actors.messages.gateway import PlantReplaced
from aegisflow.actors.messages.store import AppendAudit, StoreRecords
from aegisflow.actors.messages.supervisor import ChildFailed, ReadSupervision, ReplacePlant, StartChildren, StopChildren
from aegisflow.actors.runtime.actor import ThreadedActor, ping
from aegisflow.actors.runtime.children import Child, ChildSpec, Family
from aegisflow.actors.runtime.directory import GATEWAY, GUARD, HISTORIAN, Directory, describe
from aegisflow.config.services import SupervisionSettings
from aegisflow.domain.equipment import DeviceSpec, PlantSpec
from aegisflow.domain.readings import Reading, Receipt
from aegisflow.domain.views import AuditEntry, PlantChange
from aegisflow.errors import AegisFlowError, UnavailableError

LOOK_EVERY_S = 0.05
"""How often the answer to a restarted child's ping is looked for."""
STOP_TIMEOUT_S = 10.0
"""For one child; all devices together have it once."""


class Supervisor(ThreadedActor):
    """One for one: a child that fails is restarted by itself, with growing back-off.

    It never sleeps: restarts and pings that are under way are looked at whenever it is woken.
    """

    def __init__(
        self,
        name: str,
        directory: Directory,
        settings: SupervisionSettings,
        plant: PlantSpec,
        family: Family,
        *,
        now: Callable[[], float],
        on_lost: Callable[[str, str], None],
        on_replaced: Callable[[PlantSpec], None],
        on_child_failed: Callable[[], None],
    ) -> None:
        super().__init__(name, directory)
        self._settings = settings
        self._plant = plant
        self._family = family
        self._now = now
        self._on_lost = on_lost
        self._on_child_failed = on_child_failed
        self._on_replaced = on_replaced
        self._children: dict[str, Child] = {}
        self._pending: dict[str, Child] = {}
        self._started = False

    def on_receive(self, message: object) -> object:
        """Answer the application, and look after the children."""
        match message:
            case Wake():
                self._look()
            case ChildFailed():
                self._bury(message)
            case ReplacePlant(plant):
                return self._replace(plant)
            case ReadSupervision():
                return tuple(child.health() for child in self._children.values())
            case StartChildren():
                return self._start_all()
            case StopChildren():
                return self._stop_all()
            case _:
                super().on_receive(message)
        return None

    def on_failure(self, kind: object, error: BaseException | None, trace: object) -> None:
        """End the process: nobody watches the watcher."""
        self._on_lost(self.name, describe(error))

    # --- start and stop -----------------------------------------------------------------------

    def _start_all(self) -> bool:
        for spec in self._family.before:
            self._start_batch([spec])
        self._start_batch([self._family.device(spec) for spec in self._plant.devices.values()])
        for spec in self._family.after:
            self._start_batch([spec])
        self._started = True
        return True

    def _start_batch(self, specs: Iterable[ChildSpec]) -> None:
        """Start them and wait for all pings with one deadline; who dies tells so by itself.

        Raises:
            AegisFlowError: what a critical child failed with.
        """
        children = [Child(spec) for spec in specs]
        for child in children:
            self._children[child.name] = child
            self.directory.expect(child.name)
            try:
                child.ref = child.spec.start()
            except Exception as error:  # noqa: BLE001 - a constructor that fails is a failure like any other
                self._refuse_without(child, describe(error), error)
                self._record_failure(child, describe(error))
                continue
            self.directory.register(child.name, child.ref)
            child.ping = ping(child.ref)
        # All are started by now, so they get ready side by side and one deadline does for all.
        deadline = time.monotonic() + self._settings.ping_timeout_s
        for child in children:
            if child.ping is None:
                continue
            try:
                child.ping.get(timeout=max(0.0, deadline - time.monotonic()))
            except pykka.ActorDeadError as error:
                self._refuse_without(child, f"it failed to start: {describe(error.__cause__)}", error.__cause__)
            except pykka.Timeout:
                self._refuse_without(child, f"it did not start within {self._settings.ping_timeout_s:g} s", None)
                self._give_up(child)
            child.ping = None

    def _refuse_without(self, child: Child, why: str, cause: BaseException | None) -> None:
        """Raise if the plant cannot start without this child."""
        if child.spec.critical and not self._started:
            if isinstance(cause, AegisFlowError):
                raise cause from None
            raise UnavailableError(child.name, why) from cause

    def _stop_all(self) -> bool:
        # First, so that a child that ends from now on is no failure.
        self._started = False
        self._pending.clear()
        devices = [self._children.get(name) for name in self._plant.devices]
        # In reverse: what devices still have to store goes to a historian that is there.
        groups = [
            *([self._children.get(spec.name)] for spec in reversed(self._family.after)),
            devices,
            *([self._children.get(spec.name)] for spec in reversed(self._family.before)),
        ]
        for group in groups:
            self._stop_batch([child for child in group if child is not None and child.ref is not None])
        self._children.clear()
        return True

    def _stop_batch(self, children: list[Child]) -> None:
        deadline = time.monotonic() + STOP_TIMEOUT_S
        stops = [child.ref.stop(block=False) for child in children if child.ref is not None]
        for child, stop in zip(children, stops, strict=True):
            try:
                stop.get(timeout=max(0.0, deadline - time.monotonic()))
            except pykka.Timeout:
                self.log.error("child_did_not_stop", child=child.name, within_s=STOP_TIMEOUT_S)
            self.directory.forget(child.name)

    # --- failures -----------------------------------------------------------------------------

    def _bury(self, notice: ChildFailed) -> None:
        if not self._started:
            return
        child = self._children.get(notice.name)
        if child is None:
            self._store_unwatched(notice.name, notice.backlog)
        # Of one that was given up and came to its end later: what it had is for whoever has the name now.
        elif child.ref is None or child.ref.actor_urn != notice.incarnation:
            for message in notice.backlog:
                if not self.tell(notice.name, message):
                    self._store_unwatched(notice.name, [message])
        else:
            self._record_failure(child, notice.reason, notice.backlog)

    def _record_failure(self, child: Child, reason: str, backlog: tuple[object, ...] = ()) -> None:
        self._on_child_failed()
        delay_s = child.record_failure(reason, backlog, self._settings)
        if delay_s is None:
            self._isolate(child)
            return
        self._pending[child.name] = child
        self.directory.explain(child.name, f"it is being restarted after {reason}")
        self.log.warning("child_failed", child=child.name, reason=reason, restart_in_s=round(delay_s, 3))
        self.wake_in(delay_s)

    def _look(self) -> None:
        now = time.monotonic()
        for child in list(self._pending.values()):
            if child.state == "restarting":
                if child.due_at <= now:
                    self._restart(child)
            elif child.has_answered():
                del self._pending[child.name]
            elif child.due_at <= now:
                self._give_up(child)
        if self._pending:
            next_at = min(LOOK_EVERY_S + now if child.ping else child.due_at for child in self._pending.values())
            self.wake_in(max(0.0, next_at - now))

    def _restart(self, child: Child) -> None:
        backlog, child.backlog = child.backlog, ()
        try:
            child.restart(self._settings.ping_timeout_s)
        except Exception as error:  # noqa: BLE001 - a constructor that fails is a failure like any other
            self._record_failure(child, describe(error), backlog)
            return
        assert child.ref is not None
        self.directory.register(child.name, child.ref, backlog)
        child.ping = ping(child.ref)
        self._pending[child.name] = child
        self.wake_in(LOOK_EVERY_S)
        self.log.info("child_restarted", child=child.name, restarts=child.restarts)

    def _give_up(self, child: Child) -> None:
        """Stop a child that hangs while it starts, and count that as a failure."""
        if child.ref is not None:
            # It hangs, so nobody waits for it.
            child.ref.stop(block=False)
        self._record_failure(child, f"no answer to a ping within {self._settings.ping_timeout_s:g} s")

    def _isolate(self, child: Child) -> None:
        name, count = child.name, len(child.failures)
        self._pending.pop(name, None)
        why = f"isolated after {count} failures within {self._settings.within_s:g} s, the last one {child.detail}"
        left = (*child.backlog, *self.directory.forget(name, why))
        child.backlog = ()
        self.log.error("child_isolated", child=name, failures=count, reason=child.detail)
        if child.spec.critical:
            self._on_lost(name, why)
            return
        self._store_unwatched(name, left)
        entry = AuditEntry(self._now(), self.name, "child_isolated", name, {"failures": count, "reason": child.detail})
        self.tell(HISTORIAN, AppendAudit(entry))

    def _store_unwatched(self, device_id: str, messages: Iterable[object]) -> None:
        """Keep the readings that a device will not come to, so that trends go on and the broker is acknowledged."""
        readings: list[Reading] = []
        receipts: list[Receipt] = []
        count = 0
        for message in messages:
            if isinstance(message, RecordReadings):
                readings += message.readings
                receipts += [reading.receipt for reading in message.readings if reading.receipt is not None]
                count += len(message.readings)
            elif isinstance(message, ForeignCommandSeen):
                receipts += message.receipts
                count += 1
        if count:
            self.tell(HISTORIAN, StoreRecords(device_id, tuple(readings), tuple(receipts), count))

    # --- live reconfiguration -----------------------------------------------------------------

    def _replace(self, plant: PlantSpec) -> PlantChange:
        old, new = self._plant.devices, plant.devices
        added = tuple(name for name in new if name not in old)
        removed = tuple(name for name in old if name not in new)
        changed = tuple(name for name in new if name in old and new[name] != old[name])
        # In this order no reading is sent to a name that nobody has: new devices live before the gateway hears of
        # them, and old ones until after.
        self._start_batch([self._family.device(new[name]) for name in added])
        self._plant = plant
        self._on_replaced(plant)
        self.tell(GATEWAY, PlantReplaced(plant))
        self.tell(GUARD, PlantReplaced(plant))
        for name in removed:
            self._remove(self._children.pop(name), old[name])
        for name in changed:
            child = self._children[name]
            child.spec = self._family.device(new[name])
            # A changed plant.yaml may well be what mends it, so it is tried anew.
            if child.state == "isolated":
                child.failures = []
                self._restart(child)
            else:
                self.tell(name, ReconfigureDevice(new[name]))
        self.log.info("plant_replaced", added=len(added), removed=len(removed), changed=len(changed))
        return PlantChange(applied=True, added=added, removed=removed, changed=changed)

    def _remove(self, child: Child, spec: DeviceSpec) -> None:
        name = child.name
        self._pending.pop(name, None)
        self.tell(name, ReconfigureDevice(replace(spec, sensors={})))  # an alarm without a sensor ends
        left = (*child.backlog, *self.directory.forget(name, "it was removed from plant.yaml"))
        if child.ref is not None:
            child.ref.stop(block=False)
        self._store_unwatched(name, left)
