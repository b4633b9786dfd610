"""Asking a sign-in service who somebody is: OpenID Connect, the authorization code flow with PKCE.

::

    browser ──► service, with state, nonce and the digest of a verifier      SignInService.address
    browser ◄── service, with state and a code                               console.openid
    code and verifier ──► service ──► ID token                               SignInService.prove
    ID token: signature by a key that the service publishes now, issuer, audience, nonce, time

Everything is asked anew for each sign-in, of which there are few: so a key that the service has taken back is worth
nothing at once, and one that it has just begun to use is known.
"""

import base64
import json
import os
import re
import secrets
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlsplit

from aegisflow.api.redirects import NoRedirects
from aegisflow.api.text import clean
from aegisflow.domain.people import MAX_NAME_BYTES, ProvedPerson, SignInSpec
from aegisflow.errors import NotAllowedError, UnavailableError
from aegisflow.http.failures import is_loopback

__all__ = ["Asked", "SignInService"]

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures that only the service can make. None, and those by a secret that both sides have, are not among them."""
LEEWAY_S = 60
"""So far the service's clock may be off."""
TIMEOUT_S = 5.0
MAX_BYTES = 1_000_000
MAX_AT_ONCE = 4
"""Questions under way: a service that hangs must not take the threads in which pages and the stop are answered."""
_WHO = "the sign-in service"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a sign-in begins with, and its answer must fit."""

    state: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))


class SignInService:
    """Asks one sign-in service. Safe from any thread; every method blocks for some seconds at most.

    Args:
        spec: the service.
        environ: where the client's secret is.
        wall: the wall clock, UTC epoch seconds, by which ID tokens end.
    """

    _free = threading.BoundedSemaphore(MAX_AT_ONCE)

    def __init__(
        self, spec: SignInSpec, environ: Mapping[str, str] | None = None, wall: Callable[[], float] = time.time
    ) -> None:
        self._spec = spec
        self._environ = os.environ if environ is None else environ
        self._wall = wall

    def address(self, asked: Asked) -> str:
        """Return where a browser goes to sign in.

        Raises:
            UnavailableError: the service cannot be reached, or says nothing that can be used.
        """
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        with _Turn(self._free):
            endpoint = self._endpoint(self._discovered(), "authorization_endpoint")
        query = {
            "response_type": "code",
            "client_id": self._spec.client_id,
            "redirect_uri": self._spec.back_url,
            "scope": " ".join(self._spec.scopes),
            "state": asked.state,
            "nonce": asked.nonce,
            "code_challenge": create_s256_code_challenge(asked.verifier),
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}"

    def prove(self, code: str, asked: Asked) -> ProvedPerson:
        """Return whom a code stands for.

        Raises:
            UnavailableError: the service cannot be reached, or says nothing that can be used.
            NotAllowedError: the code or what it stands for is not what was asked for.
        """
        with _Turn(self._free):
            known = self._discovered()
            answer = self._exchanged(self._endpoint(known, "token_endpoint"), known, code, asked)
            keys = self._asked_for(self._endpoint(known, "jwks_uri"))
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise UnavailableError(_WHO, "it has sent no ID token")
        return self._person(self._claims(token, keys, asked, answer.get("access_token")))

    # --- what the service says ----------------------------------------------------------------

    def _discovered(self) -> Mapping[str, Any]:
        known = self._asked_for(f"{self._spec.issuer.rstrip('/')}/.well-known/openid-configuration")
        if known.get("issuer") != self._spec.issuer:
            found = clean(str(known.get("issuer")), 200)
            raise UnavailableError(_WHO, f"it calls itself {found}, and plant.yaml {self._spec.issuer}")
        return known

    def _endpoint(self, known: Mapping[str, Any], name: str) -> str:
        url = known.get(name)
        if not isinstance(url, str) or not _is_safe(url):
            raise UnavailableError(_WHO, f"its {name} is no https address")
        return url

    def _exchanged(self, url: str, known: Mapping[str, Any], code: str, asked: Asked) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._spec.back_url,
            "client_id": self._spec.client_id,
            "code_verifier": asked.verifier,
        }
        headers = {}
        if self._spec.client_secret_env:
            secret = self._environ.get(self._spec.client_secret_env, "")
            if not secret:
                raise UnavailableError(_WHO, f"it wants a secret, and {self._spec.client_secret_env} is empty")
            ways = known.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
            if "client_secret_basic" in ways:
                pair = f"{quote(self._spec.client_id, safe='')}:{quote(secret, safe='')}"
                headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
            else:
                form["client_secret"] = secret
        return self._asked_for(url, urlencode(form).encode(), headers)

    def _asked_for(
        self, url: str, form: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Return the JSON object at an address; nothing that is asked for there leads on to another one."""
        asked = urllib.request.Request(url, form, {"Accept": "application/json", **(headers or {})})  # noqa: S310
        try:
            trusted = []
            if url.startswith("https:"):
                tls = ssl.create_default_context(cafile=self._spec.ca_file or None)
                trusted.append(urllib.request.HTTPSHandler(context=tls))
            opener = urllib.request.build_opener(NoRedirects, *trusted)
            with opener.open(asked, timeout=TIMEOUT_S) as answer:
                raw = _read(answer)
        except HTTPError as error:
            if form is not None and error.code in (400, 401):
                raise NotAllowedError("sign in", "this code", f"{_WHO} says {_refusal(error)}") from error
            raise UnavailableError(_WHO, f"it answers {error.code} at {url}") from error
        except (OSError, ValueError, HTTPException) as error:
            raise UnavailableError(_WHO, clean(str(getattr(error, "reason", error)), 200)) from error
        try:
            found = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise UnavailableError(_WHO, f"it answers no JSON at {url}") from error
        if not isinstance(found, dict):
            raise UnavailableError(_WHO, f"it answers no JSON object at {url}")
        return found

    # --- what is believed ---------------------------------------------------------------------

    def _claims(self, token: str, keys: Mapping[str, Any], asked: Asked, access_token: object) -> Mapping[str, Any]:
        """Return what an ID token says, once all of it has been checked."""
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jws import JWSRegistry

        wanted = {
            "iss": {"essential": True, "value": self._spec.issuer},
            "aud": {"essential": True, "value": self._spec.client_id},
            "nonce": {"essential": True, "value": asked.nonce},
        }
        more = {"client_id": self._spec.client_id, "access_token": access_token}
        try:
            registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
            read = jwt.decode(token, _key_set(keys), algorithms=ALGORITHMS, registry=registry)
            claims = CodeIDToken(read.claims, read.header, wanted, more)
            claims.validate(now=int(self._wall()), leeway=LEEWAY_S)
            return dict(claims)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise NotAllowedError("sign in", "this ID token", clean(str(error), 200) or "it cannot be read") from error

    def _person(self, claims: Mapping[str, Any]) -> ProvedPerson:
        subject = claims.get("sub")
        # As OpenID Connect has it; what is none could stand in no log and no audit.
        if not isinstance(subject, str) or not re.fullmatch(r"[\x20-\x7e]{1,255}", subject):
            raise NotAllowedError("sign in", "this ID token", "it names no subject of 1 to 255 letters of ASCII")
        name = _at(claims, self._spec.name_claim)
        name = clean(name, MAX_NAME_BYTES) if isinstance(name, str) else ""
        roles = _at(claims, self._spec.roles_claim)
        listed = [roles] if isinstance(roles, str) else roles if isinstance(roles, list) else []
        values = tuple(value for value in listed if isinstance(value, str))
        spec = self._spec
        return ProvedPerson(spec.issuer, spec.client_id, subject, name or clean(subject, MAX_NAME_BYTES), values)


