"""E1: a webhook has taken a notification only when it was sent all of it, and said so."""

import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from aegisflow.notifications.webhook import MAX_REDIRECTS, DeliveryError, exchange, post, retry_after_s
from tests.support.hook import running_hook

BODY = json.dumps({"to": "plant manager"}).encode()


@pytest.fixture
def hooks() -> Iterator[Any]:
    with ExitStack() as stack:
        yield lambda tls=None: stack.enter_context(running_hook(tls))


@pytest.mark.parametrize("code", [200, 201, 202, 204])
def test_every_answer_of_success_counts(hooks: Any, code: int) -> None:
    hook = hooks()
    hook.answers["/hook"] = (code, None)
    post(f"{hook.url}/hook", BODY, 5.0)
    assert hook.came == [("POST", "/hook", BODY, "application/json")]


@pytest.mark.parametrize("code", [300, 301, 302, 303, 304, 305])
def test_a_redirect_that_would_lose_the_message_is_a_failure_and_nobody_is_asked_without_it(
    hooks: Any, code: int
) -> None:
    hook = hooks()
    hook.answers["/hook"] = (code, "/final")
    with pytest.raises(DeliveryError, match=f"it answered {code}"):
        post(f"{hook.url}/hook", BODY, 5.0)
    assert [path for _, path, _, _ in hook.came] == ["/hook"]


@pytest.mark.parametrize("code", [307, 308])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_redirect_that_keeps_the_request_is_followed_with_its_body(hooks: Any, code: int, elsewhere: bool) -> None:
    first, second = hooks(), hooks()
    final = second if elsewhere else first
    first.answers["/hook"] = (code, f"{second.url}/final" if elsewhere else "/final")
    post(f"{first.url}/hook", BODY, 5.0)
    assert final.came[-1] == ("POST", "/final", BODY, "application/json")


def test_a_secret_is_for_the_address_that_was_named_and_follows_no_redirect_elsewhere(hooks: Any) -> None:
    first, second = hooks(), hooks()
    first.answers |= {"/hook": (307, "/next"), "/next": (307, f"{second.url}/final")}
    exchange(f"{first.url}/hook", BODY, 5.0, {"Authorization": "Bearer secret"})
    assert (first.secrets, second.secrets) == (["Bearer secret"] * 2, [""])
    assert second.came == [("POST", "/final", BODY, "application/json")]


def test_a_redirect_to_a_redirect_that_loses_the_message_is_a_failure(hooks: Any) -> None:
    hook = hooks()
    hook.answers |= {"/hook": (307, "/next"), "/next": (302, "/final")}
    with pytest.raises(DeliveryError, match="it answered 302"):
        post(f"{hook.url}/hook", BODY, 5.0)


def test_redirects_are_followed_only_so_often(hooks: Any) -> None:
    hook = hooks()
    hook.answers |= {f"/{number}": (308, f"/{number + 1}") for number in range(MAX_REDIRECTS)}
    post(f"{hook.url}/0", BODY, 5.0)
    assert hook.came[-1][1] == f"/{MAX_REDIRECTS}"
    hook.answers[f"/{MAX_REDIRECTS}"] = (308, "/one-more")
    with pytest.raises(DeliveryError, match="in circles, or more than"):
        post(f"{hook.url}/0", BODY, 5.0)
    hook.answers["/circle"] = (307, "/circle")
    with pytest.raises(DeliveryError, match="in circles"):
        post(f"{hook.url}/circle", BODY, 5.0)


@pytest.mark.parametrize("location", [None, "", "ftp://127.0.0.1/x", "file:///etc/passwd", "gopher://x/"])
def test_a_redirect_to_no_address_of_the_web_is_a_failure(hooks: Any, location: str | None) -> None:
    hook = hooks()
    hook.answers["/hook"] = (307, location)
    with pytest.raises(DeliveryError):
        post(f"{hook.url}/hook", BODY, 5.0)
    assert len(hook.came) <= 2


