# SPDX-License-Identifier: Apache-2.0
"""A host for one replica, whose disk answers when the test says so and which can crash between any two actions."""

from __future__ import annotations

from tricord.base.errors import TricordError
from tricord.base.log import Entry, HardState
from tricord.base.membership import Configuration
from tricord.raft import RaftConfig
from tricord.replica import Replica, ReplicaConfig, TurnInput, TurnOutput


class ListMachine:
    """Remembers all commands in order; answers with how many there are. Its backend holds a prefix."""

    def __init__(self) -> None:
        self.applied_index = 0
        self.applied_term = 0
        self.commands: list[bytes] = []
        self.backend: tuple[int, int, list[bytes]] = (0, 0, [])

    def apply(self, entries: list[Entry]) -> list[int]:
        answers = []
        for entry in entries:
            assert entry.index == self.applied_index + 1, "never twice, never with a gap"
            self.applied_index, self.applied_term = entry.index, entry.term
            if entry.kind == 0:
                self.commands.append(entry.data)
            answers.append(len(self.commands))
        return answers

    def drain(self) -> None:
        """The backend commits what was applied."""
        self.backend = (self.applied_index, self.applied_term, list(self.commands))

    def crash(self) -> None:
        self.applied_index, self.applied_term, commands = self.backend
        self.commands = list(commands)


class Host:
    """Carries out what the replica decides, one action at a time."""

    def __init__(self, limits: ReplicaConfig | None = None) -> None:
        self.limits = limits
        self.machine = ListMachine()
        self.hard_state = HardState()
        self.log: list[Entry] = []
        self.starts = 0
        self.acknowledged: list[bytes] = []
        self.refused: list[bytes] = []
        self.served: dict[int, int] = {}
        self.dropped: dict[int, TricordError] = {}
        self.commands: dict[int, bytes] = {}
        self.tickets = 0
        self.boot()

    def boot(self) -> None:
        """A process starts with what is durable."""
        self.starts += 1
        self.writes: list[tuple[HardState | None, list[Entry]]] = []
        self.persisted = TurnInput()
        self.machine.crash()
        self.replica: Replica[int] = Replica(
            RaftConfig(1, seed=self.starts),
            configuration=Configuration((1,)),
            hard_state=self.hard_state,
            base=(self.machine.applied_index, self.machine.applied_term),
            entries=self.log,
            machine=self.machine,
            limits=self.limits,
        )

    def turn(self, proposals: list[bytes] | None = None, reads: int = 0, ticks: int = 0) -> TurnOutput[int]:
        """One turn, with all that the disk answered so far."""
        turn_input, self.persisted = self.persisted, TurnInput()
        turn_input.ticks = ticks
        for command in proposals or []:
            self.tickets += 1
            self.commands[self.tickets] = command
            turn_input.proposals.append((self.tickets, command))
        for _ in range(reads):
            self.tickets += 1
            turn_input.reads.append(self.tickets)
        output = self.replica.turn(turn_input)
        if output.hard_state is not None or output.entries:
            self.writes.append((output.hard_state, output.entries))
        self.acknowledged += [self.commands[ticket] for ticket, _ in output.replies]
        self.served |= {ticket: len(self.machine.commands) for ticket in output.reads}
        self.dropped |= dict(output.dropped)
        return output

    def write_one(self) -> None:
        """The disk finishes its oldest job; the next turn hears of it."""
        if not self.writes:
            return
        hard_state, entries = self.writes.pop(0)
        if hard_state is not None:
            self.hard_state = hard_state
            self.persisted.persisted_hard_state = hard_state
        for entry in entries:
            del self.log[entry.index - 1 :]
            self.log.append(entry)
            self.persisted.persisted_to = entry.index
            self.persisted.persisted_term = entry.term

    def crash(self, *, written: int = 0) -> None:
        """The process dies while the disk works: the first ``written`` entries of the oldest job got there."""
        if self.writes and written:
            hard_state, entries = self.writes.pop(0)
            self.writes.insert(0, (hard_state, entries[:written]))
            self.write_one()
        self.boot()

    def settle(self) -> None:
        """Until nothing is left to do."""
        self.turn()
        while self.writes:
            self.write_one()
            self.turn()
