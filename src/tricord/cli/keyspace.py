# SPDX-License-Identifier: Apache-2.0
"""``tricord keyspace``: make, list, describe and drop keyspaces, and retire replicas of them."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import typer

from tricord.base.errors import KeyspaceNotFound
from tricord.base.keyspaces import KeyspaceRecord, Model, model_of
from tricord.base.levels import Level
from tricord.base.replica_sets import EdgeReplica, Holder, KeyspaceDescribeResult, MemberReplica, ReplicaHere
from tricord.base.values import NAMES, TYPES, type_of
from tricord.cli.arguments import AsJson, chosen
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
    kind: Annotated[
        str | None,
        typer.Option(
            "--type",
            metavar="TYPE",
            help="Of all its keys: register, last-writer, counter, set or map; left out: each has that of its first"
            " write. Causal and eventual ones only.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a keyspace: a set of keys of its own.

    \b
    Examples:
      tricord keyspace create carts
      tricord keyspace create visits --model causal --type counter
      tricord put --keyspace carts alice 'two apples'
    """
    wanted = chosen(model, model_of, [one.value for one in Model])
    of_all = None if kind is None else chosen(kind, type_of, TYPES)
    _write([connection.run(lambda client: client.create_keyspace(name, model=wanted, type=of_all))], as_json, one=True)


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
    """Print what one keyspace is, and who holds it. Exit code 3 where there is none of that name.

    A strong keyspace is held by every member. A causal or eventual one has replicas: members and edges, by number.
    Silent says for how many seconds the member that answers has not heard of each (causal) or not agreed with it
    (eventual). The last row is how its own replica is.

    \b
    Example:
      tricord keyspace describe carts
    """
    try:
        described = connection.run(lambda client: client.describe_keyspace(name))
    except KeyspaceNotFound as error:
        say_error(str(error), error.hint)
        return ExitCode.NOT_FOUND
    if as_json:
        write_json(_document(described))
        return ExitCode.DONE
    _write([described.record], as_json=False)
    if described.replicas.active:
        silent = {} if described.here is None else described.here.silent_seconds
        rows = [(number, *_holder(one), _seconds(silent.get(number))) for number, one in _active(described)]
        write_rows(("replica", "kind", "id", "silent"), rows)
    if described.here is not None:
        number, is_open, *figures = _here(described.here)
        write_rows(("here", "open", "sequence", "keys", "bytes", "unsent"), [(number, str(is_open).lower(), *figures)])
    return ExitCode.DONE


def keyspace_retire(
    connection: Connection,
    name: Name,
    number: Annotated[int, typer.Argument(metavar="REPLICA", help="Its number.")],
    as_json: AsJson = False,
) -> int:
    """Take a replica out of a causal or eventual keyspace for ever.

    For an edge that is lost: the others stop waiting for it. Should it come back, it gets another number and keeps what
    it has not sent yet. Members that leave the cluster are retired without this. Exit code 3 where there is no keyspace
    of that name.

    \b
    Example:
      tricord keyspace retire carts 7
    """
    try:
        connection.run(lambda client: client.retire_replica(name, number))
    except KeyspaceNotFound as error:
        say_error(str(error), error.hint)
        return ExitCode.NOT_FOUND
    if as_json:
        write_json({"retired": number})
    else:
        write_rows(("retired",), [(number,)])
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
        say_error(str(error), error.hint)
        return ExitCode.NOT_FOUND
    if as_json:
        write_json({"dropped": name})
    else:
        write_rows(("dropped",), [(name,)])
    return ExitCode.DONE


def _write(records: list[KeyspaceRecord], as_json: bool, *, one: bool = False) -> None:
    """A row for each, or one document."""
    if as_json:
        documents = [_record(record) for record in records]
        write_json(documents[0] if one else documents)
    elif any(record.type is not None for record in records):
        rows = [(one.id, one.name, one.model.value, NAMES[one.type] if one.type else "") for one in records]
        write_rows(("id", "name", "model", "type"), rows)
    else:
        write_rows(("id", "name", "model"), [(record.id, record.name, record.model.value) for record in records])


def _record(record: KeyspaceRecord) -> dict[str, Any]:
    document: dict[str, Any] = {"id": record.id, "name": record.name, "model": record.model.value}
    if record.type is not None:
        document["type"] = NAMES[record.type]
    return document


def _document(described: KeyspaceDescribeResult) -> dict[str, Any]:
    record, replicas = described.record, described.replicas
    document = _record(record)
    if record.model is not Model.STRONG:
        document["epoch"] = replicas.epoch
        active = [(number, *_holder(one)) for number, one in _active(described)]
        document["replicas"] = [{"number": number, "kind": kind, "id": identity} for number, kind, identity in active]
    if described.here is not None:
        names = ("number", "open", "sequence", "keys", "bytes", "unsent")
        document["here"] = dict(zip(names, _here(described.here), strict=True))
        document["here"]["silent_seconds"] = {str(one): at for one, at in described.here.silent_seconds.items()}
    return document


def _active(described: KeyspaceDescribeResult) -> list[tuple[int, Holder]]:
    return sorted(described.replicas.active.items())


def _seconds(silent: float | None) -> str:
    return "" if silent is None else f"{silent:.1f}"


def _here(here: ReplicaHere) -> tuple[object, ...]:
    return here.number, here.is_open, here.sequence, here.keys, here.bytes, here.unsent


def _holder(holder: Holder) -> tuple[str, str]:
    """What it is, and its id as it is written elsewhere."""
    if type(holder) is EdgeReplica:
        return "edge", holder.identity.hex()
    assert type(holder) is MemberReplica
    return "member", f"{holder.member:x}"
