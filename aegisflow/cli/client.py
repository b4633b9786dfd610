"""Asking a running plant over HTTP, and reading its answers as the shapes that it sends."""

import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import ValidationError

from aegisflow.api.endpoints import PREFIX, Endpoint
from aegisflow.api.fields import parse
from aegisflow.api.redirects import NoRedirects
from aegisflow.api.schemas.base import ReadShape, Refusal, Request, Shape
from aegisflow.cli.arguments import DEFAULT_PLANT, PLANT_ENV
from aegisflow.config import HttpSettings, load, load_store
from aegisflow.errors import (
    AddressUnknownError,
    ConfigError,
    NotAllowedError,
    RefusedError,
    UnavailableError,
    printable,
)
from aegisflow.plant.address import PlantAddress, address_file, read_address, url_of

__all__ = [
    "TOKEN_ENV",
    "URL_ENV",
    "HttpAnswer",
    "OperatorClient",
    "Reach",
    "exchange",
    "find_plant",
    "named_url",
    "print_answer",
    "why_not",
]

TOKEN_ENV = "AEGISFLOW_OPERATOR_TOKEN"  # noqa: S105 - the name of a variable, not a secret
URL_ENV = "AEGISFLOW_URL"
_TIMEOUT_S = 20.0
_INSTANCE_S = 5.0

W = TypeVar("W", bound=Request)
B = TypeVar("B", bound=Request)
A = TypeVar("A", bound=Shape)


class Reach(NamedTuple):
    """Where a plant is asked."""

    url: str
    """Without a slash at its end."""
    token_env: str
    """Name of the environment variable with the agents' token; empty for none."""
    certificate: str = ""
    """The certificate (PEM) of a plant on this machine; empty where it is judged as any other server's."""


def named_url(plant: Path, url: str | None = None) -> str | None:
    """Return the URL that somebody named, without a slash at its end: then no file is read to find the plant.

    ``--url`` counts more than ``--plant``, and what the command line says more than the environment.
    """
    # The very object is the default that a command got without --plant; an equal path, somebody has typed.
    is_typed = plant is not DEFAULT_PLANT and str(plant) != os.environ.get(PLANT_ENV)
    named = url or ("" if is_typed else os.environ.get(URL_ENV, ""))
    return named.rstrip("/") or None


def find_plant(plant: Path, url: str | None = None) -> Reach:
    """Return where the plant of a file is asked.

    A running plant leaves its address beside its store, and that counts more than what the file says
    by now; whether it still runs there is asked first, without a token. Where nobody is, the address that
    a good file spells out is as good as any: a token is never sent where a default points, for a file that is
    half written may be a good one, of another plant's address.

    Args:
        plant: the plant's file, which may have mistakes.
        url: where it is, if somebody says so; it is believed.

    Raises:
        AddressUnknownError: the file has mistakes or names no address, and no running plant has left its own.
    """
    url = named_url(plant, url)
    try:
        configuration = load(plant)
    except ConfigError as error:
        token_env = HttpSettings().token_env
        return Reach(url, token_env) if url else _find_running(plant, error)
    http = configuration.http
    if url:
        return Reach(url, http.token_env)
    left = read_address(configuration.store)
    if left is not None and _is_there(left):
        return Reach(left.url, left.token_env, left.certificate)
    if not http.model_fields_set & {"host", "port"}:
        file = address_file(configuration.store)
        missing = f"no plant that runs has left its address{f' in {file}' if file else ''}"
        raise AddressUnknownError(plant, f"it says neither http.host nor http.port, and {missing}")
    return Reach(url_of(http.host, http.port, encrypted=http.tls is not None), http.token_env)


def _find_running(plant: Path, error: ConfigError) -> Reach:
    """Return where the plant of a file with mistakes runs."""
    store, said = load_store(plant)
    left = read_address(store)
    more = f" and {len(error.mistakes) - 1} more" if len(error.mistakes) > 1 else ""
    why = f"the file has mistakes ({error.mistakes[0]}{more}), and"
    if left is None:
        raise AddressUnknownError(plant, f"{why} no running plant has left its address in {address_file(store)}")
    if not said and left.plant_file != os.path.abspath(plant):
        raise AddressUnknownError(plant, f"{why} another plant, of {left.plant_file}, runs where its store would be")
    if not _is_there(left):
        raise AddressUnknownError(plant, f"{why} process {left.pid}, which ran at {left.url}, is not there any more")
    return Reach(left.url, left.token_env, left.certificate)


