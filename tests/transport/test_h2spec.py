# SPDX-License-Identifier: Apache-2.0
"""h2spec, the conformance suite of HTTP/2, on a route, with and without TLS: all 145 cases pass."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.transport.serving import Serving


def _run(h2spec: Path, port: int, *options: str) -> str:
    command = [str(h2spec), "-h", "127.0.0.1", "-p", str(port), "-P", "/health", "-o", "5", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout


def _assert_all_passed(output: str) -> None:
    summary = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", output)
    assert summary is not None, output
    assert summary.groups() == ("145", "145", "0", "0"), output


@pytest.mark.peer("h2spec")
def test_h2spec_passes_without_tls(peer: Callable[[str], Path], plain_server: Serving) -> None:
    _assert_all_passed(_run(peer("h2spec"), plain_server.port))


@pytest.mark.peer("h2spec")
def test_h2spec_passes_with_tls(peer: Callable[[str], Path], tls_server: Serving) -> None:
    _assert_all_passed(_run(peer("h2spec"), tls_server.port, "-t", "-k"))
