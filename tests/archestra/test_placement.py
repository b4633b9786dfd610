from dataclasses import replace

import pytest

from aegisflow.archestra.placement import Placement, broker_of, make_placement
from aegisflow.errors import BadValueError


def test_without_an_address_it_is_the_image_of_the_dockerfile():
    assert make_placement() == Placement("aegisflow", "aegisflow:latest", "")
    assert make_placement(image="registry.example:5000/plant/aegisflow@sha256:" + "0" * 64).remote == ""


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("http://10.0.0.7:8765", "http://10.0.0.7:8765/mcp"),
        ("https://plant.example/", "https://plant.example/mcp"),
        ("https://plant.example/line-1/mcp", "https://plant.example/line-1/mcp"),
        ("http://[::1]:8765/mcp", "http://[::1]:8765/mcp"),
    ],
)
def test_an_address_without_a_path_is_the_mcp_endpoint(given, used):
    placement = make_placement(remote=given)
    assert (placement.remote, placement.image) == (used, "")


@pytest.mark.parametrize(
    ("argument", "asked"),
    [
        ("--remote", {"remote": "plant.example:8765"}),
        ("--remote", {"remote": "file:///etc/passwd"}),
        ("--remote", {"remote": "http://ada:secret@plant.example/mcp"}),
        ("--remote", {"remote": "http://plant.example/mcp?token=secret"}),
        ("--remote", {"remote": "http://plant.example:99999/mcp"}),
        ("--remote", {"remote": "http://[::1/mcp"}),
        ("--remote", {"remote": "http://plant.example/m cp"}),
        ("--image", {"image": "-v /:/host"}),
        ("--image", {"image": "aegisflow latest"}),
        ("--image", {"image": "aegisflow", "remote": "http://plant.example"}),
        ("--name", {"name": "aegis__flow"}),
        ("--name", {"name": ""}),
        ("--name", {"name": "plant_"}),
        ("--name", {"name": "a/b"}),
        ("--name", {"name": "x" * 80}),
    ],
)
def test_what_archestra_could_not_use_is_refused_with_what_was_expected(argument, asked):
    with pytest.raises(BadValueError, match="expected") as caught:
        make_placement(**asked)
    assert caught.value.argument == argument


def test_a_broker_on_this_machine_is_reached_from_the_container(shipped):
    assert broker_of(shipped) == ("host.docker.internal", 1883)
    elsewhere = shipped.broker.model_copy(update={"host": "mqtt.plant.example", "port": 8883})
    assert broker_of(replace(shipped, broker=elsewhere)) == ("mqtt.plant.example", 8883)
