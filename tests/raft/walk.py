# SPDX-License-Identifier: Apache-2.0
"""A cluster under random time, disks, network, clients, crashes and operators: all drawn from one seed.

A step is one input to one core, and ``Safety`` looks after each. A walk has epochs: in each, trouble of a random
selection and strength, then none, in which the cluster must agree, commit and read within a bounded time.

``python -m tests.raft.walk SEED`` replays a walk and prints the end of its trace (``--all``: the whole).
"""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from tests.raft.cluster import NOBODY, plain
from tests.raft.disk import Disk
from tests.raft.printer import describe_message, describe_output, describe_trace
from tests.raft.safety import Safety, Seen
from tricord.base.membership import AddLearner, AddVoter, Change, Configuration, Demote, Promote, Remove
from tricord.raft import Output, Raft, RaftConfig
from tricord.raft.events import (
    Applied,
    ChangeConfiguration,
    CutLog,
    Event,
    ForgetLeader,
    Propose,
    ReadIndex,
    Receive,
    SnapshotSent,
    Tick,
    TransferLeadership,
    Unreachable,
)
from tricord.raft.messages import InstallSnapshot, Message
from tricord.raft.output import FORWARDED

EPOCH_STEPS = 2_500
HEALING_ROUNDS = 2_000


@dataclass(slots=True)
class Member:
    """One core, its disk, and what its host has in hand."""

    id: int
    disk: Disk
    options: dict[str, Any]
    starts: int = 0
    up: bool = False
    applied_index: int = 0
    handed_out: int = 0
    wanted: list[int] = field(default_factory=list)
    """Members to bring a snapshot."""
    reads: dict[int, int] = field(default_factory=dict)
    """Context -> what was committed anywhere when it was asked."""
    forwarded: dict[int, bytes] = field(default_factory=dict)
    """Number -> first command, of what was passed on and not answered yet."""
    forwarded_count: int = 0
    raft: Raft = field(init=False)
    seen: Seen = field(init=False)


