# SPDX-License-Identifier: Apache-2.0
"""A process that is one member: its log, its signals, and what it says when it is up.

The first SIGTERM or SIGINT lets calls under way finish, the second ends the process at once. Nothing is lost by that:
what was acknowledged is on disk. The process never forks, re-executes, daemonizes or renames itself.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import ssl
import sys
import threading
from collections.abc import Callable

from tricord import __version__
from tricord.api.doors import Doors, doors_of
from tricord.api.serving import CannotListen, Serving
from tricord.base.environment import Environment
from tricord.base.errors import ConfigurationError, DiskFull, StorageError, TricordError, WrongMember
from tricord.cli.exit_codes import ExitCode
from tricord.cli.startup_block import endpoints, lines_to_try, startup_block
from tricord.runtime import run as run_in_environment
from tricord.runtime.logging import Logger, adopt_standard_logging, open_log, writes_text
from tricord.server.address import Address
from tricord.server.bootstrap import invitation
from tricord.server.configuration import Configuration
from tricord.server.faults import with_faulty_disk
from tricord.server.founding import Invitation
from tricord.server.peer_links import open_links
from tricord.transport.peer.hooks import PeerHooks
from tricord.transport.renewed import RenewedContext
from tricord.transport.tls import server_context
from tricord.transport.tls_reason import reason_of

FULL = (errno.ENOSPC, errno.EDQUOT)
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Manner:
    """How a process shows its member: this one is ``tricord serve``'s."""

    invitation_rounds: int | None = None
    """How often a member that joins asks whether the others know it; None: until they do."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration

    def environment(self, environment: Environment) -> Environment:
        """The outside worlds of the member."""
        path = self.configuration.unsafe_faults
        if not path:
            return environment
        # Not time.sleep: it fails where `faketime` has set the wall clock back.
        return with_faulty_disk(environment, path, threading.Event().wait)

    def open_log(self, environment: Environment) -> Logger:
        """The member's log."""
        configuration = self.configuration
        return open_log(
            environment.clock,
            member=configuration.name,
            format=configuration.log_format,
            level=configuration.log_level,
        )

    def doors(self) -> Doors:
        """Where to listen. Raises ConfigurationError."""
        return doors_of(self.configuration, _tls(self.configuration))

    def told(self, number: int) -> None:
        """A signal came that stops the member."""

    def serves(self, serving: Serving, log: Logger) -> None:
        """The member serves from now on."""
        _announce(self.configuration, serving, log)


def run(configuration: Configuration, manner: Manner | None = None) -> int:
    """Run a member until it is told to stop; the exit code. Raises TricordError and OSError when it cannot start."""
    manner = manner or Manner(configuration)
    return run_in_environment(lambda environment: _serve(manner.environment(environment), configuration, manner))


async def _serve(environment: Environment, configuration: Configuration, manner: Manner) -> int:
    log = manner.open_log(environment)
    adopt_standard_logging(log, configuration.log_level)
    told = asyncio.Event()
    _listen_to_signals(told, log, manner.told)
    log.info(
        "starting", version=__version__, data_dir=configuration.data_dir, listen=configuration.listen, pid=os.getpid()
    )
    _warn(configuration, log)
    doors = manner.doors()
    invitation = await _invitation(environment, configuration, doors, log, told, manner.invitation_rounds)
    if told.is_set():
        log.info("stopped")
        return ExitCode.DONE
    serving = _open(environment, configuration, doors, log, invitation)
    try:
        await serving.start()
    except OSError as error:  # of the listener; what fails in the member is a TricordError, and closes it
        serving.abort()
        await serving.member.stop()
        raise _explained(error, configuration) from error
    announcing = environment.tasks.spawn(_announce_when_ready(manner, serving, log), "announcing")
    failure = await _until_told_or_failed(serving, told)
    announcing.cancel()
    if failure is not None:
        # Its text names a file or an invariant, never a value.
        reason = str(failure) if isinstance(failure, StorageError | WrongMember) else type(failure).__name__
        log.error("stopping, since this member must not go on", reason=reason)
        serving.abort()
        await serving.member.stop()
        raise failure
    log.info("draining", connections=serving.connection_count(), grace_seconds=configuration.drain_seconds)
    try:
        await serving.stop(configuration.drain_seconds)
    except OSError as error:
        if error.errno not in FULL:
            raise
        # The log has everything: the next start only takes longer.
        log.warning("stopped on a full disk", reason=error.strerror)
    else:
        log.info("stopped")
    return ExitCode.DONE


def _warn(configuration: Configuration, log: Logger) -> None:
    if configuration.initial_cluster and configuration.initial_cluster_state == "new":
        count = len(configuration.initial_members.members)
        if count % 2 == 0:
            log.warning("an even number of members bears no more failures than one less", members=count)
    if configuration.unsafe_faults:
        log.warning(
            "UNSAFE: this member drops messages and fails its disk on purpose where a file says so",
            file=configuration.unsafe_faults,
        )


