# SPDX-License-Identifier: Apache-2.0
"""One question before anybody belongs to anything: who are you, and what do you know of this member?"""

from __future__ import annotations

from struct import Struct

from tricord.base.message import message
from tricord.wire.peer.refusals import ProtocolFault

_QUERY = Struct(">Q")
_ANSWER = Struct(">QQQQBQHI")


@message
class Query:
    """Asked by one that bootstraps or joins. ``about``: the member it means to be (0: it does not know yet)."""

    about: int


@message
class Answer:
    """What the asked member knows. 0 and empty: nothing yet."""

    cluster: int
    history: int
    member: int
    incarnation: int
    name: str
    configuration: bytes
    """As ``base.membership`` encodes it; empty while bootstrapping."""
    knows: bool
    """Whether that configuration has the member that was asked about."""
    known_incarnation: int
    """Under which incarnation (0: nobody has claimed it)."""


def encode_query(query: Query) -> bytes:
    """The payload of a QUERY frame."""
    return _QUERY.pack(query.about)


def decode_query(payload: bytes) -> Query:
    """Raises ProtocolFault."""
    if len(payload) != _QUERY.size:
        raise ProtocolFault("a query has another size")
    return Query(_QUERY.unpack(payload)[0])


def encode_answer(answer: Answer) -> bytes:
    """The payload of an ANSWER frame."""
    name = answer.name.encode()
    head = _ANSWER.pack(
        answer.cluster,
        answer.history,
        answer.member,
        answer.incarnation,
        answer.knows,
        answer.known_incarnation,
        len(name),
        len(answer.configuration),
    )
    return head + name + answer.configuration


def decode_answer(payload: bytes) -> Answer:
    """Raises ProtocolFault."""
    if len(payload) < _ANSWER.size:
        raise ProtocolFault("an answer is cut short")
    cluster, history, member, incarnation, knows, known_incarnation, name_size, size = _ANSWER.unpack_from(payload)
    if len(payload) != _ANSWER.size + name_size + size or knows > 1:
        raise ProtocolFault("an answer has another size than it says")
    name_end = _ANSWER.size + name_size
    name = payload[_ANSWER.size : name_end].decode(errors="replace")
    configuration = payload[name_end:]
    return Answer(cluster, history, member, incarnation, name, configuration, bool(knows), known_incarnation)
