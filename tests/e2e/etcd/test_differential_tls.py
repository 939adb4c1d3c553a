# SPDX-License-Identifier: Apache-2.0
"""As ``test_differential_services``, over TLS with client certificates: scripts of each service, and the handshake.

Both servers are started by the same words, ``tricord etcd`` and ``etcd``.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.e2e.etcd import (
    cases,
    cases_alarms,
    cases_cluster,
    cases_election,
    cases_gateway,
    cases_lease,
    cases_lock,
    cases_maintenance,
    cases_space,
    cases_watch,
    cases_watch_streams,
)
from tests.e2e.etcd.cases import Steps
from tests.e2e.etcd.script import Script
from tests.e2e.etcd.test_command import Authority
from tests.e2e.etcd.test_differential_services import compare
from tests.peers.etcd_command import TRICORD, Command

pytestmark = pytest.mark.peer("etcd")

MODULES = (
    cases,
    cases_watch,
    cases_watch_streams,
    cases_lease,
    cases_lock,
    cases_election,
    cases_cluster,
    cases_maintenance,
    cases_alarms,
    cases_space,
    cases_gateway,
)
WORDS = [
    "--data-dir={dir}",
    "--listen-client-urls=https://{client}",
    "--advertise-client-urls=https://{client}",
    "--listen-peer-urls=http://{peer}",
    "--initial-advertise-peer-urls=http://{peer}",
    "--initial-cluster=default=http://{peer}",
    "--client-cert-auth",
]

Pair = tuple[Script, Script]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pair(peer: Callable[[str], Path], authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A member and a real etcd of this module alone, both with TLS."""
    files, folder = authority.folder, tmp_path_factory.mktemp("tls")
    words = [*WORDS, f"--cert-file={files}/server.pem", f"--key-file={files}/server.key"]
    words.append(f"--trusted-ca-file={files}/ca.pem")
    credentials = grpc.ssl_channel_credentials(
        *((files / name).read_bytes() for name in ("ca.pem", "wanted.key", "wanted.pem"))
    )
    with ExitStack() as stack:
        scripts = []
        for name, base in (("tricord", TRICORD), ("etcd", [str(peer("etcd"))])):
            context = authority.context("wanted")
            server = stack.enter_context(Command(base, folder / name, words, tls=context))
            scripts.append(Script(server.endpoint, credentials, authority.context("wanted")))
            stack.callback(scripts[-1].close)
        tricord, etcd = scripts
        yield tricord, etcd


def some_of_each() -> list[Any]:
    """The first two scripts of each group."""
    chosen: dict[str, list[Any]] = {}
    for module in MODULES:
        label = module.__name__.rpartition(".")[2].removeprefix("cases_")
        for name, steps in module.CASES.items():
            group = chosen.setdefault(f"{label}: {name.partition(': ')[0]}", [])
            if len(group) < 2:
                group.append(pytest.param(steps, id=f"{label}: {name}"))
    return [case for group in chosen.values() for case in group]


@pytest.mark.parametrize("steps", some_of_each())
def test_both_answer_the_same(steps: Steps, pair: Pair) -> None:
    compare(steps, pair)


HTTP_REQUEST = b"GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def first_line(sock: socket.socket) -> bytes:
    """What is sent up to the end of its first line."""
    received = b""
    while b"\r\n" not in received and (data := sock.recv(4096)):
        received += data
    return received.partition(b"\r\n")[0]


def handshake(script: Script, context: ssl.SSLContext, protocols: list[str], data: bytes) -> Any:
    """The protocol that is spoken, the version of TLS and what comes for the bytes, or that there is no agreement.

    No name agreed on means HTTP/1.1, whose name etcd never says.
    """
    if protocols:
        context.set_alpn_protocols(protocols)
    host, _, port = script.endpoint.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=60) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=host) as secured:
                agreed = secured.selected_alpn_protocol() or "http/1.1", secured.version()
                secured.sendall(data)
                answer = secured.recv(9)[:4] if data is HTTP2_PREFACE else first_line(secured)
                return agreed, answer[3:4] if data is HTTP2_PREFACE else answer
        except (ssl.SSLError, ConnectionError):
            return "no agreement"


HANDSHAKES: dict[str, tuple[list[str], bytes]] = {
    "HTTP/2 alone": (["h2"], HTTP2_PREFACE),
    "HTTP/1.1 alone": (["http/1.1"], HTTP_REQUEST),
    "both, HTTP/2 first": (["h2", "http/1.1"], HTTP2_PREFACE),
    "both, HTTP/1.1 first": (["http/1.1", "h2"], HTTP2_PREFACE),
    "no protocol, then HTTP/1.1": ([], HTTP_REQUEST),
    "an unknown protocol and HTTP/1.1": (["spdy/3", "http/1.1"], HTTP_REQUEST),
    "HTTP/2 by grpc's older name": (["grpc-exp", "h2"], HTTP2_PREFACE),
}


@pytest.mark.parametrize("name", HANDSHAKES)
def test_both_agree_on_the_same_protocol(name: str, pair: Pair, authority: Authority) -> None:
    tricord, etcd = (handshake(script, authority.context("wanted"), *HANDSHAKES[name]) for script in pair)
    assert tricord == etcd


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_speak_the_same_versions(version: ssl.TLSVersion, pair: Pair, authority: Authority) -> None:
    contexts = [authority.context("wanted", version=version) for _ in pair]
    tricord, etcd = (handshake(*both, ["http/1.1"], HTTP_REQUEST) for both in zip(pair, contexts, strict=True))
    assert tricord == etcd
    assert tricord[1] == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize("data", [HTTP_REQUEST, HTTP2_PREFACE], ids=["HTTP/1.1", "HTTP/2"])
def test_both_answer_the_same_without_tls(data: bytes, pair: Pair) -> None:
    answers = []
    for script in pair:
        host, _, port = script.endpoint.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=60) as plain:
            plain.sendall(data)
            try:
                answers.append(first_line(plain))
            except ConnectionError:
                answers.append(b"")
    assert answers[0] == answers[1]
