"""The compose file starts what it says, with variables that are read and files that are there."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from aegisflow.cli.main import COMMANDS
from aegisflow.config import load
from aegisflow.config.loader import OPERATORS_VARIABLE, VARIABLES
from aegisflow.errors import ConfigError
from tests.support.places import PLANT_FILE, ROOT

FOLDER = ROOT / "deploy/compose"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
DIGEST = "ab" * 32


def test_it_starts_broker_store_and_aegisflow_and_archestra_only_where_it_is_asked_for() -> None:
    assert set(SERVICES) == {"mosquitto", "postgres", "aegisflow", "archestra"}
    assert [name for name, service in SERVICES.items() if "profiles" in service] == ["archestra"]
    assert SERVICES["aegisflow"]["command"][0] in COMMANDS
    assert set(SERVICES["aegisflow"]["depends_on"]) == {"mosquitto", "postgres"}


def test_aegisflow_is_given_only_variables_that_it_reads() -> None:
    given = set(SERVICES["aegisflow"]["environment"])
    secrets = {"BROKER_PASSWORD", "AEGISFLOW_TOKEN", "AEGISFLOW_A2A_TOKEN", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"}
    assert given - secrets <= {*VARIABLES.values(), OPERATORS_VARIABLE}


def test_every_file_that_is_mounted_is_there_and_every_volume_is_declared() -> None:
    for service in SERVICES.values():
        for mount in service.get("volumes", ()):
            source = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", mount).split(":")[0]
            if source.startswith("."):
                assert (FOLDER / source).exists(), mount
            else:
                assert source in COMPOSE["volumes"] or source.startswith("/var/run/"), mount


def test_no_secret_stands_in_it_and_those_without_which_nothing_is_safe_must_be_given() -> None:
    text = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
    example = (FOLDER / "env.example").read_text(encoding="utf-8")
    must = {"BROKER_PASSWORD", "MACHINES_PASSWORD", "POSTGRES_PASSWORD", "AEGISFLOW_TOKEN"}
    assert {name for name in must if f"${{{name}:?" in text} == must
    assert {line.partition("=")[0] for line in example.splitlines() if line.endswith("=")} == {*must, "OPERATORS"}


def test_nothing_listens_beyond_this_machine_unless_it_is_told_to() -> None:
    for service in SERVICES.values():
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:") or ":-127.0.0.1}:" in port, port


def test_every_machine_of_the_sample_plant_may_come_to_the_broker() -> None:
    names = re.search(r":-([^}]*)", SERVICES["mosquitto"]["environment"]["MACHINES"])
    assert names is not None
    assert set(names[1].split()) == set(load(PLANT_FILE, {}).plant.devices)


def test_people_and_names_come_from_the_environment(tmp_path: Path) -> None:
    environ = {
        OPERATORS_VARIABLE: f"anna={DIGEST}, ben={'cd' * 32}:viewer",
        "AEGISFLOW_HTTP_HOSTS": "plant.example, localhost",
        "MQTT_BROKER_USERNAME": "aegisflow",
        "MQTT_BROKER_PASSWORD_ENV": "BROKER_PASSWORD",
    }
    found = load(PLANT_FILE, environ)
    assert {name: spec.role.value for name, spec in found.operators.items()} == {"anna": "approver", "ben": "viewer"}
    assert found.http.hosts == ("plant.example", "localhost")
    assert (found.broker.username, found.broker.password_env) == ("aegisflow", "BROKER_PASSWORD")


@pytest.mark.parametrize("people", ["anna", "anna=abc", f"anna={DIGEST}:king", f"anna={DIGEST},ben={DIGEST}"])
def test_a_slip_in_the_environment_is_told_with_its_variable(people: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(PLANT_FILE, {OPERATORS_VARIABLE: people})
    assert "operators" in str(refused.value) or OPERATORS_VARIABLE in str(refused.value)
