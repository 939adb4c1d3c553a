# SPDX-License-Identifier: Apache-2.0
"""A member: an open data directory, its replica, the turn of the loop, and the engine that doors call.

Start: open and verify storage, rebuild the replica from what the log holds, become leader, apply what is committed.
Stop: answer what waits, settle the disk, commit and seal. If an invariant or the disk breaks, the member stops deciding
at once, answers what waits with OutcomeUnknown, and says why in ``failure``.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable

from tricord.base.environment import Environment, Timer
from tricord.base.errors import DiskFault, TricordError
from tricord.base.members import MemberRecord, MemberStatus
from tricord.base.metrics import Metrics
from tricord.base.version import ETCD_VERSION
from tricord.replica.config import ReplicaConfig
from tricord.replica.replica import Replica
from tricord.server.configuration import Configuration
from tricord.server.drain import Drain
from tricord.server.engine import HealthCheck
from tricord.server.housekeeping import Housekeeping
from tricord.server.log_writer import LogWriter
from tricord.server.member_engine import MemberEngine
from tricord.server.turn import TurnLoop
from tricord.statemachine.machine import Applied, StateMachine
from tricord.statemachine.validation import Limits
from tricord.storage.identity import Identity
from tricord.storage.member_storage import MemberStorage, open_member_storage

EXPIRE_SECONDS = 0.1


class Member:
    """One member on one loop. Make it, ``start`` it, call its ``engine``, ``stop`` it."""

    def __init__(
        self,
        environment: Environment,
        configuration: Configuration,
        *,
        on_fault: Callable[[BaseException, str], None] | None = None,
    ) -> None:
        """Opens and verifies the data directory; blocks on the disk. ``on_fault(error, where)`` hears of bugs in doors.

        Raises DataDirectoryInUse, CorruptData, NewerFormat, DiskFull, DiskFault, OSError.
        """
        self._environment = environment
        self._configuration = configuration
        self._on_fault = on_fault
        self._stopped = False
        self._timer: Timer | None = None
        self._failed = asyncio.Event()
        self.failure: BaseException | None = None
        self.metrics = Metrics()
        self.client_urls: list[str] = []
        """Where clients can dial this member; set by whoever listens."""
        storage = open_member_storage(
            environment,
            configuration.data_dir,
            new_identity=self._new_identity,
            map_size=configuration.map_bytes,
            segment_bytes=configuration.segment_bytes,
        )
        self._storage: MemberStorage = storage
        self.identity: Identity = storage.identity
        self.machine = StateMachine(storage.overlay)
        member = storage.identity.member
        self.replica: Replica[Applied] = Replica(
            member=member,
            voters=(member,),
            seed=environment.random.bits(64),
            hard_state=storage.hard_state,
            entries=storage.entries,
            applied_index=storage.applied_index,
            applied_term=storage.applied_term,
            machine=self.machine,
            # No peer lags behind a sole voter: what was applied need not stay in memory.
            limits=ReplicaConfig(kept_entries=0),
        )
        self.drain = Drain(environment, storage.overlay, storage.backend, self._applied_index, self.metrics, self._fail)
        self.log = LogWriter(environment, storage.log)
        self.turns = TurnLoop(environment, self.replica, self.log, self.drain, self.metrics, self._fail)
        self.housekeeping = Housekeeping(environment, self.machine, self.drain, self.log, self._fail)
        self.engine = MemberEngine(
            environment,
            self.machine,
            storage.overlay,
            self.turns,
            Limits(max_transaction_operations=configuration.max_txn_operations),
            cluster=storage.identity.cluster,
            member=storage.identity.member,
            waiting_max=configuration.max_waiting_requests,
            request_bytes_max=configuration.max_request_bytes,
            metrics=self.metrics,
            host=self,
        )
        self.metrics.pending = lambda: self.engine.waiting

    async def start(self) -> None:
        """Return when this member leads and has applied all that its log holds. Raises what stopped it."""
        self._timer = self._environment.tasks.call_later(EXPIRE_SECONDS, self._every_so_often)
        self.turns.start()
        await self.turns.until(lambda: self.replica.caught_up)
        if self.failure is not None:
            await self.stop()
            raise self.failure
        self.metrics.leader_changes_seen += 1

    async def stop(self) -> None:
        """Answer what waits, make the backend hold all that was applied, seal, close. Stopping twice is fine."""
        if self._stopped:
            return
        self._stopped = True
        self.engine.stop()
        self.turns.stop()
        self.housekeeping.stop()
        if self._timer is not None:
            self._timer.cancel()
        await self.engine.finish_reading()
        await self.turns.settle()
        await self.drain.close()
        try:
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
        self.turns.stop()
        self.housekeeping.stop()
        self.drain.abandon()
        if self._timer is not None:
            self._timer.cancel()

    async def until_failed(self) -> BaseException:
        """Wait for the day this member must stop, and say why."""
        await self._failed.wait()
        assert self.failure is not None
        return self.failure

    def refuses_growth(self) -> str:
        """Why writes that make the store larger are refused now; empty when they are not."""
        if self.drain.disk_full or self.turns.log_full:
            return "the disk is full"
        # What is not in the backend yet will be: a burst must not pass the quota between two commits.
        used = self.drain.used_bytes + self._storage.overlay.size_bytes
        if used > self._configuration.quota_bytes:
            return f"{used} bytes are in use, the quota is {self._configuration.quota_bytes}"
        return ""

    def compacted(self, revision: int, then: Callable[[], None] | None) -> None:
        """Begin to free what a compaction made unreachable; ``then`` runs when that is done."""
        self.housekeeping.compacted(revision, then)

    def report(self, error: BaseException, where: str) -> None:
        """Something failed that should not, and that others need not suffer for."""
        if self._on_fault is not None:
            self._on_fault(error, where)

    def members(self) -> list[MemberRecord]:
        """The one member there is."""
        identity = self.identity
        return [MemberRecord(identity.member, identity.name, list(self.client_urls), list(self.client_urls))]

    def status(self) -> MemberStatus:
        """What this member knows of itself."""
        replica, backend = self.replica, self._storage.backend
        refusal = self.refuses_growth()
        return MemberStatus(
            version=ETCD_VERSION,
            size_bytes=backend.size_bytes(),
            used_bytes=self.drain.used_bytes,
            quota_bytes=self._configuration.quota_bytes,
            leader=replica.leader,
            raft_term=replica.term,
            raft_index=replica.commit_index,
            raft_applied_index=self.machine.applied_index,
            is_learner=False,
            alarms=[(self.identity.member, "NOSPACE")] if refusal else [],
            errors=[],
        )

    def health(self) -> list[HealthCheck]:
        """Whether it lives, leads or follows, and may write."""
        failure = self.failure
        refusal = self.refuses_growth()
        return [
            HealthCheck("serializable_read", failure is None, str(failure or "")),
            HealthCheck("linearizable_read", bool(self.replica.leader) and failure is None, "no leader"),
            HealthCheck("data_corruption", True),
            HealthCheck("alarm_nospace", not refusal, "ALARM NOSPACE"),
        ]

    def _applied_index(self) -> int:
        return self.machine.applied_index

    def _every_so_often(self) -> None:
        self.engine.expire()
        self._timer = self._environment.tasks.call_later(EXPIRE_SECONDS, self._every_so_often)

    def _fail(self, error: BaseException) -> None:
        if self.failure is not None:
            return
        if isinstance(error, OSError) and not isinstance(error, TricordError):
            fault = DiskFault(f"the disk failed: {error}")
            fault.__cause__ = error
            self.failure = fault
        else:
            self.failure = error
        self.turns.stop()
        self.engine.stop()
        self._failed.set()

    def _new_identity(self) -> Identity:
        bits = self._environment.random.bits
        return Identity(
            # Ids fit a signed 64-bit integer, and 0 means nobody.
            cluster=bits(63) | 1,
            member=bits(63) | 1,
            history=bits(63) | 1,
            incarnation=bits(63) | 1,
            name=self._configuration.name,
        )
