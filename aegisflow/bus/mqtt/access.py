"""Credentials for the broker: the password, the TLS context, and the words for what went wrong with them."""

import os
import ssl

from aegisflow.config.services import BrokerSettings, Tls
from aegisflow.errors import BusError

__all__ = ["because", "password_of", "tls_context"]


def password_of(settings: BrokerSettings) -> str | None:
    """Return the password from the environment, or None if the settings name no variable.

    Raises:
        BusError: the variable is not set.
    """
    if not settings.password_env:
        return None
    password = os.environ.get(settings.password_env)
    if password is None:
        raise BusError(f"the environment variable {settings.password_env} (broker.password_env) is not set")
    return password


def tls_context(tls: Tls | None) -> ssl.SSLContext | None:
    """Return the TLS context that verifies the broker and presents our certificate; None without TLS.

    Raises:
        BusError: one of the files cannot be used.
    """
    if tls is None:
        return None
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
        if tls.cert_file is not None:
            context.load_cert_chain(tls.cert_file, tls.key_file)
    except OSError as error:
        files = ", ".join(str(path) for path in (tls.ca_file, tls.cert_file, tls.key_file) if path is not None)
        raise BusError(f"broker.tls: cannot use {files}: {because(error)}") from error
    return context


def because(error: Exception) -> str:
    """Return the reason for a failed connection, in words for an operator."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
