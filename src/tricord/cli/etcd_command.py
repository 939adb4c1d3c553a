# SPDX-License-Identifier: Apache-2.0
"""``tricord etcd``: a member with etcd's flags, log lines and exit codes, for tools that start and stop an etcd."""

from __future__ import annotations

import os
import platform
import signal
import sys
from collections.abc import Sequence
from typing import Any

from tricord.base.errors import MemberRemoved, TricordError, WrongMember
from tricord.base.version import ETCD_VERSION, __version__
from tricord.cli.etcd_arguments import (
    CONFIG_FILE,
    FlagFault,
    Given,
    NotVerified,
    Shadowed,
    read_command_line,
    read_environment,
    variable_name,
)
from tricord.cli.etcd_config_file import BrokenUrls, read_config_file
from tricord.cli.etcd_flags import EXPERIMENTAL, FLAGS
from tricord.cli.etcd_plan import LEVELS, Plan, plan, verify

USAGE = """\
Usage:

  tricord etcd [flags]
    Start a member as etcd's flags say.

  tricord etcd --version
    Show the version of etcd that the member presents itself as.

  tricord etcd -h | --help
    Show all flags.

  tricord etcd --config-file
    Path to the member's configuration file, as etcd's. With it other flags and environment variables are ignored.
"""


def etcd(arguments: Sequence[str]) -> int:
    """Run a member until it is told to stop; the exit code. One that a signal stopped ends by that signal."""
    try:
        given = read_command_line(arguments)
    except FlagFault as fault:
        print(f"{fault}\n{USAGE}", file=sys.stderr)
        return 2
    if given.wants_help:
        print(USAGE, file=sys.stderr)
        print(help_text())
        return 0
    if given.wants_version and not given.leftover:
        print(version_text())
        return 0
    return _start(given, arguments)


def _start(given: Given, arguments: Sequence[str]) -> int:
    # Here, since `--version` and refusals need nothing of a member.
    from tricord.cli.etcd_log import EtcdLog

    log = EtcdLog(_log_settings(None))
    try:
        given = _all_that_was_said(given, log)
        if given.values["log-level"] not in LEVELS:
            print(f'panic: unrecognized level: "{given.values["log-level"]}"', file=sys.stderr)
            return 2
        try:
            verify(given)
        finally:
            _tell(given, log)
        log = EtcdLog(_log_settings(given))
    except BrokenUrls as fault:
        print(fault, file=sys.stderr)
        return 1
    except Shadowed as fault:
        text = (
            "conflicting environment variable is shadowed by corresponding command-line flag"
            " (either unset environment variable or disable flag))"
        )
        log.say("fatal", text, environment_variable=str(fault))
        return 1
    except NotVerified as fault:
        log.say("info", "Running: ", args=["etcd", *arguments])
        log.say("warn", "failed to verify flags", error=str(fault))
        return 1
    log.say("info", "Running: ", args=["etcd", *arguments])
    try:
        return _run(given, log)
    finally:
        log.close()


def _log_settings(given: Given | None) -> dict[str, Any]:
    names = ("log-format", "log-level", "log-outputs")
    return {name: FLAGS[name].parse(FLAGS[name].default) if given is None else given.values[name] for name in names}


def _all_that_was_said(given: Given, log: Any) -> Given:
    """Command line and environment, or the file. Raises NotVerified, Shadowed."""
    if given.leftover:
        raise NotVerified(f'"{given.leftover}" is not a valid flag')
    path = given.config_file or os.environ.get(variable_name(CONFIG_FILE), "")
    if not path:
        read_environment(given, os.environ)
        return given
    from_file = read_config_file(path)
    text = (
        "loaded server configuration, other configuration command line flags and environment variables will be"
        " ignored if provided"
    )
    log.say("info", text, path=path)
    return from_file


def _tell(given: Given, log: Any) -> None:
    for text, fields in given.warnings:
        log.say("warn", text, **fields)
    for name in sorted(given.explicit):
        flag = FLAGS.get(name.removeprefix(EXPERIMENTAL))
        if name.startswith(EXPERIMENTAL):
            log.say("warn", f"--{name} is deprecated: use --{name.removeprefix(EXPERIMENTAL)}")
        if flag is not None and flag.ignored and name != "feature-gates":
            log.say("info", f"--{name} has no effect in tricord", because=flag.ignored)


def _run(given: Given, log: Any) -> int:
    from tricord.cli.etcd_manner import EtcdManner
    from tricord.cli.run_member import AddressInUse, run

    try:
        planned: Plan = plan(given)
        _refuse_etcds_own(planned.configuration.data_dir)
        if not given.values["data-dir"]:
            log.say("warn", "'data-dir' was empty; using default", data_dir=planned.configuration.data_dir)
        manner = EtcdManner(given, planned, log)
        code = run(planned.configuration, manner)
    except AddressInUse as error:
        text = f"listen tcp {error.address}: bind: address already in use"
        log.say("fatal", "discovery failed", error=text)
        return 1
    except MemberRemoved as error:
        # etcd, too, takes this for an end that was wanted.
        log.say("warn", "the member has been permanently removed from the cluster", error=str(error))
        return 0
    except WrongMember as error:
        log.say("fatal", "the member cannot belong to the cluster", error=str(error))
        return 1
    except (TricordError, OSError) as error:
        log.say("fatal", "discovery failed", error=str(error))
        return 1
    return _end_as_told(code, manner.signal)


def _refuse_etcds_own(directory: str) -> None:
    """An etcd's data looks like an empty directory to tricord: a store that seems empty is worse than none."""
    if os.path.exists(f"{directory}/member/snap") or os.path.exists(f"{directory}/member/wal"):
        raise NotVerified(
            f"{directory} holds the data of an etcd, which tricord does not read: give an empty directory, and bring"
            " the keys over with a client (for example `etcdctl make-mirror`)"
        )


def _end_as_told(code: int, number: int) -> int:
    """etcd ends by the signal that stopped it, except as the first process of a container."""
    if code or not number or os.getpid() == 1:
        return code
    sys.stdout.flush()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return 128 + number


def version_text() -> str:
    """The lines of etcd's, which tools parse."""
    system, machine = platform.system().lower(), platform.machine().lower()
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    return "\n".join(
        (
            f"etcd Version: {ETCD_VERSION}",
            f"Git SHA: tricord-{__version__}",
            f"Go Version: none (Python {platform.python_version()})",
            f"Go OS/Arch: {system}/{architecture}",
        )
    )


def help_text() -> str:
    """All flags, with their defaults."""
    lines: list[str] = []
    for name, flag in FLAGS.items():
        lines += (f"  --{name} '{flag.default}'", f"    {flag.about}.")
    return "\n".join(lines)
