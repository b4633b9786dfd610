"""A certificate for the plant's own broker, so that TLS is there from the first day."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID_DAYS = 825
"""Longer than that some clients refuse a certificate."""


def broker_certificate(host: str, now: float) -> tuple[bytes, bytes]:
    """Return certificate and private key for a broker, both as PEM.

    It vouches for itself: machines and AegisFlow are given the certificate as the authority that they trust
    (``ca_file``). A plant with an authority of its own replaces both files.

    Args:
        host: Name or address by which machines reach the broker; ``localhost`` is allowed beside it.
        now: UTC epoch seconds; it is valid from an hour before, since clocks differ.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
    begins = datetime.fromtimestamp(now, UTC) - timedelta(hours=1)
    names: list[x509.GeneralName] = [_name(one) for one in dict.fromkeys((host, "localhost"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
