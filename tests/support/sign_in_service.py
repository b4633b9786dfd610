"""A sign-in service of our own: OpenID Connect over real HTTP with ID tokens that are really signed."""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

CLIENT, SECRET = "aegisflow", "a secret of the client"
Claims = dict[str, Any]


class SignInServer:
    """Signs in whoever ``person`` is, and does wrong what a test wants it to."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys: list[ECKey | RSAKey] = [ECKey.generate_key("P-256", {"kid": "first", "use": "sig"})]
        """Published; the last one signs."""
        self.person: Claims = {"sub": "248289761001", "name": "Anna Muster", "groups": ["plant-approvers"]}
        self.change: Callable[[Claims], object] = lambda claims: None
        """Changes the claims before they are signed."""
        self.signed: Callable[[Claims], str] = self._signed
        self.known: Claims = {}
        """What the configuration says besides, or instead."""
        self.answer: Mapping[str, str] | None = None
        """What goes back with the browser instead of a code."""
        self.asked: list[dict[str, str]] = []
        """What browsers came with, the newest last."""
        self.exchanged: list[tuple[dict[str, str], str]] = []
        """What codes were exchanged with, and the header with the client's secret."""
        self._codes: dict[str, dict[str, str]] = {}

    def configuration(self) -> Claims:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            **self.known,
        }

    def authorize(self, query: dict[str, str]) -> str:
        """Return where the browser is sent back to."""
        self.asked.append(query)
        code = secrets.token_urlsafe(8)
        self._codes[code] = query
        given = {"code": code} if self.answer is None else self.answer
        return f"{query['redirect_uri']}?{urlencode({**given, 'state': query['state']})}"

    def exchange(self, form: dict[str, str], authorization: str) -> tuple[int, Claims]:
        self.exchanged.append((form, authorization))
        asked = self._codes.pop(form["code"], None)
        digest = _text(hashlib.sha256(form["code_verifier"].encode()).digest())
        if asked is None or asked["code_challenge"] != digest or asked["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        claims = {"iss": self.url, "aud": CLIENT, "nonce": asked["nonce"], **self.person}
        claims |= {"iat": int(time.time()), "exp": int(time.time()) + 300}
        self.change(claims)
        return 200, {"token_type": "Bearer", "access_token": "opens nothing here", "id_token": self.signed(claims)}

    def _signed(self, claims: Claims) -> str:
        return sign(claims, self.keys[-1])


def sign(claims: Claims, key: ECKey | RSAKey, **header: str) -> str:
    """Return an ID token that a key has signed."""
    alg = {"EC": "ES256", "RSA": "RS256"}[key.key_type]
    named = {"kid": key.kid} if key.kid else {}
    return jwt.encode({"alg": alg, **named, **header}, claims, key, algorithms=[alg])


def sign_by_secret(claims: Claims, secret: bytes) -> str:
    """Return an ID token with a signature that whoever knows the secret, or takes the public key for one, can make."""
    start = unsigned(claims, "HS256").rstrip(".")
    return f"{start}.{_text(hmac.digest(secret, start.encode(), 'sha256'))}"


def unsigned(claims: Claims, alg: str = "none") -> str:
    """Return an ID token without a signature; by default it says of itself that nobody has signed it."""
    return ".".join(_text(json.dumps(one).encode()) for one in ({"alg": alg, "kid": "first"}, claims)) + "."


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@contextmanager
def sign_in_server() -> Iterator[SignInServer]:
    """Serve on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            if parts.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", service.authorize(query))
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif parts.path == "/keys":
                self._send(200, KeySet(service.keys).as_dict(private=False))  # type: ignore[arg-type]
            else:
                self._send(200 if parts.path == "/.well-known/openid-configuration" else 404, service.configuration())

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[-1] for name, values in parse_qs(raw).items()}
            self._send(*service.exchange(form, self.headers.get("Authorization", "")))

        def _send(self, status: int, answer: Claims) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service = SignInServer(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
