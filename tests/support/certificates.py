"""Certificates that sign themselves, for servers of tests on 127.0.0.1."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat


class Pair(NamedTuple):
    """A certificate and its key, as files have them."""

    certificate: bytes
    key: bytes

    def write(self, folder: Path, cert_name: str = "cert.pem", key_name: str = "key.pem") -> tuple[Path, Path]:
        """Write both, one after the other, and return the files."""
        cert_file, key_file = folder / cert_name, folder / key_name
        cert_file.write_bytes(self.certificate)
        key_file.write_bytes(self.key)
        return cert_file, key_file


def pair(name: str, days: float = 90.0, passphrase: str = "") -> Pair:
    """Return a certificate for a name and this machine that ends in so many days, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    locked = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return Pair(certificate.public_bytes(Encoding.PEM), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))


def write_certificate(folder: Path, certificate_name: str = "cert.pem", key_name: str = "key.pem") -> None:
    """Write a certificate of a broker and its key into a folder."""
    pair("broker.example").write(folder, certificate_name, key_name)
