# SPDX-License-Identifier: Apache-2.0
"""Puts ``tricord etcd`` on the command line. Its words are etcd's: they are passed on as they are."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand


class Unparsed(TyperCommand):
    """A command that reads its own words."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.args = list(args)
        return []


def etcd(context: typer.Context) -> None:
    """Run a member with etcd's flags, environment and configuration file, in etcd's place.

    \b
    Examples:
      tricord etcd
      tricord etcd --name n1 --data-dir n1.etcd
      tricord etcd --config-file etcd.conf.yml
    """
    # Here, since no other command needs it.
    from tricord.cli.etcd_command import etcd as run

    raise typer.Exit(run(context.args))


def add_etcd(app: typer.Typer) -> None:
    """Add the command."""
    app.command("etcd", cls=Unparsed, add_help_option=False)(etcd)
