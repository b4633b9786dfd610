"""The plant in this process: asks the actors, each with its time limit."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from aegisflow.actors.messages.device import (
    AcknowledgeAlarm,
    BringAlarmBack,
    ReadAlarms,
    ReadDeviceStatus,
    SetAlarmAside,
)
from aegisflow.actors.messages.gateway import ReadGatewayCounts
from aegisflow.actors.messages.guard import (
    ApproveCommand,
    ReadAgentWrites,
    ReadApprovals,
    ReadDeviceCommands,
    RejectCommand,
    RequestCommand,
    SwitchAgents,
)
from aegisflow.actors.messages.store import FindAlarmFigures, FindAlarms, FindCommands, FindStream
from aegisflow.actors.runtime.directory import ARCHIVE, GATEWAY, GUARD, Directory
from aegisflow.domain.alarms.kpis import AlarmKpis
from aegisflow.domain.alarms.model import Alarm, AlarmState
from aegisflow.domain.commands.model import (
    AgentWrites,
    Caller,
    CommandName,
    CommandReceipt,
    CommandView,
    DeviceCommands,
)
from aegisflow.domain.equipment import PlantSpec
from aegisflow.domain.times import Period
from aegisflow.domain.views import (
    AlarmPage,
    AlarmQuery,
    Answer,
    CommandPage,
    DeviceStatus,
    Health,
    PlantChange,
    Stream,
)
from aegisflow.errors import UnavailableError, UnknownNameError
from aegisflow.plant.health import HealthCheck
from aegisflow.plant.local_memory import READ_S, WRITE_S, LocalMemory

__all__ = ["LocalPlant"]

DEVICE_S = 2.0
"""One device."""
ALL_DEVICES_S = 3.0
"""All devices together, asked at once."""
COUNTS_S = 0.5
"""The gateway's counts, which only complete an answer."""


