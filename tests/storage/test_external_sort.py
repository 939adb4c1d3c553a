# SPDX-License-Identifier: Apache-2.0
"""Sorting what memory does not hold."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tricord.base.environment import Disk
from tricord.storage.external_sort import ExternalSort
from tricord.storage.memory_disk import MemoryDisk


@given(st.lists(st.binary(max_size=8)), st.integers(1, 300))
def test_strings_come_in_order(strings: list[bytes], run_bytes: int) -> None:
    disk = MemoryDisk()
    sort = ExternalSort(disk, "/runs", run_bytes=run_bytes)
    assert list(sort.sort(iter(strings))) == sorted(strings)
    sort.close()
    assert disk.list("/") == []


def test_many_runs_and_strings_longer_than_a_read(disk: Disk, root: str) -> None:
    choices = random.Random(1)
    strings = [
        choices.randbytes(choices.choice([0, 5, 100, 200_000 if number % 100 == 0 else 7])) for number in range(5000)
    ]
    sort = ExternalSort(disk, f"{root}/runs", run_bytes=100_000)
    assert list(sort.sort(iter(strings))) == sorted(strings)
    assert disk.exists(f"{root}/runs")
    sort.close()
    assert disk.list(root) == []


def test_few_strings_need_no_file(disk: Disk, root: str) -> None:
    sort = ExternalSort(disk, f"{root}/runs")
    assert list(sort.sort(iter([b"b", b"", b"a"]))) == [b"", b"a", b"b"]
    assert disk.list(root) == []
    sort.close()


def test_a_file_that_was_cut_is_an_error() -> None:
    disk = MemoryDisk()
    sort = ExternalSort(disk, "/runs", run_bytes=150_000)
    order = sort.sort(iter([letter * 100_000 for letter in (b"a", b"c", b"b", b"d")]))
    assert next(order)
    disk.open("/runs").truncate(350_000)
    with pytest.raises(OSError, match="cut short"):
        list(order)
