# SPDX-License-Identifier: Apache-2.0
"""The commands of transcripts.

Who there is: ``servers N [plain] [learners=4,5] [KEY=VALUE] [ID.KEY=VALUE]`` (settings of all cores, or of one; plain:
those of the paper alone) - ``log ID TERM... [@ TERM VOTE]`` (restart with such a log, and in such a term) -
``start ID`` (a new one that knows nobody).

Time and disks: ``tick ID N [paused=N]`` - ``elapse N [ID...]`` (time for all or those, in step, disks and network
working) - ``campaign ID`` (until its patience ends) - ``disk ID`` (its oldest job) - ``stall ID`` and ``unstall ID``
(its disk does nothing meanwhile) - ``crash ID`` - ``restart ID``.

Network: ``deliver|lose|hold|double [FROM TO]`` (what is on its way now; ``*`` for all) - ``free`` (what was held) -
``reverse`` - ``cut ID`` and ``join ID`` - ``block FROM TO`` (one way) - ``split ID... | ID...`` - ``heal`` -
``settle`` (disks and network, until nothing is left to do).

Clients and hosts: ``propose ID WORD...`` - ``read ID CONTEXT...`` - ``change ID [single] add|learner|promote|demote|
remove ID ...`` - ``leave ID`` - ``transfer ID TO`` - ``forget ID LEADER`` - ``unreachable ID MEMBER`` -
``snapshot ID [INDEX]`` - ``bring FROM TO [fails]`` (a snapshot) - ``apply ID N`` - ``message FROM TO TERM KIND ...``
(one that no core here sent).

``state`` tells each one's role, term, commit and log. ``quietly COMMAND`` says only who leads; ``elect ID`` is
``quietly`` campaign and settle.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.raft.cluster import Cluster, Server, plain
from tests.raft.printer import describe_configuration
from tricord.base.membership import AddLearner, AddVoter, Change, Demote, Promote, Remove
from tricord.raft.events import ForgetLeader, LeaveJoint, Receive, Tick, TransferLeadership, Unreachable
from tricord.raft.messages import (
    AppendEntries,
    AppendEntriesResult,
    Message,
    RequestVote,
    RequestVoteResult,
    TimeoutNow,
)

CHANGES: dict[str, Callable[[int], Change]] = {
    "add": AddVoter,
    "learner": AddLearner,
    "promote": Promote,
    "demote": Demote,
    "remove": Remove,
}


class Stage:
    """Performs commands and gathers what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.cluster = Cluster(0)

    def perform(self, command: str) -> list[str]:
        """The trace of one command."""
        self.lines = []
        name, *words = command.split()
        try:
            getattr(self, f"do_{name}")(*words)
        except Exception as error:
            error.add_note(f"in the command: {command}")
            raise
        return self.lines

    def _say(self, line: str) -> None:
        self.lines.append(line)

    def _server(self, id: str) -> Server:
        return self.cluster[int(id)]

    def do_quietly(self, *words: str) -> None:
        lines, self.lines = self.lines, []
        self.perform(" ".join(words))
        self.lines = lines + [line for line in self.lines if " leads in term " in line]

    def do_elect(self, id: str) -> None:
        self.do_quietly("campaign", id)
        lines = self.lines
        self.do_quietly("settle")
        self.lines = lines + self.lines

    # Who there is

    def do_servers(self, count: str, *words: str) -> None:
        options: dict[str, Any] = {}
        each: dict[int, dict[str, Any]] = {}
        learners: tuple[int, ...] = ()
        for word in words:
            key, _, value = word.partition("=")
            if word == "plain":
                options |= plain()
            elif key == "learners":
                learners = tuple(map(int, value.split(",")))
            elif "." in key:
                id, key = key.split(".")
                each.setdefault(int(id), {})[key] = _value(value)
            else:
                options[key] = _value(value)
        self.cluster = Cluster(int(count), learners=learners, say=self._say, each=each, **options)

    def do_log(self, id: str, *words: str) -> None:
        terms, _, state = " ".join(words).partition("@")
        numbers = [*map(int, terms.split())]
        term, vote = map(int, state.split()) if state else (max(numbers, default=0), 0)
        self._server(id).restart_with(numbers, term=term, vote=vote)

    def do_start(self, id: str) -> None:
        self.cluster.add_server(int(id))

    # Time and disks

    def do_tick(self, id: str, count: str, paused: str = "") -> None:
        if paused:
            self._server(id).step(Tick(int(paused.removeprefix("paused="))))
        self._server(id).tick(int(count) - bool(paused))

    def do_elapse(self, count: str, *ids: str) -> None:
        self.cluster.elapse(int(count), *map(int, ids))

    def do_campaign(self, id: str) -> None:
        self._server(id).campaign()

    def do_disk(self, id: str) -> None:
        self._server(id).write()

    def do_stall(self, id: str) -> None:
        self.cluster.stalled.add(int(id))

    def do_unstall(self, id: str) -> None:
        self.cluster.stalled.remove(int(id))

    def do_crash(self, id: str) -> None:
        self._server(id).crash()

    def do_restart(self, id: str) -> None:
        self._server(id).start()

    # Network

    def do_deliver(self, *pair: str) -> None:
        self.cluster.deliver(_wanted(pair))

    def do_lose(self, *pair: str) -> None:
        self.cluster.lose(_wanted(pair))

    def do_hold(self, *pair: str) -> None:
        self.cluster.hold(_wanted(pair))

    def do_free(self) -> None:
        self.cluster.free()

    def do_double(self, *pair: str) -> None:
        self.cluster.network += filter(_wanted(pair), list(self.cluster.network))

    def do_reverse(self) -> None:
        self.cluster.network.reverse()

    def do_settle(self) -> None:
        self.cluster.settle()

    def do_cut(self, id: str) -> None:
        self.cluster.cut_off.add(int(id))

    def do_join(self, id: str) -> None:
        self.cluster.cut_off.remove(int(id))

    def do_block(self, sender: str, receiver: str) -> None:
        self.cluster.blocked.add((int(sender), int(receiver)))

    def do_split(self, *words: str) -> None:
        left, right = (set(map(int, part.split())) for part in " ".join(words).split("|"))
        self.cluster.blocked |= {pair for a in left for b in right for pair in ((a, b), (b, a))}

    def do_heal(self) -> None:
        self.cluster.blocked.clear()

    def do_message(self, sender: str, receiver: str, term: str, kind: str, *numbers: str) -> None:
        message = _message(int(sender), int(receiver), int(term), kind, [*map(int, numbers)])
        self._server(receiver).step(Receive(message))

    # Clients and hosts

    def do_propose(self, id: str, *words: str) -> None:
        self._server(id).propose(*(word.encode() for word in words))

    def do_read(self, id: str, *contexts: str) -> None:
        self._server(id).read(*map(int, contexts))

    def do_change(self, id: str, *words: str) -> None:
        joint = words[0] != "single"
        words = words if joint else words[1:]
        changes = [CHANGES[name](int(member)) for name, member in zip(words[::2], words[1::2], strict=True)]
        self._server(id).change(*changes, joint=joint)

    def do_leave(self, id: str) -> None:
        self._server(id).step(LeaveJoint())

    def do_transfer(self, id: str, target: str) -> None:
        self._server(id).step(TransferLeadership(int(target)))

    def do_forget(self, id: str, leader: str) -> None:
        self._server(id).step(ForgetLeader(int(leader)))

    def do_unreachable(self, id: str, member: str) -> None:
        self._server(id).step(Unreachable(int(member)))

    def do_snapshot(self, id: str, index: str = "0") -> None:
        self._server(id).snapshot(int(index))

    def do_bring(self, sender: str, receiver: str, fails: str = "") -> None:
        self._server(sender).bring_snapshot(self._server(receiver), arrives=not fails)

    def do_apply(self, id: str, count: str) -> None:
        self._server(id).apply(int(count))

    def do_state(self) -> None:
        for server in self.cluster.servers.values():
            self.lines.append(describe_server(server, self.cluster))


