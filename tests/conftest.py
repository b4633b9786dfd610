from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.support.broker import Mosquitto, running_mosquitto
from tests.support.postgres import Databases, running_postgres

pytest_plugins = (
    "tests.support.collecting",
    "tests.support.long_runs",
    "tests.support.processes",
    "tests.support.requiring",
)


@pytest.fixture(autouse=True)
def _logs_as_they_come() -> Iterator[None]:
    """Undo what a command under test did to the logs: the next test may listen to them."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A real broker on a free port; mark the test ``broker``."""
    folder = tmp_path / "mosquitto"
    folder.mkdir()
    with running_mosquitto(folder) as broker:
        yield broker


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """Empty databases of a PostgreSQL server."""
    with running_postgres() as url:
        yield Databases(url)


@pytest.fixture
def postgres_url(databases: Databases) -> Iterator[str]:
    """URL of an empty database."""
    with databases.empty() as url:
        yield url
