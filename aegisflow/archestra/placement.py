"""How Archestra reaches AegisFlow: as an image that it runs itself, or as a server that runs elsewhere."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from aegisflow.config.configuration import Configuration
from aegisflow.errors import BadValueError

__all__ = ["DEFAULT_IMAGE", "DEFAULT_NAME", "Placement", "make_placement"]

DEFAULT_IMAGE = "aegisflow:latest"
DEFAULT_NAME = "aegisflow"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60}\Z")
_IMAGE = re.compile(r"[a-z0-9][A-Za-z0-9._/:@-]{0,250}\Z")
_LOOPBACK = ("localhost", "127.0.0.1", "::1", "")


@dataclass(frozen=True, slots=True)
class Placement:
    """Where AegisFlow is, as Archestra sees it; ``image`` or ``remote`` is empty."""

    name: str = DEFAULT_NAME
    """Of the registry item, the agent and the gateway, and the first part of every tool's name."""
    image: str = DEFAULT_IMAGE
    remote: str = ""
    """The URL of the MCP endpoint of ``aegisflow serve``."""

    def tool(self, name: str) -> str:
        """Return the name of a tool as Archestra has it."""
        return f"{self.name}__{name}"


def make_placement(name: str = DEFAULT_NAME, image: str = "", remote: str = "") -> Placement:
    """Check what was asked for; without an image and without a URL it is the image that the Dockerfile builds.

    Raises:
        BadValueError: a name, an image or a URL that Archestra could not use.
    """
    if not _NAME.match(name) or "__" in name or name.endswith("_"):
        expected = "letters, digits, '.', '-' and '_', without '__', which divides it from the name of a tool"
        raise BadValueError("--name", name, expected)
    if image and remote:
        raise BadValueError("--image", image, "either --image or --remote: the plant runs in one place")
    if remote:
        return Placement(name, "", _mcp_url(remote))
    if image and not _IMAGE.match(image):
        raise BadValueError("--image", image, "the name of an image, such as registry.example/aegisflow:1.0")
    return Placement(name, image or DEFAULT_IMAGE)


def broker_of(configuration: Configuration) -> tuple[str, int]:
    """Return the broker as a container sees it: what listens on this machine only is ``host.docker.internal`` there."""
    host = configuration.broker.host
    return "host.docker.internal" if host in _LOOPBACK else host, configuration.broker.port


def _mcp_url(url: str) -> str:
    expected = "an http address without a user, such as https://plant.example:8765/mcp"
    try:
        parts = urlsplit(url)
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        raise BadValueError("--remote", url, expected) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or not port_fits:
        raise BadValueError("--remote", url, expected)
    if parts.query or parts.fragment or re.search(r"\s", url):
        raise BadValueError("--remote", url, expected)
    return url if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}/mcp"
