"""The plant behind the tools, which may still be starting when the first call comes."""

import threading

from aegisflow.errors import AegisFlowError, UnavailableError
from aegisflow.plant.protocol import Plant


class StartingPlant:
    """A PlantSource whose callers wait until the plant is up, or has failed to come up.

    After a failure it may still come up: then callers get the plant from there on.
    """

    def __init__(self, wait_s: float = 20.0) -> None:
        self._wait_s = wait_s
        self._settled = threading.Event()
        self._plant: Plant | None = None
        self.error: AegisFlowError | None = None
        """Why it did not come up."""

    def ready(self, plant: Plant) -> None:
        """Let the callers through to ``plant``."""
        self._plant, self.error = plant, None
        self._settled.set()

    def failed(self, error: AegisFlowError) -> None:
        """Answer every caller with ``error``, for as long as there is no plant."""
        self.error = error
        self._settled.set()

    def __call__(self) -> Plant:
        """Return the plant.

        Raises:
            AegisFlowError: it could not start.
            UnavailableError: it takes longer than the wait.
        """
        self._settled.wait(self._wait_s)
        if self._plant is not None:
            return self._plant
        if self.error is not None:
            raise self.error
        raise UnavailableError("the plant", f"still starting after {self._wait_s:g} s; ask again in a moment")
