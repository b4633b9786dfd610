"""What a browser sends: forms within bounds, from our own pages alone."""

import hmac
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request as HttpRequest

from aegisflow.errors import BadValueError

__all__ = ["CSRF", "Form", "Kept", "is_from_here", "is_ours", "read_form"]

CSRF = "csrf"
"""Name of the field in which each form proves that one of our pages made it."""
MAX_FORM_BYTES = 1_000_000
"""A note of 100 KB is refused as too long, in words and without being lost; this bounds what is read at all."""
MAX_FIELDS = 2_000
_NEVER_KEPT = (CSRF, "token")


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form in their order; a name may come several times."""

    fields: tuple[tuple[str, str], ...] = ()

    def text(self, name: str) -> str:
        """Return the last value of a field without blanks around it; empty where there is none."""
        return next((value.strip() for key, value in reversed(self.fields) if key == name), "")

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a field."""
        return tuple(value for key, value in self.fields if key == name)

    def given(self) -> dict[str, str]:
        """Return the fields that say something, as a request's fields are read; line ends as one character."""
        return {name: value.replace("\r\n", "\n") for name, value in self.fields if value.strip()}

    def kept(self) -> tuple[tuple[str, str], ...]:
        """Return the fields that may be shown and sent once more."""
        return tuple((name, value) for name, value in self.fields if name not in _NEVER_KEPT)


@dataclass(frozen=True, slots=True)
class Kept:
    """A form that was not taken, for its writer to send again."""

    path: str
    fields: tuple[tuple[str, str], ...]


async def read_form(request: HttpRequest) -> Form:
    """Return the form that a request carries; raises BadValueError for one that is too long or no text."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_FORM_BYTES:
            raise BadValueError("form", f"more than {MAX_FORM_BYTES} bytes", "a shorter text")
    try:
        fields = parse_qsl(bytes(raw).decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise BadValueError("form", "what cannot be read", "the form of one of these pages") from error
    return Form(tuple(fields))


def is_from_here(request: HttpRequest) -> bool:
    """Return whether a browser sends this from a page of this very server; one that does not say so is let pass.

    The scheme is left out: behind a proxy that ends TLS it differs.
    """
    site = request.headers.get("sec-fetch-site", "same-origin")
    if site not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()


def is_ours(form: Form, csrf: str) -> bool:
    """Return whether a form carries the secret of its session."""
    return hmac.compare_digest(form.text(CSRF).encode(), csrf.encode())
