from collections.abc import Iterator

import pytest

from aegisflow.telemetry.logs import configure_logs
from tests.support.samples import device_spec, sensor_spec
from tests.support.small_plant import SmallPlant


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """Keep tracebacks short: actors are made to fall here."""
    configure_logs()


@pytest.fixture
def small_plant(request: pytest.FixtureRequest) -> Iterator[SmallPlant]:
    """Two devices with one sensor each; ``indirect`` parameters go to ``SmallPlant``."""
    options = getattr(request, "param", {})
    devices = [device_spec(name, sensor_spec("temperature")) for name in ("pump-01", "motor-01")]
    plant = SmallPlant(*devices, **options)
    plant.start()
    yield plant
    plant.end()