class _Turn:
    """One of the questions that may be under way at a time."""

    def __init__(self, free: threading.BoundedSemaphore) -> None:
        self._free = free

    def __enter__(self) -> None:
        if not self._free.acquire(blocking=False):
            raise UnavailableError(_WHO, "too many sign in at this moment; try again in some seconds")

    def __exit__(self, *error: object) -> None:
        self._free.release()


def _read(answer: Any) -> bytes:
    """Return what an answer holds, of bounded size and within a bounded time."""
    until, raw = time.monotonic() + TIMEOUT_S, bytearray()
    while chunk := answer.read1(65_536):
        raw += chunk
        if len(raw) > MAX_BYTES:
            raise ValueError(f"it answers more than {MAX_BYTES} bytes")
        if time.monotonic() > until:
            raise TimeoutError(f"it has not answered within {TIMEOUT_S:.0f} s")
    return bytes(raw)


def _refusal(error: HTTPError) -> str:
    """Return the word by which a service says why it refuses, such as ``invalid_grant``."""
    try:
        return clean(str(json.loads(_read(error)).get("error", "")), 60) or str(error.code)
    except (OSError, ValueError, AttributeError, RecursionError, HTTPException):
        return str(error.code)


def _key_set(keys: Mapping[str, Any]) -> Any:
    """Return the keys that a service signs with; those of other uses, and of kinds that nobody knows, are left out."""
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet, import_key

    found, listed = [], keys.get("keys")
    for one in listed if isinstance(listed, list) else []:
        if isinstance(one, dict) and one.get("use", "sig") == "sig" and one.get("kty") in ("RSA", "EC", "OKP"):
            try:
                found.append(import_key(one))
            except (JoseError, ValueError, TypeError, KeyError):
                continue
    if not found:
        raise UnavailableError(_WHO, "it publishes no key that can be used")
    return KeySet(found)


def _is_safe(url: str) -> bool:
    """Return whether an address may be asked, and put in front of a browser: https, or http on this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def _at(claims: Mapping[str, Any], name: str) -> object:
    """Return a claim: one of just this name, else the one that dots lead to."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
