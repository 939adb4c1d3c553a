# SPDX-License-Identifier: Apache-2.0
"""The real disk and its twin under one name: what one promises, the other keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tricord.base.environment import Disk
from tricord.base.ordered import Backend
from tricord.runtime.disk import RealDisk
from tricord.storage.memory_disk import MemoryDisk

MAP_SIZE = 64 << 20


@pytest.fixture(params=["real", "memory"])
def disk(request: pytest.FixtureRequest) -> Disk:
    return RealDisk() if request.param == "real" else MemoryDisk()


@pytest.fixture
def root(disk: Disk, tmp_path: Path) -> str:
    """A directory on the disk."""
    disk.make_directory(str(tmp_path))
    return str(tmp_path)


@pytest.fixture
def backend(disk: Disk, root: str) -> Iterator[Backend]:
    backend = disk.open_backend(f"{root}/backend", map_size=MAP_SIZE)
    yield backend
    backend.close()
