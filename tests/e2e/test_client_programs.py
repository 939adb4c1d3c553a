# SPDX-License-Identifier: Apache-2.0
"""Programs of other ecosystems talk to a member: the smallest one that people write, and ten thousand mixed calls."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from tests.peers import paths
from tests.peers.processes import MemberProcess, clean_environment

CALLS = 10_000
PROGRAM_SECONDS = 180


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """PEM files: the authority's certificate, and a certificate with key for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("tls")
    ca = trustme.CA()
    issued = ca.issue_cert("127.0.0.1", "localhost")
    files = (folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    ca.cert_pem.write_to_path(str(files[0]))
    files[1].write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(files[2]))
    return files


@pytest.fixture(scope="module")
def tls_endpoint(authority: tuple[Path, Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    ca, certificate, key = authority
    flags = (f"--cert-file={certificate}", f"--key-file={key}")
    with MemberProcess(tmp_path_factory.mktemp("tls-member") / "data", *flags, ca=ca) as member:
        yield member.endpoint


def _run(*command: str | Path, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=PROGRAM_SECONDS,
        check=False,
        env=clean_environment(**(environment or {})),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def _node(folder: Path, endpoint: str, *flags: str) -> str:
    program = paths.ROOT / "tests" / "e2e" / "node" / "mixed.cjs"
    protos = paths.ROOT / "proto"
    environment = {"NODE_PATH": str(folder / "node_modules")}
    command = ["node", str(program), "--endpoint", endpoint, "--protos", str(protos), "--calls", str(CALLS), *flags]
    return _run(*command, environment=environment)


def _assert_all_made(printed: str) -> None:
    counts = json.loads(printed)
    assert sum(counts.values()) == CALLS
    assert min(counts.values()) > 0
    assert len(counts) == 9


@pytest.mark.peer("go-seed")
def test_the_go_client_puts_and_gets(peer: Callable[[str], Path], tricord_endpoint: str) -> None:
    assert _run(peer("go-seed"), tricord_endpoint) == "value\n"


@pytest.mark.peer("go-seed")
def test_the_same_program_on_a_real_etcd(peer: Callable[[str], Path], etcd_endpoint: str) -> None:
    assert _run(peer("go-seed"), etcd_endpoint) == "value\n"


@pytest.mark.peer("jetcd")
def test_jetcd_puts_gets_and_compares(peer: Callable[[str], Path], tricord_endpoint: str) -> None:
    program = paths.ROOT / "tests" / "e2e" / "java" / "Seed.java"
    assert _run("java", "-cp", f"{peer('jetcd')}/*", program, tricord_endpoint) == "value\n"


@pytest.mark.peer("go-mixed")
def test_mixed_calls_by_grpc_go(peer: Callable[[str], Path], tricord_endpoint: str) -> None:
    _assert_all_made(_run(peer("go-mixed"), "--endpoint", tricord_endpoint, "--calls", str(CALLS)))


@pytest.mark.peer("go-mixed")
def test_mixed_calls_by_grpc_go_with_tls(
    peer: Callable[[str], Path], tls_endpoint: str, authority: tuple[Path, Path, Path]
) -> None:
    flags = ("--endpoint", tls_endpoint, "--calls", str(CALLS), "--ca", authority[0])
    _assert_all_made(_run(peer("go-mixed"), *flags))


@pytest.mark.peer("grpc-js")
def test_mixed_calls_by_grpc_js(peer: Callable[[str], Path], tricord_endpoint: str) -> None:
    _assert_all_made(_node(peer("grpc-js"), tricord_endpoint))


@pytest.mark.peer("grpc-js")
def test_mixed_calls_by_grpc_js_with_tls(
    peer: Callable[[str], Path], tls_endpoint: str, authority: tuple[Path, Path, Path]
) -> None:
    _assert_all_made(_node(peer("grpc-js"), tls_endpoint, "--ca", str(authority[0])))
