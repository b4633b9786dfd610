import pytest
from starlette.testclient import TestClient

from aegisflow.http.app import build_http_app
from aegisflow.http.failures import FailedLogins
from aegisflow.http.guards import OperatorTokens
from aegisflow.mcp.server import PlantServer, build_server
from aegisflow.mcp.web import mounted
from tests.support.memory_plant import MemoryPlant
from tests.support.operator_tokens import known


@pytest.fixture(scope="session")
def agents_server() -> PlantServer:
    """What agents talk to; no test of the operators' interface calls it."""
    return build_server(MemoryPlant)


@pytest.fixture
def plant() -> MemoryPlant:
    return MemoryPlant(identities=known())


@pytest.fixture
def web(plant: MemoryPlant, agents_server: PlantServer) -> TestClient:
    operators = OperatorTokens(plant.identities, "token-of-agents", FailedLogins(hold_s=0))
    app = build_http_app(mounted(agents_server), plant, "token-of-agents", lambda: b"", operators)
    return TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50_000))
