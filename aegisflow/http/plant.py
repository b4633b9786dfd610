"""What people do about the plant as a whole over HTTP: have its file read again."""

from aegisflow.api.schemas.base import Nothing
from aegisflow.api.schemas.health import ReloadReport, ReloadRequest
from aegisflow.domain.callers import Caller
from aegisflow.plant.protocol import PlantSource

__all__ = ["PlantRoutes"]


class PlantRoutes:
    """One method for each endpoint over the plant itself."""

    def __init__(self, plant: PlantSource) -> None:
        self._plant = plant

    def reload(self, which: Nothing, body: ReloadRequest, by: Caller) -> ReloadReport:
        """Have the plant's file read again; the audit says who wanted it."""
        return ReloadReport.of(self._plant().reload(yes=body.yes, by=by))
