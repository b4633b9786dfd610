"""What people say is normal, over HTTP."""

from aegisflow.api import endpoints as ends
from aegisflow.api.schemas.alarms import ById
from aegisflow.api.schemas.base import Nothing
from aegisflow.api.schemas.levels import AcceptAlarmRequest, LevelList, LevelsRequest
from aegisflow.domain.callers import Caller
from aegisflow.http.lines import acting
from aegisflow.plant.protocol import PlantSource

__all__ = ["LevelRoutes"]


class LevelRoutes:
    """One method for each endpoint over accepted levels: one call of the plant, whose answer is given its shape."""

    def __init__(self, plant: PlantSource) -> None:
        self._plant = plant

    def list(self, which: Nothing, body: Nothing, by: Caller) -> LevelList:
        """Return what was accepted."""
        answer = self._plant().accepted_levels()
        return LevelList.of(answer.value, answer.unavailable, answer.broker_away_since)

    @acting(ends.ACCEPT_ALARM)
    def accept_alarm(self, which: ById, body: AcceptAlarmRequest, by: Caller) -> LevelList:
        """Take what the sensors of an alarm show now as normal."""
        return LevelList.of(self._plant().accept_alarm(which.id, by, body.reason))

    @acting(ends.ACCEPT_LEVELS)
    def accept(self, which: ById, body: LevelsRequest, by: Caller) -> LevelList:
        """Take what sensors of a device show now as normal."""
        return LevelList.of(self._plant().accept_levels(which.id, body.sensors, by, body.reason))

    @acting(ends.RESTORE_LEVELS)
    def restore(self, which: ById, body: LevelsRequest, by: Caller) -> LevelList:
        """Take that back."""
        return LevelList.of(self._plant().restore_levels(which.id, body.sensors, by, body.reason))