def describe_server(server: Server, cluster: Cluster) -> str:
    """A line of ``state``. The configuration is told where it is not the first one."""
    state = server.raft.state
    log = " ".join(
        f"{entry.index}@{entry.term}" + (f"={entry.data.decode()}" if entry.data and entry.kind == 0 else "")
        for entry in state.log.entries(state.log.base_index + 1, state.log.last_index)
    )
    if state.log.base_index:
        log = f"snapshot up to {state.log.base_index}@{state.log.base_term} {log}".rstrip()
    role = state.role.value if server.up else "down"
    who = ""
    if state.configuration != cluster.configuration:
        who = f", {describe_configuration(state.configuration)}"
    return f"{server.id} {role}, term {server.raft.term}, commit {state.commit_index}{who}, log: {log}".rstrip()


def _message(sender: int, receiver: int, term: int, kind: str, numbers: list[int]) -> Message:
    """A message that no core of this stage sent: of a stranger, or forged."""
    if kind == "vote":
        return RequestVote(sender, receiver, term, numbers[0], numbers[1])
    if kind == "granted":
        return RequestVoteResult(sender, receiver, term, True)
    if kind == "heartbeat":
        return AppendEntries(sender, receiver, term, numbers[0], numbers[1], [], numbers[2], 0, heartbeat=True)
    if kind == "match":
        return AppendEntriesResult(sender, receiver, term, True, numbers[0], 0, 0)
    assert kind == "timeout"
    return TimeoutNow(sender, receiver, term)


def _value(text: str) -> int | bool:
    return text == "yes" if text in ("yes", "no") else int(text)


def _wanted(pair: tuple[str, ...]) -> Callable[[Message], bool]:
    if not pair:
        return lambda _: True
    sender, receiver = pair
    return lambda message: sender in ("*", str(message.sender)) and receiver in ("*", str(message.receiver))
