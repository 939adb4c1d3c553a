# SPDX-License-Identifier: Apache-2.0
"""``tricord snapshot save``: a backup that etcd's tools restore."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tricord.cli.arguments import AsJson
from tricord.cli.connection import Connection
from tricord.cli.output import write_json, write_rows


def snapshot_save(
    connection: Connection,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; what is there is replaced.")],
    as_json: AsJson = False,
) -> None:
    """Save the state of the member that answers: all keys at all revisions that can be read, leases and members.

    It is an etcd database, from tricord as from etcd: `etcdutl snapshot status` and `restore` take it. The file is
    whole or not there. It takes as long as it takes; --timeout is for reaching a member.

    \b
    Examples:
      tricord snapshot save backup.db
    """
    size = connection.run(lambda client: client.save(file))
    if as_json:
        write_json({"file": str(file), "size": size})
    else:
        write_rows(("file", "size"), [(str(file), size)])
