# SPDX-License-Identifier: Apache-2.0
"""The two servers that all of these tests share: `level` makes them alike before each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.processes import EtcdProcess, MemberProcess, ServerProcess


@pytest.fixture(scope="package")
def servers(
    etcd_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ServerProcess, ServerProcess]]:
    folder = tmp_path_factory.mktemp("servers")
    with MemberProcess(folder / "data") as member, EtcdProcess(etcd_binary, folder / "etcd") as etcd:
        yield member, etcd