class Walk:
    """One cluster, moved at random. ``run`` raises AssertionError with the seed when a property broke."""

    def __init__(self, seed: int, *, count: int = 5, say: Callable[[str], None] | None = None, **options: Any) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.say = say
        self.steps = 0
        self.commands = 0
        self.contexts = 0
        self.answered_reads = 0
        self.happened: Counter[str] = Counter()
        """Kinds of things that came about, and how often."""
        self.safety = Safety()
        self.network: list[Message] = []
        self.blocked: set[tuple[int, int]] = set()
        self.options = {**self._draw_options(), **options}
        self.steady = self.options["pre_vote"] or self.options["check_quorum"]
        """A removed server disturbs those who neither ask before they campaign nor stick to their leader."""
        self.in_step = bool(self.options.get("lease_reads"))
        """Whether time passes for all alike, and for nobody unawares."""
        configuration = Configuration(tuple(range(1, count + 1)))
        self.members: dict[int, Member] = {}
        for id in range(1, count + 3):
            disk = Disk(configuration if id <= count else NOBODY)
            self.members[id] = Member(id, disk, {**self.options, "priority": self.random.choice([0, 0, 0, 1, 2])})
        self.disks = {member.id: member.disk for member in self.members.values()}
        self.actions: list[Callable[[], None]] = []
        self.weights: list[float] = []
        for member in self.members.values():
            self.start(member)

    def _draw_options(self) -> dict[str, Any]:
        choose = self.random.choice
        options: dict[str, Any] = {
            "election_ticks": choose([3, 5, 10]),
            "pre_vote": choose([True, True, False]),
            "check_quorum": choose([True, True, False]),
            "forward": choose([True, False]),
            "message_entries_max": choose([1, 3, 100]),
            "message_bytes_max": choose([4, 1 << 20]),
            "inflight_messages_max": choose([1, 2, 64]),
            "inflight_bytes_max": choose([8, 1 << 20]),
            "uncommitted_bytes_max": choose([0, 0, 40]),
            "quiesce_ticks": choose([0, 0, 15]),
            "handover_ticks": choose([0, 5]),
            "asynchronous_apply": choose([True, False]),
        }
        return plain(**{**options, "pre_vote": False, "check_quorum": False}) if self.random.random() < 0.1 else options

    # One member

    def start(self, member: Member) -> None:
        """From what its disk holds; the state machine may have kept more than the snapshot."""
        disk = member.disk
        member.starts += 1
        member.up = True
        member.applied_index = self.random.randint(
            disk.base[0], max(disk.base[0], min(member.applied_index, disk.last_index))
        )
        member.handed_out = member.applied_index
        member.wanted = []
        member.reads = {}
        member.forwarded = {}
        member.forwarded_count = 0
        member.seen = Seen.of(disk)
        member.raft = Raft(
            RaftConfig(member.id, seed=self.random.getrandbits(60), **member.options),
            disk.hard_state,
            base=disk.base,
            configuration=disk.configuration,
            entries=list(disk.log),
            applied_index=member.applied_index,
            tracer=None if self.say is None else lambda event: self._said(member.id, describe_trace(event)),
        )
        member.seen.commit_index = member.raft.state.commit_index
        assert member.seen.commit_index <= len(self.safety.committed), "a start knows of no more than was committed"
        self.step(member)

    def _said(self, id: int, line: str) -> None:
        assert self.say is not None
        self.say(f"{self.steps} {id} {line}")

    def step(self, member: Member, *events: Event) -> Output:
        """Give a core events, look whether all is well, and take what it puts out."""
        self.steps += 1
        led, last_index = member.seen.led_term, member.seen.last_index
        output = member.raft.step(events)
        if self.say is not None:
            for line in describe_output(output):
                self._said(member.id, line)
        self.safety.after_step(member.id, member.raft, member.seen, output, self.disks)
        if led != member.seen.led_term and member.seen.led_term:
            self.happened["elected"] += 1
        if output.entries and output.entries[0].index <= last_index:
            self.happened["truncated"] += 1
        if output.hard_state is not None or output.entries or output.install is not None:
            member.disk.ask(output)
        if output.committed:
            assert output.committed[0].index == member.handed_out + 1, "handed out in order, each once"
            member.handed_out = output.committed[-1].index
            if not member.options["asynchronous_apply"]:
                member.applied_index = member.handed_out
        self.network += output.messages
        for member_id in output.snapshots_wanted:
            member.wanted.append(member_id)
        for context, index in output.answers.reads:
            assert index >= member.reads.pop(context), "a read sees all that was committed when it was asked"
            self.answered_reads += 1
            self.happened["read"] += 1
        for context in output.answers.reads_dropped:
            del member.reads[context]
        for number, first, term in output.answers.forwarded:
            command = member.forwarded.pop(number)
            self.happened["forwarded"] += bool(first)
            assert not first or self.safety.entries[(first, term)][0].data == command, "commands are where it is said"
        for number in output.answers.lost:
            del member.forwarded[number]
        return output

    def write(self, member: Member) -> None:
        """Its disk finishes its oldest job."""
        installs = member.disk.jobs[0].install is not None
        events = member.disk.perform()
        if installs:
            member.seen = Seen.of(member.disk, member.seen)
            self.happened["installed"] += 1
            member.applied_index = member.handed_out = member.disk.base[0]
        for event in events:
            self.step(member, event)

    def propose(self, member: Member, count: int) -> int:
        """The index of the first command, or 0, or FORWARDED."""
        first = self.commands + 1
        self.commands += count
        data = [b"%d" % number for number in range(first, first + count)]
        output = self.step(member, Propose(data))
        (place,) = output.answers.proposed
        if place == FORWARDED:
            member.forwarded_count += 1
            if all(number != member.forwarded_count for number, _, _ in output.answers.forwarded):
                member.forwarded[member.forwarded_count] = data[0]
        elif place:
            self.happened["proposed"] += 1
            assert self.safety.entries[(place, member.raft.term)][0].data == data[0]
        return place

    def read(self, member: Member) -> int:
        """Ask for a read's index; its context."""
        self.contexts += 1
        member.reads[self.contexts] = len(self.safety.committed)
        self.step(member, ReadIndex(self.contexts))
        return self.contexts

    def any_up(self) -> Member | None:
        """One of those that are up."""
        ids = self.ids_by_speed
        member = self.members[ids[int(self.random.random() * len(ids))]]
        return member if member.up else None

    # What may happen

    def act_deliver(self) -> None:
        """The network brings a message, or more of them when many are on their way."""
        for _ in range(1 + len(self.network) // 20):
            if self.network:
                self._deliver_one()

    def _deliver_one(self) -> None:
        place = int(self.random.random() * min(len(self.network), self.reordering))
        message = self.network[place]
        draw = self.random.random()
        if draw >= self.doubling:
            del self.network[place]
        if draw <= 1 - self.loss and len(self.network) < 500:
            if (message.sender, message.receiver) in self.blocked and self.random.random() < self.lateness:
                self.network.append(message)  # late rather than lost
            else:
                self.receive(message)

    def receive(self, message: Message) -> None:
        """A message arrives, if its receiver is there."""
        member = self.members[message.receiver]
        if member.up and (message.sender, message.receiver) not in self.blocked:
            if self.say is not None:
                self.say(f"{self.steps} {describe_message(message)}")
            self.step(member, Receive(message))

    def act_tick(self) -> None:
        if self.in_step:
            for member in self.members.values():
                if member.up:
                    self.step(member, Tick())
            return
        one = self.any_up()
        if one is not None:
            self.step(one, Tick(self.random.choice([3, 30]) if self.random.random() < 0.05 else 0))

    def act_disk(self) -> None:
        member = self.any_up()
        if member is not None and member.disk.jobs:
            self.write(member)

    def act_apply(self) -> None:
        member = self.any_up()
        if member is not None and member.handed_out > member.applied_index:
            member.applied_index = self.random.randint(member.applied_index + 1, member.handed_out)
            if member.options["asynchronous_apply"]:
                self.step(member, Applied(member.applied_index))

    def act_propose(self) -> None:
        member = self._a_leader() if self.random.random() < 0.6 else self.any_up()
        if member is not None:
            self.propose(member, self.random.choice([1, 1, 2, 5]))

    def act_read(self) -> None:
        member = self._a_leader() if self.random.random() < 0.5 else self.any_up()
        if member is not None:
            self.read(member)

    def act_together(self) -> None:
        """Several inputs in one step: what peers said, a tick and a read."""
        member = self.any_up()
        if member is None:
            return
        mine = [message for message in self.network if message.receiver == member.id][: self.random.randint(1, 4)]
        self.network = [message for message in self.network if not any(message is other for other in mine)]
        events: list[Event] = [Receive(m) for m in mine if (m.sender, m.receiver) not in self.blocked]
        if self.random.random() < 0.5:
            self.contexts += 1
            member.reads[self.contexts] = len(self.safety.committed)
            events.append(ReadIndex(self.contexts))
        if not self.in_step:
            events.append(Tick())
        self.step(member, *events)

    def act_crash(self) -> None:
        member = self._a_leader() if self.random.random() < 0.4 else self.any_up()
        if member is not None:
            self.crash(member)

    def crash(self, member: Member) -> None:
        """What its disk had not finished is lost, but for the first parts of its oldest job, perhaps."""
        if self.say is not None:
            self._said(member.id, "crashes")
        self.happened["crashed"] += 1
        member.up = False
        member.disk.tear(self.random.choice([0, 0, 1, 2, 3]))

    def act_restart(self) -> None:
        down = [member for member in self.members.values() if not member.up]
        if down:
            self.start(self.random.choice(down))

    def act_partition(self) -> None:
        ids = list(self.members)
        self.random.shuffle(ids)
        cut = self.random.randint(1, len(ids) - 1)
        shape = self.random.random()
        if shape < 0.3:
            self.blocked = set()
        elif shape < 0.5:
            alone = self._a_leader().id
            self.blocked = {pair for other in ids for pair in ((alone, other), (other, alone))}
        elif shape < 0.7:
            self.blocked = {pair for a in ids[:cut] for b in ids[cut:] for pair in ((a, b), (b, a))}
        elif shape < 0.85:
            self.blocked = {(a, b) for a in ids[:cut] for b in ids[cut:]}
        else:
            self.blocked = {(a, b) for a in ids for b in ids if self.random.random() < 0.3}

    def act_snapshot(self) -> None:
        member = self.any_up()
        if member is not None and member.applied_index > member.disk.base[0] and not self._installing(member):
            index = self.random.randint(member.disk.base[0] + 1, member.applied_index)
            member.disk.cut(index)
            member.seen.cut(index, member.disk.configuration)
            self.step(member, CutLog(index + 1))

    def act_bring(self) -> None:
        """A host brings one of the snapshots that are wanted of it, or fails to."""
        member = self.any_up()
        if member is not None and member.wanted:
            receiver = member.wanted.pop(self.random.randrange(len(member.wanted)))
            index = max(member.disk.base[0], self.random.choice([member.applied_index, member.disk.base[0]]))
            self.bring(member, receiver, index, fails=self.random.random() < 0.3)

    def bring(self, member: Member, receiver: int, index: int, *, fails: bool = False) -> None:
        """A snapshot up to the index arrives, if its sender still leads; the host hears how the attempt ended."""
        delivered = not fails and index > 0 and member.raft.is_leader
        if delivered:
            term = member.disk.term_at(index)
            assert term is not None
            configuration = member.disk.configuration_at(index)
            self.network.append(InstallSnapshot(member.id, receiver, member.raft.term, index, term, configuration))
        self.step(member, SnapshotSent(receiver, index, delivered))

    def _installing(self, member: Member) -> bool:
        return any(job.install is not None for job in member.disk.jobs)

    def act_change(self) -> None:
        member = self._a_leader()
        configuration = member.raft.state.configuration
        changes: list[Change] = []
        voters = len(configuration.voters)
        count = self.random.choice([1, 2, 3]) if self.random.random() < self.jointly else 1
        for id in self.random.sample(list(self.members), count):
            if configuration.is_voter(id):
                if voters > 2:
                    voters -= 1
                    changes.append(Demote(id) if self.random.random() < 0.5 else Remove(id))
            elif configuration.is_learner(id):
                changes.append(self.random.choice((Promote(id), Promote(id), Promote(id), Remove(id), AddVoter(id))))
            else:
                changes.append(AddVoter(id) if self.random.random() < 0.5 else AddLearner(id))
        if changes:
            output = self.step(member, ChangeConfiguration(changes, self.random.random() < self.jointly))
            if output.configuration is not None:
                self.happened["joint" if output.configuration.is_joint else "single"] += 1
                self.happened["learner"] += bool(output.configuration.learners)

    def act_operate(self) -> None:
        """A transfer, a leader forgotten, a link that broke."""
        member, other = self._a_leader(), self.random.choice(list(self.members))
        draw = self.random.random()
        if draw < 0.5:
            output = self.step(member, TransferLeadership(self.random.choice([0, other])))
            self.happened["transferred"] += output.answers.transfers == [None]
        elif draw < 0.75:
            self.step(member, Unreachable(other))
        else:
            follower = self.any_up()
            if follower is not None:
                self.step(follower, ForgetLeader(follower.raft.state.leader_id or other))

    def _a_leader(self) -> Member:
        """One that leads, as far as it knows; else anyone that is up."""
        up = [member for member in self.members.values() if member.up]
        leaders = [member for member in up if member.raft.is_leader]
        return self.random.choice(leaders or up or [self._restarted()])

    def _restarted(self) -> Member:
        self.act_restart()
        return next(member for member in self.members.values() if member.up)

    # The course of a walk

    def run(self, steps: int) -> int:
        """At least so many steps; how many there were."""
        try:
            while self.steps < steps:
                self.trouble(min(self.steps + EPOCH_STEPS, steps))
                self.heal()
        except AssertionError as error:
            raise AssertionError(
                f"{error}\nseed {self.seed}, step {self.steps}, {self.options}\n"
                f"replay: python -m tests.raft.walk {self.seed} {len(self.members) - 2}"
            ) from error
        return self.steps

    def trouble(self, until: int) -> None:
        """Draw what may happen and how often; let it happen."""
        draw = self.random
        self.jointly = draw.choice([0.1, 0.7])
        self.loss = draw.choice([0, 0, 0.02, 0.2])
        self.lateness = draw.choice([0, 0.5, 0.99])
        """Of messages that the network does not let through: how many arrive later."""
        self.doubling = draw.choice([0, 0.02, 0.1])
        self.reordering = draw.choice([1, 4, 30, 10_000])
        self.ids_by_speed = [id for id in self.members for _ in range(draw.choice([1, 4, 4, 4, 8]))]
        weights: dict[Callable[[], None], float] = {
            self.act_deliver: 50,
            self.act_tick: draw.choice([4, 8, 20]),
            self.act_disk: draw.choice([10, 40, 60]),
            self.act_apply: 15,
            self.act_propose: draw.choice([2, 6, 12]),
            self.act_read: draw.choice([1, 5]),
            self.act_together: draw.choice([0, 3]),
            self.act_crash: draw.choice([0, 0.05, 0.3]),
            self.act_restart: draw.choice([0.5, 2]),
            self.act_partition: draw.choice([0, 0.1, 0.4, 1]),
            self.act_snapshot: draw.choice([0, 0.5]),
            self.act_bring: 2,
            self.act_change: draw.choice([0, 0.3, 1, 6]) if self.steady else 0,
            self.act_operate: draw.choice([0, 0.2, 1]),
        }
        names, values = list(weights), list(weights.values())
        while self.steps < until:
            for action in draw.choices(names, values, k=200):
                action()

    def heal(self) -> None:
        """The trouble is over: a bounded time later all agree, take a command and answer a read."""
        self.blocked.clear()
        if self.steady and self.random.random() < 0.4:
            self._majority_alone()
        for member in self.members.values():
            if not member.up:
                self.start(member)
        self._until(self._agreed, "all agree")
        place = 0
        for _ in range(20):
            place = self.propose(self._leader(), 1)
            if place > 0:
                break
            self._round()  # the lead is being handed over
            self._until(self._agreed, "all agree")
        assert place > 0, "a healed cluster takes commands"
        self._until(lambda: len(self.safety.committed) >= place, "a command is committed")
        self._until(self._agreed, "all agree on it")
        belonging = self._leader().raft.state.configuration.members()
        for member in self.members.values():
            if member.id in belonging and (member.options["forward"] or member.raft.is_leader):
                self._until(partial(self._reads, member), "a read is answered")
        self._until(lambda: not any(member.forwarded for member in self.members.values()), "passed on and answered")
        self._until(lambda: not any(member.reads for member in self.members.values()), "asked and answered")

    def _majority_alone(self) -> None:
        """As many stay down as every configuration in a log survives: the others go on without them."""
        logs = [member.seen.configurations for member in self.members.values()]
        sets = {group for log in logs for _, known in log for group in (known.voters, known.outgoing) if group}
        down: set[int] = set()
        for id in self.random.sample(list(self.members), len(self.members)):
            if all(2 * len({*group} - down - {id}) > len(group) for group in sets):
                down.add(id)
        for member in self.members.values():
            if member.id in down and member.up:
                self.crash(member)
            elif member.id not in down and not member.up:
                self.start(member)
        self.happened["minority down"] += bool(down)
        self._until(self._goes_on, "a majority goes on alone")

    def _goes_on(self) -> bool:
        leaders = [member for member in self.members.values() if member.up and member.raft.is_leader]
        before = len(self.safety.committed)
        if leaders:
            self.propose(max(leaders, key=lambda member: member.raft.term), 1)
        for _ in range(5):
            self._round()
        return bool(leaders) and len(self.safety.committed) > before

    def _reads(self, member: Member) -> bool:
        answered = self.answered_reads
        context = self.read(member)
        for _ in range(30):
            if context not in member.reads:
                return self.answered_reads > answered
            self._round()
        return False

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        for _ in range(HEALING_ROUNDS):
            if holds():
                return
            self._round()
        raise AssertionError(f"when the trouble is over: {what}")

    def _round(self) -> None:
        """A tick for all, and all that comes of it, three hops far."""
        for member in self.members.values():
            if member.up:
                self.step(member, Tick())
        for _ in range(3):
            self._disks_and_hosts()
            batch, self.network = self.network, []
            for message in batch:
                self.receive(message)
        self._disks_and_hosts()

    def _disks_and_hosts(self) -> None:
        for member in self.members.values():
            while member.up and member.disk.jobs:
                self.write(member)
            if member.up and member.handed_out > member.applied_index:
                member.applied_index = member.handed_out
                if member.options["asynchronous_apply"]:
                    self.step(member, Applied(member.applied_index))
            while member.up and member.wanted:
                self.bring(member, member.wanted.pop(), member.applied_index)

    def _leader(self) -> Member:
        """The one of the highest term."""
        leaders = [member for member in self.members.values() if member.raft.is_leader]
        assert leaders, "somebody leads"
        return max(leaders, key=lambda member: member.raft.term)

    def _agreed(self) -> bool:
        """Whether somebody leads, and all who belong have its log and applied all of it."""
        leaders = [member for member in self.members.values() if member.raft.is_leader]
        if not leaders:
            return False
        leader = max(leaders, key=lambda member: member.raft.term)
        log, configuration = leader.raft.state.log, leader.raft.state.configuration
        end = (log.last_index, log.last_term)
        if leader.id not in configuration.voters or configuration.is_joint:
            return False
        for id in configuration.members():
            member = self.members[id]
            theirs = member.raft.state.log
            if (theirs.last_index, theirs.last_term) != end or member.applied_index != end[0]:
                return False
        return True


def main(arguments: list[str]) -> int:
    """Replay a walk."""
    lines: deque[str] = deque(maxlen=None if "--all" in arguments else 300)
    seed, *count = [int(argument) for argument in arguments if argument.isdigit()]
    walk = Walk(seed, count=count[0] if count else 5, say=lines.append)
    try:
        print(walk.run(25_000), "steps, no property broke")
    except AssertionError as error:
        print("\n".join(lines))
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
