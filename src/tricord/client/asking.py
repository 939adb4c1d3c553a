# SPDX-License-Identifier: Apache-2.0
"""One request's level and token, as metadata, and what its answer says of itself."""

from __future__ import annotations

from tricord.base.levels import Bounded, Level, ReadLevel, Stamp
from tricord.client.session import Session
from tricord.wire.http2.header_validation import Field
from tricord.wire.native.levels import LEVEL, TOKEN, read_stamp

_LINEARIZABLE, _SEQUENTIAL, _CAUSAL = Level.LINEARIZABLE, Level.SEQUENTIAL, Level.CAUSAL
# As fields at once: both are plain ASCII, and to check that again costs more than all the rest.
_LEVEL, _TOKEN = LEVEL.encode(), TOKEN.encode()
_NOTHING_SEEN: tuple[Field, ...] = ((_TOKEN, b""),)


class Asking:
    """Made for one call; most say nothing and hear nothing."""

    __slots__ = ("_covers", "_harmless", "_head", "_session", "fields", "heard")

    def __init__(self, session: Session, level: ReadLevel, *, harmless: bool, own: Level = _LINEARIZABLE) -> None:
        """``harmless``: its answer says nothing of keys. ``own``: what the keyspace's model promises."""
        self._session = session
        self._harmless = harmless or own is not _LINEARIZABLE
        self._head: list[Field] | None = None
        self._covers: int | None = None
        self.fields = self._strong(level) if own is _LINEARIZABLE else self._named(level, own)
        self.heard = self._hear if self.fields else None

    def _strong(self, level: ReadLevel) -> tuple[Field, ...]:
        session = self._session
        if level is _SEQUENTIAL:
            session.asks = True
            if not session.is_whole:
                level = _LINEARIZABLE
        if level is _LINEARIZABLE:
            self._covers = session.gaps
        if level is _SEQUENTIAL or type(level) is Bounded:
            said: tuple[Field, ...] = ((_LEVEL, level.value.encode()),)
            if text := session.text:
                said += ((_TOKEN, text.encode()),)
            return said
        if session.untested and session.text:
            return ((_TOKEN, session.text.encode()),)
        return _NOTHING_SEEN if session.asks else ()

    def _named(self, level: ReadLevel, own: Level) -> tuple[Field, ...]:
        """In keyspaces of the other models a level is always named; in causal ones all say what they have seen."""
        said = ((_LEVEL, level.value.encode()),)
        tells = own is _CAUSAL or self._session.untested
        return (*said, (_TOKEN, self._session.text.encode())) if tells else said

    def _hear(self, fields: list[Field]) -> None:
        self._head = fields

    def answered(self, stamp: Stamp) -> Stamp:
        """The answer's stamp. Raises ServerFault for metadata that no tricord says."""
        told = None if self._head is None else read_stamp(stamp, self._head, self._session.read)
        if told is None or not (told.index or told.vectors):
            if not self._harmless:
                self._session.missed()
            return told or stamp
        self._session.note(told)
        if self._covers is not None and told.level is _LINEARIZABLE:
            self._session.cover(self._covers)
        return told
