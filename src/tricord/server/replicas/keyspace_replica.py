# SPDX-License-Identifier: Apache-2.0
"""What a running replica of a causal or eventual keyspace is to those above: ``KeyspaceReplica``; and what it needs
of those around: ``Surroundings``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import field
from typing import Protocol, TypeAlias

from tricord.base.dots import VersionVector
from tricord.base.errors import OutcomeUnknown, TricordError
from tricord.base.keyspaces import KeyspaceRecord
from tricord.base.message import message
from tricord.base.typed import Update, UpdateResult
from tricord.crdt.cell import Cell
from tricord.crdt.changed import Changed

UpdateReply: TypeAlias = Callable[[UpdateResult | TricordError], None]
CellsReply: TypeAlias = Callable[[list[Cell] | TricordError], None]
Ready: TypeAlias = Callable[[TricordError | None], None]


def of_what_may_stand(error: TricordError | None) -> TricordError:
    """What is told of a write that was carried out, but is not durable, as its replica ends with ``error``. It may
    become durable yet, so nobody is told to try it again."""
    if error is None or error.retryable:
        return OutcomeUnknown("the replica stopped before the write was durable")
    return error


@message
class ReplicaStatus:
    """For people and metrics. ``replica`` 0: no number yet. ``unsent``: writes that may be nowhere else.
    ``agreement_seconds``: since the last whole agreement with each other replica (causal: since its last word).
    ``convergence_seconds``: so long after a cut healed and writes ended all are equal (causal: 0, not stated).
    ``refused``: messages, and writes in messages, that were not taken in, by reason."""

    replica: int
    incarnation: int
    sequence: int
    is_open: bool
    unsent: int
    keys: int
    bytes: int
    agreement_seconds: dict[int, float]
    digest: int
    convergence_seconds: float = 0.0
    refused: dict[str, int] = field(default_factory=dict)


class KeyspaceReplica(Protocol):
    """One keyspace here. Used on the loop; nothing blocks."""

    record: KeyspaceRecord
    sequence: int
    changed: Callable[[list[Changed]], None]
    """Told of what became durable here, in order, for watchers."""
    resynced: Callable[[], None]
    """Told when keys changed in ways that were not told one by one."""

    def update(self, request: Update, deadline: float, reply: UpdateReply) -> None:
        """Make a write; ``reply`` runs once, when it is durable as the request asks. Never raises."""

    def settle(self) -> None:
        """Carry out at once all that was asked for. So an update that is made before anything else happens, and settled
        as well, meets what was read in between (causal)."""

    def cells(self, start: bytes, end: bytes | None) -> Iterator[tuple[bytes, Cell]]:
        """Keys in order with what they hold: one causal cut. Used up before the next turn of the loop. Shown to
        clients only when all up to ``sequence`` is durable: ask ``is_durable`` or ``when_durable``."""

    def cell(self, key: bytes) -> Cell:
        """What one key holds; ``{}``: nothing."""

    def read(self, keys: list[bytes], replicas: int, deadline: float, reply: CellsReply) -> None:
        """What keys hold at so many replicas, merged (eventual), or here (causal). Never raises."""

    @property
    def is_durable(self) -> bool:
        """Whether all that reads show now is durable here."""

    def when_durable(self, ready: Ready) -> None:
        """Run ``ready`` once all that reads show now is durable."""

    def vector(self) -> VersionVector:
        """What is here, for tokens and watches. Raises Unimplemented for an eventual keyspace."""

    def covers(self, vector: VersionVector) -> bool:
        """Whether all of it is here."""

    def wait_for(self, vector: VersionVector, deadline: float, ready: Ready) -> None:
        """Run ``ready`` once all of it is here; at the deadline with TokenAhead."""

    def check_open(self) -> None:
        """Raises ReplicaCatchingUp while it takes over a state, ReplicaRetired, NoSpace..., for readers and writers."""

    def status(self) -> ReplicaStatus:
        """Of now."""

    def belong(self, epoch: int, members: list[int], edges: list[int], retired: list[int]) -> None:
        """The replica set, as the catalogue says it is now: numbers of members and of edges, and of all that left."""

    def received(self, sender: int, data: bytes) -> None:
        """A message of another replica of this keyspace. Never raises for what it holds."""

    def reached(self, replica: int) -> None:
        """A way to that replica opened (again)."""


class ReplicaHost(KeyspaceReplica, Protocol):
    """A ``KeyspaceReplica`` as whoever runs it sees it (``opening.open_host``): ``changed`` and ``resynced`` are set,
    ``belong`` and then ``start`` called once; one of the others ends it."""

    def start(self) -> None:
        """Begin to write, under an incarnation of its own, and to speak to others."""

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for the answer to a write."""

    async def close(self, error: TricordError | None = None) -> None:
        """Commit what there is and let go of the storage. With an error (the keyspace was dropped) nothing more is
        committed, and who waits is told that. Raises OSError."""

    def abandon(self, error: TricordError | None = None) -> None:
        """Write and say nothing more, as if the process died. The storage stays open."""


class Surroundings(Protocol):
    """What a replica needs of its member or edge."""

    def send(self, keyspace: int, replica: int, data: bytes) -> bool:
        """Send a message to a replica. False: no way now, or no room: nothing was sent. Sent is not arrived."""

    def can_reach(self, replica: int) -> bool:
        """Whether there is a way to it, and room."""

    def alarm(self, keyspace: int, event: str, text: str) -> None:
        """Something that people should know: a clock far ahead, a replica that was retired, a full disk."""

    def new_number(self, keyspace: int) -> None:
        """This replica was retired: ask the catalogue for a new number; the host is then made anew with it."""
