# SPDX-License-Identifier: Apache-2.0
"""What applying gives back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tricord.base.errors import TricordError
from tricord.base.message import message
from tricord.base.operations import Event, Result


@message
class Applied:
    """What became of one entry: its result or refusal (None where nobody asked: a NOOP or a configuration).

    ``revision`` is the keyspace's after the entry; ``events`` are the changes it made there, in order. ``elsewhere``
    is what it changed in other keyspaces: a lease that ends takes its keys with it wherever they are.
    """

    index: int
    outcome: Result | TricordError | None
    revision: int
    events: list[Event]
    keyspace: int = 0
    elsewhere: Sequence[tuple[int, int, list[Event]]] = ()
    """(keyspace, its revision, events)."""

    def within(self, keyspace: int) -> Iterator[tuple[int, list[Event]]]:
        """(revision, events) of what the entry did in that keyspace."""
        if self.keyspace == keyspace:
            yield self.revision, self.events
        for other, revision, events in self.elsewhere:
            if other == keyspace:
                yield revision, events
