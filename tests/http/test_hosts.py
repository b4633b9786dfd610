"""A server that knows its names refuses requests by any other (DNS rebinding), behind a proxy, too."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from aegisflow.http.guards import HostGuard


@pytest.mark.parametrize(
    ("hosts", "server", "asked", "status"),
    [
        ((), "10.0.0.5", "anything.example", 200),
        (("plant.example",), "10.0.0.5", "plant.example", 200),
        (("plant.example",), "10.0.0.5", "PLANT.example:8765", 200),
        (("plant.example",), "10.0.0.5", "127.0.0.1:8765", 200),
        (("plant.example",), "10.0.0.5", "attacker.example", 421),
        (("plant.example",), "10.0.0.5", "plant.example.attacker.example", 421),
        (("plant.example",), "127.0.0.1", "plant.example", 200),
        (("plant.example",), "127.0.0.1", "attacker.example", 421),
        ((), "127.0.0.1", "attacker.example", 421),
    ],
)
def test_only_the_names_that_are_given_and_this_machine_are_answered(
    hosts: tuple[str, ...], server: str, asked: str, status: int
) -> None:
    def hello(request: object) -> PlainTextResponse:
        return PlainTextResponse("hello")

    app = Starlette(routes=[Route("/", hello)], middleware=[Middleware(HostGuard, hosts=hosts)])
    with TestClient(app, base_url=f"http://{server}") as client:
        assert client.get("/", headers={"host": asked}).status_code == status
