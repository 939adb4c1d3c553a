# SPDX-License-Identifier: Apache-2.0
"""What replicas of a causal keyspace say to each other, and its bytes. Each may be lost, late, doubled, out of order.

Layout: format version, kind, then the kind's fields in the order of their records. Numbers are varints; bytes have
their length before them, lists their count. What is inside (``Have``, operations, pieces) has formats of its own.
"""

from __future__ import annotations

from typing import TypeAlias

from tricord.base.dots import INCARNATION_MAX
from tricord.base.encoding import Reader, put_bytes, put_number, read_whole
from tricord.base.errors import MalformedEncoding
from tricord.base.message import message
from tricord.causal.peers import Have
from tricord.causal.transfer import Piece

FORMAT_VERSION = 1


@message
class Haves:
    """What replicas have: the sender first, then others whose words it passes on."""

    words: list[Have]


@message
class Operations:
    """Writes that the receiver lacks, as far as the sender knows, each as its bytes. What two others send comes twice:
    ``CausalReplica.lacks`` says at little cost which ones are worth ``decode_operation``."""

    operations: list[bytes]


@message
class Lagging:
    """The receiver lacks what the sender's log has no more: take over a state."""


@message
class Outdated:
    """The sender knows of this higher incarnation of the receiver."""

    incarnation: int


@message
class AskPiece:
    """Give the state from ``start`` on. ``fetch`` is the asker's number of this attempt; ``former`` says what its
    ``CausalReplica.former`` did."""

    fetch: int
    start: bytes
    former: list[int]


@message
class PieceGiven:
    """The answer to ``AskPiece``; None: not now, ask another one."""

    fetch: int
    piece: Piece | None


Message: TypeAlias = Haves | Operations | Lagging | Outdated | AskPiece | PieceGiven

_HAVES, _OPERATIONS, _LAGGING, _OUTDATED, _ASK, _PIECE, _NO_PIECE = range(1, 8)


def encode_haves(words: list[bytes]) -> bytes:
    """Of words that were encoded."""
    return _list_of(_HAVES, words)


def encode_operations(operations: list[bytes]) -> bytes:
    """Of operations as ``CausalReplica.to_send`` gives them."""
    return _list_of(_OPERATIONS, operations)


def encode_lagging() -> bytes:
    """See ``Lagging``."""
    return bytes((FORMAT_VERSION, _LAGGING))


def encode_outdated(incarnation: int) -> bytes:
    """See ``Outdated``."""
    out = bytearray((FORMAT_VERSION, _OUTDATED))
    put_number(out, incarnation)
    return bytes(out)


def encode_ask(fetch: int, start: bytes, former: list[int]) -> bytes:
    """See ``AskPiece``."""
    out = bytearray((FORMAT_VERSION, _ASK))
    put_number(out, fetch)
    put_bytes(out, start)
    put_number(out, len(former))
    for replica in former:
        put_number(out, replica)
    return bytes(out)


def encode_piece(fetch: int, piece: bytes | None) -> bytes:
    """See ``PieceGiven``; ``piece`` is encoded already."""
    out = bytearray((FORMAT_VERSION, _NO_PIECE if piece is None else _PIECE))
    put_number(out, fetch)
    if piece is not None:
        put_bytes(out, piece)
    return bytes(out)


def _list_of(kind: int, parts: list[bytes]) -> bytes:
    out = bytearray((FORMAT_VERSION, kind))
    put_number(out, len(parts))
    for part in parts:
        put_bytes(out, part)
    return bytes(out)


def decode_message(data: bytes) -> Message:
    """From its bytes, which may be anybody's. Raises ``MalformedEncoding``."""
    return read_whole(data, _read, FORMAT_VERSION)


def _read(reader: Reader) -> Message:
    kind = reader.number()
    if kind == _HAVES:
        return Haves([Have.decode(reader.bytes()) for _ in range(reader.count(1))])
    if kind == _OPERATIONS:
        return Operations([reader.bytes() for _ in range(reader.count(1))])
    if kind == _LAGGING:
        return Lagging()
    if kind == _OUTDATED:
        return Outdated(reader.number(INCARNATION_MAX))
    if kind == _ASK:
        return AskPiece(reader.number(), reader.bytes(), [reader.number() for _ in range(reader.count(1))])
    if kind == _PIECE:
        return PieceGiven(reader.number(), Piece.decode(reader.bytes()))
    if kind == _NO_PIECE:
        return PieceGiven(reader.number(), None)
    raise MalformedEncoding(f"message {kind} is none that this version knows")
