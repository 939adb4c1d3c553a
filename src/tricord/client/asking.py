# SPDX-License-Identifier: Apache-2.0
"""One request's level and token, as metadata, and what its answer says of itself."""

from __future__ import annotations

from tricord.base.levels import Bounded, Level, ReadLevel, Stamp
from tricord.client.session import Session
from tricord.wire.http2.header_validation import Field
from tricord.wire.native.levels import LEVEL, TOKEN, read_stamp

_LINEARIZABLE, _SEQUENTIAL = Level.LINEARIZABLE, Level.SEQUENTIAL
# As fields at once: both are plain ASCII, and to check that again costs more than all the rest.
_LEVEL, _TOKEN = LEVEL.encode(), TOKEN.encode()
_NOTHING_SEEN: tuple[Field, ...] = ((_TOKEN, b""),)


class Asking:
    """Made for one call; most say nothing and hear nothing."""

    __slots__ = ("_covers", "_harmless", "_head", "_session", "fields", "heard")

    def __init__(self, session: Session, level: ReadLevel, *, harmless: bool) -> None:
        """``harmless``: its answer says nothing of keys."""
        self._session = session
        self._harmless = harmless
        self._head: list[Field] | None = None
        self._covers: int | None = None
        if level is _SEQUENTIAL:
            session.asks = True
            if not session.is_whole:
                level = _LINEARIZABLE
        said: tuple[Field, ...] = ()
        if level is _LINEARIZABLE:
            self._covers = session.gaps
        if level is _SEQUENTIAL or type(level) is Bounded:
            said = ((_LEVEL, level.value.encode()),)
            if text := session.text:
                said += ((_TOKEN, text.encode()),)
        elif session.asks:
            said = _NOTHING_SEEN
        self.fields = said
        self.heard = self._hear if said else None

    def _hear(self, fields: list[Field]) -> None:
        self._head = fields

    def answered(self, stamp: Stamp) -> Stamp:
        """The answer's stamp. Raises ServerFault for metadata that no tricord says."""
        told = None if self._head is None else read_stamp(stamp, self._head)
        if told is None or not told.index:
            if not self._harmless:
                self._session.missed()
            return told or stamp
        self._session.note(told)
        if self._covers is not None and told.level is _LINEARIZABLE:
            self._session.cover(self._covers)
        return told
