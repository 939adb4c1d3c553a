# SPDX-License-Identifier: Apache-2.0
"""Backups through the client: whole, checked, or not there; over a wire and of a store in this process."""

from __future__ import annotations

import asyncio
import errno
import os
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tricord
from tests.client.memory_caller import MemoryCaller
from tests.wire.etcd.bolt_reader import BoltReader
from tricord.base.environment import Environment
from tricord.base.errors import DiskFull, InvalidRequest, ServerFault, StorageError
from tricord.client.asynchronous import AsyncClient
from tricord.client.backups import Checked
from tricord.runtime import close_environment, open_environment


class Giving(MemoryCaller):
    """Gives these pieces."""

    def __init__(self, *pieces: bytes) -> None:
        super().__init__()
        self.pieces = list(pieces)
        self.world: Environment | None = None

    @property
    def environment(self) -> Environment:
        if self.world is None:
            self.world = open_environment()
        return self.world


def save(caller: Giving, path: Path) -> int:
    async def opener() -> Giving:
        return caller

    async def story() -> int:
        try:
            return await AsyncClient(opener).save(path)
        finally:
            close_environment(caller.environment)

    return asyncio.run(story())


def keys_in(data: bytes) -> list[bytes]:
    """Keys of all changes in a backup; its digest is right."""
    assert sha256(data[:-32]).digest() == data[-32:]
    return [value[2 : 2 + value[1]] for value in BoltReader(data[:-32]).buckets()[b"key"].values()]


@given(st.binary(max_size=200), st.lists(st.integers(0, 250), max_size=10))
def test_the_digest_is_checked_however_the_bytes_are_cut(data: bytes, cuts: list[int]) -> None:
    whole = data + sha256(data).digest()
    checked = Checked()
    parts = []
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(whole)], strict=True):
        parts.append(checked.pass_on(whole[start:end]))
    assert b"".join(parts) + checked.end() == whole


DIGEST = sha256(b"data").digest()


@pytest.mark.parametrize("sent", [DIGEST, b"data", b"data" + DIGEST[:-1], b"data" + DIGEST + b"x", b"", b"x" * 40])
def test_what_was_damaged_is_not_kept(sent: bytes, tmp_path: Path) -> None:
    (tmp_path / "backup").write_bytes(b"the one before")
    with pytest.raises(ServerFault, match="digest"):
        save(Giving(sent), tmp_path / "backup")
    assert [path.name for path in tmp_path.iterdir()] == ["backup"]
    assert (tmp_path / "backup").read_bytes() == b"the one before"
    assert save(Giving(b"da", b"ta" + DIGEST), tmp_path / "backup") == 36
    assert (tmp_path / "backup").read_bytes() == b"data" + DIGEST


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StorageError, match=r"not saved: .*absent/backup: No such file"):
        save(Giving(), tmp_path / "absent" / "backup")
    with pytest.raises(StorageError, match="Is a directory"):
        save(Giving(), tmp_path)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr("os.fdatasync", full)
    with pytest.raises(DiskFull):
        save(Giving(b"data", DIGEST), tmp_path / "backup")
    assert list(tmp_path.iterdir()) == []


def test_of_a_store_in_this_process(tmp_path: Path) -> None:
    with tricord.open("memory://") as db:
        db.put("a", "1")
        db.put("b", "2")
        path = tmp_path / "backup"
        assert db.save(path) == path.stat().st_size
        assert keys_in(path.read_bytes()) == [b"a", b"b"]


def test_a_backup_that_would_lack_the_keyspace_at_hand_is_refused(tricord_endpoint: str, tmp_path: Path) -> None:
    for db in (tricord.open("memory://"), tricord.connect(tricord_endpoint)):
        with db, db.keyspace("backed", model="strong") as keys:
            with pytest.raises(InvalidRequest, match="nothing of 'backed'"):
                keys.save(tmp_path / "backup")
            db.drop_keyspace("backed")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["tricord", "etcd"])
def test_of_a_server(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    endpoint = request.getfixturevalue(f"{kind}_endpoint")
    with tricord.connect(endpoint) as db:
        for number in range(20):
            db.put(f"backups/{number:02}", bytes(10_000))
        path = tmp_path / "backup"
        assert db.save(path) == path.stat().st_size
    data = path.read_bytes()
    assert sha256(data[:-32]).digest() == data[-32:]
    assert data.count(b"backups/19") >= 1
    if kind == "tricord":
        assert keys_in(data)[-20:] == [b"backups/%02d" % number for number in range(20)]


def test_who_gives_up_leaves_no_file(tricord_endpoint: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with tricord.aio.connect(tricord_endpoint) as db:
            await db.put("backups/a", "1")
            for steps in range(8):
                saving = asyncio.ensure_future(db.save(tmp_path / "backup"))
                for _ in range(steps):
                    await asyncio.sleep(0)
                saving.cancel()
                await asyncio.gather(saving, return_exceptions=True)
            assert not os.listdir(tmp_path)
            assert await db.save(tmp_path / "backup") > 0

    asyncio.run(story())


def test_where_nobody_answers(tmp_path: Path) -> None:
    with tricord.connect("127.0.0.1:1", timeout=0.3) as db, pytest.raises(tricord.TricordError):
        db.save(tmp_path / "backup")
    assert list(tmp_path.iterdir()) == []
