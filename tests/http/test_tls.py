"""TLS of our own: who is served by which certificate, and what becomes of a pair that does not fit."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from cryptography import x509

from aegisflow.cli.client import exchange
from aegisflow.errors import ListenError, UnavailableError
from aegisflow.http.guards import OperatorTokens
from aegisflow.http.operators import build_operator_app
from aegisflow.http.tls import EXPIRES_SOON_S, Certificate
from tests.support.certificates import Pair, pair
from tests.support.memory_plant import MemoryPlant
from tests.support.operator_tokens import known
from tests.support.waiting import eventually
from tests.support.web_server import has_ended, serving

DAY_S = 86_400.0


@pytest.fixture(scope="module")
def first() -> Pair:
    return pair("first.example")


@pytest.fixture(scope="module")
def second() -> Pair:
    return pair("second.example")


@contextmanager
def served(certificate: Certificate, most: int = 8, head_within_s: float = 60.0) -> Iterator[int]:
    plant = MemoryPlant()
    app = build_operator_app(lambda: plant, OperatorTokens(known()), "this-one")
    with serving(app, most=most, head_within_s=head_within_s, certificate=certificate) as port:
        yield port


@contextmanager
def connected(port: int) -> Iterator[ssl.SSLSocket]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), timeout=20) as plain, context.wrap_socket(plain) as secured:
        yield secured


def name_of(connection: ssl.SSLSocket) -> str:
    shown = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")
    return str(shown.subject.rfc4514_string()).removeprefix("CN=")


def asked(connection: ssl.SSLSocket) -> bytes:
    connection.sendall(b"GET /instance HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    answer = b""
    while b"}" not in answer:
        came = connection.recv(65_536)
        assert came, answer
        answer += came
    return answer


def test_a_changed_pair_is_shown_to_new_connections_and_ends_no_old_one(
    tmp_path: Path, first: Pair, second: Pair
) -> None:
    certificate = Certificate(*first.write(tmp_path), rest_s=0.05)
    certificate.start()
    try:
        with served(certificate) as port, connected(port) as old:
            assert name_of(old) == "first.example"
            assert b"this-one" in asked(old)
            second.write(tmp_path)

            def is_new() -> bool:
                with connected(port) as fresh:
                    return name_of(fresh) == "second.example" and b"this-one" in asked(fresh)

            assert eventually(is_new, 30)
            assert b"this-one" in asked(old)
    finally:
        certificate.stop()
    assert certificate.notes() == ()


@pytest.mark.parametrize("what", ["another key", "no key", "half a certificate", "nothing", "a locked key"])
def test_a_pair_that_does_not_fit_keeps_the_old_one_in_use_and_is_told(
    tmp_path: Path, first: Pair, second: Pair, what: str
) -> None:
    cert_file, key_file = first.write(tmp_path)
    certificate = Certificate(cert_file, key_file)
    broken = {
        "another key": Pair(second.certificate, first.key),
        "no key": Pair(first.certificate, b""),
        "half a certificate": Pair(second.certificate[:200], second.key),
        "nothing": Pair(b"", b""),
        "a locked key": pair("third.example", passphrase="secret"),
    }[what]
    broken.write(tmp_path)
    certificate.reload()
    assert "goes on with the former certificate" in certificate.notes()[0]
    assert "expected a certificate and the key that belongs to it" in certificate.notes()[0]
    with served(certificate) as port, connected(port) as connection:
        assert name_of(connection) == "first.example"
    second.write(tmp_path)
    certificate.reload()
    assert certificate.notes() == ()
    with served(certificate) as port, connected(port) as connection:
        assert name_of(connection) == "second.example"
    broken.write(tmp_path)
    with pytest.raises(ListenError, match=r"http\.tls: .*cert\.pem and .*key\.pem cannot be used"):
        Certificate(cert_file, key_file)


def test_health_tells_of_a_certificate_that_ends_soon_or_has_ended(tmp_path: Path) -> None:
    now = [0.0]
    files = pair("plant.example", days=20).write(tmp_path)
    certificate = Certificate(*files, wall=lambda: now[0])
    ends_at = x509.load_pem_x509_certificate(files[0].read_bytes()).not_valid_after_utc.timestamp()
    for at, told in (
        (ends_at - EXPIRES_SOON_S - 1, ""),
        (ends_at - DAY_S, "in use expires at"),
        (ends_at, "in use has expired at"),
    ):
        now[0] = at
        assert told in "".join(certificate.notes())
        assert bool(told) == bool(certificate.notes())


def test_our_own_commands_know_a_plant_by_its_very_certificate(tmp_path: Path, first: Pair, second: Pair) -> None:
    certificate = Certificate(*first.write(tmp_path))
    with served(certificate) as port:
        url = f"https://127.0.0.1:{port}/instance"
        assert exchange(url, "GET", "", certificate=certificate.pem).status == 200
        for other in (second.certificate.decode(), ""):
            with pytest.raises(UnavailableError, match="certificate verify failed"):
                exchange(url, "GET", "a-token", certificate=other)


@pytest.mark.parametrize("begun", [b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/1.1\r\n\r\n"])
def test_v10_whoever_does_not_get_through_the_handshake_keeps_nobody_out(
    tmp_path: Path, first: Pair, begun: bytes
) -> None:
    certificate = Certificate(*first.write(tmp_path))
    with served(certificate, most=8) as port:
        silent = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(40)]
        for one in silent:
            with suppress(OSError):
                one.sendall(begun)
        with connected(port) as connection:
            assert b"this-one" in asked(connection)
        assert eventually(lambda: all(map(has_ended, silent[:30])), 20)
        for one in silent:
            one.close()


def test_v10_a_handshake_that_takes_too_long_is_ended(tmp_path: Path, first: Pair) -> None:
    certificate = Certificate(*first.write(tmp_path))
    with (
        served(certificate, head_within_s=0.3) as port,
        closing(socket.create_connection(("127.0.0.1", port), timeout=20)) as slow,
    ):
        slow.sendall(b"\x16\x03\x01")
        assert eventually(lambda: has_ended(slow), 20)
