# SPDX-License-Identifier: Apache-2.0
"""A few cores in memory, with disks and a network that move only when told: the stage of all tests of the core."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.raft.printer import describe_message, describe_trace
from tricord.base.log import Entry, EntryKind, HardState
from tricord.base.trace import TraceEvent
from tricord.raft import Output, Raft, RaftConfig, Role
from tricord.raft.events import EntriesPersisted, Event, HardStatePersisted, Propose, ReadIndex, Receive, Tick
from tricord.raft.messages import Message


class Server:
    """One core, what its disk holds, and what was asked of its host."""

    def __init__(self, cluster: Cluster, id: int, voters: tuple[int, ...]) -> None:
        self.cluster = cluster
        self.id = id
        self.voters = voters
        self.hard_state = HardState()
        self.log: list[Entry] = []
        self.applied: list[Entry] = []
        self.reads: list[tuple[int, int]] = []
        self.reads_dropped: list[int] = []
        self.proposed: list[int] = []
        self.starts = 0
        self.up = False

    def start(self) -> None:
        """A process begins with what the disk holds; the state machine starts empty."""
        self.starts += 1
        self.up = True
        self.jobs: list[tuple[HardState | None, list[Entry]]] = []
        self.applied = []
        self.raft = Raft(
            RaftConfig(self.id, self.voters, seed=self.id * 1000 + self.starts, pre_vote=False, check_quorum=False),
            self.hard_state,
            entries=self.log,
            tracer=self._trace,
        )
        self.step()

    def crash(self) -> None:
        """What the disk had not finished is lost."""
        self.up = False
        self.jobs = []

    def step(self, *events: Event) -> Output:
        """Give the core events and carry out what it says, but for the disk."""
        output = self.raft.step(events)
        if output.hard_state is not None or output.entries:
            self.jobs.append((output.hard_state, output.entries))
        if output.committed:
            assert output.committed[0].index == len(self.applied) + 1
            self.applied += output.committed
            self.cluster.check_applied(self)
            first, last = output.committed[0].index, output.committed[-1].index
            self.cluster.say(f"{self.id} applies {first}..{last}")
        self.reads += output.reads
        self.reads_dropped += output.reads_dropped
        self.proposed += output.proposed
        self.cluster.network += output.messages
        return output

    def tick(self, count: int = 1) -> None:
        for _ in range(count):
            self.step(Tick())

    def campaign(self) -> None:
        """Let time pass for this one until its patience ends."""
        term = self.raft.term
        while self.raft.term == term:
            self.tick()

    def propose(self, *commands: bytes) -> None:
        self.step(Propose(list(commands)))

    def read(self, *contexts: int) -> None:
        self.step(*map(ReadIndex, contexts))

    def write(self) -> None:
        """The disk finishes its oldest job, and says so."""
        hard_state, entries = self.jobs.pop(0)
        events: list[Event] = []
        if hard_state is not None:
            self.hard_state = hard_state
            events.append(HardStatePersisted(hard_state.term, hard_state.vote))
        for entry in entries:
            del self.log[entry.index - 1 :]
            self.log.append(entry)
        if entries:
            events.append(EntriesPersisted(entries[-1].index, entries[-1].term))
        self.step(*events)

    @property
    def commands(self) -> list[bytes]:
        """What was applied."""
        return [entry.data for entry in self.applied if entry.kind == EntryKind.NORMAL]

    def _trace(self, event: TraceEvent) -> None:
        self.cluster.say(f"{self.id} {describe_trace(event)}")


class Cluster:
    """The servers 1 to ``count``, and the messages between them."""

    def __init__(self, count: int, *, say: Callable[[str], None] = lambda _: None) -> None:
        self.say = say
        self.network: list[Message] = []
        self.cut_off: set[int] = set()
        self.committed: list[Entry] = []
        voters = tuple(range(1, count + 1))
        self.servers = {id: Server(self, id, voters) for id in voters}
        for server in self.servers.values():
            server.start()

    def __getitem__(self, id: int) -> Server:
        return self.servers[id]

    def deliver(self, wanted: Callable[[Message], bool] = lambda _: True) -> int:
        """Deliver what is on its way now (not what it brings about), as far as wanted; how many there were."""
        batch = [message for message in self.network if wanted(message)]
        self.network = [message for message in self.network if not wanted(message)]
        for message in batch:
            receiver = self.servers[message.receiver]
            if {message.sender, message.receiver} & self.cut_off or not receiver.up:
                continue
            self.say(describe_message(message))
            receiver.step(Receive(message))
        return len(batch)

    def write_all(self, ids: Iterable[int] | None = None) -> int:
        """All disks (or those given) finish what they were asked."""
        count = 0
        for server in self.servers.values():
            while server.up and server.jobs and (ids is None or server.id in ids):
                server.write()
                count += 1
        return count

    def settle(self) -> None:
        """Disks and network work until nothing is left to do. No time passes."""
        while self.write_all() + self.deliver():
            pass

    def elect(self, id: int) -> Server:
        """Make this one leader."""
        self[id].campaign()
        self.settle()
        assert self[id].raft.is_leader
        return self[id]

    def leaders(self) -> dict[int, list[int]]:
        """Term -> who leads in it now."""
        found: dict[int, list[int]] = {}
        for server in self.servers.values():
            if server.up and server.raft.state.role is Role.LEADER:
                found.setdefault(server.raft.term, []).append(server.id)
        return found

    def check_applied(self, server: Server) -> None:
        """State machine safety (figure 3): nobody applies another entry at an index."""
        common = min(len(server.applied), len(self.committed))
        assert server.applied[:common] == self.committed[:common], f"{server.id} applied something else"
        self.committed += server.applied[common:]
