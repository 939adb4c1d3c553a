# SPDX-License-Identifier: Apache-2.0
"""The durable backend on LMDB: copy-on-write B+ trees in one file, read through a map, written by one transaction at
a time.

What is added to LMDB:

* Each stored value ends in a CRC-32C over key and value, checked at every read.
* A record of sums (per table: how many records, and the sum of their hashes) is written in each transaction. A lost
  branch of a tree has no bad checksum anywhere; the sums miss its records. It names its own transaction too, so an
  older state is told from the newest.
* No byte of the file reaches LMDB before ``lmdb_verification`` has seen the file: a damaged page can crash the library.
* Keys of any length (``lmdb_keys``).

The lock file that LMDB keeps beside the data is needed by read views and rebuilt at each start; the caller holds the
directory's own lock.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import lmdb

from tricord.base.errors import CorruptData, NewerFormat
from tricord.base.ordered import Table, Write
from tricord.storage.lmdb_commit import Commit
from tricord.storage.lmdb_sums import FORMAT_VERSION, SUMS_KEY, Sums
from tricord.storage.lmdb_verification import verify_file, write_seal
from tricord.storage.lmdb_view import LmdbView
from tricord.storage.mapped_pages import drop_mapped_pages, resident_file_bytes

if TYPE_CHECKING:
    from tricord.base.environment import Disk

MAP_SIZE_BYTES = 8 << 30
"""Address space for the file, which grows into it as needed."""

_NAMES = [b"table-%d" % table for table in Table] + [b"long"]
_SUMS_NAME = b"sums"
_READERS_MAX = 126
_ALMOST_FULL_BYTES = 1 << 20
_MAPPED_BYTES_MAX = 128 << 20
"""How much of the file may stay in this process's resident memory after a commit; all of it stays in the page cache."""

T = TypeVar("T")


