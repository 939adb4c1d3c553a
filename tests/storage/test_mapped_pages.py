# SPDX-License-Identifier: Apache-2.0
"""A mapped file leaves resident memory when asked to, and reads the same afterwards."""

from __future__ import annotations

import mmap
from pathlib import Path

from tricord.storage.mapped_pages import drop_mapped_pages, resident_file_bytes

SIZE = 32 << 20


def test_dropped_pages_are_no_longer_resident_and_read_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a file, mapped"
    path.write_bytes(bytes(range(256)) * (SIZE // 256))
    with path.open("rb") as file, mmap.mmap(file.fileno(), SIZE, prot=mmap.PROT_READ) as mapped:
        content = mapped[:]
        before = resident_file_bytes()
        drop_mapped_pages(str(path))
        assert resident_file_bytes() < before - SIZE // 2
        assert mapped[:] == content


def test_a_file_that_is_not_mapped_is_left_alone(tmp_path: Path) -> None:
    drop_mapped_pages(str(tmp_path / "nowhere"))
