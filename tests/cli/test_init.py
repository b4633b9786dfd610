"""The folder of a new plant: what is in it works, and nothing is overwritten."""

import re
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aegisflow.cli.init import init
from aegisflow.config import load
from aegisflow.domain.credentials import token_hash
from aegisflow.errors import BadValueError
from aegisflow.offline.new_plant.certificate import broker_certificate


def test_a_new_plant_is_one_that_can_be_loaded_and_its_token_opens_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "North works"
    assert init(folder, broker="broker.north.example", operator="anna") == 0
    told = capsys.readouterr().out
    loaded = load(folder / "config" / "plant.yaml", {})
    assert (loaded.plant.name, list(loaded.plant.devices)) == ("North works", ["machine-01"])
    assert loaded.broker.host == "broker.north.example"
    token = re.search(r"AEGISFLOW_OPERATOR_TOKEN=(\S+)", told)
    assert token is not None
    assert token_hash(token[1]) in (folder / "config" / "plant.yaml").read_text()
    assert list(loaded.operators) == ["anna"]
    assert token[1] not in "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
    assert "aegisflow check" in told


def test_the_sample_plant_comes_with_its_manuals_and_machines(tmp_path: Path) -> None:
    assert init(tmp_path / "sample", operator="anna", sample=True, broker="10.1.2.3") == 0
    loaded = load(tmp_path / "sample" / "config" / "plant.yaml", {})
    assert len(loaded.plant.devices) == 9
    assert loaded.broker.host == "10.1.2.3"
    assert (loaded.manuals.folder / "compressor.md").is_file()
    assert not (loaded.manuals.folder / "machine.md").exists()


def test_nothing_is_overwritten_and_nothing_is_written_beside_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "manuals").mkdir()
    (tmp_path / "manuals" / "machine.md").write_text("mine")
    with pytest.raises(BadValueError, match=r"a folder without manuals/machine\.md: nothing is overwritten"):
        init(tmp_path, operator="anna")
    assert [path.name for path in tmp_path.rglob("*")] == ["manuals", "machine.md"]
    assert (tmp_path / "manuals" / "machine.md").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"broker": "mqtt://x"}, "--broker"),
        ({"broker": ""}, "--broker"),
        ({"name": 'a "b"'}, "--name"),
        ({"name": " "}, "--name"),
        ({"operator": "anna: admin"}, "NAME"),
        ({"operator": "Operator"}, "--operator"),
    ],
)
def test_names_that_no_plant_could_have_are_refused_before_anything_is_written(
    tmp_path: Path, options: dict[str, Any], what: str
) -> None:
    with pytest.raises(BadValueError, match=what):
        init(tmp_path / "plant", **{"operator": "anna", **options})
    assert not (tmp_path / "plant").exists()


def test_the_key_of_the_broker_is_readable_for_its_owner_only(tmp_path: Path) -> None:
    init(tmp_path, operator="anna")
    key = tmp_path / "deploy" / "mosquitto" / "certs" / "broker.key"
    assert key.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("host", ["broker.plant.example", "10.1.2.3", "localhost"])
def test_the_certificate_vouches_for_the_host_that_machines_call(tmp_path: Path, host: str) -> None:
    certificate, key = broker_certificate(host, now=1_900_000_000.0)
    (tmp_path / "crt").write_bytes(certificate)
    (tmp_path / "key").write_bytes(key)
    checked = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    checked.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    name = "-verify_ip" if host[0].isdigit() else "-verify_hostname"
    at = ["-attime", "1900000100"]
    for wanted, code in ((host, 0), ("10.9.9.9" if host[0].isdigit() else "elsewhere.example", 2)):
        command = ["openssl", "verify", *at, "-CAfile", "crt", name, wanted, "crt"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr


def test_the_help_names_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "aegisflow", "init", "--help"]
    helped = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "DIR" in helped
    assert "--sample" in helped
