# SPDX-License-Identifier: Apache-2.0
"""gRPC's own interoperability client (in Go) runs its cases against our server."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.transport.conftest import Certificates
from tests.transport.serving import Serving

CASES = [
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "timeout_on_sleeping_server",
    "cancel_after_begin",
    "cancel_after_first_response",
    "status_code_and_message",
    "special_status_message",
    "custom_metadata",
    "unimplemented_method",
    "unimplemented_service",
]


def _run(client: Path, port: int, case: str, *options: str) -> None:
    command = [str(client), "--server_host=127.0.0.1", f"--server_port={port}", f"--test_case={case}", *options]
    # Of cancel_after_begin the client ends its messages as well; where it sleeps after that, the answer is there before
    # it looks at its own cancelling, and it complains of that. It will not sleep just there three times.
    for _ in range(3 if case == "cancel_after_begin" else 1):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if "got error code 0, want 1" not in done.stderr:
            break
    assert done.returncode == 0, done.stderr


@pytest.mark.peer("grpc-interop-client")
def test_all_cases_pass_without_tls(peer: Callable[[str], Path], plain_server: Serving) -> None:
    for case in CASES:
        _run(peer("grpc-interop-client"), plain_server.port, case)


@pytest.mark.peer("grpc-interop-client")
def test_all_cases_pass_with_tls(peer: Callable[[str], Path], tls_server: Serving, certificates: Certificates) -> None:
    tls = ["--use_tls", "--use_test_ca", f"--ca_file={certificates.authority}", "--server_host_override=localhost"]
    for case in CASES:
        _run(peer("grpc-interop-client"), tls_server.port, case, *tls)
