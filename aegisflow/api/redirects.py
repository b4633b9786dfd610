"""Where requests that carry a secret go: to the address that somebody named, and nowhere else."""

import urllib.request
from typing import Any

__all__ = ["NoRedirects"]


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows none: the key, or the token, would go to whomever the answer names."""

    def redirect_request(self, *_: Any) -> None:
        """Return no request to make instead, so that the redirect counts as the answer."""
