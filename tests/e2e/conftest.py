from pathlib import Path

import pytest

from simulator.dataset import write_file
from simulator.scenario import Scenario


@pytest.fixture(scope="session")
def reference_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference day of the plant: 155,520 readings of nine devices, five faults."""
    path = tmp_path_factory.mktemp("day") / "day.csv"
    assert write_file(Scenario(), path, lambda share: None) == 155_520
    return path
