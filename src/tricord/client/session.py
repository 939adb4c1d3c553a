# SPDX-License-Identifier: Apache-2.0
"""What one client has seen: the newest token of its answers, which its weaker reads send along.

Answers come without a token until a client reads at a level that needs it, since it costs both sides something. The
first such read after answers without one is therefore linearizable, which is stronger than what was asked; from then
on every answer has its token.
"""

from __future__ import annotations

from tricord.base.dots import VersionVector
from tricord.base.levels import Stamp
from tricord.base.token import Token


class Session:
    """Of one client, and of those of its keyspaces."""

    __slots__ = (
        "_cluster",
        "_covered",
        "_gaps",
        "_history",
        "_index",
        "_keyspaces",
        "_noted",
        "_read",
        "_text",
        "asks",
        "untested",
    )

    def __init__(self, token: Token | None = None, *, asks: bool = False) -> None:
        """Begin with what another session has seen."""
        self.asks = asks
        """Whether every answer is to come with its token."""
        self.untested = token is not None
        """Whether it began with a token, and no answer has shown yet that it is of this cluster."""
        self._cluster, self._history, self._index = 0, 0, 0
        self._keyspaces: dict[int, VersionVector] = {}
        self._noted: dict[int, VersionVector] | None = None
        self._text = ""
        self._read: tuple[str, Token] | None = None
        self._gaps = self._covered = 0
        if token is not None:
            self._cluster, self._history, self._index = token.cluster, token.history, token.groups.get(0, 0)
            self._keyspaces = token.keyspaces

    @property
    def token(self) -> Token | None:
        """All that was seen; None for nothing."""
        if not self._history:
            return None
        return Token(self._cluster, self._history, {0: self._index} if self._index else {}, self._keyspaces)

    @property
    def text(self) -> str:
        """The token for a header; empty for none."""
        if not self._text and (token := self.token) is not None:
            self._text = token.text()
        return self._text

    @property
    def is_whole(self) -> bool:
        """Whether the token speaks of every answer so far."""
        return self._gaps == self._covered

    @property
    def gaps(self) -> int:
        """How many answers came without a token: what a linearizable read from now on covers."""
        return self._gaps

    def read(self, text: str) -> Token:
        """An answer's token. Many answers after each other have the same one, which is read once. Raises as
        ``Token.from_text``."""
        read = self._read
        if read is None or read[0] != text:
            read = self._read = text, Token.from_text(text)
        return read[1]

    def note(self, stamp: Stamp) -> None:
        """An answer said where its member stood."""
        self.untested = False
        if stamp.index > self._index:
            self._cluster, self._history, self._index = stamp.cluster, stamp.history, stamp.index
            self._text = ""
        vectors = stamp.vectors
        if vectors is not None and vectors is not self._noted:
            self._noted = vectors
            if not self._history:
                self._cluster, self._history = stamp.cluster, stamp.history
            for keyspace, vector in vectors.items():
                self.saw(keyspace, vector)

    def saw(self, keyspace: int, vector: VersionVector) -> None:
        """So much of a causal keyspace was seen."""
        before = self._keyspaces.get(keyspace)
        if before is None or not before.includes(vector):
            joined = vector.copy() if before is None else before.joined(vector)
            self._keyspaces = {**self._keyspaces, keyspace: joined}  # a token that was given out keeps the old ones
            self._text = ""

    def missed(self) -> None:
        """An answer did not."""
        self._gaps += 1

    def cover(self, gaps: int) -> None:
        """A linearizable read, asked after so many of them, said where its member stood: at or behind all those."""
        self._covered = max(self._covered, gaps)
