# SPDX-License-Identifier: Apache-2.0
"""A context follows its files, and keeps what works while they do not fit together."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from tricord.transport.renewed import RenewedContext
from tricord.transport.tls import server_context

AUTHORITY = trustme.CA()


def write(folder: Path, issued: trustme.LeafCert) -> None:
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")


def opened(folder: Path) -> RenewedContext:
    certificate, key = str(folder / "cert.pem"), str(folder / "key.pem")
    return RenewedContext(lambda: server_context(certificate, key), (certificate, key, ""))


def shown(listening: ssl.SSLContext) -> bytes:
    """The certificate that a client sees, in DER."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    AUTHORITY.configure_trust(trusting)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server, server_hostname="localhost")
    server = listening.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    certificate = client.getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


def test_connections_get_what_the_files_say_when_they_begin(tmp_path: Path) -> None:
    first, second = AUTHORITY.issue_cert("localhost"), AUTHORITY.issue_cert("localhost")
    write(tmp_path, first)
    renewed = opened(tmp_path)
    listening = renewed.for_listener()
    before = shown(listening)
    assert renewed.current() is renewed.current()
    second.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")  # the key does not fit yet
    assert shown(listening) == before
    write(tmp_path, second)
    after = shown(listening)
    assert ssl.DER_cert_to_PEM_cert(after).split() == second.cert_chain_pems[0].bytes().decode().split()
    (tmp_path / "key.pem").unlink()
    assert shown(listening) == after


def test_files_that_never_fitted_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        opened(tmp_path)
