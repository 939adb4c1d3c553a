# SPDX-License-Identifier: Apache-2.0
"""``tricord keyspace``: make, list, describe and drop keyspaces."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from tricord.base.errors import KeyspaceNotFound
from tricord.base.keyspaces import KeyspaceRecord, model_of
from tricord.base.levels import Level
from tricord.cli.arguments import AsJson
from tricord.cli.connection import Connection
from tricord.cli.exit_codes import ExitCode, say_error
from tricord.cli.output import write_json, write_rows

Name: TypeAlias = Annotated[str, typer.Argument(metavar="NAME", help="The keyspace.")]


def keyspace_create(
    connection: Connection,
    name: Name,
    model: Annotated[
        str, typer.Option("--model", metavar="MODEL", help="What it promises: strong, causal or eventual.")
    ] = "strong",
    as_json: AsJson = False,
) -> None:
    """Make a keyspace: a set of keys of its own, with revisions of its own.

    \b
    Examples:
      tricord keyspace create carts
      tricord put --keyspace carts alice 'two apples'
    """
    wanted = model_of(model)
    _write([connection.run(lambda client: client.create_keyspace(name, model=wanted))], as_json, one=True)


def keyspace_list(
    connection: Connection,
    any_level: Annotated[
        bool, typer.Option("--any", help="As the member that answers knows them; needs no majority.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the keyspaces, by id.

    \b
    Examples:
      tricord keyspace list
      tricord keyspace list --any --json
    """
    level = Level.ANY if any_level else Level.LINEARIZABLE
    _write(connection.run(lambda client: client.keyspaces(at_least=level)), as_json)


def keyspace_describe(connection: Connection, name: Name, as_json: AsJson = False) -> int:
    """Print what one keyspace is. Exit code 3 where there is none of that name.

    \b
    Example:
      tricord keyspace describe carts
    """
    found = [record for record in connection.run(lambda client: client.keyspaces()) if record.name == name]
    if not found:
        say_error(f"no keyspace is called {name!r}")
        return ExitCode.NOT_FOUND
    _write(found, as_json, one=True)
    return ExitCode.DONE


def keyspace_drop(connection: Connection, name: Name, as_json: AsJson = False) -> int:
    """Take a keyspace away, and all that it holds. Exit code 3 where there is none of that name.

    \b
    Example:
      tricord keyspace drop carts
    """
    try:
        connection.run(lambda client: client.drop_keyspace(name))
    except KeyspaceNotFound as error:
        say_error(str(error))
        return ExitCode.NOT_FOUND
    if as_json:
        write_json({"dropped": name})
    else:
        write_rows(("dropped",), [(name,)])
    return ExitCode.DONE


def _write(records: list[KeyspaceRecord], as_json: bool, *, one: bool = False) -> None:
    """A row for each, or one document."""
    if as_json:
        documents = [{"id": record.id, "name": record.name, "model": record.model.value} for record in records]
        write_json(documents[0] if one else documents)
        return
    write_rows(("id", "name", "model"), [(record.id, record.name, record.model.value) for record in records])
