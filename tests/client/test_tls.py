# SPDX-License-Identifier: Apache-2.0
"""TLS: to a member of ours and to etcd, by the certificate's name, and with a certificate of the client's own."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

import tricord
from tests.peers.processes import EtcdProcess, MemberProcess, ServerProcess
from tricord.base import errors


class Papers:
    """A certificate authority, a server's certificate for 127.0.0.1 and db.example, and a client's."""

    def __init__(self, directory: Path) -> None:
        authority = trustme.CA()
        self.ca = self._write(directory / "ca.pem", authority.cert_pem)
        server = authority.issue_cert("127.0.0.1", "db.example")
        client = authority.issue_cert("client@example")
        self.server = (
            self._write(directory / "server.pem", server.cert_chain_pems[0]),
            self._write(directory / "server.key", server.private_key_pem),
        )
        self.client = (
            self._write(directory / "client.pem", client.cert_chain_pems[0]),
            self._write(directory / "client.key", client.private_key_pem),
        )
        self.stranger = self._write(directory / "stranger.pem", trustme.CA().cert_pem)

    @staticmethod
    def _write(path: Path, blob: trustme.Blob) -> str:
        blob.write_to_path(str(path))
        return str(path)


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return Papers(tmp_path_factory.mktemp("papers"))


@pytest.fixture(scope="module")
def secure_tricord(papers: Papers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A member of ours, which asks for no certificate of its clients."""
    certificate, key = papers.server
    directory = tmp_path_factory.mktemp("secure") / "data"
    with MemberProcess(directory, "--cert-file", certificate, "--key-file", key, ca=Path(papers.ca)) as server:
        yield server


@pytest.fixture(scope="module")
def secure_etcd(papers: Papers, etcd_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A real etcd that serves only clients with a certificate."""
    certificate, key = papers.server
    server = EtcdProcess(etcd_binary, tmp_path_factory.mktemp("secure") / "data")
    url = f"https://{server.endpoint}"
    server.flags = (
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--cert-file={certificate}",
        f"--key-file={key}",
        "--client-cert-auth",
        f"--trusted-ca-file={papers.ca}",
    )
    server.tls = ssl.create_default_context(cafile=papers.ca)
    server.tls.load_cert_chain(*papers.client)
    with server:
        yield server


@pytest.fixture(params=["tricord", "etcd"])
def secure_server(request: pytest.FixtureRequest) -> ServerProcess:
    found: ServerProcess = request.getfixturevalue(f"secure_{request.param}")
    return found


def test_a_store_behind_tls(secure_server: ServerProcess, papers: Papers) -> None:
    certificate, key = papers.client
    for endpoint in (secure_server.endpoint, f"https://{secure_server.endpoint}"):
        with tricord.connect(endpoint, ca=papers.ca, cert=certificate, key=key) as db:
            db["k"] = b"v"
            assert db["k"] == b"v"
    context = ssl.create_default_context(cafile=papers.ca)
    context.load_cert_chain(certificate, key)
    with tricord.connect(secure_server.endpoint, tls=context, server_name="db.example") as db:
        assert db["k"] == b"v"


def test_a_server_that_cannot_be_trusted_is_refused_and_nothing_is_sent(
    secure_server: ServerProcess, papers: Papers
) -> None:
    with (
        tricord.connect(secure_server.endpoint, attempts=1, ca=papers.stranger) as db,
        pytest.raises(errors.ConnectionFailed, match=r": certificate verify failed: [a-z -]+$"),
    ):
        db.put("k", "v")
    with (
        tricord.connect(secure_server.endpoint, attempts=1, ca=papers.ca, server_name="other.example") as db,
        pytest.raises(errors.ConnectionFailed, match=r"certificate verify failed.*other\.example"),
    ):
        db.put("k", "v")


def test_plain_text_to_a_tls_port_is_told(secure_server: ServerProcess) -> None:
    with (
        tricord.connect(f"http://{secure_server.endpoint}", attempts=1) as db,
        pytest.raises(errors.ConnectionFailed, match="TLS"),
    ):
        db.put("k", "v")


def test_tls_to_a_plain_port_is_told(tricord_endpoint: str, papers: Papers) -> None:
    with (
        tricord.connect(tricord_endpoint, ca=papers.ca, attempts=1, dial_timeout=30.0) as db,
        pytest.raises(errors.ConnectionFailed, match=f"{tricord_endpoint}: .* before TLS began"),
    ):
        db.put("k", "v")


def test_a_server_that_wants_a_certificate_refuses_who_has_none(secure_etcd: ServerProcess, papers: Papers) -> None:
    with (
        tricord.connect(secure_etcd.endpoint, ca=papers.ca, attempts=1) as db,
        pytest.raises(errors.Unavailable),
    ):
        db.get("k")
