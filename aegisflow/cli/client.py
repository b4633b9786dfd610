"""Asking a running plant over HTTP, and reading its answers as the shapes that it sends."""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import ValidationError

from aegisflow.api.endpoints import PREFIX, Endpoint
from aegisflow.api.fields import parse
from aegisflow.api.schemas.base import Refusal, Request, Shape
from aegisflow.config import HttpSettings, load
from aegisflow.errors import ConfigError, UnavailableError

__all__ = ["TOKEN_ENV", "HttpAnswer", "OperatorClient", "base_url", "exchange", "settings_of"]

TOKEN_ENV = "AEGISFLOW_OPERATOR_TOKEN"  # noqa: S105 - the name of a variable, not a secret
_TIMEOUT_S = 20.0
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104

W = TypeVar("W", bound=Request)
B = TypeVar("B", bound=Request)
A = TypeVar("A", bound=Shape)


def settings_of(plant: Path) -> HttpSettings:
    """Return where a running plant listens, by its file; the default for a file with mistakes."""
    try:
        return load(plant).http
    except ConfigError:
        return HttpSettings()


def base_url(settings: HttpSettings) -> str:
    """Return the address to ask at."""
    host = _EVERYWHERE.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


class HttpAnswer(NamedTuple):
    """What came back."""

    url: str
    status: int
    content: bytes

    def read_as(self, shape: type[A]) -> A:
        """Return the answer as the shape that it has.

        Raises:
            UnavailableError: it has another one, so something else answers there, or another version.
        """
        try:
            return shape.model_validate_json(self.content)
        except ValidationError as error:
            mistake = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in mistake["loc"])
        what = f"of its answer, {where or 'the whole'} is not as expected: {mistake['msg'].lower()}"
        raise UnavailableError(self.url, f"{what}; is it aegisflow serve, and of this version?")


def exchange(url: str, method: str, token: str, body: object = None, timeout_s: float = _TIMEOUT_S) -> HttpAnswer:
    """Send one request and return the answer, whatever its status.

    Raises:
        UnavailableError: nobody answers there, or it is no address of HTTP.
    """
    if not url.startswith(("http://", "https://")):
        raise UnavailableError(url, "it is not an http address")
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - http or https, see above
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as response:  # noqa: S310
            return HttpAnswer(url, response.status, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return HttpAnswer(url, error.code, error.read())
    except OSError as error:
        raise UnavailableError(url, f"{getattr(error, 'reason', error)}; is aegisflow serve running?") from error


class OperatorClient:
    """Asks the operators' API of a running plant, with the token in AEGISFLOW_OPERATOR_TOKEN."""

    def __init__(self, plant: Path, url: str | None) -> None:
        self._base = (url or base_url(settings_of(plant))).rstrip("/")
        self._token = os.environ.get(TOKEN_ENV, "")

    def call(
        self,
        endpoint: Endpoint[W, B, A],
        which: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> A:
        """Return the answer of an endpoint.

        Args:
            endpoint: what is asked for.
            which: what path and query say.
            body: the fields of a POST, as a person gave them.

        Raises:
            BadValueError: a field of the body cannot be used; nothing was sent.
            UnavailableError: nobody answers, or what was said instead of an answer.
        """
        url = f"{self._base}{PREFIX}{endpoint.url(which or {})}"
        if not self._token:
            raise UnavailableError(url, f"{TOKEN_ENV} is empty; aegisflow operator NAME makes a token")
        sent = None
        if endpoint.method == "POST":
            sent = parse(endpoint.body, body or {}).model_dump(mode="json", exclude_unset=True)
        answer = exchange(url, endpoint.method, self._token, sent)
        if answer.status != 200:
            raise UnavailableError(url, _why(answer))
        return answer.read_as(endpoint.answer)


def _why(answer: HttpAnswer) -> str:
    try:
        return Refusal.model_validate_json(answer.content).error
    except ValidationError:
        return f"HTTP {answer.status}: {answer.content[:200].decode(errors='replace')}"