def _is_there(left: PlantAddress) -> bool:
    """Return whether the process that left an address is still the one that listens there."""
    try:
        answer = exchange(f"{left.url}/instance", "GET", "", timeout_s=_INSTANCE_S, certificate=left.certificate)
        told = json.loads(answer.content)
    except (UnavailableError, ValueError):
        return False
    return answer.status == 200 and isinstance(told, dict) and told.get("instance") == left.instance


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


def exchange(
    url: str, method: str, token: str, body: object = None, timeout_s: float = _TIMEOUT_S, certificate: str = ""
) -> HttpAnswer:
    """Send one request and return the answer, whatever its status.

    Args:
        url: of what is asked.
        method: of HTTP.
        token: bearer token; empty for none.
        body: sent as JSON; None for none.
        timeout_s: how long to wait.
        certificate: the certificate (PEM) by which a server of this machine is known; empty for any that the
            machine's authorities vouch for.

    Raises:
        UnavailableError: nobody answers there, or it is no address of HTTP.
    """
    if not url.startswith(("http://", "https://")):
        raise UnavailableError(url, "it is not an http address")
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - http or https, see above
    try:
        trusted = [urllib.request.HTTPSHandler(context=_trusting(certificate))] if certificate else []
        with urllib.request.build_opener(NoRedirects, *trusted).open(request, timeout=timeout_s) as response:
            return HttpAnswer(url, response.status, response.read())
    except urllib.error.HTTPError as error:
        with error:
            elsewhere = error.headers.get("Location", "")
            if elsewhere and 300 <= error.code < 400:
                where = f"it leads on to {printable(elsewhere, 200)}, where no token is sent: name that address"
                raise UnavailableError(url, where) from error
            return HttpAnswer(url, error.code, error.read())
    except OSError as error:
        raise UnavailableError(url, f"{getattr(error, 'reason', error)}; is aegisflow serve running?") from error


def _trusting(certificate: str) -> ssl.SSLContext:
    """Return what takes one certificate and no other; the name in it is that by which others reach the plant."""
    context = ssl.create_default_context(cadata=certificate)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


class OperatorClient:
    """Asks the operators' API of a running plant, with the token in AEGISFLOW_OPERATOR_TOKEN."""

    def __init__(self, plant: Path, url: str | None) -> None:
        named = named_url(plant, url)
        self._there = Reach(named, "") if named else find_plant(plant)
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
            NotAllowedError: there is no token to show; nothing was sent.
            RefusedError: the plant says no.
            UnavailableError: nobody answers, or what was said instead of an answer.
        """
        url = f"{self._there.url}{PREFIX}{endpoint.url(which or {})}"
        if not self._token:
            why = f"{TOKEN_ENV} is empty; aegisflow operator NAME makes a token"
            raise NotAllowedError(f"ask {self._there.url}", "who shows no token", why)
        sent = None
        if endpoint.method == "POST":
            sent = parse(endpoint.body, body or {}).model_dump(mode="json", exclude_unset=True)
        answer = exchange(url, endpoint.method, self._token, sent, certificate=self._there.certificate)
        if 400 <= answer.status < 500:
            raise RefusedError(self._there.url, why_not(answer))
        if answer.status != 200:
            raise UnavailableError(url, why_not(answer))
        told = answer.read_as(endpoint.answer)
        if isinstance(told, ReadShape) and told.broker_away_since:
            # Beside the answer, so that whoever reads it by a program gets what they asked for.
            sys.stderr.write(
                f"the broker is away since {told.broker_away_since}: no machine can be heard, so that they are silent "
                "is no fault of theirs\n"
            )
        return told


def print_answer(answer: Shape, lines: Iterable[str], *, as_json: bool) -> None:
    """Print an answer as lines for people or, for programs, as JSON."""
    if as_json:
        sys.stdout.write(answer.model_dump_json(indent=2) + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in lines))


def why_not(answer: HttpAnswer) -> str:
    """Return what a plant says instead of an answer."""
    try:
        return Refusal.model_validate_json(answer.content).error
    except ValidationError:
        return f"HTTP {answer.status}: {answer.content[:200].decode(errors='replace')}"
