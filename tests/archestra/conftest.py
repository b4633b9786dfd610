import pytest

from aegisflow.archestra.export import export_files
from aegisflow.archestra.placement import Placement, make_placement
from aegisflow.config import Configuration, load
from tests.support.archestra_checks import Expected
from tests.support.places import PLANT_FILE


@pytest.fixture(scope="session")
def shipped() -> Configuration:
    """The plant that comes with AegisFlow."""
    return load(PLANT_FILE, environ={})


@pytest.fixture(scope="session")
def expected(shipped: Configuration) -> Expected:
    """What the shipped plant does with each call."""
    return Expected(shipped)


@pytest.fixture(params=["image", "remote"], scope="session")
def placement(request: pytest.FixtureRequest) -> Placement:
    """Both ways to have Archestra reach AegisFlow."""
    return make_placement(remote="https://plant.example:8765/mcp") if request.param == "remote" else make_placement()


@pytest.fixture(scope="session")
def files(shipped: Configuration, placement: Placement) -> dict[str, str]:
    """The export of the shipped plant."""
    return export_files(shipped, placement)
