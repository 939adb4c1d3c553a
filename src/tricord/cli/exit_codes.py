# SPDX-License-Identifier: Apache-2.0
"""How a command ends: its exit code, and one clear sentence on stderr instead of a traceback."""

from __future__ import annotations

import errno
import functools
import os
import sys
from collections.abc import Callable
from enum import IntEnum
from typing import Any, TypeVar

import typer

from tricord.base.errors import (
    ConfigurationError,
    DeadlineExceeded,
    NotFound,
    OutcomeUnknown,
    TricordError,
    Unavailable,
    WrongMember,
)

F = TypeVar("F", bound=Callable[..., Any])


class ExitCode(IntEnum):
    """Every exit code there is; scripts may rely on them."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    UNAVAILABLE = 4
    UNKNOWN = 5
    NOT_A_MEMBER = 6
    INTERRUPTED = 130


MEANINGS: dict[ExitCode, str] = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "refused or failed; nothing was changed",
    ExitCode.USAGE: "wrong usage or configuration",
    ExitCode.NOT_FOUND: "not found, or the compares of a transaction did not hold",
    ExitCode.UNAVAILABLE: "unavailable or deadline exceeded; nothing was changed",
    ExitCode.UNKNOWN: "outcome unknown: the write may or may not have happened",
    ExitCode.NOT_A_MEMBER: "this data directory is not, or no longer, a member of its cluster",
    ExitCode.INTERRUPTED: "interrupted",
}


def exit_code(error: type[TricordError] | TricordError) -> ExitCode:
    """The exit code for an error of the tree."""
    kind = error if isinstance(error, type) else type(error)
    for base, code in (
        (ConfigurationError, ExitCode.USAGE),
        (NotFound, ExitCode.NOT_FOUND),
        (Unavailable, ExitCode.UNAVAILABLE),
        (DeadlineExceeded, ExitCode.UNAVAILABLE),
        (OutcomeUnknown, ExitCode.UNKNOWN),
        (WrongMember, ExitCode.NOT_A_MEMBER),
    ):
        if issubclass(kind, base):
            return code
    return ExitCode.FAILED


def say_error(text: str, hint: str = "") -> None:
    """One sentence on stderr, and a hint below it."""
    print(f"tricord: {text}", file=sys.stderr)
    if hint:
        print(f"  hint: {hint}", file=sys.stderr)


def reports_errors(command: F) -> F:
    """Turn what a command raises into its exit code. Bugs still show their traceback."""

    @functools.wraps(command)
    def reporting(*args: Any, **options: Any) -> None:
        try:
            code = command(*args, **options)
            sys.stdout.flush()
        except TricordError as error:
            say_error(str(error), error.hint)
            code = exit_code(error)
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
        except BrokenPipeError:
            # Whoever read our output has enough. Nothing is left to flush at exit, then.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = ExitCode.FAILED
        except OSError as error:
            say_error(_describe(error))
            code = ExitCode.FAILED
        raise typer.Exit(int(code or ExitCode.DONE))

    return reporting  # type: ignore[return-value]


def _describe(error: OSError) -> str:
    text = error.strerror or str(error)
    if error.errno == errno.EADDRINUSE:
        return f"the address is in use by another process: {text}"
    return f"{error.filename}: {text}" if error.filename else text
