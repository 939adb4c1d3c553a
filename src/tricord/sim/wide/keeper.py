# SPDX-License-Identifier: Apache-2.0
"""Keeps the processes of one host as an operator and a supervisor would: starts them, sees why they end, and replaces a
member whose disk cannot be trusted any more.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tricord.api.serving import Serving
from tricord.base.errors import CorruptData, DiskFault, DiskFull, EntriesLost, TricordError, WrongMember
from tricord.sim.wide.host import PORT, Host
from tricord.sim.wide.host_disk import HostDisk
from tricord.storage.memory_disk import PowerLost

if TYPE_CHECKING:
    from tricord.sim.wide.cluster_run import ClusterRun

RESTART_SECONDS = 0.5
JOIN_SECONDS = 5.0


class Keeper:
    """One host's."""

    def __init__(self, run: ClusterRun, host: Host) -> None:
        self._run = run
        self.host = host
        self.is_busy = False
        """A start or a stop is under way."""
        self.is_wanted = True
        """It should run, as soon as no fault keeps it down."""
        self.held_down = 0
        """How many faults keep it down now."""
        self.is_spoiled = False
        """Its disk may have lost or spoiled what was on it: it may refuse to start, and is replaced then."""
        self.has_left = False
        """It was removed from the cluster."""
        self.may_fail = 0
        """How many faults make its disk fail."""
        self.died = asyncio.Event()
        """Set each time a process died or ended by itself."""
        self.is_frail = 0
        """How many faults make its disk forget what it says is synced: it must not die by another one."""
        self.member = 0
        """The id of the member that ran here last."""
        self._settings: dict[str, Any] = {}
        host.started = self._started
        host.lost_power = self.lose_power

    @property
    def is_up(self) -> bool:
        """Whether a process runs, and is neither starting nor stopping."""
        return self.host.serving is not None and not self.is_busy

    def lose_power(self) -> None:
        """The machine is off."""
        self._run.tell(f"{self.host.name} dies")
        self.host.lose_power()
        self.died.set()

    def kill(self) -> None:
        """The process dies, and with it what it had not synced."""
        self._run.tell(f"{self.host.name} dies")
        self.host.kill()
        self.died.set()

    def exit(self) -> None:
        """The process ends."""
        self._run.tell(f"{self.host.name} dies")
        self.host.exit()
        self.died.set()

    async def start(self) -> None:
        """Start a process, again and again until one runs, unless something keeps it down."""
        if self.is_busy:
            return
        self.is_busy = True
        try:
            while self.is_wanted and not self.held_down and self.host.serving is None:
                if await self._start_once():
                    self._run.tell(f"{self.host.name} starts")
                else:
                    await asyncio.sleep(RESTART_SECONDS)
        finally:
            self.is_busy = False

    async def stop(self) -> None:
        """SIGTERM. Over, too, when the process dies meanwhile."""
        self.is_busy = True
        self.died.clear()
        stopping = asyncio.ensure_future(self.host.stop())
        dying = asyncio.ensure_future(self.died.wait())
        try:
            await asyncio.wait((stopping, dying), return_when=asyncio.FIRST_COMPLETED)
            if stopping.done() and (error := stopping.exception()) is not None:
                self._failed(error)
            elif stopping.done():
                self._run.tell(f"{self.host.name} dies")
        finally:
            stopping.cancel()
            dying.cancel()
            self.is_busy = False
            if self.is_wanted and not self.held_down:
                self._run.spawn(self.start(), f"start {self.host.name} after a stop")

    def _failed(self, error: BaseException) -> None:
        """The process ended by itself."""
        if isinstance(error, PowerLost):
            self.lose_power()
        else:
            self.exit()
            self._judge(error)

    async def _start_once(self) -> bool:
        host = self.host
        try:
            async with asyncio.timeout(JOIN_SECONDS):
                await host.start(**self._settings)
            return host.serving is not None
        except PowerLost:
            self.lose_power()
        except TimeoutError:
            host.exit()
        except (TricordError, OSError) as error:
            host.exit()
            self._judge(error)
        return False

    def _started(self, serving: Serving) -> None:
        self.member = serving.member.identity.member
        if self._run.kept_bytes:
            limits: Any = serving.member.replica.limits
            limits.kept_bytes = self._run.kept_bytes
        if self._run.watch_bytes:
            hub = serving.member.watching.hub
            hub._queue_bytes = hub._room = self._run.watch_bytes
        self._run.record.follow(self.host.name, serving)
        self._run.spawn(self._watch(serving), f"watch {self.host.name}")

    async def _watch(self, serving: Serving) -> None:
        failure = await serving.member.until_failed()
        if self.host.serving is not serving:
            return
        self._failed(failure)
        self._run.spawn(self._again(), f"start {self.host.name} again")

    async def _again(self) -> None:
        await asyncio.sleep(RESTART_SECONDS)
        await self.start()

    def _judge(self, failure: BaseException) -> None:
        """A member stopped. Whether it had a reason."""
        name = self.host.name
        self._run.tell(f"{name} stops: {type(failure).__name__}: {failure}")
        if isinstance(failure, WrongMember) and self.has_left:
            self.is_wanted = False
            return
        if isinstance(failure, DiskFault | DiskFull | OSError) and self.may_fail:
            return
        if isinstance(failure, CorruptData | EntriesLost) and self.is_spoiled:
            self.is_wanted = False
            self._run.spawn(self.replace(), f"replace {name}")
            return
        if isinstance(failure, TricordError) and self._settings and not self.host.disk.exists("/data/identity"):
            return  # it is let in only now
        checker = "durability" if isinstance(failure, EntriesLost) else "invariant"
        self._run.violate(checker, f"{name} stopped: {type(failure).__name__}: {failure}")

    # --- a member in place of another ----------------------------------------------------------------------

    async def replace(self) -> None:
        """The old member leaves, with its disk; a new one joins from the same address."""
        host, run = self.host, self._run
        self.is_wanted = False
        self.has_left = True
        while self.is_busy:
            await asyncio.sleep(RESTART_SECONDS)
        if host.serving is not None:
            self.kill()
        old = self.member
        host.disk = HostDisk(run.world.seed)
        run.prepare(host)
        await run.operator.leave(old)
        await self.join()

    async def join(self, *, as_learner: bool = False) -> None:
        """A new member, with an empty disk."""
        host, run = self.host, self._run
        run.atlas.join(host.name)
        member = await run.operator.let_in(host.name, learner=as_learner)
        self._settings = {"initial_cluster_state": "existing", "listed": run.world.names}
        self.is_wanted, self.has_left, self.is_spoiled = True, False, False
        if as_learner:
            # Asked for at once, and refused until it has caught up.
            await asyncio.gather(self.start(), run.operator.promote(member))
        else:
            await self.start()
        await run.until_caught_up(self)

    async def leave(self) -> None:
        """The member is removed, and its host goes."""
        self.has_left = True
        await self._run.operator.leave(self.member)
        self.is_wanted = False
        while self.is_busy:
            await asyncio.sleep(RESTART_SECONDS)
        if self.host.serving is not None:
            self.exit()
        self._run.forget(self)


def peer_url(name: str) -> str:
    """Where others reach the member."""
    return f"http://{name}:{PORT}"
