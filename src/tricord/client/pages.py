# SPDX-License-Identifier: Apache-2.0
"""A range in pages that all show one revision, where there are revisions; decided without IO: which page is next."""

from __future__ import annotations

from tricord.base.operations import Range
from tricord.client.keys import FROM_HERE_ON
from tricord.client.results import RangeReply, range_reply
from tricord.client.steps import Step

PAGE_SIZE = 1000
"""Keys a page holds unless told otherwise."""


class Pages:
    """Ask ``next_page`` for a step, carry it out, ``feed`` the reply; until ``next_page`` gives None."""

    def __init__(
        self, key: bytes, range_end: bytes, *, page_size: int, revision: int, keys_only: bool, pinned: bool = True
    ) -> None:
        """``pinned``: all pages show the revision of the first, as a strong keyspace can."""
        self._pinned = pinned
        if page_size < 1:
            raise ValueError("page_size must be at least 1")
        self._key = key
        self._range_end = range_end
        self._page_size = page_size
        self._revision = revision
        self._keys_only = keys_only
        self._done = False

    def next_page(self) -> Step[RangeReply] | None:
        """The next page to read, or None after the last."""
        if self._done:
            return None
        request = Range(
            self._key,
            self._range_end,
            limit=self._page_size,
            revision=self._revision,
            keys_only=self._keys_only,
        )
        return Step(request, range_reply)

    def feed(self, page: RangeReply) -> None:
        """What the page held. The first page says at which revision the others are read."""
        if self._pinned and not self._revision:
            self._revision = page.revision
        self._done = not page.more or not page.kvs
        if not self._done:
            self._key = page.kvs[-1].key + b"\0"
            assert self._range_end == FROM_HERE_ON or self._key <= self._range_end
