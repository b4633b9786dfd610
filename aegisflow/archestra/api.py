"""Archestra's HTTP API, as far as ``apply`` needs it: JSON requests with a key, lists whole over all pages."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from aegisflow.api.redirects import NoRedirects
from aegisflow.errors import BadValueError, UnavailableError

__all__ = ["ArchestraApi"]

_PAGE = 100
_MAX_BYTES = 20_000_000


class ArchestraApi:
    """One Archestra, reached with the key of somebody who may administer it."""

    def __init__(self, url: str, key: str, timeout_s: float = 30.0) -> None:
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        except ValueError:
            usable = False
        if not usable:
            raise BadValueError("URL", url, "Archestra's address, such as http://localhost:9000")
        if not key or not key.isascii() or not key.isprintable():
            raise BadValueError("ARCHESTRA_API_KEY", "***" if key else "", "a key of Archestra, in the environment")
        self._url = url.rstrip("/")
        self._key = key
        self._timeout_s = timeout_s
        self._opener = urllib.request.build_opener(NoRedirects)

    def get(self, path: str) -> Any:
        """Return what is there.

        Raises:
            UnavailableError: Archestra did not answer, or refused; the same holds of all below.
        """
        return self._ask("GET", path, None)

    def find(self, path: str) -> list[Mapping[str, Any]]:
        """Return a whole list, whether it comes at once or by pages."""
        found: list[Mapping[str, Any]] = []
        while True:
            answer = self.get(f"{path}?limit={_PAGE}&offset={len(found)}" if found else path)
            if isinstance(answer, list):
                return answer
            page = answer.get("data") if isinstance(answer, dict) else None
            if not isinstance(page, list):
                raise UnavailableError(self._url + path, "it answered with no list")
            found += page
            if not page or not answer.get("pagination", {}).get("hasNext", False):
                return found

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Change something and return what Archestra says of it."""
        return self._ask(method, path, body)

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": self._key, "Accept": "application/json"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(self._url + path, data, headers, method=method)  # noqa: S310 - checked above
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                content = answer.read(_MAX_BYTES)
        except urllib.error.HTTPError as error:
            said = error.read(300).decode(errors="replace").replace(self._key, "***")
            raise UnavailableError(f"{method} {self._url}{path}", f"HTTP {error.code}: {said}") from None
        except (OSError, HTTPException) as error:
            raise UnavailableError(f"{method} {self._url}{path}", str(error)) from None
        try:
            return json.loads(content) if content else None
        except ValueError:
            raise UnavailableError(f"{method} {self._url}{path}", "it answered with no JSON") from None
