# SPDX-License-Identifier: Apache-2.0
"""Certificates that a member makes for itself (``--auto-tls``, ``--peer-auto-tls``), where etcd keeps them:
``DATA_DIR/fixtures/client`` and ``DATA_DIR/fixtures/peer``. A pair that is there is used again.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

from tricord.cli.etcd_plan import NotStarted

YEAR = timedelta(days=365)
YEARS_MAX = 1_000


def self_signed(directory: str, urls: tuple[str, ...], years: int) -> tuple[str, str]:
    """Paths of certificate and key, valid for the hosts of ``urls``. Blocks on the disk. Raises NotStarted, OSError."""
    if years <= 0:
        raise NotStarted("selfSignedCertValidity is invalid,it should be greater than 0")
    certificate, key = f"{directory}/cert.pem", f"{directory}/key.pem"
    if os.path.exists(certificate) and os.path.exists(key):
        return certificate, key
    os.makedirs(directory, mode=0o700, exist_ok=True)
    chain, secret = _make([urlsplit(url).hostname or "" for url in urls], years)
    _write(certificate, chain, 0o644)
    _write(key, secret, 0o600)
    return certificate, key


def _make(hosts: list[str], years: int) -> tuple[bytes, bytes]:
    # Here, since only a member that makes certificates needs the library.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "tricord")])
    now = datetime.now(UTC)
    names: list[x509.GeneralName] = []
    for host in dict.fromkeys(hosts):
        try:
            names.append(x509.IPAddress(ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now)
    builder = builder.not_valid_after(now + min(years, YEARS_MAX) * YEAR)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return builder.sign(key, hashes.SHA256()).public_bytes(pem), secret


def _write(path: str, data: bytes, mode: int) -> None:
    """Whole or not at all: a pair that was cut short is made anew."""
    unfinished = f"{path}.new"
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)
