# SPDX-License-Identifier: Apache-2.0
"""Read levels, tokens and stamps beside etcd's messages, which know none: the metadata of a call, and of its answer.

A request says ``tricord-level`` (``levels.level_of``) and ``tricord-token`` (base64url; empty: nothing was seen). With
either, the answer says the level, the age in seconds where it is known, and the token. A failure says
``tricord-error``, also to those who name a keyspace. Unasked, an answer says how many concurrent values stand beside
those that it shows, if there are any: ``tricord-siblings``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tricord.base.errors import InvalidRequest, ServerFault
from tricord.base.levels import Stamp, level_of
from tricord.base.token import Token

LEVEL = "tricord-level"
TOKEN = "tricord-token"
AGE = "tricord-age"
SIBLINGS = "tricord-siblings"
ERROR = "tricord-error"

_NAMES = {name.encode(): name for name in (LEVEL, TOKEN, AGE, SIBLINGS)}


def stamp_fields(stamp: Stamp) -> list[tuple[str, str]]:
    """What an answer says of itself."""
    fields = [(LEVEL, stamp.level.value)]
    if stamp.age is not None:
        fields.append((AGE, repr(stamp.age)))
    if (token := stamp.token) is not None:
        fields.append((TOKEN, token.text()))
    if stamp.siblings:
        fields.append((SIBLINGS, str(stamp.siblings)))
    return fields


def say_the_same(one: Stamp, other: Stamp) -> bool:
    """Whether ``stamp_fields`` of both are equal, as far as that is told by looking at them."""
    return one is other or (
        one.vectors is other.vectors
        and one.index == other.index
        and one.level is other.level
        and one.age == other.age
        and one.siblings == other.siblings
        and one.history == other.history
        and one.cluster == other.cluster
    )


def read_stamp(
    stamp: Stamp, fields: Iterable[tuple[bytes, bytes]], read_token: Callable[[str], Token] = Token.from_text
) -> Stamp | None:
    """The stamp with what the metadata of the answer adds; None where it says nothing, as an etcd's.

    Raises ServerFault for what no tricord says.
    """
    said = {_NAMES[name]: value.decode("latin-1") for name, value in fields if name in _NAMES}
    if LEVEL not in said:
        return None
    try:
        level = level_of(said[LEVEL])
        age = float(said[AGE]) if AGE in said else None
        siblings = int(said.get(SIBLINGS, 0))
        token = read_token(said[TOKEN]) if TOKEN in said else None
    except (InvalidRequest, ValueError) as error:
        raise ServerFault(f"the answer's metadata cannot be read: {error}") from None
    history, index, vectors = stamp.history, stamp.index, stamp.vectors
    if token is not None:
        history, index, vectors = token.history, token.groups.get(0, 0), token.keyspaces or None
    cluster, member, term, revision = stamp.cluster, stamp.member, stamp.term, stamp.revision
    return Stamp(cluster, member, term, revision, level, age, history, index, vectors, siblings)
