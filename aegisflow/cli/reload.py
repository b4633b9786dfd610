"""``aegisflow reload``: ask a running serve over HTTP."""

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

from aegisflow.config import HttpSettings, load
from aegisflow.errors import ConfigError, UnavailableError

_TIMEOUT_S = 90.0
"""A reload may start and stop thousands of devices."""
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def run_reload(plant: Path, url: str | None, *, yes: bool) -> int:
    """Ask for a reload and print what it did; return the exit code.

    A change that takes much away waits until it is asked for with ``yes``.

    The running process reads its own file and judges it, so a file with mistakes does not keep the
    question from being asked: then the address is the default one.
    """
    settings = settings_of(plant)
    base = url or base_url(settings)
    token = os.environ.get(settings.token_env, "") if settings.token_env else ""
    answer = _post(f"{base.rstrip('/')}/reload{'?yes=true' if yes else ''}", token)
    if answer.get("waits"):
        sys.stderr.write("\n".join(["nothing was changed yet:", *map(str, answer["waits"])]) + "\n")
        sys.stderr.write("aegisflow reload --yes takes it over\n")
        return 1
    if not answer.get("applied"):
        sys.stderr.write("\n".join(["nothing was changed:", *map(str, answer.get("mistakes", []))]) + "\n")
        return 1
    parts = [f"{word}: {', '.join(answer[word])}" for word in ("added", "removed", "changed") if answer.get(word)] or [
        "nothing differs"
    ]
    if answer.get("needs_restart"):
        parts.append(f"only a restart brings in: {', '.join(answer['needs_restart'])}")
    sys.stdout.write("\n".join(parts) + "\n")
    return 0


def settings_of(plant: Path) -> HttpSettings:
    """Return where a running serve listens; the default for a file with mistakes."""
    try:
        return load(plant).http
    except ConfigError:
        return HttpSettings()


def base_url(settings: HttpSettings) -> str:
    """Return the address to ask at."""
    host = _EVERYWHERE.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def _post(url: str, token: str) -> dict[str, list[str]]:
    if not url.startswith(("http://", "https://")):
        raise UnavailableError(url, "it is not an http address")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, method="POST", headers=headers)  # noqa: S310 - http or https, see above
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310
            return _read(url, response.read())
    except urllib.error.HTTPError as error:
        if error.code in (409, 422, 503):
            return _read(url, error.read())
        raise UnavailableError(url, f"HTTP {error.code}: {error.read(200).decode(errors='replace')}") from error
    except OSError as error:
        raise UnavailableError(url, f"{getattr(error, 'reason', error)}; is aegisflow serve running?") from error


def _read(url: str, body: bytes) -> dict[str, list[str]]:
    try:
        answer = json.loads(body)
    except ValueError as error:
        raise UnavailableError(url, "its answer is not JSON; is it aegisflow serve?") from error
    if not isinstance(answer, dict):
        raise UnavailableError(url, "its answer is not an object; is it aegisflow serve?")
    return answer
