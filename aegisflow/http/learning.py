"""What devices learn while people call them healthy, over HTTP."""

from aegisflow.api import endpoints as ends
from aegisflow.api.schemas.alarms import ById
from aegisflow.api.schemas.base import Nothing
from aegisflow.api.schemas.learning import LearningList, LearnRequest
from aegisflow.domain.callers import Caller
from aegisflow.http.lines import acting
from aegisflow.plant.protocol import PlantSource

__all__ = ["LearningRoutes"]


class LearningRoutes:
    """One method for each endpoint over commissioning periods: one call of the plant, whose answer gets its shape."""

    def __init__(self, plant: PlantSource) -> None:
        self._plant = plant

    def list(self, which: Nothing, body: Nothing, by: Caller) -> LearningList:
        """Return the newest period of each device that has one."""
        answer = self._plant().learning()
        return LearningList.of(answer.value, answer.unavailable, answer.broker_away_since)

    @acting(ends.LEARN_DEVICE)
    def decide(self, which: ById, body: LearnRequest, by: Caller) -> LearningList:
        """Begin, extend, accept or throw away what a device learns; return how that stands."""
        status = self._plant().learn(which.id, body.act, body.until, by, body.reason)
        return LearningList.of({} if status is None else {which.id: status})
