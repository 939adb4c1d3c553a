# SPDX-License-Identifier: Apache-2.0
"""One keyspace over the ordered store: its marks, its reads, and the commit of its transactions.

The marks are the revision and the compacted revision, kept in memory and in META. Whoever commits writes them with
``marks_write`` in the same batch; what the sweeper of compaction has finished has a mark of its own, since members
sweep at their own pace.
"""

from __future__ import annotations

from struct import Struct

from tricord.base.errors import RevisionCompacted, RevisionInFuture
from tricord.base.operations import Range, RangeResult
from tricord.base.ordered import OrderedStore, Table, View, Write
from tricord.mvcc.keys import keyspace_prefix, keyspace_stop
from tricord.mvcc.ranges import read_range
from tricord.mvcc.transaction import WriteTransaction

FIRST_REVISION = 1
NEVER_COMPACTED = -1

_META = Table.META
_MARKS = Struct(">Bqq")
_SWEPT = Struct(">Bq")
_FORMAT = 1


class Keyspace:
    """Reads and transactions of one keyspace. ``revision`` is the newest; below ``compacted`` nothing can be read."""

    __slots__ = ("_keys", "compacted", "identity", "prefix", "revision", "stop", "store", "swept")

    def __init__(self, store: OrderedStore, identity: int) -> None:
        self.store = store
        self.identity = identity
        self.prefix = keyspace_prefix(identity)
        self.stop = keyspace_stop(identity)
        self.reload()

    def reload(self) -> None:
        """Read the marks, at the start and when the store holds another state."""
        store, identity = self.store, self.identity
        self._keys: int | None = None
        self.swept = NEVER_COMPACTED
        self.revision, self.compacted = read_marks(store, identity)
        swept = store.get(Table.META, swept_name(self.prefix))
        if swept is not None:
            version, self.swept = _SWEPT.unpack(swept)
            assert version == _FORMAT, f"swept mark of keyspace {identity} has format {version}"

    def range(self, request: Range, at_most: int = 0) -> RangeResult:
        """Answer a read. Cost: the keys in the range.

        Raises KeyNotProvided, RevisionInFuture, RevisionCompacted; TooWide where it is more than ``at_most`` (0: any).
        """
        return read_range(self.store, self, request, at_most)

    def total(self, view: View) -> int | None:
        """How many keys there are, if ``view`` is the store as it is now. Counted once, then kept in step."""
        if view is not self.store:
            return None
        if self._keys is None:
            self._keys = self.store.count(Table.HEAD, self.prefix, self.stop)
        return self._keys

    def frozen(self, view: View) -> FrozenKeyspace:
        """The keyspace as it is now, over ``view``, a picture of the store as it is now."""
        return FrozenKeyspace(view, self.prefix, self.stop, self.revision, self.compacted, self._keys)

    def begin(self) -> WriteTransaction:
        """A transaction that will be the next revision if it changes anything."""
        return WriteTransaction(self)

    def commit(self, transaction: WriteTransaction) -> None:
        """Hand the effects to the store. Cannot fail; the marks are the caller's to write."""
        if transaction.writes:
            assert transaction.revision == self.revision + 1
            self.store.write(transaction.writes)
            if transaction.events:
                self.revision = transaction.revision
                if self._keys is not None:
                    self._keys += transaction.added
        if transaction.compacted is not None:
            self.compacted = transaction.compacted

    def check_revision(self, revision: int) -> None:
        """Raise unless ``revision`` can be read."""
        check_revision(revision, newest=self.revision, compacted=self.compacted)

    def check_compaction(self, revision: int) -> None:
        """Raise unless the compacted mark may move to ``revision``."""
        if revision <= self.compacted:
            raise RevisionCompacted
        if revision > self.revision:
            raise RevisionInFuture

    def marks_write(self) -> Write:
        """The write that records revision and compacted revision."""
        return _META, marks_name(self.prefix), _MARKS.pack(_FORMAT, self.revision, self.compacted)

    def swept_write(self, revision: int) -> Write:
        """The write that records that everything up to the mark ``revision`` was swept."""
        return Table.META, swept_name(self.prefix), _SWEPT.pack(_FORMAT, revision)


class FrozenKeyspace:
    """A keyspace at one moment, to be read on another thread."""

    __slots__ = ("_keys", "compacted", "prefix", "revision", "stop", "view")

    def __init__(
        self, view: View, prefix: bytes, stop: bytes | None, revision: int, compacted: int, keys: int | None
    ) -> None:
        self.view = view
        self.prefix = prefix
        self.stop = stop
        self.revision = revision
        self.compacted = compacted
        self._keys = keys

    def total(self, view: View) -> int | None:
        """As ``Keyspace.total``, where it was known."""
        return self._keys if view is self.view else None

    def range(self, request: Range) -> RangeResult:
        """As ``Keyspace.range``."""
        return read_range(self.view, self, request)

    def check_revision(self, revision: int) -> None:
        """Raise unless ``revision`` can be read."""
        check_revision(revision, newest=self.revision, compacted=self.compacted)


def read_marks(view: View, identity: int) -> tuple[int, int]:
    """(revision, compacted revision) of the keyspace in ``view``."""
    marks = view.get(Table.META, marks_name(keyspace_prefix(identity)))
    if marks is None:
        return FIRST_REVISION, NEVER_COMPACTED
    version, revision, compacted = _MARKS.unpack(marks)
    assert version == _FORMAT, f"marks of keyspace {identity} have format {version}"
    return revision, compacted


def keyspace_in(view: View, identity: int) -> FrozenKeyspace:
    """The keyspace as ``view`` has it."""
    prefix = keyspace_prefix(identity)
    return FrozenKeyspace(view, prefix, keyspace_stop(identity), *read_marks(view, identity), None)


def check_revision(revision: int, *, newest: int, compacted: int) -> None:
    """Raise unless ``revision`` can be read."""
    if revision > newest:
        raise RevisionInFuture
    if revision < compacted:
        raise RevisionCompacted


def marks_name(prefix: bytes) -> bytes:
    """META's name of a keyspace's marks."""
    return b"keyspace/" + prefix


def swept_name(prefix: bytes) -> bytes:
    """META's name of a keyspace's swept mark."""
    return b"swept/" + prefix