class LocalPlant(LocalMemory):
    """A ``Plant`` whose actors live in this process."""

    def __init__(
        self,
        directory: Directory,
        inventory: Callable[[], PlantSpec],
        now: Callable[[], float],
        checkup: HealthCheck,
        reload: Callable[[], PlantChange],
    ) -> None:
        super().__init__(directory, inventory, now)
        self._checkup = checkup
        self._reload = reload

    def now(self) -> float:
        """Return the plant's clock, UTC epoch seconds."""
        return self._now()

    def inventory(self) -> PlantSpec:
        """Return lines, devices, sensors, units and limits as configured now."""
        return self._inventory()

    # --- devices ------------------------------------------------------------------------------

    def device_status(self, device_id: str) -> Answer[DeviceStatus]:
        """Return one device now."""
        self._device(device_id)
        status = self._directory.ask(device_id, ReadDeviceStatus(), DEVICE_S)
        return self._answer(_with_rejected(status, self._rejected().get(device_id, {})))

    def all_status(self) -> Answer[tuple[DeviceStatus, ...]]:
        """Return every device that answers in time; the others are named in ``unavailable``."""
        found, unavailable = self._directory.ask_all(self.inventory().devices, ReadDeviceStatus(), ALL_DEVICES_S)
        rejected = self._rejected()
        statuses = tuple(_with_rejected(status, rejected.get(name, {})) for name, status in found.items())
        return self._answer(statuses, unavailable)

    def sensor_stream(self, device_id: str, sensors: tuple[str, ...], period: Period, points: int) -> Answer[Stream]:
        """Summarise sensors (none named: all) of a device over a period."""
        device = self._device(device_id)
        for sensor in sensors:
            if sensor not in device.sensors:
                raise UnknownNameError(f"sensor of {device_id}", sensor, tuple(device.sensors))
        question = FindStream(device, sensors or tuple(device.sensors), period, points)
        return self._answer(self._directory.ask(ARCHIVE, question, READ_S))

    # --- alarms -------------------------------------------------------------------------------

    def active_alarms(self, device_ids: tuple[str, ...] = ()) -> Answer[tuple[Alarm, ...]]:
        """Return alarms that are not history, most severe first, asked of every device; some may be set aside."""
        self._devices(device_ids)
        names = device_ids or tuple(self.inventory().devices)
        found, unavailable = self._directory.ask_all(names, ReadAlarms(), ALL_DEVICES_S)
        alarms = [alarm for several in found.values() for alarm in several]
        alarms.sort(key=lambda alarm: (-alarm.severity.rank, -alarm.raised_at, alarm.alarm_id))
        return self._answer(tuple(alarms), unavailable)

    def alarm_history(self, query: AlarmQuery) -> Answer[AlarmPage]:
        """Return alarms from the store, newest first."""
        self._devices(query.device_ids)
        return self._answer(self._directory.ask(ARCHIVE, FindAlarms(query), READ_S))

    def alarm_kpis(self, period: Period, operators: int = 1) -> Answer[AlarmKpis]:
        """Return how many alarms people got, by EEMUA 191, for so many operators on duty."""
        return self._answer(self._directory.ask(ARCHIVE, FindAlarmFigures(period, operators), READ_S))

    def acknowledge(self, alarm_id: str, by: Caller, note: str) -> Alarm:
        """Record that somebody has taken note of an alarm; it stays active while its cause lasts."""
        return self._of_alarm(alarm_id, AcknowledgeAlarm(alarm_id, by, note))

    def shelve(self, alarm_id: str, by: Caller, duration_s: float, reason: str) -> Alarm:
        """Set an alarm aside for a time, an operator's right alone; it comes back unacknowledged if its cause lasts."""
        return self._of_alarm(alarm_id, SetAlarmAside(alarm_id, by, reason, duration_s))

    def unshelve(self, alarm_id: str, by: Caller) -> Alarm:
        """End a shelf before its time, an operator's right alone."""
        return self._of_alarm(alarm_id, BringAlarmBack(alarm_id, AlarmState.SHELVED, by))

    def take_out_of_service(self, alarm_id: str, by: Caller, reason: str) -> Alarm:
        """Set an alarm aside until it is returned to service, an operator's right alone."""
        return self._of_alarm(alarm_id, SetAlarmAside(alarm_id, by, reason, None))

    def return_to_service(self, alarm_id: str, by: Caller) -> Alarm:
        """End what ``take_out_of_service`` began, an operator's right alone."""
        return self._of_alarm(alarm_id, BringAlarmBack(alarm_id, AlarmState.OUT_OF_SERVICE, by))

    # --- commands -----------------------------------------------------------------------------

    def request_command(
        self,
        device_id: str,
        command: CommandName,
        parameters: Mapping[str, str | float],
        by: Caller,
        justification: str,
    ) -> CommandReceipt:
        """Propose a command; the receipt says what became of it and what happens next."""
        self._device(device_id)
        request = RequestCommand(device_id, command, dict(parameters), by, justification)
        return self._directory.ask(GUARD, request, WRITE_S)

    def device_commands(self, device_id: str, by: Caller) -> Answer[DeviceCommands]:
        """Return what is open on a device, and what policy would say now to this caller's commands."""
        self._device(device_id)
        return self._answer(self._directory.ask(GUARD, ReadDeviceCommands(device_id, by), DEVICE_S))

    def approvals(self) -> Answer[tuple[CommandView, ...]]:
        """Return the commands that wait for an operator, oldest first."""
        return self._answer(self._directory.ask(GUARD, ReadApprovals(), DEVICE_S))

    def approve(self, command_id: str, digest: str, by: Caller) -> CommandReceipt:
        """Agree, as an operator, to the command that the digest stands for; it is judged again before it is sent."""
        return self._directory.ask(GUARD, ApproveCommand(command_id, digest, by), WRITE_S)

    def reject(self, command_id: str, by: Caller, reason: str) -> CommandReceipt:
        """Refuse, as an operator, a command that waits."""
        return self._directory.ask(GUARD, RejectCommand(command_id, by, reason), WRITE_S)

    def stop_agents(self, by: Caller, reason: str) -> AgentWrites:
        """Stop every command that an agent proposes, from now on and over restarts."""
        return self._directory.ask(GUARD, SwitchAgents(False, by, reason), WRITE_S)

    def resume_agents(self, by: Caller, reason: str) -> AgentWrites:
        """Allow agents to propose commands again."""
        return self._directory.ask(GUARD, SwitchAgents(True, by, reason), WRITE_S)

    def agent_writes(self) -> AgentWrites:
        """Return whether agents may propose commands now, and who decided that."""
        return self._directory.ask(GUARD, ReadAgentWrites(), DEVICE_S)

    def commands(self, device_id: str | None, limit: int) -> Answer[CommandPage]:
        """Return commands, newest first."""
        if device_id is not None:
            self._device(device_id)
        return self._answer(self._directory.ask(ARCHIVE, FindCommands(device_id, limit), READ_S))

    # --- the plant itself ---------------------------------------------------------------------

    def health(self) -> Health:
        """Return whether the plant is watched; never raises."""
        return self._checkup.examine()

    def reload(self) -> PlantChange:
        """Read ``plant.yaml`` again and run it; a file with mistakes changes nothing and is explained."""
        return self._reload()

    # --- inside -------------------------------------------------------------------------------

    def _active(self) -> Sequence[Alarm]:
        return self.active_alarms().value

    def _of_alarm(self, alarm_id: str, question: AcknowledgeAlarm | SetAlarmAside | BringAlarmBack) -> Alarm:
        """Ask the device that an alarm belongs to."""
        device_id = alarm_id.rpartition("@")[0]
        if device_id not in self.inventory().devices:
            raise UnknownNameError("alarm", alarm_id, tuple(alarm.alarm_id for alarm in self._active()))
        return self._directory.ask(device_id, question, DEVICE_S)

    def _devices(self, device_ids: Iterable[str]) -> None:
        for device_id in device_ids:
            self._device(device_id)

    def _rejected(self) -> Mapping[str, Mapping[str, int]]:
        try:
            return self._directory.ask(GATEWAY, ReadGatewayCounts(), COUNTS_S).rejected_by_device
        except UnavailableError:
            return {}


def _with_rejected(status: DeviceStatus, rejected: Mapping[str, int]) -> DeviceStatus:
    """Return the status with what the gateway refused in the device's name; the device never sees it."""
    return replace(status, refused={**status.refused, **rejected}) if rejected else status
