# SPDX-License-Identifier: Apache-2.0
"""The error for words on the command line that do not fit together."""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import isfinite
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand

from tricord.base.errors import ConfigurationError
from tricord.cli.exit_codes import ExitCode, say_error

N = TypeVar("N", float, float | None)
F = TypeVar("F", bound=Callable[..., Any])
USAGE = 3
"""How a command ends after wrong usage whose 2 is a verdict, or whose relatives' is."""


class WrongUsage(ConfigurationError):
    """What was typed cannot be meant; nothing was sent."""

    code = "usage"
    summary = "the command is not used as it can be"
    hint = "--help shows what the command takes"


class ThreeForUsage(TyperCommand):
    """A command that ends with 3 after words that the command line's parser does not take."""

    def make_context(self, *args: Any, **options: Any) -> Any:
        try:
            return super().make_context(*args, **options)
        except Exception as error:
            if getattr(error, "exit_code", None) == ExitCode.USAGE:
                vars(error)["exit_code"] = USAGE
            raise


def finite(value: N) -> N:
    """As a callback of an option: neither `nan` nor `inf`, which the parser takes for numbers."""
    if value is not None and not isfinite(value):
        raise typer.BadParameter(f"{value} is no number to count with.")
    return value


def usage_is_three(command: F) -> F:
    """End with 3 where the command itself finds that it is not used as it can be."""

    @functools.wraps(command)
    def told(*args: Any, **options: Any) -> Any:
        try:
            return command(*args, **options)
        except WrongUsage as error:
            say_error(str(error), error.hint)
            return USAGE

    return told  # type: ignore[return-value]
