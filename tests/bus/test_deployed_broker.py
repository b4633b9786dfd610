"""The broker that ships in deploy/mosquitto: each machine is itself, and nobody but AegisFlow commands (M1)."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegisflow.config.services import Tls
from tests.support.broker import Listener, Mosquitto, running_mosquitto
from tests.support.certificates import write_certificate
from tests.support.places import ROOT

pytest.importorskip("cryptography.x509")
pytestmark = pytest.mark.broker

DEPLOYED = ROOT / "deploy" / "mosquitto"
USERS = ("aegisflow", "pump-01", "pump-02")
SALT = b"twelve bytes"
OURS = ("listener", "persistence", "max_queued_messages", "#")
"""What ``Mosquitto`` says itself."""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker with the configuration that ships; only where it listens and where its files lie differ."""
    (tmp_path / "certs").mkdir()
    write_certificate(tmp_path / "certs", "broker.crt", "broker.key")
    salt = b64encode(SALT).decode()
    lines = []
    for user in USERS:
        digest = b64encode(hashlib.pbkdf2_hmac("sha512", user.encode(), SALT, 101)).decode()
        lines.append(f"{user}:$7$101${salt}${digest}\n")
    (tmp_path / "passwords").write_text("".join(lines))
    (tmp_path / "acl").write_bytes((DEPLOYED / "acl").read_bytes())
    shipped = (DEPLOYED / "mosquitto.conf").read_text().replace("/etc/mosquitto", str(tmp_path)).splitlines()
    with running_mosquitto(
        tmp_path, "\n".join(line for line in shipped if not line.startswith(OURS)) + "\n"
    ) as running:
        yield running


def client(broker: Mosquitto, user: str, *topics: str, monkeypatch: pytest.MonkeyPatch) -> Listener:
    """Connect as a user, whose password here is the user's name."""
    variable = f"PASSWORD_OF_{user.replace('-', '_').upper()}"
    monkeypatch.setenv(variable, user)
    tls = Tls(ca_file=broker._folder / "certs" / "broker.crt")
    return Listener(broker.settings(tls=tls, client_id=user, username=user, password_env=variable), *topics)


def test_m1_each_machine_publishes_as_itself_and_only_aegisflow_commands(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = ("aegisflow/sensors/+", "aegisflow/acks/+", "aegisflow/commands/+")
    with (
        client(broker, "aegisflow", *heard, monkeypatch=monkeypatch) as core,
        client(broker, "pump-01", "aegisflow/commands/pump-01", monkeypatch=monkeypatch) as pump,
        client(broker, "pump-02", *heard, "#", monkeypatch=monkeypatch) as rogue,
    ):
        for one in (core, pump, rogue):
            one.wait_connected()
        for topic in ("commands/pump-01", "commands/pump-02", "sensors/pump-01", "acks/pump-01", "sensors/aegisflow"):
            rogue.bus.publish(f"aegisflow/{topic}", b"forged")
        rogue.bus.publish("aegisflow/sensors/pump-02", b"its own")
        pump.bus.publish("aegisflow/sensors/pump-01", b"reading")
        pump.bus.publish("aegisflow/acks/pump-01", b"answer")
        core.wait_until(lambda: len(core.messages) == 3)
        core.bus.publish("aegisflow/commands/pump-01", b"command")
        pump.wait_until(lambda: pump.messages)
        core.bus.publish("aegisflow/commands/pump-02", b"to the rogue")
        rogue.wait_until(lambda: rogue.messages)
    assert sorted(core.payloads) == [b"answer", b"its own", b"reading"]
    assert pump.payloads == [b"command"]
    assert set(rogue.payloads) == {b"to the rogue"}  # once for each of its filters that it may read


def test_m1_nobody_connects_without_a_name_or_without_tls(broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    tls = Tls(ca_file=broker._folder / "certs" / "broker.crt")
    for settings in (broker.settings(tls=tls), broker.settings()):
        with Listener(settings, "#") as stranger:
            stranger.wait_until(lambda: stranger.links)
            assert not stranger.links[0].connected


def test_m1_a_command_of_another_client_is_heard_and_our_own_is_not(tmp_path: Path) -> None:
    with running_mosquitto(tmp_path) as plain:
        with (
            Listener(plain.settings(client_id="core"), "c/+") as core,
            Listener(plain.settings(client_id="other")) as other,
        ):
            core.wait_connected()
            other.wait_connected()
            core.bus.publish("c/pump-01", b"ours")
            other.bus.publish("c/pump-01", b"theirs")
            core.wait_until(lambda: core.messages)
            core.bus.publish("c/pump-01", b"ours again")
            other.bus.publish("c/pump-01", b"the last")
            core.wait_until(lambda: core.payloads[-1:] == [b"the last"])
        assert core.payloads == [b"theirs", b"the last"]
