# SPDX-License-Identifier: Apache-2.0
"""Keyspaces: named sets of keys, each with the consistency that it declares; and the requests that make and drop them.

The catalogue of them is strong, whatever they are themselves.
"""

from __future__ import annotations

import re
from enum import Enum

from tricord.base.errors import InvalidRequest
from tricord.base.levels import Level
from tricord.base.message import message
from tricord.base.values import NAMES, DataType

DEFAULT_KEYSPACE = "default"
"""Strong, and always there, with id 0."""
KEYSPACES_MAX = 1000
"""How many there may be at a time."""
NAME_MAX = 64

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)


class Model(Enum):
    """What a keyspace promises. Values are what users write."""

    STRONG = "strong"
    CAUSAL = "causal"
    EVENTUAL = "eventual"


OWN_LEVEL = {Model.STRONG: Level.LINEARIZABLE, Model.CAUSAL: Level.CAUSAL, Model.EVENTUAL: Level.EVENTUAL}
"""What each promises of reads that ask for nothing else."""


@message
class KeyspaceRecord:
    """One keyspace. ``id`` is never used again, also after a drop."""

    id: int
    name: str
    model: Model
    type: DataType | None = None
    """Of all its keys (causal and eventual ones); None: each key has that of its first write."""


@message
class KeyspaceCreate:
    """Make a keyspace. Refused as KeyspaceExists where the name is taken."""

    name: str
    model: Model = Model.STRONG
    type: DataType | None = None


@message
class KeyspaceCreateResult:
    """The new keyspace."""

    record: KeyspaceRecord


@message
class KeyspaceDrop:
    """Take a keyspace away, and all that it holds."""

    name: str


@message
class KeyspaceDropResult:
    """What was dropped."""

    record: KeyspaceRecord


@message
class KeyspaceList:
    """Read the catalogue."""


@message
class KeyspaceListResult:
    """All keyspaces, by id."""

    records: list[KeyspaceRecord]


DEFAULT_RECORD = KeyspaceRecord(0, DEFAULT_KEYSPACE, Model.STRONG)


def check_name(name: str) -> None:
    """Raise InvalidRequest for what cannot be a keyspace's name: it goes into metadata, paths and metrics as it is."""
    if not isinstance(name, str):
        raise InvalidRequest(f"a keyspace's name is text, not {name!r}")
    if len(name) > NAME_MAX or not _NAME.fullmatch(name):
        raise InvalidRequest(
            f"a keyspace's name has 1 to {NAME_MAX} of a-z 0-9 . _ - and begins with a letter or a digit: {name[:80]!r}"
        )


def check_backup_of(record: KeyspaceRecord) -> None:
    """Raise InvalidRequest where a backup would not have the keyspace from which it is asked for."""
    if record.id:
        raise InvalidRequest(
            f"a backup in etcd's form has the default keyspace, and nothing of {record.name!r}: save the store itself"
        )


def check_type_of(model: Model, kind: DataType | None) -> None:
    """Raise InvalidRequest for a type where none can be chosen."""
    if kind is not None and model is Model.STRONG:
        raise InvalidRequest("a strong keyspace has no types: choose one for a causal or eventual keyspace")


def in_words(model: Model, kind: DataType | None) -> str:
    """What a keyspace is."""
    return model.value if kind is None else f"{model.value}, of type {NAMES[kind]}"


def model_of(model: str | Model) -> Model:
    """The model itself, or the one of that name. Raises InvalidRequest, which lists them."""
    try:
        return Model(model)
    except ValueError:
        raise InvalidRequest(f"a keyspace is strong, causal or eventual, not {str(model)[:80]!r}") from None
