# SPDX-License-Identifier: Apache-2.0
"""A member: an open data directory, its replica, the turn of the loop, its peers, and the engine that doors call.

Start: open and verify storage, rebuild the replica from what the log holds, greet the peers, take turns. Stop: hand the
lead over, answer what waits, settle the disk, commit and seal. If an invariant or the disk breaks, the member stops
deciding at once, answers what waits with OutcomeUnknown, and says why in ``failure``.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable

from tricord.base.alarms import AlarmKind
from tricord.base.environment import Environment, Timer
from tricord.base.errors import CorruptData, DiskFault, TricordError, WrongMember
from tricord.base.export import Export, ExportForm
from tricord.base.members import MemberStatus
from tricord.base.metrics import Metrics, StoreCounts
from tricord.base.ordered import Table
from tricord.base.reachable import reachable
from tricord.base.version import ETCD_VERSION
from tricord.raft.config import RaftConfig
from tricord.replica.config import ReplicaConfig
from tricord.replica.replica import Replica
from tricord.server import bootstrap
from tricord.server.compacting import open_compacting
from tricord.server.configuration import Configuration
from tricord.server.corruption import Corruption
from tricord.server.drain import Drain
from tricord.server.engine import PUBLISHED, HealthCheck
from tricord.server.exports import Exports
from tricord.server.faults import Faults
from tricord.server.forcing import go_on_alone
from tricord.server.founding import Invitation, found, is_used, members_of, open_storage
from tricord.server.free_space import FreeSpace
from tricord.server.handing_over import hand_over
from tricord.server.housekeeping import Housekeeping, first_needed
from tricord.server.log_writer import LogWriter
from tricord.server.member_engine import MemberEngine
from tricord.server.member_gossip import MemberGossip
from tricord.server.member_replicas import MemberReplicas
from tricord.server.member_snapshots import MemberSnapshots
from tricord.server.peer_addresses import peer_addresses
from tricord.server.peer_links import PeerTls, open_links
from tricord.server.peers import Peers
from tricord.server.quota import Quota
from tricord.server.rebuilding import Rebuilding
from tricord.server.telling import Tells, TellsNobody
from tricord.server.turn import TurnLoop
from tricord.server.watching import Watching
from tricord.statemachine.machine import Applied, StateMachine
from tricord.statemachine.validation import Limits
from tricord.storage.identity import Identity
from tricord.storage.member_storage import MemberStorage
from tricord.transport.peer.hooks import LocalMember
from tricord.transport.peer.links import PeerLinks

LEASE_DRIFT_TICKS = 2
"""By how many ticks a lease for reads is shorter than the promise that it stands on: one since both are counted in
whole ticks, one for clocks that run at different rates."""
EXPIRE_SECONDS = 0.1


class Member:
    """One member on one loop. Make it, ``start`` it, call its ``engine``, ``stop`` it."""

    def __init__(
        self,
        environment: Environment,
        configuration: Configuration,
        *,
        invitation: Invitation | None = None,
        tells: Tells | None = None,
        on_fault: Callable[[BaseException, str], None] | None = None,
        peer_tls: PeerTls | None = None,
    ) -> None:
        """Opens and verifies the data directory; blocks on the disk. ``on_fault(error, where)`` hears of bugs in doors.

        ``invitation`` is what ``bootstrap.invitation`` got for a member that joins, with an empty directory;
        ``peer_tls`` says how others are dialled where the settings do not.

        Raises DataDirectoryInUse, CorruptData, NewerFormat, DiskFull, DiskFault, ConfigurationError, OSError.
        """
        self._environment = environment
        self._configuration = configuration
        self._on_fault = on_fault
        self._tells = tells or TellsNobody()
        self._stopped = False
        self._timer: Timer | None = None
        self._failed = asyncio.Event()
        self._asking: asyncio.Task[None] | None = None
        self.failure: BaseException | None = None
        self.metrics = Metrics()
        self._invitation = invitation
        self._peer_tls = peer_tls
        self._handed_over = False
        self.health_changed: Callable[[], None] = lambda: None
        """Told when another member leads, or none, and when the cluster knows this one's addresses."""
        founding = found(environment.random, configuration, invitation, as_listed=peer_tls is not None)
        self._storage: MemberStorage = open_storage(environment, configuration, founding)
        if configuration.force_new_cluster:
            go_on_alone(self._storage)
        self.identity: Identity = self._storage.identity
        self.machine = StateMachine(self._storage.overlay)
        self.replica = self._open_replica()
        self._build()

    def _open_replica(self) -> Replica[Applied]:
        storage, configuration = self._storage, self._configuration
        return Replica(
            RaftConfig(
                storage.identity.member,
                election_ticks=configuration.election_ticks,
                lease_reads=configuration.lease_reads,
                lease_drift_ticks=LEASE_DRIFT_TICKS,
                seed=self._environment.random.bits(64),
            ),
            configuration=members_of(storage, configuration),
            hard_state=storage.hard_state,
            base=storage.earlier_base,
            entries=storage.earlier + storage.entries,
            machine=self.machine,
            limits=ReplicaConfig(kept_entries=configuration.log_slack_entries),
        )

    def _build(self) -> None:
        environment, configuration, storage = self._environment, self._configuration, self._storage
        took = self.metrics.backend_commit_seconds.observe
        self.drain = Drain(environment, storage.overlay, storage.backend, self._applied_index, took, self._fail)
        self.log = LogWriter(environment, storage.log)
        self.turns = TurnLoop(
            environment,
            self.replica,
            self.log,
            self.drain,
            self.metrics,
            self._fail,
            tick_seconds=configuration.tick_seconds,
            keeps_time=configuration.lease_reads,
        )
        slack = configuration.log_slack_entries
        self.housekeeping = Housekeeping(environment, self.machine, self.drain, self.log, self._fail, log_slack=slack)
        self.free_space = FreeSpace(environment, configuration.data_dir, configuration.segment_bytes * 5 // 4)
        self.housekeeping.is_full = lambda: self._disk_is_full() or self.free_space.is_short
        self.peers = Peers(
            environment,
            self.identity,
            self.replica,
            self.turns,
            self._tells,
            self._fail,
            election_seconds=configuration.election_timeout / 1000,
            steady_seconds=configuration.steady_seconds,
        )
        self.faults = Faults(environment, configuration.unsafe_faults, self.peers, self._tells)
        self.links: PeerLinks = open_links(
            environment, configuration, self.peers.hooks(), self.faults.cuts, tls=self._peer_tls
        )
        self.exchange = self.peers.connect(self.links)
        name, report = self.peers.name, self.report
        self.gossip = MemberGossip(
            environment, configuration, self.identity, self.machine, self._tells, name, report, tls=self._peer_tls
        )
        self.peers.reconfigured, self.metrics.gossip = self.gossip.configured, self.gossip.figures
        self.snapshots = MemberSnapshots(
            environment,
            storage,
            self.machine,
            self.drain,
            self.log,
            self.replica,
            self.turns,
            self.links,
            self._tells,
            fail=self._fail,
            reloaded=self._reloaded,
        )
        self.peers.snapshots = self.snapshots
        self.replica.pinned_index = lambda: self.snapshots.pinned_index
        self.housekeeping.needed = self._first_needed
        self.turns.cluster = self.peers
        self.watching = Watching(
            environment,
            self.machine,
            self.metrics,
            progress_seconds=configuration.watch_progress_notify_seconds,
            report=self.report,
            fail=self._fail,
        )
        self.turns.watched = self._applied
        self.engine = MemberEngine(
            environment,
            self.machine,
            storage.overlay,
            self.turns,
            Limits(max_transaction_operations=configuration.max_txn_operations),
            cluster=self.identity.cluster,
            member=self.identity.member,
            history=self.identity.history,
            waiting_max=configuration.max_waiting_requests,
            request_bytes_max=configuration.max_request_bytes,
            metrics=self.metrics,
            host=self,
            peers=self.peers,
            lead=self.replica,
            freshness=self.replica,
            lease_ttl_min=configuration.lease_ttl_min,
            watching=self.watching,
            lease_checkpoint_seconds=configuration.lease_checkpoint_interval,
        )
        self.engine.leases.say = self.peers.say
        self.peers.lease_message = self.engine.leases.received
        self.peers.membership = membership = self.engine.membership
        membership.learners_max, membership.strict = configuration.max_learners, configuration.strict_reconfig_check
        self.metrics.pending = lambda: self.engine.waiting
        self.metrics.store = lambda: StoreCounts(storage.overlay.entries(Table.HEAD), self.machine.compacted())
        identity, machine, ask = self.identity, self.machine, self.engine.ask
        self.replicas = MemberReplicas(
            environment, configuration, identity, machine, self.exchange, self.replica, ask, self._tells, self._fail
        )
        self.replicas.serve(self.engine, self.metrics)
        self.compacting = open_compacting(environment, configuration, machine, self.replica, ask, self._tells)
        self.corruption = self._open_corruption()
        self.peers.check_message = self.corruption.received
        self.quota = Quota(
            environment,
            self.identity.member,
            configuration.quota_bytes,
            self,
            self.replica,
            lambda: self.machine.alarms,
            self.engine.ask,
            self._tells,
        )
        self._build_maintenance()

    def _build_maintenance(self) -> None:
        environment, storage, snapshots = self._environment, self._storage, self.snapshots
        self.rebuilding = Rebuilding(
            environment,
            storage,
            self.drain,
            self._tells,
            self.metrics,
            automatic=self._configuration.auto_defragment,
            is_installing=lambda: snapshots.is_installing,
            requests=self._requests,
            fail=self._fail,
        )
        snapshots.before_installing = self.rebuilding.give_way
        self.exports = Exports(
            environment,
            f"{storage.directory}/snapshots",
            lambda: storage.backend,
            self.drain,
            self._applied_index,
            members=self.engine.members,
            requests=self._requests,
        )

    def _open_corruption(self) -> Corruption:
        return Corruption(
            self._environment,
            self.identity.member,
            self.machine,
            self.engine.hashing,
            self.turns,
            self.replica,
            self._tells,
            content_seconds=self._configuration.corrupt_check_seconds,
            ask=self.engine.ask,
            hand_over=self.engine.move_leader,
            say=self.peers.say,
        )

    @property
    def client_urls(self) -> list[str]:
        """Where clients can dial this member; set by whoever listens."""
        return self.peers.client_urls

    @property
    def is_alone(self) -> bool:
        """Whether no other member is known."""
        return len(self.replica.configuration.members()) == 1

    async def start(self) -> None:
        """Begin. A member that is alone leads, and has applied all that its log holds, when this returns; one of
        several still looks for the others. Raises what stopped it."""
        identity = self.identity
        self._timer = self._environment.tasks.call_later(EXPIRE_SECONDS, self._every_so_often)
        self.links.set_local(LocalMember(identity.cluster, identity.history, identity.member, identity.incarnation))
        self.faults.start()
        known = self.replica.configuration
        if self._invitation is not None and not known.members():
            known = self._invitation.members
        self.links.set_peers(peer_addresses(known, identity.member))
        self.peers.reconfigured(known)
        if len(self.replica.configuration.voters) > 1 and not is_used(self._storage):
            self._asking = self._environment.tasks.spawn(self._start_with_consent(), "bootstrap")
            return
        if self._configuration.initial_corrupt_check and not self.is_alone and known.members():
            self._asking = self._environment.tasks.spawn(self._start_when_checked(), "initial check")
            return
        self._start_turns()
        if not known.members() and self._configuration.initial_cluster:
            self._asking = self._environment.tasks.spawn(self._meet_the_others(), "introduction")
        if self.is_alone:
            await self.turns.until(lambda: self.replica.caught_up)
        if self.failure is not None:
            await self.stop()
            raise self.failure

    async def _start_when_checked(self) -> None:
        try:
            difference = await self.corruption.differs_from_another()
        except TricordError as error:
            self._fail(error)
            return
        if difference:
            self._fail(CorruptData(self._configuration.data_dir, 0, difference))
        elif not self._stopped:
            self._start_turns()

    async def _start_with_consent(self) -> None:
        try:
            await bootstrap.consent(
                self.links.query,
                self._configuration,
                self.identity,
                self._tells,
                lambda: self._stopped,
            )
        except TricordError as error:
            self._fail(error)
            return
        if not self._stopped:
            self._start_turns()

    async def _meet_the_others(self) -> None:
        known = await bootstrap.introduction(
            self.links.query, self._configuration, self.identity, lambda: self._stopped or not self.turns.started
        )
        if known.members() and not self.replica.configuration.members() and not self._stopped:
            self.links.set_peers(peer_addresses(known, self.identity.member))

    def _start_turns(self) -> None:
        self.turns.start()
        self.peers.configured(self.replica.configuration)
        self._environment.tasks.spawn(self._watch_leader(), "leader")
        self._environment.tasks.spawn(self._watch_published(), "published")
        self.replicas.start()

    async def _watch_leader(self) -> None:
        """Say who leads, each time it is another one."""
        known = (0, 0)
        while self.turns.started:
            known = await self._another_leader(known)
            if not self.turns.started:
                return
            leader, term = known
            self.health_changed()
            self.metrics.leader_changes_seen += bool(leader)
            if self.is_alone:
                continue
            if leader:
                self._tells.info("a leader is known", leader=self.peers.name(leader), term=term)
            else:
                self._tells.info("no leader is known", term=term)

    async def _another_leader(self, known: tuple[int, int]) -> tuple[int, int]:
        replica = self.replica
        await self.turns.until(lambda: (replica.leader, replica.term if replica.leader else known[1]) != known)
        return replica.leader, replica.term

    async def _watch_published(self) -> None:
        await self.turns.until(self.peers.has_published)
        self.health_changed()

    @property
    def is_ready(self) -> bool:
        """Whether a leader is known, and this member's addresses are in the log."""
        return self.replica.leader != 0 and self.peers.has_published()

    async def until_ready(self) -> None:
        """Return when ``is_ready`` holds, or when this member stops."""
        await self.turns.until(lambda: self.is_ready)

    async def hand_over(self) -> None:
        """Before a stop: let another member lead, and wait for what is in flight. Serves on meanwhile."""
        if not self._handed_over and not self._stopped and self.failure is None and self.turns.started:
            self._handed_over = True
            await hand_over(
                self.replica, self.turns, self.engine, self._tells, self._configuration, self.peers.is_connected
            )

    async def stop(self) -> None:
        """Answer what waits, make the backend hold all that was applied, seal, close. Stopping twice is fine."""
        await self.hand_over()
        if self._stopped:
            return
        self._stopped = True
        self.engine.stop()
        await self.gossip.stop()
        self.faults.stop()
        if self._asking is not None:
            self._asking.cancel()
        self.turns.stop()
        self.peers.stop()
        self._look_no_more()
        await self.engine.finish_reading()
        await self.rebuilding.stop()
        await self.exports.stop()
        await self.snapshots.stop()
        await self.turns.settle()
        await self.drain.close()
        try:
            await self.replicas.stop()
            if self.failure is None:
                await self.log.seal()
                await self.drain.flush()
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
        finally:
            # Without the flush nothing is lost: the log has it.
            self._storage.close()

    def abandon(self) -> None:
        """Decide nothing more and write nothing more, like a process that died. For simulations: a log write that is
        under way may still end."""
        self._stopped = True
        self.turns.stop()
        self.watching.abandon()
        self.gossip.close()
        self.peers.stop()
        self.faults.stop()
        self._look_no_more()
        self.snapshots.abandon()
        self.rebuilding.abandon()
        self.exports.abandon()
        self.drain.abandon()
        self.replicas.abandon()

    def _look_no_more(self) -> None:
        """Stop what looks at the member every so often."""
        self.housekeeping.stop()
        if self.compacting is not None:
            self.compacting.stop()
        self.corruption.stop()
        self.replicas.look_no_more()
        if self._timer is not None:
            self._timer.cancel()

    async def until_failed(self) -> BaseException:
        """Wait for the day this member must stop, and say why."""
        await self._failed.wait()
        assert self.failure is not None
        return self.failure

    def refuses_growth(self) -> str:
        """Why writes that make the store larger are refused now; empty when they are not."""
        if self._disk_is_full():
            return "the disk is full"
        if self.free_space.is_short:
            return "the disk is nearly full"
        used = self.used_bytes()
        if used > self._configuration.quota_bytes:
            return f"{used} bytes are in use, the quota is {self._configuration.quota_bytes}"
        return ""

    def used_bytes(self) -> int:
        """What the store takes. What is not in the backend yet will be: a burst must not pass the quota between two
        commits."""
        return self.drain.used_bytes + self._storage.overlay.size_bytes

    def can_log(self) -> bool:
        """Whether a change of alarms can be decided now: alone, nothing is while the log is full."""
        return self.turns.started and not (self.turns.log_full and self.is_alone)

    def compacted(self, keyspace: int, revision: int, then: Callable[[], None] | None) -> None:
        """Begin to free what a compaction made unreachable; ``then`` runs when that is done."""
        self.housekeeping.compacted(keyspace, revision, then)

    def report(self, error: BaseException, where: str) -> None:
        """Something failed that should not, and that others need not suffer for."""
        if self._on_fault is not None:
            self._on_fault(error, where)

    @property
    def is_learner(self) -> bool:
        """Whether this member has no vote."""
        return self.peers.is_learner

    def status(self) -> MemberStatus:
        """What this member knows of itself."""
        replica, backend = self.replica, self._storage.backend
        return MemberStatus(
            version=ETCD_VERSION,
            size_bytes=backend.size_bytes(),
            used_bytes=self.drain.used_bytes,
            quota_bytes=self._configuration.quota_bytes,
            leader=replica.leader,
            raft_term=replica.term,
            raft_index=replica.commit_index,
            raft_applied_index=self.machine.applied_index,
            is_learner=self.is_learner,
            alarms=self._alarms(),
            downgrade=self.machine.downgrade,
            errors=[] if replica.leader else ["etcdserver: no leader"],
        )

    def health(self) -> list[HealthCheck]:
        """Whether it lives, leads or follows, and may write."""
        failure = self.failure
        full = any(name == AlarmKind.NOSPACE.name for _, name in self._alarms())
        checks = [
            HealthCheck("serializable_read", failure is None, str(failure or "")),
            HealthCheck("linearizable_read", bool(self.replica.leader) and failure is None, "no leader"),
            HealthCheck("data_corruption", True),
            HealthCheck("alarm_nospace", not full, "ALARM NOSPACE"),
        ]
        if not self.peers.has_published():
            # An etcd that did not get so far answers nobody: its probes have no name for it.
            checks.append(HealthCheck(PUBLISHED, False, "the cluster does not know this member's addresses yet"))
        checks += [
            HealthCheck("replica_open", False, f"keyspace {name}: {why}") for name, why in self.replicas.failures()
        ]
        return checks

    def _alarms(self) -> list[tuple[int, str]]:
        """Those in the log, and this member's own that is not there yet."""
        raised = set(self.machine.alarms)
        if self.refuses_growth():
            raised.add((self.identity.member, AlarmKind.NOSPACE))
        return [(member, kind.name) for member, kind in sorted(raised, key=lambda alarm: alarm[::-1])]

    def _disk_is_full(self) -> bool:
        return self.drain.disk_full or self.turns.log_full

    def _reloaded(self) -> None:
        self.housekeeping.compacted(0, 0, None)
        self.watching.reloaded()

    async def open_snapshot(self, form: ExportForm) -> Export:
        """See ``Engine``."""
        return await self.exports.open(form)

    async def defragment(self) -> None:
        """See ``Engine``."""
        await self.rebuilding.defragment()

    def _requests(self) -> int:
        """Grows with what this member does for others."""
        return self.machine.applied_index + self.metrics.ranges + self.metrics.txns

    def _applied(self, applied: list[Applied]) -> None:
        self.watching.applied(applied)
        self.replicas.look()

    def _applied_index(self) -> int:
        return self.machine.applied_index

    def _first_needed(self) -> int | None:
        matched = self.replica.matched_indexes()
        heard = [index for member, index in matched.items() if self.peers.is_active(member)]
        return first_needed(heard, self.snapshots.pinned_index)

    def _every_so_often(self) -> None:
        self.engine.expire()
        self.free_space.look()
        self.quota.look()
        self.housekeeping.look()
        self.gossip.look()
        self.replicas.look()
        self._timer = self._environment.tasks.call_later(EXPIRE_SECONDS, self._every_so_often)

    def _fail(self, error: BaseException) -> None:
        if self.failure is not None:
            return
        reachable("a member stopped itself")
        if isinstance(error, OSError) and not isinstance(error, TricordError):
            fault = DiskFault(f"the disk failed: {error}")
            fault.__cause__ = error
            self.failure = fault
        else:
            self.failure = error
        if isinstance(error, WrongMember):
            # Its turns are sound: what no leader took did nothing, and may be said to have.
            self.engine.stop()
        self.turns.stop()
        self.engine.stop()
        self._failed.set()
