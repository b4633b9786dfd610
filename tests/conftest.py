from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.broker import Mosquitto, running_mosquitto

# Speed is measured in benchmarks/; on a busy machine a slow example is no failure.
settings.register_profile("aegisflow", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("aegisflow")


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A real broker on a free port; mark the test ``broker``."""
    folder = tmp_path / "mosquitto"
    folder.mkdir()
    with running_mosquitto(folder) as broker:
        yield broker
