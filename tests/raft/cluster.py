# SPDX-License-Identifier: Apache-2.0
"""A few cores in memory, with disks and a network that move only when told: the stage of all tests of the core."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tests.raft.disk import Disk
from tests.raft.printer import describe_message, describe_output, describe_trace
from tricord.base.errors import EntriesLost
from tricord.base.log import Entry, EntryKind, HardState
from tricord.base.membership import Change, Configuration
from tricord.base.trace import TraceEvent
from tricord.raft import Output, Raft, RaftConfig, Role
from tricord.raft.events import (
    Applied,
    ChangeConfiguration,
    CutLog,
    Event,
    Propose,
    ReadIndex,
    Receive,
    SnapshotSent,
    Tick,
)
from tricord.raft.messages import InstallSnapshot, Message

NOBODY = Configuration(())
"""What a server knows of who belongs before it heard of anybody."""


class Server:
    """One core, what its disk holds, and what was asked of its host."""

    def __init__(self, cluster: Cluster, id: int, configuration: Configuration, **options: Any) -> None:
        self.cluster = cluster
        self.id = id
        self.options = options
        self.disk = Disk(configuration)
        self.applied: list[Entry] = []
        self.handed_out: list[Entry] = []
        """With asynchronous apply: what is to be applied yet."""
        self.reads: list[tuple[int, int]] = []
        self.reads_dropped: list[int] = []
        self.proposed: list[int] = []
        self.outputs: list[Output] = []
        """What the core said since it was started."""
        self.starts = 0
        self.up = False

    def start(self) -> None:
        """A process begins with what the disk holds; the state machine starts as the snapshot has it."""
        self.starts += 1
        self.up = True
        self.outputs = []
        self.handed_out = []
        disk = self.disk
        self.applied = self.cluster.committed[: disk.base[0]]
        self.raft = Raft(
            RaftConfig(self.id, seed=self.id * 1000 + self.starts, **self.options),
            disk.hard_state,
            base=disk.base,
            configuration=disk.configuration,
            entries=disk.log,
            applied_index=disk.base[0],
            tracer=self._trace,
        )
        self.step()

    def crash(self) -> None:
        """What the disk had not finished is lost."""
        self.up = False
        self.disk.jobs.clear()

    def restart_with(self, terms: Iterable[int], *, term: int, vote: int = 0) -> None:
        """Start anew with a log that has these terms, as if written by another life."""
        self.crash()
        self.disk.log = [Entry(index, of, EntryKind.NORMAL, b"%d" % of) for index, of in enumerate(terms, start=1)]
        self.disk.hard_state = HardState(term, vote)
        self.start()

    def step(self, *events: Event) -> Output:
        """Give the core events and carry out what it says, but for the disk. It stops when it lost entries."""
        try:
            output = self.raft.step(events)
        except EntriesLost as error:
            self.cluster.say(f"{self.id} stops: {error}")
            self.crash()
            return Output()
        self.outputs.append(output)
        self.disk.ask(output)
        if self.options.get("asynchronous_apply"):
            self.handed_out += output.committed
        else:
            self._apply(output.committed)
        self.reads += output.answers.reads
        self.reads_dropped += output.answers.reads_dropped
        self.proposed += output.answers.proposed
        for line in describe_output(output):
            self.cluster.say(f"{self.id} {line}")
        self.cluster.network += output.messages
        return output

    def _apply(self, entries: list[Entry]) -> None:
        if entries:
            assert entries[0].index == len(self.applied) + 1
            self.applied += entries
            self.cluster.check_applied(self)
            self.cluster.say(f"{self.id} applies {entries[0].index}..{entries[-1].index}")

    def apply(self, count: int = 1) -> None:
        """With asynchronous apply: the state machine takes so many entries, and the host says so."""
        entries, self.handed_out = self.handed_out[:count], self.handed_out[count:]
        self._apply(entries)
        self.step(Applied(entries[-1].index))

    def tick(self, count: int = 1) -> None:
        for _ in range(count):
            self.step(Tick())

    def campaign(self) -> None:
        """Let time pass for this one until its patience ends."""
        role, term, count = self.raft.state.role, self.raft.term, len(self.cluster.network)
        for _ in range(100):
            if (self.raft.state.role, self.raft.term, len(self.cluster.network)) != (role, term, count):
                return
            self.tick()
        raise AssertionError(f"{self.id} does not campaign")

    def propose(self, *commands: bytes) -> int:
        """The index of the first command, or 0, or FORWARDED."""
        return self.step(Propose(list(commands))).answers.proposed[0]

    def read(self, *contexts: int) -> None:
        self.step(*map(ReadIndex, contexts))

    def change(self, *changes: Change, joint: bool = True) -> Output:
        """Ask for another configuration."""
        return self.step(ChangeConfiguration(list(changes), joint))

    def write(self) -> None:
        """The disk finishes its oldest job, and says so."""
        job = self.disk.jobs[0]
        events = self.disk.perform()
        if job.install is not None:
            self.applied = self.cluster.committed[: self.disk.base[0]]
            self.handed_out = []
        self.step(*events)

    def snapshot(self, index: int = 0) -> None:
        """Take a snapshot up to the index, or of all that is applied, and let go of the log below."""
        index = index or len(self.applied)
        self.disk.cut(index)
        self.step(CutLog(index + 1))

    def bring_snapshot(self, receiver: Server, *, arrives: bool = True) -> None:
        """This server's host sends its snapshot, the whole of what is applied; it arrives, or the attempt fails."""
        index = len(self.applied)
        term = self.disk.term_at(index)
        assert term is not None
        if arrives:
            configuration = self.disk.configuration_at(index)
            message = InstallSnapshot(self.id, receiver.id, self.raft.term, index, term, configuration)
            self.cluster.say(describe_message(message))
            receiver.step(Receive(message))
        self.step(SnapshotSent(receiver.id, index, arrives))

    @property
    def log(self) -> list[Entry]:
        """What the disk holds of it."""
        return self.disk.log

    @property
    def commands(self) -> list[bytes]:
        """What was applied."""
        return [entry.data for entry in self.applied if entry.kind == EntryKind.NORMAL]

    def _trace(self, event: TraceEvent) -> None:
        self.cluster.say(f"{self.id} {describe_trace(event)}")


