# SPDX-License-Identifier: Apache-2.0
"""Three replicas in memory: their disks answer at the next turn, their messages arrive in order or are lost."""

from __future__ import annotations

from tests.replica.host import ListMachine
from tricord.base.errors import TricordError
from tricord.base.log import Entry, HardState
from tricord.base.membership import Change, Configuration
from tricord.raft import RaftConfig
from tricord.raft.messages import InstallSnapshot, Message
from tricord.replica import Replica, ReplicaConfig, TurnInput, TurnOutput


class Member:
    """One replica and its host."""

    def __init__(self, number: int, configuration: Configuration, limits: ReplicaConfig | None) -> None:
        self.number = number
        self.configuration = configuration
        self.limits = limits
        self.machine = ListMachine()
        self.hard_state = HardState()
        self.base = (0, 0)
        self.log: list[Entry] = []
        self.starts = 0
        self.answers: dict[int, str] = {}
        """By ticket: what came of it, in a word."""
        self.wanted: list[int] = []
        self.boot()

    def boot(self) -> None:
        """A process starts with what is durable."""
        self.starts += 1
        self.input = TurnInput()
        self.install: InstallSnapshot | None = None
        self.replica: Replica[int] = Replica(
            RaftConfig(self.number, seed=100 * self.number + self.starts),
            configuration=self.configuration,
            hard_state=self.hard_state,
            base=self.base,
            entries=self.log,
            machine=self.machine,
            limits=self.limits,
        )

    def turn(self) -> list[Message]:
        """One turn; the disk is done by the next."""
        turn_input, self.input = self.input, TurnInput()
        output = self.replica.turn(turn_input)
        self._persist(output)
        self._note(output)
        return output.messages

    @property
    def is_busy(self) -> bool:
        """Whether there is something to take a turn for."""
        return self.input != TurnInput()

    def finish_install(self, leader: Member) -> None:
        """The snapshot's state and place in the log are durable."""
        assert self.install is not None
        index, term = self.install.last_included_index, self.install.last_included_term
        self.machine.commands = list(leader.machine.commands)
        self.machine.applied_index, self.machine.applied_term = index, term
        self.base, self.log, self.install = (index, term), [], None
        self.input.installed = (index, term)

    def _persist(self, output: TurnOutput[int]) -> None:
        if output.hard_state is not None:
            self.hard_state = output.hard_state
            self.input.persisted_hard_state = output.hard_state
        for entry in output.entries:
            del self.log[entry.index - self.base[0] - 1 :]
            self.log.append(entry)
            self.input.persisted_to, self.input.persisted_term = entry.index, entry.term

    def _note(self, output: TurnOutput[int]) -> None:
        self.answers |= {ticket: f"applied {answer}" for ticket, answer in output.replies}
        self.answers |= {ticket: _word(error) for ticket, error in output.dropped}
        self.answers |= {ticket: f"read {len(self.machine.commands)}" for ticket in output.reads}
        self.answers |= {ticket: f"voters {configuration.voters}" for ticket, configuration in output.changed}
        self.answers |= {ticket: f"leader {leader}" for ticket, leader in output.transferred}
        self.wanted += output.snapshots_wanted
        self.install = output.install or self.install


def _word(error: TricordError) -> str:
    return error.code


class Cluster:
    """The members by number, and what may cross between them."""

    def __init__(self, voters: int = 3, members: int = 0, limits: ReplicaConfig | None = None) -> None:
        configuration = Configuration(tuple(range(1, voters + 1)))
        self.members = {
            number: Member(number, configuration if number <= voters else Configuration(()), limits)
            for number in range(1, max(voters, members) + 1)
        }
        self.dead: set[int] = set()
        self.tickets = 0

    def __getitem__(self, number: int) -> Member:
        return self.members[number]

    def settle(self) -> None:
        """Deliver and write until nothing is left to do."""
        while any(self.step(number) for number in self.members):
            pass

    def step(self, number: int) -> bool:
        """One turn of a member that has something to do; its messages arrive."""
        member = self.members[number]
        if number in self.dead or not member.is_busy:
            return False
        for message in member.turn():
            if message.receiver not in self.dead and message.receiver in self.members:
                self.members[message.receiver].input.messages.append(message)
        return True

    def tick(self, count: int = 1, only: tuple[int, ...] = ()) -> None:
        """Time passes for all who live, or for some; whatever follows from it happens."""
        for _ in range(count):
            for number in only or tuple(self.members):
                self.members[number].input.ticks = 1
            self.settle()

    def elect(self, number: int) -> None:
        """Time passes for this member alone, until it leads."""
        for _ in range(40):
            if not self.members[number].replica.is_leader:
                self.tick(only=(number,))
        assert self.members[number].replica.is_leader
        self.tick()

    def kill(self, number: int) -> None:
        """The process ends; the others hear that it is gone."""
        self.dead.add(number)
        for other in self.members.values():
            other.input.messages = [message for message in other.input.messages if message.sender != number]
            other.input.leader_gone = number

    def start(self, number: int) -> None:
        """The process starts again from its disk."""
        self.dead.discard(number)
        self.members[number].boot()

    def propose(self, number: int, *commands: bytes) -> list[int]:
        """Give commands to a member; their tickets. Nothing happens yet."""
        tickets = []
        for command in commands:
            self.tickets += 1
            self.members[number].input.proposals.append((self.tickets, command))
            tickets.append(self.tickets)
        return tickets

    def read(self, number: int) -> int:
        """Ask a member for a linearizable read; its ticket."""
        self.tickets += 1
        self.members[number].input.reads.append(self.tickets)
        return self.tickets

    def change(self, number: int, *changes: Change) -> int:
        """Ask a member to change the configuration; the ticket."""
        self.tickets += 1
        self.members[number].input.changes.append((self.tickets, list(changes), True))
        return self.tickets

    def transfer(self, number: int, target: int) -> int:
        """Ask a member to hand the lead over; the ticket."""
        self.tickets += 1
        self.members[number].input.transfers.append((self.tickets, target))
        return self.tickets
