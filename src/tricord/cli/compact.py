# SPDX-License-Identifier: Apache-2.0
"""``tricord compact``: forget superseded versions."""

from __future__ import annotations

from typing import Annotated

import typer

from tricord.base.operations import Compact
from tricord.cli.arguments import AsJson
from tricord.cli.connection import Connection
from tricord.cli.output import write_json, write_rows


def compact(
    connection: Connection,
    revision: Annotated[int, typer.Argument(metavar="REVISION", help="Forget what was superseded at or before it.")],
    physical: Annotated[bool, typer.Option("--physical", help="Wait until the space can be used again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget the past up to a revision: reads at older revisions fail from then on, what is current stays.

    \b
    Examples:
      tricord compact 1000
      tricord compact --physical 1000
    """
    connection.run(lambda client: client.call(Compact(revision, physical)))
    if as_json:
        write_json({"compacted": revision})
    else:
        write_rows(("compacted",), [(revision,)])
