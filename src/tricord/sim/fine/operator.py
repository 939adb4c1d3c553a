# SPDX-License-Identifier: Apache-2.0
"""Who looks after the cluster: starts what died, replaces what is lost, and changes the members.

A change of members is wanted until the configuration shows it: the operator asks whoever leads, again and again, one
change after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tricord.base.errors import EntriesLost, TricordError
from tricord.base.membership import AddLearner, AddVoter, Change, Configuration, Promote, Remove
from tricord.sim.fine.disk import Image
from tricord.sim.fine.schedule import SECOND
from tricord.statemachine.machine import Applied

if TYPE_CHECKING:
    from tricord.sim.fine.cluster import Cluster
    from tricord.sim.fine.host import Host

ASK_SECONDS = 0.25
ANSWER_SECONDS = 5.0
PATIENCE_SECONDS = 5.0
"""After which a member that came back with an older disk, and does not catch up, is replaced."""
NOBODY = Configuration(())


@dataclass(slots=True)
class Wish:
    """A change of members. ``changes`` says what is still to be done in a configuration: nothing, when it is there."""

    words: str
    changes: Callable[[Configuration], list[Change]]
    done: Callable[[], None]


class Operator:
    """Of one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._down: dict[int, int] = {}
        self._leaving: set[int] = set()
        """Members that are to be removed."""
        self._gone: set[int] = set()
        """Members that were: the atlas counts them no more."""
        self._wishes: list[Wish] = []
        self._asked: _Answer | None = None
        self._catching_up: dict[int, Host] = {}
        """Members whose copy counts as lost until they hold what is committed."""
        self._reverted: dict[int, tuple[int, int]] = {}
        """Of those that came back with an older disk: until when they may take for it, and what they have to hold."""
        self._is_looking = False
        self._random = cluster.stream("operator")

    # --- processes ----------------------------------------------------------------------------------------------

    def away(self, host: Host) -> None:
        """The member does not work for a reason."""
        self._down[host.identity] = self._down.get(host.identity, 0) + 1
        if host.identity not in self._gone:
            self._cluster.atlas.away(host.name)

    def back(self, host: Host) -> bool:
        """A reason is over; whether it was the last."""
        count = self._down.get(host.identity, 0)
        if not count:
            return False
        self._down[host.identity] = count - 1
        if host.identity not in self._gone:
            self._cluster.atlas.back(host.name)
        return count == 1

    def take_down(self, host: Host, share: float | None = None) -> None:
        """Its process dies; until ``bring_back``."""
        host.die(share)
        self.away(host)

    def stop(self, host: Host) -> None:
        """Its process is ended in order."""
        if host.up:
            host.drain()
        self.take_down(host, 1.0)

    def bring_back(self, host: Host) -> None:
        """It starts again, if no other reason keeps it down."""
        if self.back(host) and self._cluster.hosts.get(host.identity) is host and not host.wiped:
            host.start()
            if host.refused and host.identity not in self._leaving:
                self.replace(host)

    def revive_all(self) -> None:
        """Everybody works again."""
        for host in list(self._cluster.hosts.values()):
            while self._down.get(host.identity, 0):
                self.bring_back(host)
            host.resume()

    # --- copies -------------------------------------------------------------------------------------------------

    def lose(self, host: Host) -> None:
        """Its disk is gone, for good."""
        self.take_down(host)
        host.wiped = True
        self._cluster.atlas.lose(host.name)

    def revert(self, host: Host, image: Image) -> None:
        """Its disk holds this now: it has to catch up before its copy counts again."""
        assert not host.up, "a disk is changed under nobody"
        until = self._cluster.schedule.now + int(PATIENCE_SECONDS * SECOND)
        _, forgotten = self._reverted.get(host.identity, (0, 0))
        self._reverted[host.identity] = (until, max(forgotten, host.disk.held.last_index))
        host.disk.held = image.copy()
        host.disk.synced = None
        self._cluster.atlas.lose(host.name)
        self.await_copy(host)

    def await_copy(self, host: Host) -> None:
        """Its copy counts again once it holds all that is committed now."""
        self._catching_up[host.identity] = host
        self._look_later()

    def _note_copies(self) -> None:
        now = self._cluster.schedule.now
        committed = len(self._cluster.watcher.commitment.committed)
        for identity, host in list(self._catching_up.items()):
            until, forgotten = self._reverted.get(identity, (now, 0))
            if host.up and host.disk.synced is None and host.disk.held.last_index >= max(committed, forgotten):
                del self._catching_up[identity]
                self._reverted.pop(identity, None)
                self._cluster.atlas.whole(host.name)
            elif until < now and identity not in self._leaving:
                self._give_up(host)

    def lost_entries(self, host: Host, error: EntriesLost) -> None:
        """It found that its disk forgot what it had acknowledged, and stopped. That is right where the disk did."""
        if host.identity not in self._reverted:
            self._cluster.broken("durability", f"{host.name} stopped: {error}")
        self._cluster.say(f"{host.name} stops: {error}")
        self._give_up(host)

    def _give_up(self, host: Host) -> None:
        """Nobody starts it on its older disk any more."""
        host.refused = "on an older disk"
        self._catching_up.pop(host.identity, None)
        self._reverted.pop(host.identity, None)
        if host.up:
            self.take_down(host)
        if host.identity not in self._leaving:
            self.replace(host)

    # --- members ------------------------------------------------------------------------------------------------

    @property
    def is_busy(self) -> bool:
        """Whether a change is wanted that is not there yet."""
        return bool(self._wishes)

    def replace(self, host: Host) -> None:
        """A new member, under a new identity, joins in its place."""
        old, new = host.identity, self._join()

        def changes(configuration: Configuration) -> list[Change]:
            members = configuration.members()
            wanted: list[Change] = [] if new.identity in configuration.voters else [AddVoter(new.identity)]
            return wanted + ([Remove(old)] if old in members else [])

        self._wish(Wish(f"n{old} is replaced by {new.name}", changes, lambda: self._left(host)))
        self._leaving.add(host.identity)

    def add(self, *, learner: bool) -> None:
        """A new member, at once with a vote or later."""
        new = self._join()

        def changes(configuration: Configuration) -> list[Change]:
            if new.identity in configuration.voters:
                return []
            if new.identity in configuration.members():
                return [Promote(new.identity)]
            return [AddLearner(new.identity) if learner else AddVoter(new.identity)]

        self._wish(Wish(f"{new.name} joins", changes, lambda: None))

    def remove(self, host: Host) -> None:
        """It leaves."""
        old = host.identity

        def changes(configuration: Configuration) -> list[Change]:
            is_last = configuration.voters == (old,)
            return [Remove(old)] if old in configuration.members() and not is_last else []

        self._leaving.add(host.identity)
        self._wish(Wish(f"{host.name} leaves", changes, lambda: self._left(host)))

    def _join(self) -> Host:
        new = self._cluster.new_host(NOBODY)
        new.start()
        self._cluster.atlas.join(new.name)
        self.await_copy(new)
        return new

    def _left(self, host: Host) -> None:
        self._gone.add(host.identity)
        self._cluster.atlas.leave(host.name)
        self._down.pop(host.identity, None)
        self._catching_up.pop(host.identity, None)
        self._cluster.forget(host)

    def _wish(self, wish: Wish) -> None:
        self._wishes.append(wish)
        self._look_later()

    def _look_later(self) -> None:
        if not self._is_looking:
            self._is_looking = True
            self._cluster.schedule.after(ASK_SECONDS, self._look)

    def somebody_leads(self) -> None:
        """A new leader: what is wanted is asked of it at once."""
        if self._wishes:
            self._cluster.schedule.after(0.0, self._ask_now)

    def _ask_now(self) -> None:
        leader = self._cluster.leader()
        if self._wishes and leader is not None and self._asked is None:
            self._ask(leader, self._wishes[0])

    def _look(self) -> None:
        self._is_looking = False
        self._note_copies()
        self._ask_now()
        if self._wishes or self._catching_up:
            self._look_later()

    def _ask(self, leader: Host, wish: Wish) -> None:
        configuration = leader.replica.configuration
        is_settled = leader.replica.state.configurations.current_index <= leader.replica.commit_index
        changes = wish.changes(configuration)
        if changes:
            self._asked = _Answer(self)
            if len(changes) > 1 and self._random.random() < 0.5:
                # Two administrators, who know nothing of each other: one is told to wait.
                leader.change(_Answer(self), changes[1:], joint=False)
                changes = changes[:1]
            leader.change(self._asked, changes, joint=len(changes) > 1)
            self._cluster.schedule.after(ANSWER_SECONDS, self.answered, self._asked)
        elif is_settled and not configuration.is_joint:
            self._wishes.remove(wish)
            self._cluster.say(f"{wish.words}: done")
            wish.done()

    def answered(self, answer: _Answer) -> None:
        """What was asked came to an end, whatever that was: the configuration shows it."""
        if self._asked is answer:
            self._asked = None


class _Answer:
    """Waits for the end of a change."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    def applied(self, host: Host, applied: Applied) -> None:
        """Not of a change."""

    def readable(self, host: Host) -> None:
        """Not of a change."""

    def dropped(self, host: Host, error: TricordError) -> None:
        """Refused, or nobody can say."""
        self._operator.answered(self)

    def gone(self, host: Host) -> None:
        """The leader died."""
        self._operator.answered(self)

    def ended(self, host: Host) -> None:
        """It is complete."""
        self._operator.answered(self)
