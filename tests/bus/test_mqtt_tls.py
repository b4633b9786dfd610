import contextlib
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor

import pytest

from aegisflow.bus.mqtt import PahoBus
from aegisflow.bus.mqtt.packet_stream import PacketStream
from aegisflow.config.services import BrokerSettings, Tls
from aegisflow.errors import BusError
from tests.support.broker import Listener, running_mosquitto
from tests.support.certificates import write_certificate

pytest.importorskip("cryptography.x509")
pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate that signs itself, for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("tls")
    write_certificate(folder)
    return folder


@pytest.fixture
def tls_broker(tmp_path, certificate):
    files = f"certfile {certificate}/cert.pem\nkeyfile {certificate}/key.pem\n"
    with running_mosquitto(tmp_path, f"allow_anonymous true\n{files}") as broker:
        yield broker


def test_2000_messages_pass_over_tls_and_are_acknowledged(tls_broker, certificate):
    tls = Tls(ca_file=certificate / "cert.pem")
    payloads = [b"%d" % number + b"x" * 200 for number in range(2_000)]
    with (
        Listener(tls_broker.settings(tls=tls), "s/+") as listener,
        Listener(tls_broker.settings(tls=tls, client_id="machine")) as machine,
    ):
        listener.wait_connected()
        machine.wait_connected()
        for payload in payloads:
            machine.bus.publish("s/a", payload)
        listener.wait_until(lambda: len(listener.messages) == 2_000)
    assert listener.payloads == payloads
    with Listener(tls_broker.settings(tls=tls), "s/+") as listener:
        listener.wait_connected()
        assert listener.messages == []


def test_a_certificate_that_nobody_vouches_for_is_not_accepted(tls_broker):
    with Listener(tls_broker.settings(tls=Tls()), "s/+") as listener:
        listener.wait_until(lambda: listener.links)
        assert "its certificate is not accepted: self-signed certificate" in listener.links[0].detail


def test_a_plain_connection_to_a_tls_broker_fails_with_words(tls_broker):
    with Listener(tls_broker.settings(), "s/+") as listener:
        listener.wait_until(lambda: listener.links)
        assert listener.links[0].connected is False
        assert listener.links[0].detail


def test_a_certificate_file_that_cannot_be_read_is_an_error_at_once(tmp_path):
    missing = tmp_path / "missing.pem"
    with pytest.raises(BusError, match=r"broker.tls: cannot use .*missing.pem: No such file"):
        PahoBus(BrokerSettings(tls=Tls(ca_file=missing)))
    missing.write_text("not a certificate")
    with pytest.raises(BusError, match=r"broker.tls: cannot use .*missing.pem"):
        PahoBus(BrokerSettings(tls=Tls(ca_file=missing)))


def test_one_read_takes_all_the_records_that_have_come(certificate):
    server_side, client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server_side.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    client_side.load_verify_locations(certificate / "cert.pem")
    taken: list[bytes] = []
    with ThreadPoolExecutor(1) as helper, contextlib.ExitStack() as open_now:
        far, near = socket.socketpair()
        accepting = helper.submit(server_side.wrap_socket, far, server_side=True)
        ours = open_now.enter_context(client_side.wrap_socket(near, server_hostname="127.0.0.1"))
        broker = open_now.enter_context(accepting.result(10))
        ours.setblocking(False)
        stream = PacketStream(
            ours,
            has_properties=False,
            on_publish=lambda topic, payload, retain, packet_id: taken.append(payload),
            wake=lambda: None,
        )
        for number in range(5):
            broker.sendall(b"\x30\x04\x00\x01t%d" % number)
        assert stream.fill() == 5 * 6
        assert not stream.next_packet()
    assert taken == [b"0", b"1", b"2", b"3", b"4"]