@pytest.mark.parametrize("code", [400, 401, 404, 410, 429, 500, 503])
def test_an_answer_of_failure_is_told_by_its_number(hooks: Any, code: int) -> None:
    hook = hooks()
    hook.answers["/secret"] = (code, None)
    with pytest.raises(DeliveryError, match=f"^it answered {code}$"):
        post(f"{hook.url}/secret", BODY, 5.0)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "", "webhook", "http://", "http://127.0.0.1:99999/secret"])
def test_an_address_that_is_none_fails_without_being_told(url: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        post(url, BODY, 1.0)
    assert "secret" not in str(caught.value)


def test_a_server_that_is_away_or_says_nothing_is_told() -> None:
    with pytest.raises(DeliveryError, match="refused"):
        post("http://127.0.0.1:9/secret", BODY, 1.0)
    with pytest.raises(DeliveryError, match="its name is not known"):
        post("http://no-such-host.invalid/secret", BODY, 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(DeliveryError, match="no answer in time"):
            post(f"http://127.0.0.1:{port}/secret", BODY, 0.2)


def test_a_server_that_talks_nonsense_or_hangs_up_is_a_failure() -> None:
    for said in (b"", b"what?\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"):
        with socket.create_server(("127.0.0.1", 0)) as server:

            def answer(server: socket.socket = server, said: bytes = said) -> None:
                connection, _ = server.accept()
                with connection:
                    request = b""
                    while BODY not in request:  # to close before that would reset the connection
                        request += connection.recv(65_536)
                    connection.sendall(said)

            thread = threading.Thread(target=answer)
            thread.start()
            if said.startswith(b"HTTP"):
                post(f"http://127.0.0.1:{server.getsockname()[1]}/", BODY, 2.0)  # it said that it took it
            else:
                with pytest.raises(DeliveryError):
                    post(f"http://127.0.0.1:{server.getsockname()[1]}/", BODY, 2.0)
            thread.join()


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate that clients in this test trust."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl on PATH")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    make += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(make, check=True, capture_output=True, timeout=50)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.mark.parametrize("code", [307, 308])
def test_a_redirect_never_leaves_https(hooks: Any, tls: ssl.SSLContext, code: int) -> None:
    secure, plain = hooks(tls), hooks()
    secure.answers |= {"/hook": (code, f"{plain.url}/final"), "/good": (code, f"{secure.url}/final")}
    with pytest.raises(DeliveryError, match="from https to http"):
        post(f"{secure.url}/hook", BODY, 5.0)
    assert plain.came == []
    post(f"{secure.url}/good", BODY, 5.0)
    assert secure.came[-1] == ("POST", "/final", BODY, "application/json")


def test_a_redirect_from_http_may_lead_to_https(hooks: Any, tls: ssl.SSLContext) -> None:
    secure, plain = hooks(tls), hooks()
    plain.answers["/hook"] = (308, f"{secure.url}/final")
    post(f"{plain.url}/hook", BODY, 5.0)
    assert secure.came == [("POST", "/final", BODY, "application/json")]


def test_a_certificate_that_nobody_vouches_for_is_a_failure(
    hooks: Any, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    secure = hooks(tls)
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(DeliveryError, match="TLS failed: CERTIFICATE_VERIFY_FAILED"):
        post(f"{secure.url}/hook", BODY, 5.0)
    assert secure.came == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("17", 17.0),
        (" 0 ", 0.0),
        ("Sat, 31 Jan 2026 08:00:30 GMT", 30.0),
        ("Sat, 31 Jan 2026 07:00:00 GMT", 0.0),
        ("9" * 400, 999_999_999.0),
        *((text, 0.0) for text in ("", "soon", "-5", "1.5", "²", "Sat, 99 Jan 2026 08:00:30 GMT")),
    ],
)
def test_how_long_a_webhook_asks_to_be_left_alone_is_read_in_both_ways_of_http(text: str, seconds: float) -> None:
    assert retry_after_s(text, 1_769_846_400.0) == seconds