class LmdbBackend:
    """A ``Backend``. Commits and seals come from one thread at a time; views from any."""

    def __init__(
        self, disk: Disk, directory: str, environment: lmdb.Environment, databases: list[Any], sums: Any
    ) -> None:
        self._disk = disk
        self._directory = directory
        self._path = f"{directory}/data.mdb"
        self._environment = environment
        self._databases = databases
        self._sums_database = sums
        self._sums = Sums.empty(len(databases))
        # LMDB must not be closed under a view, and views end on any thread.
        self._lock = threading.Lock()
        self._views = 0
        self._retired = False

    @classmethod
    def open(cls, disk: Disk, directory: str, *, map_size: int = MAP_SIZE_BYTES) -> LmdbBackend:
        """Open or create the store in ``directory``. Verifies what is there first.

        Raises CorruptData, NewerFormat, OSError. Costs, for 1 M records of 300 bytes: about 0.1 s after a seal, some
        seconds without one (the process was killed while writing).
        """
        disk.make_directory(directory)
        lock = f"{directory}/lock.mdb"
        if disk.exists(lock):
            disk.remove(lock)
        path = f"{directory}/data.mdb"
        verify_file(disk, directory, path, _NAMES, _SUMS_NAME)
        environment = _checked(
            path,
            lambda: lmdb.open(
                directory,
                map_size=map_size,
                max_dbs=len(_NAMES) + 1,
                max_readers=_READERS_MAX,
                readahead=False,  # a random read should not bring its neighbours into memory
                mode=0o600,
            ),
        )
        try:
            return cls._opened(disk, directory, environment)
        except BaseException:
            environment.close()
            raise

    @classmethod
    def _opened(cls, disk: Disk, directory: str, environment: lmdb.Environment) -> LmdbBackend:
        path = f"{directory}/data.mdb"
        last = environment.info()["last_txnid"]
        if last == 0:
            # Twice, so that the file's other meta page never again says "empty".
            for _ in range(2):
                with environment.begin(write=True) as transaction:
                    databases = [environment.open_db(name, txn=transaction) for name in _NAMES]
                    sums_database = environment.open_db(_SUMS_NAME, txn=transaction)
                    sums = Sums.empty(len(databases))
                    sums.transaction = transaction.id()
                    transaction.put(SUMS_KEY, sums.encode(), db=sums_database)
            disk.sync_directory(directory)
            last = environment.info()["last_txnid"]
        try:
            # Not in a transaction of ours: a handle lives on only if the one that opened it commits.
            databases = [environment.open_db(name, create=False) for name in _NAMES]
            sums_database = environment.open_db(_SUMS_NAME, create=False)
        except lmdb.NotFoundError as error:
            raise CorruptData(path, 0, f"a table is missing ({error})") from None
        with environment.begin() as transaction:
            stored = transaction.get(SUMS_KEY, db=sums_database)
        backend = cls(disk, directory, environment, databases, sums_database)
        decoded = Sums.decode(stored or b"", len(databases))
        if decoded is None:
            raise CorruptData(path, 0, "the record of sums is damaged")
        if decoded.version > FORMAT_VERSION:
            raise NewerFormat(f"{path} has format {decoded.version}; this version knows up to {FORMAT_VERSION}")
        if decoded.transaction != last:
            raise CorruptData(path, 0, f"the meta page names transaction {last}, its content {decoded.transaction}")
        backend._sums = decoded
        return backend

    def view(self) -> LmdbView:
        with self._lock:
            assert not self._retired, "a retired backend is not read anew"
            self._views += 1
        try:
            return LmdbView(self._path, self._environment.begin(), self._databases, self._view_closed)
        except BaseException:
            self._view_closed()
            raise

    def commit(self, writes: Collection[Write]) -> None:
        if not writes:
            return
        try:
            self._sums = _checked(self._path, lambda: self._commit(writes))
        except OSError as error:
            # A full disk may cut a write short, which LMDB reports as EIO. Nothing of the transaction is there then.
            if error.errno == errno.EIO and self._disk.free_bytes(self._directory) < _ALMOST_FULL_BYTES:
                raise OSError(errno.ENOSPC, f"{self._path}: no room for a commit") from error
            raise
        if resident_file_bytes() > _MAPPED_BYTES_MAX:
            drop_mapped_pages(self._path)

    def _commit(self, writes: Collection[Write]) -> Sums:
        sums = self._sums.copy()
        with self._environment.begin(write=True) as transaction:
            Commit(self._path, transaction, self._databases, sums).write(writes)
            sums.transaction = transaction.id()
            transaction.put(SUMS_KEY, sums.encode(), db=self._sums_database)
        return sums

    def seal(self) -> None:
        write_seal(self._disk, self._directory, self._path)

    def size_bytes(self) -> int:
        info = self._environment.info()
        return (info["last_pgno"] + 1) * self._environment.stat()["psize"]

    def used_bytes(self) -> int:
        page = self._environment.stat()["psize"]
        pages = 2
        with self._environment.begin() as transaction:
            for database in (None, *self._databases, self._sums_database):
                found = transaction.stat(database) if database is not None else self._environment.stat()
                pages += found["branch_pages"] + found["leaf_pages"] + found["overflow_pages"]
        return pages * page

    def retire(self) -> None:
        with self._lock:
            self._retired = True
            last = not self._views
        if last:
            self._environment.close()

    def _view_closed(self) -> None:
        with self._lock:
            self._views -= 1
            last = self._retired and not self._views
        if last:
            self._environment.close()

    def close(self) -> None:
        self._environment.close()

    def sums(self) -> Iterator[tuple[str, int, int]]:
        """(table, records, hash) as of the last commit; two members with the same content have the same."""
        names = [table.name.lower() for table in Table] + ["long"]
        yield from zip(names, self._sums.counts, self._sums.hashes, strict=True)


_DAMAGE = (lmdb.CorruptedError, lmdb.InvalidError, lmdb.PageNotFoundError, lmdb.VersionMismatchError)


def _checked(path: str, action: Callable[[], T]) -> T:
    """Run ``action``, giving LMDB's errors the types that callers know."""
    try:
        return action()
    except _DAMAGE as error:
        raise CorruptData(path, 0, f"LMDB: {error}") from None
    except lmdb.MapFullError:
        raise OSError(errno.ENOSPC, "the backend's map is full: raise its size") from None
    except lmdb.Error as error:
        code = getattr(error, "code", 0)
        raise OSError(code if code > 0 else errno.EIO, f"LMDB: {error}") from error
