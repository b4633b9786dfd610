"""What people ask about the plant and its devices over HTTP, and have its file read again."""

from aegisflow.api import endpoints as ends
from aegisflow.api.schemas.alarms import ById
from aegisflow.api.schemas.base import Nothing
from aegisflow.api.schemas.devices import DeviceSummary, device_briefs
from aegisflow.api.schemas.health import ReloadReport, ReloadRequest
from aegisflow.api.schemas.plant import PlantStatus, TrendRequest
from aegisflow.api.schemas.trends import TrendSummary
from aegisflow.domain.callers import Caller
from aegisflow.domain.times import Period
from aegisflow.errors import AegisFlowError, UnknownNameError
from aegisflow.http.lines import acting
from aegisflow.plant.protocol import PlantSource

__all__ = ["PlantRoutes"]


class PlantRoutes:
    """One method for each endpoint over the plant itself and over its devices."""

    def __init__(self, plant: PlantSource) -> None:
        self._plant = plant

    def status(self, which: Nothing, body: Nothing, by: Caller) -> PlantStatus:
        """Return what is wrong and what waits, and every device; what cannot be asked is named."""
        plant = self._plant()
        alarms, statuses = plant.active_alarms(), plant.all_status()
        unavailable = {**alarms.unavailable, **statuses.unavailable}
        commands = None
        try:
            commands = len(plant.approvals().value), plant.agent_writes().allowed
        except AegisFlowError as error:
            unavailable["commands"] = str(error)
        found = {status.device_id: status for status in statuses.value}
        briefs = device_briefs(plant.inventory(), found, alarms.value)
        return PlantStatus.of(plant.health(), alarms, briefs, commands, unavailable)

    def device(self, which: ById, body: Nothing, by: Caller) -> DeviceSummary:
        """Return one device with its sensors."""
        return DeviceSummary.of(self._plant().device_status(which.id).value)

    def trend(self, which: TrendRequest, body: Nothing, by: Caller) -> TrendSummary:
        """Return what sensors of a device have shown up to now."""
        plant = self._plant()
        devices = plant.inventory().devices
        if which.id not in devices:
            raise UnknownNameError("device", which.id, tuple(devices))
        sensors = tuple(name for name in which.sensor.split(",") if name)
        end = plant.now() + 1.0  # a period is half open: this lets in what was read at this very instant
        answer = plant.sensor_stream(which.id, sensors, Period(end - which.last_s, end), which.points)
        return TrendSummary.of(answer, devices[which.id])

    @acting(ends.RELOAD)
    def reload(self, which: Nothing, body: ReloadRequest, by: Caller) -> ReloadReport:
        """Have the plant's file read again; the audit says who wanted it."""
        return ReloadReport.of(self._plant().reload(yes=body.yes, by=by))
