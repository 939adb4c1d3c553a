# SPDX-License-Identifier: Apache-2.0
"""Looks after every turn whether all promises are kept: each check looks only at what the turn changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tricord.raft.messages import (
    AppendEntries,
    AppendEntriesResult,
    InstallSnapshotResult,
    Message,
    RequestVote,
    RequestVoteResult,
)
from tricord.raft.state import LEADER
from tricord.replica import TurnInput, TurnOutput
from tricord.sim.fine.clock import TICK
from tricord.sim.invariants.commitment import Commitment
from tricord.sim.invariants.durability import check_acknowledged
from tricord.sim.invariants.election_safety import ElectionSafety, check_vote
from tricord.sim.invariants.equal_hashes import EqualHashes
from tricord.sim.invariants.lease_times import LeaseTimes
from tricord.sim.invariants.log_matching import LogMatching
from tricord.sim.invariants.one_change import check_changes, check_configuration
from tricord.sim.invariants.patience import Patience
from tricord.sim.invariants.read_leases import ReadLeases
from tricord.sim.invariants.seen import Stored, runs
from tricord.sim.invariants.store_history import StoreHistory
from tricord.statemachine.machine import Applied

if TYPE_CHECKING:
    from tricord.sim.fine.cluster import Cluster
    from tricord.sim.fine.host import Host

_VOTES = (RequestVote, RequestVoteResult)
_ACKNOWLEDGEMENTS = (AppendEntriesResult, InstallSnapshotResult)


class Watcher:
    """All checks of one cluster. Every method raises Broken."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.elections = ElectionSafety(self._stored)
        self.commitment = Commitment(self._stored)
        self.matching = LogMatching()
        self.hashes = EqualHashes()
        self.store = StoreHistory()
        self.leases = LeaseTimes()
        self.patience = Patience()
        self.read_leases = ReadLeases(TICK) if cluster.plan.options.get("lease_reads") else None

    def started(self, host: Host) -> None:
        """A process began."""
        host.seen.commit_index = host.replica.state.commit_index
        self.patience.started(host.identity)
        self.commitment.started(host.identity, host.seen)
        index = host.machine.applied_index
        self.hashes.applied(host.identity, host.machine, index, index)

    def jumped(self, host: Host) -> None:
        """A snapshot is in place."""
        index = host.machine.applied_index
        self.hashes.applied(host.identity, host.machine, index, index)

    def turned(self, host: Host, taken: TurnInput, given: TurnOutput[Applied]) -> None:
        """A turn was taken, with this; nothing that it says was done yet."""
        state, seen = host.state, host.seen
        leads = state.role is LEADER
        term = state.persistent.current_term
        if given.entries:
            led = leads and seen.led_term == term
            for part in runs(given.entries):
                self.matching.appended(host.identity, seen, part, leads=led)
            if led:
                check_changes(host.identity, state, seen, given.entries)
            if state.installing is None:
                check_configuration(host.identity, state, seen)
        if leads and seen.led_term != term:
            self.elections.elected(host.identity, state)
            seen.led_term = term
            self.commitment.elected(term, seen)
            self._check_others_leases(term)
            self._cluster.say(f"{host.name} leads in term {term}")
            self._cluster.operator.somebody_leads()
        if state.commit_index != seen.commit_index and state.installing is None:  # else its log is to go, unseen
            self.commitment.advanced(
                host.identity, seen, state.commit_index, reconfigured=given.configuration is not None
            )
        if not leads and seen.led_term:
            seen.led_term = 0
            self._cluster.say(f"{host.name} follows")
        if given.messages:
            self._check_messages(given.messages, taken, host)
        self.patience.turned(host.identity, state, taken)
        if self.read_leases is not None:
            self.read_leases.sent(given.messages, state, self._cluster.schedule.now)
            if leads:
                self.read_leases.check_alone(host.identity, state, self.elections.newest)
        applied = given.applied
        if applied:
            self.hashes.applied(host.identity, host.machine, applied[0].index, applied[-1].index)
            self.store.applied(applied)
            self.leases.applied(applied, self._cluster.schedule.now)

    def stopped(self, host: Host) -> None:
        """A process ended."""

    def _check_others_leases(self, term: int) -> None:
        if self.read_leases is not None:
            for other in self._cluster.hosts.values():
                if other.up and not other.paused and other.state.role is LEADER:
                    self.read_leases.check_alone(other.identity, other.state, term)

    def _check_messages(self, messages: list[Message], taken: TurnInput, host: Host) -> None:
        stored, term = host.disk.held, host.state.persistent.current_term
        for message in messages:
            kind = type(message)
            if kind is AppendEntries:
                continue
            if kind in _ACKNOWLEDGEMENTS:
                check_acknowledged(message, stored, host.seen, term)
            elif kind in _VOTES:
                check_vote(message, stored)
                if type(message) is RequestVote:
                    self.patience.campaigned(message, host.state)
                elif type(message) is RequestVoteResult:
                    self.patience.answered(message, host.state, taken)

    def _stored(self, member: int) -> Stored | None:
        host = self._cluster.hosts.get(member)
        return None if host is None or host.wiped else host.disk.held
