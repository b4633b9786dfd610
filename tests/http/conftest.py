import pytest
from starlette.testclient import TestClient

from aegisflow.http.app import build_http_app
from aegisflow.http.guards import OperatorTokens
from aegisflow.mcp.server import build_server
from aegisflow.mcp.web import mounted
from tests.support.memory_plant import MemoryPlant
from tests.support.operator_tokens import HASHES


@pytest.fixture
def plant() -> MemoryPlant:
    return MemoryPlant()


@pytest.fixture
def web(plant: MemoryPlant) -> TestClient:
    operators = OperatorTokens(HASHES, "token-of-agents")
    app = build_http_app(mounted(build_server(lambda: plant)), plant, "token-of-agents", lambda: b"", operators)
    return TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50_000))