class Cluster:
    """The servers 1 to ``count``, all voters but for the learners, and the messages between them.

    ``options`` are settings of every core; ``each`` has more of them for some.
    """

    def __init__(
        self,
        count: int,
        *,
        learners: tuple[int, ...] = (),
        say: Callable[[str], None] = lambda _: None,
        each: dict[int, dict[str, Any]] | None = None,
        **options: Any,
    ) -> None:
        self.say = say
        self.options = options
        self.network: list[Message] = []
        self.held: list[Message] = []
        """Messages that are late."""
        self.cut_off: set[int] = set()
        self.blocked: set[tuple[int, int]] = set()
        """Directed pairs of servers between which messages are lost."""
        self.stalled: set[int] = set()
        """Whose disks do nothing."""
        self.committed: list[Entry] = []
        ids = range(1, count + 1)
        self.configuration = Configuration(tuple(id for id in ids if id not in learners), learners=learners)
        self.servers = {id: Server(self, id, self.configuration, **options, **(each or {}).get(id, {})) for id in ids}
        for server in self.servers.values():
            server.start()

    def __getitem__(self, id: int) -> Server:
        return self.servers[id]

    def add_server(self, id: int) -> Server:
        """A new one that knows nobody yet."""
        self.servers[id] = Server(self, id, NOBODY, **self.options)
        self.servers[id].start()
        return self.servers[id]

    def reaches(self, sender: int, receiver: int) -> bool:
        """Whether the network lets a message through now."""
        return not ({sender, receiver} & self.cut_off or (sender, receiver) in self.blocked)

    def deliver(self, wanted: Callable[[Message], bool] = lambda _: True) -> int:
        """Deliver what is on its way now (not what it brings about), as far as wanted; how many there were."""
        batch = [message for message in self.network if wanted(message)]
        self.network = [message for message in self.network if not wanted(message)]
        for message in batch:
            receiver = self.servers.get(message.receiver)
            if receiver is None or not receiver.up or not self.reaches(message.sender, message.receiver):
                continue
            self.say(describe_message(message))
            receiver.step(Receive(message))
        return len(batch)

    def lose(self, wanted: Callable[[Message], bool] = lambda _: True) -> None:
        """What is on its way now, as far as wanted, never arrives."""
        self.network = [message for message in self.network if not wanted(message)]

    def hold(self, wanted: Callable[[Message], bool] = lambda _: True) -> None:
        """What is on its way now, as far as wanted, is late: it arrives after ``free``."""
        self.held += [message for message in self.network if wanted(message)]
        self.lose(wanted)

    def free(self) -> None:
        """What was late is on its way again."""
        self.network += self.held
        self.held = []

    def write_all(self, ids: Iterable[int] | None = None) -> int:
        """All disks that are not stalled (or those given) finish what they were asked."""
        count = 0
        for server in self.servers.values():
            while (
                server.up and server.disk.jobs and (server.id not in self.stalled if ids is None else server.id in ids)
            ):
                server.write()
                count += 1
        return count

    def settle(self) -> None:
        """Disks and network work until nothing is left to do. No time passes."""
        while self.write_all() + self.deliver():
            pass

    def elapse(self, ticks: int, *ids: int) -> None:
        """Time passes for all that are up (or those given), in step; disks and network keep up."""
        for _ in range(ticks):
            for server in list(self.servers.values()):
                if server.up and (not ids or server.id in ids):
                    server.tick()
            self.settle()

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


def plain(**options: Any) -> dict[str, Any]:
    """The settings of the paper alone: no pre-vote, no check of the quorum, no forwarding."""
    return {"pre_vote": False, "check_quorum": False, "forward": False, **options}
