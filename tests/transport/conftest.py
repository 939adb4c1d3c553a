# SPDX-License-Identifier: Apache-2.0
"""Certificates and servers that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.transport import interop_service
from tests.transport.serving import Serving
from tricord.transport.tls import server_context
from tricord.wire.http.routes import HttpRequest, HttpResponse, Routes


@dataclass
class Certificates:
    """Paths of PEM files, for localhost and 127.0.0.1."""

    authority: str
    certificate: str
    key: str


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority and a server's certificate signed by it."""
    folder: Path = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    for position, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(str(folder / "cert.pem"), append=position > 0)
    return Certificates(str(folder / "ca.pem"), str(folder / "cert.pem"), str(folder / "key.pem"))


def sample_routes() -> Routes:
    """GET /health, POST /echo."""
    routes = Routes()

    async def health(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, [(b"content-type", b"application/json")], b'{"health":"true"}')

    async def echo(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, [], request.body)

    routes.add("GET", "/health", health)
    routes.add("POST", "/echo", echo)
    return routes


@pytest.fixture
def plain_server() -> Iterator[Serving]:
    """The interop service and the sample routes, without TLS."""
    with Serving(interop_service.methods(), sample_routes()) as serving:
        yield serving
    assert serving.faults == []


@pytest.fixture
def tls_server(certificates: Certificates) -> Iterator[Serving]:
    """The same with TLS."""
    context = server_context(certificates.certificate, certificates.key)
    with Serving(interop_service.methods(), sample_routes(), tls=context) as serving:
        yield serving
    assert serving.faults == []
