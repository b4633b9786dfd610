import pytest

from aegisflow.console.sessions import Sessions
from aegisflow.domain.alarms.model import Severity
from tests.support.console_client import Browser, console_app, everyone
from tests.support.memory_plant import MemoryPlant, an_alarm


class Clock:
    """A monotonic clock that a test turns."""

    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def plant() -> MemoryPlant:
    plant = MemoryPlant(identities=everyone())
    plant.alarms = [
        an_alarm(1, "pump-01", Severity.MEDIUM),
        an_alarm(2, "pump-02", Severity.CRITICAL),
        an_alarm(3, "pump-03", Severity.HIGH),
    ]
    return plant


@pytest.fixture
def app(plant: MemoryPlant, clock: Clock):
    return console_app(plant, Sessions(clock))


@pytest.fixture
def operator(app) -> Browser:
    return Browser(app).sign_in("operator")
