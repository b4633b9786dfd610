"""Where a running plant can be asked: a small file beside its store, for those who only have the plant's file.

The plant's file may be broken, or say something else by now; who runs on its store is still the
plant that it describes. The file holds no secret.
"""

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import structlog

from aegisflow.config import Configuration, StoreSettings

__all__ = ["PlantAddress", "address_file", "announced", "leave_address", "read_address", "url_of"]

MAX_BYTES = 10_000
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
_SQLITE = "sqlite:///"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PlantAddress:
    """A running plant, and how to know it again."""

    url: str
    """Without a slash at its end: ``http://127.0.0.1:8765``."""
    instance: str
    """Drawn anew at each start, and told at ``/instance``: whoever else listens there by now cannot know it."""
    plant_file: str
    token_env: str
    """Name of the environment variable with the agents' token, which also a reload asks for."""
    pid: int
    certificate: str = ""
    """The certificate (PEM) that it is known by over TLS, whatever name that was made for; empty without TLS."""

    @classmethod
    def of(cls, configuration: Configuration, host: str, port: int, certificate: str = "") -> "PlantAddress":
        """Return the address of this process, which listens there, and shows that certificate (PEM)."""
        url = url_of(host, port, encrypted=bool(certificate))
        token_env = configuration.http.token_env
        return cls(url, uuid.uuid4().hex, str(configuration.path), token_env, os.getpid(), certificate)


def url_of(host: str, port: int, *, encrypted: bool = False) -> str:
    """Return the URL at which this machine reaches who listens on ``host``."""
    host, scheme = _EVERYWHERE.get(host, host), "https" if encrypted else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def address_file(store: StoreSettings) -> Path | None:
    """Return the file that says who runs on a store: beside SQLite, else beside the exported heads of the audit."""
    if store.url.startswith(_SQLITE):
        name = store.url.removeprefix(_SQLITE).partition("?")[0]
        return Path(f"{name}.address")
    head = store.audit_head
    return None if head is None else head.with_name(f"{head.name.removesuffix('.audit-head')}.address")


@contextmanager
def announced(store: StoreSettings, address: PlantAddress) -> Iterator[None]:
    """Leave an address beside the store as long as the block runs; enter it while the store is held.

    A place that cannot be written to keeps no plant from running: it is told, and whoever looks for
    the plant must name its URL.
    """
    file = address_file(store)
    if file is None:
        yield
        return
    leave_address(store, address)
    try:
        yield
    finally:
        found = read_address(store)
        # Another plant may have been started on this store since, and left its own.
        if found is not None and found.instance == address.instance:
            file.unlink(missing_ok=True)


def leave_address(store: StoreSettings, address: PlantAddress) -> None:
    """Leave an address beside the store, in the place of the one that is there."""
    file = address_file(store)
    if file is None:
        return
    try:
        # Somebody may read it at this very moment: there is the old file or the new one, never a part.
        fresh = file.with_name(f"{file.name}.{address.pid}")
        fresh.write_text(json.dumps(asdict(address)) + "\n", encoding="utf-8")
        fresh.replace(file)
    except OSError as error:
        log.warning("address_not_left", file=str(file), reason=error.strerror)


def read_address(store: StoreSettings) -> PlantAddress | None:
    """Return the address that was left beside a store; None for none, and for what is no address.

    It may be stale, for a process that is killed removes nothing: ask ``/instance`` before anything else.
    """
    file = address_file(store)
    try:
        if file is None or file.stat().st_size > MAX_BYTES:
            return None
        found = json.loads(file.read_text(encoding="utf-8"))
        address = PlantAddress(**found)
    except (OSError, ValueError, TypeError):
        return None
    right = all(isinstance(getattr(address, field.name), field.type) for field in fields(PlantAddress))  # type: ignore[arg-type]
    return address if right and address.url.startswith(("http://", "https://")) else None
