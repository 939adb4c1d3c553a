# SPDX-License-Identifier: Apache-2.0
"""``tricord check``: judge what clients saw, and record it."""

from __future__ import annotations

import typer

from tricord.cli.check_record import record
from tricord.cli.check_run import run
from tricord.cli.check_usage import CheckCommand
from tricord.cli.connection import with_connection
from tricord.cli.exit_codes import reports_errors


def add_check(app: typer.Typer) -> None:
    """Add the group to the command line."""
    check = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Judge what clients saw, and record it.")
    check.command("run", cls=CheckCommand)(reports_errors(run))
    check.command("record")(reports_errors(with_connection(record)))
    app.add_typer(check, name="check")
