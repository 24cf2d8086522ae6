"""Public keys as Nova takes and makes them: fingerprints, and new pairs for clients older than 2.92. Pure, no rows.

The formats are those of nova 34.0.0 `nova/crypto.py`. A private key is handed to the caller once and kept nowhere.
Making an RSA key takes long enough to want a thread of its own.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from vregion.model.refusals import Invalid

_USER_PRINCIPAL_NAME = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
_UTF8_STRING = 0x0C
_VALID = timedelta(days=3650)
_LONGEST_NAME = 64  # of a common name, RFC 5280


@dataclass(frozen=True, slots=True)
class Made:
    """A new pair."""

    public_key: str
    private_key: str


def fingerprint(public_key: str, key_type: str) -> str:
    """Of an SSH key: MD5 of its blob; of a certificate: SHA-1. Raises Invalid in Nova's words."""
    return _of_certificate(public_key) if key_type == "x509" else _of_ssh_key(public_key)


def make(key_type: str, user_id: str) -> Made:
    """A new RSA pair; or a certificate for Windows' remote management in the user's name, its key as PKCS #12."""
    key = rsa.generate_private_key(65537, 2048)
    if key_type == "x509":
        certificate = _certificate(key, user_id)
        bundle = pkcs12.serialize_key_and_certificates(None, key, certificate, None, serialization.NoEncryption())
        return Made(certificate.public_bytes(serialization.Encoding.PEM).decode(), base64.b64encode(bundle).decode())
    blob = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return Made(f"{blob.decode()} Generated-by-Nova", pem.decode())


def _of_ssh_key(public_key: str) -> str:
    try:
        serialization.load_ssh_public_key(public_key.encode())
        blob = base64.b64decode(public_key.split()[1])
    except Exception as broken:  # the library's parsers raise a dozen classes on hostile input
        raise Invalid("Keypair data is invalid: failed to generate fingerprint") from broken
    return _in_pairs(hashlib.md5(blob, usedforsecurity=False).hexdigest())


def _of_certificate(pem: str) -> str:
    try:
        digest = x509.load_pem_x509_certificate(pem.encode()).fingerprint(hashes.SHA1())  # noqa: S303
    except (ValueError, TypeError) as broken:
        words = f"Keypair data is invalid: failed to generate X509 fingerprint. Error message: {broken}"
        raise Invalid(words) from broken
    return _in_pairs(digest.hex())


def _in_pairs(digest: str) -> str:
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


def _certificate(key: rsa.RSAPrivateKey, user_id: str) -> x509.Certificate:
    """Self-signed, for client authentication; Windows maps it by the principal name."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, user_id[:_LONGEST_NAME])])
    principal = f"{user_id}@localhost".encode()
    other_name = x509.OtherName(_USER_PRINCIPAL_NAME, bytes([_UTF8_STRING, len(principal)]) + principal)
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + _VALID)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([other_name]), critical=False)
        .sign(key, hashes.SHA256())
    )
