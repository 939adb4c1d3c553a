# SPDX-License-Identifier: Apache-2.0
"""Runs a member as this process: signals, the start-up block, and the exit code."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from tricord.api.serving import Serving
from tricord.base.environment import Environment
from tricord.base.errors import ConfigurationError
from tricord.cli.exit_codes import ExitCode
from tricord.cli.startup_block import startup_block
from tricord.runtime.environment import run as run_in_environment
from tricord.runtime.logging import open_log
from tricord.server.configuration import Configuration
from tricord.transport.tls import server_context


def run(configuration: Configuration) -> int:
    """Serve until SIGTERM or SIGINT, then drain and return 0; a second signal ends the process at once.

    Returns 1 when the member had to stop. Raises TricordError or OSError when it could not start.
    """
    return run_in_environment(lambda environment: _serve(environment, configuration))


async def _serve(environment: Environment, configuration: Configuration) -> int:
    log = open_log(
        environment.clock,
        member=configuration.name,
        format=configuration.log_format,
        level=configuration.log_level,
    )
    tls = None
    if configuration.tls:
        try:
            tls = server_context(configuration.cert_file, configuration.key_file)
        except OSError as error:  # ssl's errors are of this kind
            raise ConfigurationError(f"the certificate cannot be used: {error}") from error
    stopping = _listen_for_signals()
    serving = Serving(
        environment,
        configuration,
        tls=tls,
        on_fault=lambda error, where: log.error("a handler failed", where=where, error=repr(error)),
    )
    member = serving.member
    try:
        await serving.start()
    except BaseException:
        serving.server.abort()
        await member.stop()
        raise
    print(startup_block(configuration, serving.listening, serving.advertised), file=sys.stderr, flush=True)
    log.info(
        "ready to serve client requests",
        listen=str(serving.listening),
        data_dir=configuration.data_dir,
        member_id=f"{member.identity.member:x}",
        cluster_id=f"{member.identity.cluster:x}",
        applied=member.machine.applied_index,
    )
    failed = environment.tasks.spawn(member.until_failed(), "until-failed")
    stopped = environment.tasks.spawn(stopping.wait(), "until-stopped")
    await asyncio.wait([failed, stopped], return_when=asyncio.FIRST_COMPLETED)
    if failed.done():
        failure = failed.result()
        stopped.cancel()
        log.error("the member stopped", reason=f"{type(failure).__name__}: {failure}")
        serving.server.abort()
        await member.stop()
        return ExitCode.FAILED
    failed.cancel()
    log.info("stopping", grace_seconds=configuration.drain_seconds)
    await serving.stop(configuration.drain_seconds)
    log.info("stopped")
    return ExitCode.DONE


def _listen_for_signals() -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def received() -> None:
        if stopping.is_set():
            # Said twice: whoever it is does not want to wait.
            os._exit(ExitCode.FAILED)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, received)
    return stopping
