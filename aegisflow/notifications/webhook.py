"""One POST to a webhook or an agent, and what counts as delivered."""

import http.client
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import IO
from urllib.parse import urlsplit

__all__ = ["MAX_REDIRECTS", "DeliveryError", "exchange", "post", "retry_after_s"]

MAX_REDIRECTS = 5
MAX_ANSWER_BYTES = 4_000_000
_KEEPS_METHOD = (307, 308)
"""Redirects after which the same request is sent to the new address (RFC 9110, 15.4.8 and 15.4.9)."""


_FOR_ANYBODY = ("Content-type", "User-agent")
"""Headers, as urllib spells them, that are no secret."""


class DeliveryError(Exception):
    """A webhook did not take a notification; its text holds no address, which may be a secret."""

    def __init__(self, why: str, wait_s: float = 0.0) -> None:
        super().__init__(why)
        self.wait_s = wait_s
        """How long it asked to be left alone (Retry-After); 0 where it did not."""


def post(url: str, payload: bytes, timeout_s: float) -> None:
    """POST JSON to a webhook, and return once it has said that it took it.

    Only an answer of 2xx counts. 307 and 308 are followed, with method and body, at most ``MAX_REDIRECTS`` times and
    never from https to http. After 301, 302 and 303 most clients send a GET without a body, which would deliver
    nothing and be answered with 200; these are refused, and the address must be mended.

    Raises:
        DeliveryError: it did not take it; says why.
    """
    # The status is the answer. What comes after it, or fails to, is no reason to call the same people twice.
    with _opened(url, payload, timeout_s, {}):
        pass


def exchange(url: str, payload: bytes, timeout_s: float, headers: Mapping[str, str]) -> bytes:
    """POST JSON as ``post`` does, and return what is answered to it, of a bounded size.

    Raises:
        DeliveryError: there is no answer, or none of 2xx; says why.
    """
    with _opened(url, payload, timeout_s, headers) as response:
        return response.read(MAX_ANSWER_BYTES)


@contextmanager
def _opened(url: str, payload: bytes, timeout_s: float, headers: Mapping[str, str]) -> Iterator[IO[bytes]]:
    """Send the request, and give the answer once its status is 2xx; a failure to read it is a DeliveryError, too."""
    if not url.startswith(("http://", "https://")):
        raise DeliveryError("its URL must begin with http:// or https://")
    sent = {"Content-Type": "application/json", "User-Agent": "aegisflow", **headers}
    request = urllib.request.Request(url, payload, sent, method="POST")  # noqa: S310 - http or https, see above
    opener = urllib.request.build_opener(_SameRequestElsewhere)
    try:
        with opener.open(request, timeout=timeout_s) as response:
            yield response
    except urllib.error.HTTPError as error:
        error.close()
        wait_s = retry_after_s(error.headers.get("Retry-After", ""), time.time())
        raise DeliveryError(_said(error.code, error.headers.get("Location", "")), wait_s) from None
    except urllib.error.URLError as error:
        raise DeliveryError(_reason(error.reason)) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise DeliveryError(_reason(error)) from None


class _SameRequestElsewhere(urllib.request.HTTPRedirectHandler):
    """Follows what asks for the same request at another address, and nothing else."""

    max_redirections = MAX_REDIRECTS
    max_repeats = 1

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Return the request to send instead; raise DeliveryError where none may be."""
        if code not in _KEEPS_METHOD:
            return None  # an HTTPError follows, with this code
        scheme = urlsplit(newurl).scheme
        if scheme not in ("http", "https"):
            raise DeliveryError(f"it redirects to an address of {scheme or 'no kind'}")
        if req.type == "https" and scheme == "http":
            raise DeliveryError("it redirects from https to http, where others could read along")
        ours, theirs = urlsplit(req.full_url), urlsplit(newurl)
        # What proves who we are is for whom plant.yaml names, and not for whomever they name.
        is_same = (ours.scheme, ours.netloc) == (theirs.scheme, theirs.netloc)
        sent = {name: value for name, value in req.headers.items() if is_same or name in _FOR_ANYBODY}
        return urllib.request.Request(newurl, req.data, sent, method="POST")  # noqa: S310 - checked above


def retry_after_s(text: str, now: float) -> float:
    """Return how many seconds a Retry-After (RFC 9110, 10.2.3) asks to wait; 0 for none that can be read.

    Args:
        text: seconds, or an instant such as ``Fri, 31 Dec 1999 23:59:59 GMT``.
        now: wall clock, UTC epoch seconds.
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])  # as good as for ever
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return 0.0


def _said(code: int, location: str) -> str:
    if code in _KEEPS_METHOD and location:
        return f"it redirects in circles, or more than {MAX_REDIRECTS} times"
    if code in _KEEPS_METHOD:
        return f"it answered {code} without an address to go to"
    if 300 <= code < 400:
        return f"it answered {code}, which moves the address and would lose the message; configure the final address"
    return f"it answered {code}"


def _reason(error: object) -> str:
    """Return why no answer came, without the address."""
    if isinstance(error, DeliveryError):
        return str(error)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or 'unknown reason'}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