async def _invitation(
    environment: Environment,
    configuration: Configuration,
    doors: Doors,
    log: Logger,
    told: asyncio.Event,
    rounds: int | None,
) -> Invitation | None:
    """What the cluster tells one that joins it with an empty directory."""
    joins = configuration.initial_cluster and configuration.initial_cluster_state == "existing"
    if not joins or environment.disk.exists(f"{configuration.data_dir}/identity"):
        return None
    links = open_links(environment, configuration, PeerHooks(), tls=doors.peer_tls)
    try:
        return await invitation(links.query, configuration, log, told.is_set, rounds_max=rounds)
    except WrongMember:
        if told.is_set():
            return None
        raise
    finally:
        links.close()


def _open(
    environment: Environment, configuration: Configuration, doors: Doors, log: Logger, invitation: Invitation | None
) -> Serving:
    try:
        return Serving(
            environment,
            configuration,
            doors=doors,
            invitation=invitation,
            tells=log,
            on_fault=lambda error, where: log.error("a handler failed", error=type(error).__name__, where=where),
        )
    except OSError as error:
        kind = DiskFull if error.errno in FULL else StorageError
        raise kind(f"cannot use the data directory {configuration.data_dir}: {error.strerror or error}") from error


async def _until_told_or_failed(serving: Serving, told: asyncio.Event) -> BaseException | None:
    """What stopped the member; None when somebody told it to stop."""
    waits = {asyncio.ensure_future(told.wait()), asyncio.ensure_future(serving.member.until_failed())}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return serving.member.failure


def _listen_to_signals(told: asyncio.Event, log: Logger, also: Callable[[int], None]) -> None:
    loop = asyncio.get_running_loop()
    heard: list[int] = []

    # Python's own handlers run between any two instructions: the second signal ends a process whose loop is blocked.
    def hear(number: int, _: object) -> None:
        if heard:
            os._exit(ExitCode.INTERRUPTED)
        heard.append(number)
        loop.call_soon_threadsafe(obey, number)

    def obey(number: int) -> None:
        log.info("told to stop", signal=signal.Signals(number).name)
        also(number)
        told.set()

    for number in SIGNALS:
        signal.signal(number, hear)


def _tls(configuration: Configuration) -> ssl.SSLContext | None:
    if not configuration.tls:
        return None
    certificate, key = configuration.cert_file, configuration.key_file
    try:
        return RenewedContext(lambda: server_context(certificate, key), (certificate, key)).for_listener()
    except (OSError, ssl.SSLError) as error:
        files = f"cert_file {configuration.cert_file} and key_file {configuration.key_file}"
        raise ConfigurationError(f"cannot use {files}: {reason_of(error)}") from error


def _explained(error: OSError, configuration: Configuration) -> Exception:
    where = error.address if isinstance(error, CannotListen) else configuration.listen_address
    if error.errno == errno.EADDRINUSE:
        return AddressInUse(f"cannot listen on {where}: another process does already", where)
    return ConfigurationError(f"cannot listen on {where}: {error.strerror or error}")


class AddressInUse(TricordError):
    """The port is taken."""

    code = "address_in_use"
    summary = "another process listens there"
    hint = "stop it, or choose another address with --listen HOST:PORT"

    def __init__(self, text: str, address: Address) -> None:
        super().__init__(text)
        self.address = address


async def _announce_when_ready(manner: Manner, serving: Serving, log: Logger) -> None:
    """Alone that is now; one of several listens already, and is ready when there is a leader and the log has its
    addresses. An etcd takes no connection of clients before that."""
    member = serving.member
    if not member.replica.leader:
        log.info("listening, and looking for a leader", listen=str(serving.listening))
    await member.until_ready()
    if member.is_ready:
        manner.serves(serving, log)


def _announce(configuration: Configuration, serving: Serving, log: Logger) -> None:
    listening, advertised = serving.listening, serving.advertised
    identity = serving.member.identity
    fields: dict[str, object] = {
        "listen": str(listening),
        "advertise": str(advertised),
        "data_dir": configuration.data_dir,
        "member_id": f"{identity.member:x}",
        "cluster_id": f"{identity.cluster:x}",
        "applied": serving.member.machine.applied_index,
    }
    as_text = writes_text(configuration.log_format, sys.stderr)
    if not as_text:
        # Lines of JSON are for programs: the block becomes fields.
        fields |= {"speaks": endpoints(configuration, advertised), "try": lines_to_try(configuration, advertised)}
    log.info("ready to serve client requests", **fields)
    if as_text:
        print(startup_block(configuration, listening, advertised), file=sys.stderr, flush=True)
