"""Seals: Ed25519 signatures on rows of the audit and on its heads, by a key that is no part of the store.

Whoever owns the database can write rows and all their hashes anew, and cannot seal them. A seal is checked by the
public key alone, which is no secret.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from aegisflow.errors import StoreError

__all__ = ["UNSEALED", "Seal", "Seals", "key_id_of", "make_key", "read_key"]

_BYTES = 32


class Seal(NamedTuple):
    """Who has signed something, and the signature; both empty where nobody has."""

    key_id: str
    signature: str
    """128 hexadecimal digits."""


UNSEALED = Seal("", "")


def key_id_of(public: str) -> str:
    """Return the short name of a public key: the beginning of its SHA-256."""
    return hashlib.sha256(bytes.fromhex(public)).hexdigest()[:16]


def make_key() -> str:
    """Return a new secret key, as 64 hexadecimal digits."""
    return os.urandom(_BYTES).hex()


def read_key(environ: Mapping[str, str], variable: str, file: Path | None) -> str:
    """Return the secret key from the environment or a file; empty where neither has one.

    Raises:
        StoreError: the file cannot be read.
    """
    if environ.get(variable):
        return environ[variable].strip()
    if file is None:
        return ""
    try:
        return file.read_text("ascii", "replace").strip()
    except OSError as error:
        raise StoreError(f"the audit's key {file} cannot be read: {error.strerror}") from error


class Seals:
    """Seals texts by one key, and checks seals of this and of former ones.

    Args:
        secret: 64 hexadecimal digits; empty for no key, and then nothing is sealed.
        trusted: public keys by which something was sealed before, 64 hexadecimal digits each.

    Raises:
        StoreError: a key is none.
    """

    def __init__(self, secret: str = "", trusted: Iterable[str] = ()) -> None:
        try:
            self._secret = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret)) if secret else None
            self.public = _public(self._secret) if self._secret is not None else ""
            known = [*trusted, *([self.public] if self.public else [])]
            self._known = {key_id_of(key): Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)) for key in known}
        except ValueError as error:
            raise StoreError("a key of the audit is none: 64 digits 0-9 and a-f were expected") from error
        self.key_id = key_id_of(self.public) if self.public else ""

    @property
    def can_check(self) -> bool:
        """Whether any key is known by which something was sealed."""
        return bool(self._known)

    def seal(self, text: str) -> Seal:
        """Return the seal of a text; nobody's where there is no key."""
        if self._secret is None:
            return UNSEALED
        return Seal(self.key_id, self._secret.sign(text.encode("utf-8", "surrogatepass")).hex())

    def why_not(self, seal: Seal, text: str) -> str:
        """Return what is wrong with the seal of a text, as it goes on after its name; empty if it holds."""
        if not seal.key_id:
            return "is not sealed"
        key = self._known.get(seal.key_id)
        if key is None:
            return f"is sealed by the unknown key {seal.key_id[:16]}"
        try:
            signature = bytes.fromhex(seal.signature)
            if signature.hex() != seal.signature:
                raise ValueError  # another spelling of a seal would make another file that holds
            key.verify(signature, text.encode("utf-8", "surrogatepass"))
        except (InvalidSignature, ValueError):
            return f"does not fit its seal by the key {seal.key_id}"
        return ""


def _public(secret: Ed25519PrivateKey) -> str:
    return secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
