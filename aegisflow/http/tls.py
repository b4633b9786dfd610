"""TLS of our own: a certificate and its key, taken over again when their files change and the new pair is a good one.

::

    files change ──► both rest ──► a fresh context loads them ──► fits: new connections get it, old ones go on
                                                            └───► does not: the former pair stays, health says why
"""

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from aegisflow.config import HttpSettings
from aegisflow.domain.times import format_instant
from aegisflow.errors import ListenError
from aegisflow.plant.file_watch import FileWatch, digest_of

__all__ = ["EXPIRES_SOON_S", "Certificate", "certificate_of"]

REST_S = 1.0
"""Certificate and key are written one after the other; both must have rested for so long."""
EXPIRES_SOON_S = 14 * 86_400.0
"""Whoever renews certificates has done so by then, or has forgotten it."""

log = structlog.get_logger(__name__)


class Certificate:
    """A certificate with its key, as the files have it; new connections always get the newest good pair.

    Args:
        cert_file: certificate with those that lead to its authority (PEM).
        key_file: its key (PEM), without a passphrase.
        wall: the wall clock, UTC epoch seconds, by which it expires.
        rest_s: how long changed files must have rested.

    Raises:
        ListenError: the pair cannot be used.
    """

    def __init__(
        self, cert_file: Path, key_file: Path, wall: Callable[[], float] = time.time, rest_s: float = REST_S
    ) -> None:
        self.cert_file = cert_file
        self._key_file = key_file
        self._wall = wall
        self._why_not = ""
        self.on_taken_over: Callable[[], object] = lambda: None
        """Called, from a thread of its own, each time that a new certificate is in use."""
        self._judged = self._digest()
        try:
            self._current, self._own = self._load()
        except (OSError, ValueError) as error:
            raise ListenError("http.tls", self._why(error)) from error
        self.context = _context()
        """What to listen with; it hands each connection over to the newest pair."""
        self.context.load_cert_chain(cert_file, key_file, password=_no_passphrase)
        self.context.sni_callback = self._choose
        self._watch = FileWatch((cert_file, key_file), rest_s, lambda: self._judged, self.reload)

    def start(self) -> None:
        """Begin to watch the files."""
        self._watch.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._watch.stop()

    def reload(self) -> None:
        """Take over what the files have now, if it can be used."""
        self._judged = self._digest()
        try:
            self._current, self._own = self._load()
        except (OSError, ValueError) as error:
            self._why_not = self._why(error)
            log.warning("certificate_not_taken_over", reason=self._why_not)
            return
        self._why_not = ""
        log.info("certificate_taken_over", cert_file=str(self.cert_file), ends_at=format_instant(self._ends_at))
        self.on_taken_over()

    @property
    def pem(self) -> str:
        """The certificate in use, without those that lead to its authority."""
        return self._own.public_bytes(Encoding.PEM).decode()

    @property
    def _ends_at(self) -> float:
        return self._own.not_valid_after_utc.timestamp()

    def notes(self) -> tuple[str, ...]:
        """Return what people should know of it."""
        notes = [f"TLS goes on with the former certificate: {self._why_not}"] if self._why_not else []
        ends = format_instant(self._ends_at)
        if self._wall() >= self._ends_at:
            notes.append(f"the certificate of TLS in use has expired at {ends}; put a new one into {self.cert_file}")
        elif self._wall() >= self._ends_at - EXPIRES_SOON_S:
            notes.append(f"the certificate of TLS in use expires at {ends}")
        return tuple(notes)

    def _choose(self, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, first: ssl.SSLContext) -> None:
        connection.context = self._current

    def _load(self) -> tuple[ssl.SSLContext, x509.Certificate]:
        """Return a context with the pair, and its certificate; a context that fails is never used."""
        context = _context()
        context.load_cert_chain(self.cert_file, self._key_file, password=_no_passphrase)
        # The first one is our own; those after it lead to its authority.
        return context, x509.load_pem_x509_certificates(self.cert_file.read_bytes())[0]

    def _digest(self) -> str:
        return digest_of(self.cert_file, self._key_file)

    def _why(self, error: Exception) -> str:
        said = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        return (
            f"{self.cert_file} and {self._key_file} cannot be used ({said}); "
            "expected a certificate and the key that belongs to it, in PEM and without a passphrase"
        )


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _no_passphrase() -> str:
    """Answer OpenSSL, which would otherwise ask whoever has started us, and wait."""
    return ""


@contextmanager
def certificate_of(settings: HttpSettings, notes: list[Callable[[], tuple[str, ...]]]) -> Iterator[Certificate | None]:
    """Serve with the certificate that a file names, and watch it as long as the block runs; None where it names none.

    Args:
        settings: which name it.
        notes: gets what tells people of it.

    Raises:
        ListenError: the pair cannot be used.
    """
    if settings.tls is None:
        yield None
        return
    certificate = Certificate(settings.tls.cert_file, settings.tls.key_file)
    notes.append(certificate.notes)
    certificate.start()
    try:
        yield certificate
    finally:
        certificate.stop()
