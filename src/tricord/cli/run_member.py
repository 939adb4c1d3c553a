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

from tricord import __version__
from tricord.api.serving import Serving
from tricord.base.environment import Environment
from tricord.base.errors import ConfigurationError, DiskFull, StorageError, TricordError, WrongMember
from tricord.cli.exit_codes import ExitCode
from tricord.cli.startup_block import endpoints, lines_to_try, startup_block
from tricord.runtime import run as run_in_environment
from tricord.runtime.logging import Logger, adopt_standard_logging, open_log, writes_text
from tricord.server.bootstrap import invitation
from tricord.server.configuration import Configuration
from tricord.server.founding import Invitation
from tricord.server.peer_links import open_links
from tricord.transport.peer.hooks import PeerHooks
from tricord.transport.tls import server_context

FULL = (errno.ENOSPC, errno.EDQUOT)
SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run(configuration: Configuration) -> int:
    """Run a member until it is told to stop; the exit code. Raises TricordError and OSError when it cannot start."""
    return run_in_environment(lambda environment: _serve(environment, configuration))


async def _serve(environment: Environment, configuration: Configuration) -> int:
    log = open_log(
        environment.clock,
        member=configuration.name,
        format=configuration.log_format,
        level=configuration.log_level,
    )
    adopt_standard_logging(log, configuration.log_level)
    told = asyncio.Event()
    _listen_to_signals(told, log)
    log.info(
        "starting", version=__version__, data_dir=configuration.data_dir, listen=configuration.listen, pid=os.getpid()
    )
    _warn(configuration, log)
    invitation = await _invitation(environment, configuration, log, told)
    if told.is_set():
        log.info("stopped")
        return ExitCode.DONE
    serving = _open(environment, configuration, log, invitation)
    try:
        await serving.start()
    except OSError as error:  # of the listener; what fails in the member is a TricordError, and closes it
        serving.server.abort()
        await serving.member.stop()
        raise _explained(error, configuration) from error
    announcing = environment.tasks.spawn(_announce_when_led(configuration, serving, log), "announcing")
    failure = await _until_told_or_failed(serving, told)
    announcing.cancel()
    if failure is not None:
        # Its text names a file or an invariant, never a value.
        reason = str(failure) if isinstance(failure, StorageError | WrongMember) else type(failure).__name__
        log.error("stopping, since this member must not go on", reason=reason)
        serving.server.abort()
        await serving.member.stop()
        raise failure
    log.info("draining", connections=serving.server.connection_count(), grace_seconds=configuration.drain_seconds)
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
        log.warning("this member drops messages on purpose where a file says so", file=configuration.unsafe_faults)


async def _invitation(
    environment: Environment, configuration: Configuration, log: Logger, told: asyncio.Event
) -> Invitation | None:
    """What the cluster tells one that joins it with an empty directory."""
    joins = configuration.initial_cluster and configuration.initial_cluster_state == "existing"
    if not joins or environment.disk.exists(f"{configuration.data_dir}/identity"):
        return None
    links = open_links(environment, configuration, PeerHooks())
    try:
        return await invitation(links.query, configuration, log, told.is_set)
    except WrongMember:
        if told.is_set():
            return None
        raise
    finally:
        links.close()


def _open(
    environment: Environment, configuration: Configuration, log: Logger, invitation: Invitation | None
) -> Serving:
    tls = _tls(configuration)
    try:
        return Serving(
            environment,
            configuration,
            tls=tls,
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


def _listen_to_signals(told: asyncio.Event, log: Logger) -> None:
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
        told.set()

    for number in SIGNALS:
        signal.signal(number, hear)


def _tls(configuration: Configuration) -> ssl.SSLContext | None:
    if not configuration.tls:
        return None
    try:
        return server_context(configuration.cert_file, configuration.key_file)
    except (OSError, ssl.SSLError) as error:
        files = f"cert_file {configuration.cert_file} and key_file {configuration.key_file}"
        raise ConfigurationError(f"cannot use {files}: {error.strerror or error}") from error


def _explained(error: OSError, configuration: Configuration) -> Exception:
    if error.errno == errno.EADDRINUSE:
        return AddressInUse(f"cannot listen on {configuration.listen}: another process does already")
    return ConfigurationError(f"cannot listen on {configuration.listen}: {error.strerror or error}")


class AddressInUse(TricordError):
    """The port is taken."""

    code = "address_in_use"
    summary = "another process listens there"
    hint = "stop it, or choose another address with --listen HOST:PORT"


async def _announce_when_led(configuration: Configuration, serving: Serving, log: Logger) -> None:
    """Alone that is now; one of several listens already, and serves when there is a leader."""
    member = serving.member
    if not member.replica.leader:
        log.info("listening, and looking for a leader", listen=str(serving.listening))
        await member.until_led()
    if member.replica.leader:
        _announce(configuration, serving, log)


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
