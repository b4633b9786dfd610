"""What the operators' commands have in common: a token, and a running plant to ask."""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aegisflow.cli.reload import base_url, settings_of
from aegisflow.errors import UnavailableError

TOKEN_ENV = "AEGISFLOW_OPERATOR_TOKEN"  # noqa: S105 - the name of a variable, not a secret
_TIMEOUT_S = 20.0


class OperatorClient:
    """The operators' side of a running plant."""

    def __init__(self, plant: Path, url: str | None) -> None:
        self._base = (url or base_url(settings_of(plant))).rstrip("/")
        self._token = os.environ.get(TOKEN_ENV, "")

    def call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Return the answer to one request below /operator/; raises UnavailableError with what was said instead."""
        url = f"{self._base}/operator/{path}"
        if not url.startswith(("http://", "https://")):
            raise UnavailableError(url, "it is not an http address")
        if not self._token:
            raise UnavailableError(url, f"{TOKEN_ENV} is empty; aegisflow operator NAME makes a token")
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - http or https, see above
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310
                answer = json.loads(response.read())
        except urllib.error.HTTPError as error:
            raise UnavailableError(url, _why(error)) from error
        except OSError as error:
            raise UnavailableError(url, f"{getattr(error, 'reason', error)}; is aegisflow serve running?") from error
        except ValueError as error:
            raise UnavailableError(url, "its answer is not JSON; is it aegisflow serve?") from error
        if not isinstance(answer, dict):
            raise UnavailableError(url, "its answer is not an object; is it aegisflow serve?")
        return answer


def _why(error: urllib.error.HTTPError) -> str:
    text = error.read(2_000).decode(errors="replace")
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.code}: {text[:200]}"
